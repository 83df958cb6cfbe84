// The typed client of the public API. Each request carries the session's access token; one that is
// refused for it is sent again after a refresh, and what is read too often a moment later.
import createClient from 'openapi-fetch';
import { patiently } from './patience';
import type { components, paths } from './schema';
import { session } from './session.svelte';

export type Schemas = components['schemas'];

export const api = createClient<paths>({ fetch: authorised });

/** Sends a request as the person who is signed in. */
export function authorised(request: Request): Promise<Response> {
  return patiently(request, withToken);
}

async function withToken(request: Request): Promise<Response> {
  const again = request.clone();
  const token = await session.token();
  const answer = await fetch(signed(request, token));
  if (answer.status !== 401 || !token) return answer;
  const fresh = await session.refreshed(token);
  return fresh ? fetch(signed(again, fresh)) : answer;
}

function signed(request: Request, token: string | null): Request {
  if (token) request.headers.set('Authorization', `Bearer ${token}`);
  return request;
}
