// All that is still to be sent in this tab: an outbox for each person and channel, which goes on
// while another page is looked at. What an earlier visit has left is taken up where one signs in.
import { SvelteMap } from 'svelte/reactivity';
import { channelsWith, forgetKept } from './kept';
import { Outbox } from './outbox.svelte';

const outboxes = new SvelteMap<string, Outbox>();

const nameOf = (me: string, channel: string): string => `${me} ${channel}`;
const allOf = (me: string): Outbox[] =>
  [...outboxes].filter(([name]) => name.startsWith(nameOf(me, ''))).map(([, outbox]) => outbox);

export function outboxOf(me: string, channel: string): Outbox {
  const name = nameOf(me, channel);
  const outbox = outboxes.get(name) ?? new Outbox(me, channel);
  outboxes.set(name, outbox);
  return outbox;
}

/** How it stands with what this person has said in a channel and could not send. */
export const unsentIn = (me: string, channel: string): Outbox['unsent'] =>
  outboxes.get(nameOf(me, channel))?.unsent ?? null;

/** Sends what this person has left unsent, and warns them when they close the tab before it is. */
export function watchUnsent(me: string): () => void {
  for (const channel of channelsWith('outbox', me)) outboxOf(me, channel);
  const resume = () => allOf(me).forEach((outbox) => outbox.resume());
  const warn = (event: BeforeUnloadEvent) => {
    if (allOf(me).some((outbox) => outbox.isWaiting)) event.preventDefault();
  };
  addEventListener('online', resume);
  addEventListener('beforeunload', warn);
  resume();
  return () => {
    removeEventListener('online', resume);
    removeEventListener('beforeunload', warn);
  };
}

/** They have signed out: nothing of theirs is sent any more, and nothing is left of it. */
export function forgetUnsent(me: string): void {
  for (const outbox of allOf(me)) outbox.close();
  for (const name of [...outboxes.keys()]) if (name.startsWith(nameOf(me, ''))) outboxes.delete(name);
  forgetKept(me);
}
