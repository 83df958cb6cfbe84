// What a screen's `load` threw, as the error page shows it.
import type { HandleClientError } from '@sveltejs/kit';
import { ApiError } from '$lib/api/error';

export const handleError: HandleClientError = ({ error, status, message }) => {
  if (error instanceof ApiError) {
    return { message: error.message, status: error.status, code: error.code };
  }
  if (status !== 404) console.error(error);
  return { message, status };
};
