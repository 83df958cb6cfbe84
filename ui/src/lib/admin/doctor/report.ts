// What the doctor says. An older daarion has no such operation, and the OpenAPI document of this
// one does not describe it: until it does, its shape stands here and nowhere else.
import createClient from 'openapi-fetch';
import { ApiError, ok } from '$lib/api/error';
import { asOperator } from '../client';

export interface Finding {
  /** The name of the check; never renamed. */
  id: string;
  status: 'ok' | 'warning' | 'failed' | 'skipped';
  seen: string;
  /** The line that mends it. */
  advice?: string | null;
}

export interface Report {
  findings: Finding[];
  /** When the examination began. */
  examined_at?: string;
}

type Answer = { responses: { 200: { content: { 'application/json': Report } } } };
type Paths = { '/api/admin/doctor': { get: Answer; post: Answer } };

const doctor = createClient<Paths>({ fetch: asOperator });

/** The findings, those of an earlier examination perhaps. */
export const readReport = (): Promise<Report> => ok(doctor.GET('/api/admin/doctor'));

/** Tries everything anew. */
export const examine = (): Promise<Report> => ok(doctor.POST('/api/admin/doctor'));

/** Whether this daarion examines nothing on its pages. */
export const isMissing = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 404 || error.status === 405);
