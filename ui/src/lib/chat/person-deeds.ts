// What may be done about somebody, in the order of their menu.
import { explain } from '$lib/api/error';
import { m } from '$lib/paraglide/messages';
import { say } from '$lib/ui';
import type { Conversation } from './conversation.svelte';
import { approve, deny, unban, unmute } from './moderation';
import { isMuted, type Member } from './people.svelte';
import { mayLeave, mayModerate, maySendAway, rolesFor } from './rights';

/** What is asked about before it is done. */
export type PersonDeed = 'role' | 'mute' | 'remove' | 'ban' | 'sweep' | 'leave';

export interface PersonItem {
  label: string;
  danger?: boolean;
  onselect: () => void;
}

type Ask = (what: PersonDeed, member: Member) => void;

export function itemsFor(conversation: Conversation, member: Member, ask: Ask): PersonItem[] {
  const isModerator = mayModerate(conversation);
  if (member.membership === 'banned') {
    const item = { label: m.person_unban(), onselect: () => void letBack(conversation, member) };
    return isModerator ? [item] : [];
  }
  if (member.membership === 'knocking') return [];
  const isMine = member.member_id === conversation.me;
  const isThere = member.membership === 'joined' || member.membership === 'invited';
  const mayAct = isThere && !isMine && maySendAway(conversation, member);
  const item = (what: PersonDeed, label: string, danger = false) => ({
    label,
    danger,
    onselect: () => ask(what, member),
  });
  return [
    rolesFor(conversation, member).length > 0 && item('role', m.person_role()),
    mayAct && isMuted(member) && {
      label: m.person_unmute(),
      onselect: () => void giveWord(conversation, member),
    },
    mayAct && item('mute', isMuted(member) ? m.person_mute_longer() : m.person_mute()),
    mayAct && item('remove', m.person_remove()),
    mayAct && item('ban', m.person_ban(), true),
    (isMine || isModerator) && item('sweep', isMine ? m.sweep_own() : m.sweep_all(), true),
    isMine && mayLeave(conversation) && item('leave', m.leave_open(), true),
  ].filter((it) => typeof it === 'object');
}

export const letBack = (conversation: Conversation, member: Member): Promise<void> =>
  tried(async (id, { people }) => {
    await unban(id, member);
    people.set({ ...member, membership: 'left' });
    return m.person_unban_done({ name: people.name(member.matrix_user_id) });
  }, conversation);

export const giveWord = (conversation: Conversation, member: Member): Promise<void> =>
  tried(async (id, { people }) => {
    await unmute(id, member);
    people.set({ ...member, muted_until: undefined, mute_reason: undefined });
    await people.readAgain([member]);
    return m.person_unmute_done({ name: people.name(member.matrix_user_id) });
  }, conversation);

export const letIn = (conversation: Conversation, member: Member): Promise<void> =>
  tried(async (id, { people }) => {
    people.set(await approve(id, member));
    return m.knock_approved({ name: people.name(member.matrix_user_id) });
  }, conversation);

export const turnAway = (conversation: Conversation, member: Member): Promise<void> =>
  tried(async (id, { people }) => {
    await deny(id, member);
    people.set({ ...member, membership: 'left' });
    return m.knock_denied({ name: people.name(member.matrix_user_id) });
  }, conversation);

/** Does it, and says what came of it. */
async function tried(
  deed: (channel: string, conversation: Conversation) => Promise<string>,
  conversation: Conversation,
): Promise<void> {
  try {
    say(await deed(conversation.channel.id, conversation), 'good');
  } catch (error) {
    say(explain(error), 'bad');
  }
}
