import { signedIn } from '$lib/api/guard';

export const load = async ({ url }) => ({ me: await signedIn(url) });
