// Where a refused form is wrong.
import { ApiError } from './error';

/** The field that a refusal names first, or the whole form. */
export function fieldOf<Field extends string>(
  refusal: unknown,
  fields: readonly Field[],
): Field | 'form' {
  if (!(refusal instanceof ApiError)) return 'form';
  const named = /^\w+/.exec(refusal.message)?.[0];
  return fields.find((field) => field === named) ?? 'form';
}

/** Whether there is such a thing already. */
export const isTaken = (refusal: unknown): boolean =>
  refusal instanceof ApiError && refusal.status === 409;

/** Whether it is no refusal at all: it is done, and only what shows it lags. */
export const isDone = (refusal: unknown): boolean => refusal instanceof ApiError && refusal.isDone;
