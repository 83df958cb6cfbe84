// What an operator does with one webhook by a dialog.
import type { Schemas } from '$lib/api/client';

export type Webhook = Schemas['Webhook'];
export type Deed = 'test' | 'edit' | 'rotate' | 'remove';
export interface Acting {
  deed: Deed;
  webhook: Webhook;
}

/** The receiver without what is the same for all: as short as it can be told apart. */
export const receiver = ({ webhook_url, description }: Webhook): string =>
  description || webhook_url.replace(/^https?:\/\//, '');
