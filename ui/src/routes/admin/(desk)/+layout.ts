import { operating } from '$lib/admin/guard';

export const load = async ({ url }) => ({ operator: await operating(url) });
