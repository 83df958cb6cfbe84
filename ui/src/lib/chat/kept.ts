// Where what somebody has typed is kept for the life of the tab: apart for each person and channel,
// so that whoever signs in next in this tab neither sees it nor sends it. A space stands between
// the two, because neither of them can have one.

type Kind = 'draft' | 'outbox';

const KINDS: readonly Kind[] = ['draft', 'outbox'];
const of = (kind: Kind, me: string): string => `daarion.${kind} ${me} `;

export const place = (kind: Kind, me: string, channel: string): string => of(kind, me) + channel;

/** The channels for which something of this person is kept. */
export function channelsWith(kind: Kind, me: string): string[] {
  const before = of(kind, me);
  const all = Object.keys(sessionStorage).filter((key) => key.startsWith(before));
  return all.map((key) => key.slice(before.length));
}

/** They have signed out, and leave nothing behind. */
export function forgetKept(me: string): void {
  for (const kind of KINDS) {
    for (const channel of channelsWith(kind, me)) sessionStorage.removeItem(place(kind, me, channel));
  }
}
