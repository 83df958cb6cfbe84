// What the doctor says.
import { ok } from '$lib/api/error';
import type { Schemas } from '$lib/api/client';
import { admin } from '../client';

export type Finding = Schemas['Finding'];
export type Report = Schemas['DoctorReport'];

/** The findings, those of an earlier examination perhaps. */
export const readReport = (): Promise<Report> => ok(admin.GET('/api/admin/doctor'));

/** Tries everything anew. */
export const examine = (): Promise<Report> => ok(admin.POST('/api/admin/doctor'));
