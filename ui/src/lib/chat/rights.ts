// What somebody may do with a message, as far as this page can know: the server decides.
import type { Message } from '$lib/live/frames';
import type { Member } from './people.svelte';
import type { Talk } from './talk';

type Place = Pick<Talk, 'me' | 'people'>;
type Inside = Pick<Talk, 'me' | 'people' | 'channel'>;

const MODERATORS = ['owner', 'admin', 'moderator'];

/** Deletes what others say, and pins. Whoever has left keeps the role, and may nothing by it. */
export function mayModerate({ me, people }: Place): boolean {
  const mine = people.byEntity.get(me);
  return mine?.membership === 'joined' && MODERATORS.includes(mine.role);
}

export const mayDelete = (place: Place, { sender_id, deleted }: Message): boolean =>
  !deleted && (sender_id === place.me || mayModerate(place));

export const mayEdit = (place: Pick<Talk, 'me' | 'silence'>, { sender_id, deleted, msgtype }: Message): boolean =>
  !deleted && sender_id === place.me && msgtype === 'm.text' && place.silence === null;

/** From the most to the least. */
export const ROLES = ['owner', 'admin', 'moderator', 'member', 'guest'] as const;
export type Role = (typeof ROLES)[number];

/** A creator stands above all numbers. */
const levelOf = ({ role, power_level }: Member): number =>
  power_level ?? (role === 'owner' ? Number.POSITIVE_INFINITY : 0);

/** Sends somebody away, or bans them. */
export function maySendAway(place: Place, member: Member): boolean {
  const mine = place.people.byEntity.get(place.me);
  return mine !== undefined && mayModerate(place) && levelOf(mine) > levelOf(member);
}

/** Asks others in: of a public channel everybody who is there, unless its room says otherwise. */
export function mayInvite(place: Inside): boolean {
  const { channel } = place;
  if (channel.status === 'archived' || channel.membership !== 'joined') return false;
  return channel.visibility === 'public' || mayModerate(place);
}

/** Has something to set: how the channel is, or the links by which people come. */
export const maySet = (place: Inside): boolean => mayModerate(place) || mayInvite(place);

/** Comes in without speaking. Whoever is invited is asked where the composer would be. */
export const mayJoin = ({ channel }: Pick<Inside, 'channel'>): boolean =>
  channel.visibility === 'public' &&
  channel.status !== 'archived' &&
  channel.membership !== 'joined' &&
  channel.membership !== 'invited';

export const mayLeave = ({ channel }: Pick<Inside, 'channel'>): boolean => channel.membership === 'joined';

/** Whether nobody else here can give roles, or archive the channel. */
export function isOnlyOwner({ me, people }: Pick<Inside, 'me' | 'people'>): boolean {
  const owners = people.joined.filter(({ role }) => role === 'owner');
  return owners.length === 1 && owners[0]?.member_id === me;
}

/** The roles that one may give somebody; none when one may not at all. */
export function rolesFor(place: Place, member: Member): readonly Role[] {
  const mine = place.people.byEntity.get(place.me);
  const isMe = member.member_id === place.me;
  // The level for changing levels is an owner's, unless the room says otherwise.
  if (mine?.membership !== 'joined' || mine.role !== 'owner' || member.member_type === 'agent') return [];
  // Matrix lets nobody change a creator.
  if (levelOf(member) === Number.POSITIVE_INFINITY) return [];
  return isMe || levelOf(mine) > levelOf(member) ? ROLES : [];
}
