// What went wrong with a request, in one shape whatever the answer's was.
import { m } from '$lib/paraglide/messages';

/** No answer came at all. */
export const NO_ANSWER = 0;

export class ApiError extends Error {
  /**
   * @param status of HTTP, or NO_ANSWER
   * @param code as the API documents it, e.g. `M_FORBIDDEN`
   * @param retryAfter in seconds
   */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }

  /** Whether the same request may do better a little later. */
  get isPassing(): boolean {
    return this.status === NO_ANSWER || this.status === 429 || this.status >= 500;
  }

  /** Whether what was asked for is done, and only what shows it lags. */
  get isDone(): boolean {
    return this.code.toUpperCase() === 'INDEX_BEHIND';
  }
}

/** The data of an answer that openapi-fetch has read; throws an ApiError otherwise. */
export async function ok<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const answer = await call.catch((error: unknown) => {
    throw error instanceof ApiError ? error : noAnswer();
  });
  if (!answer.response.ok) throw refused(answer.response, answer.error);
  return answer.data as T;
}

export const noAnswer = (): ApiError => new ApiError(NO_ANSWER, 'NO_ANSWER', 'no answer');

function refused(response: Response, body: unknown): ApiError {
  const fields = (typeof body === 'object' && body ? body : {}) as Record<string, unknown>;
  const text = fields.message ?? fields.detail;
  const seconds = Number(response.headers.get('Retry-After') ?? Number.NaN);
  return new ApiError(
    response.status,
    typeof fields.error === 'string' ? fields.error : 'UNKNOWN',
    typeof text === 'string' ? text : response.statusText,
    Number.isFinite(seconds) ? seconds : null,
  );
}

/** A refusal of the page, not of the person, begins with the header that was wrong or missing. */
function forbidden(reason: string): string {
  if (reason.startsWith('Origin')) return m.error_foreign_page();
  if (reason.startsWith('X-CSRF-Token')) return m.error_no_proof();
  return m.error_forbidden();
}

/** Whose fault it is, and whether to try again. The city's operations write codes in small letters. */
function unavailable(error: ApiError): string {
  if (error.isDone) return m.error_behind();
  return error.code.toUpperCase() === 'STORE_UNAVAILABLE' ? m.error_store() : m.error_unavailable();
}

/** The error in the reader's language. What only the server can explain stays in its words. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return m.error_unexpected();
  switch (error.status) {
    case NO_ANSWER:
      return m.error_no_answer();
    case 401:
      return m.error_signed_out();
    case 403:
      return forbidden(error.message);
    case 404:
      return m.error_not_found();
    case 429:
      return m.error_too_many();
    case 502:
    case 503:
      return unavailable(error);
    default:
      return error.status >= 500 ? m.error_unexpected() : m.error_refused({ why: error.message });
  }
}
