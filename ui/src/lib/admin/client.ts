// The typed client of the operators' API: what changes something carries the proof that belongs
// to an account's session; a person shows an access token instead.
import createClient from 'openapi-fetch';
import { authorised } from '$lib/api/client';
import type { paths } from '$lib/api/schema';
import { operator } from './operator.svelte';

export const admin = createClient<paths>({ fetch: asOperator });

export async function asOperator(request: Request): Promise<Response> {
  const { me } = operator;
  const answer = await (me?.via === 'account' ? byAccount(request) : authorised(request));
  // A refusal that comes when somebody has signed out meanwhile is no news.
  const isNews = me !== null && operator.me === me && !operator.isLeaving;
  if (answer.status === 401 && isNews) operator.end('expired');
  return answer;
}

async function byAccount(request: Request): Promise<Response> {
  if (request.method === 'GET') return fetch(request);
  const again = request.clone();
  const answer = await fetch(proved(request));
  if (answer.status !== 403 || !(await operator.renewProof().catch(() => false))) return answer;
  return fetch(proved(again));
}

function proved(request: Request): Request {
  request.headers.set('X-CSRF-Token', operator.me?.csrf_token ?? '');
  return request;
}
