// What the doctor says.
import { ApiError, ok } from '$lib/api/error';
import type { Schemas } from '$lib/api/client';
import { admin } from '../client';

export type Finding = Schemas['Finding'];
export type Report = Schemas['DoctorReport'];

/** The findings of the latest examination; of the first one, when there was none yet. */
export async function readReport(): Promise<Report> {
  try {
    return await ok(admin.GET('/api/admin/doctor'));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return examine();
    throw error;
  }
}

/** Tries everything anew. */
export const examine = (): Promise<Report> => ok(admin.POST('/api/admin/doctor'));
