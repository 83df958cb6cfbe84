// What a webhook can be told of: our names, and the types of Matrix. The server checks them; one
// that is missing here can still be shown.
import { m } from '$lib/paraglide/messages';

const NAMED = {
  'messaging.message.created': m.admin_event_message_created,
  'messaging.message.updated': m.admin_event_message_updated,
  'messaging.message.deleted': m.admin_event_message_deleted,
  'messaging.media.uploaded': m.admin_event_media_uploaded,
  'messaging.reaction.added': m.admin_event_reaction_added,
  'messaging.reaction.removed': m.admin_event_reaction_removed,
  'messaging.member.invited': m.admin_event_member_invited,
  'messaging.member.joined': m.admin_event_member_joined,
  'messaging.member.left': m.admin_event_member_left,
  'messaging.member.knocked': m.admin_event_member_knocked,
  'messaging.channel.created': m.admin_event_channel_created,
  'messaging.channel.updated': m.admin_event_channel_updated,
  'messaging.channel.pins_changed': m.admin_event_pins_changed,
  'messaging.channel.roles_changed': m.admin_event_roles_changed,
} as const;

const TYPES = [
  'm.room.message',
  'm.room.encrypted',
  'm.sticker',
  'm.poll.start',
  'org.matrix.msc3381.poll.start',
  'm.reaction',
  'm.room.redaction',
  'm.room.member',
  'm.room.name',
  'm.room.topic',
  'm.room.canonical_alias',
  'm.room.join_rules',
  'm.room.encryption',
  'm.room.pinned_events',
  'm.room.power_levels',
  'city.daarion.channel',
];

type Name = keyof typeof NAMED;

export const nameOptions = (): { value: string; label: string; hint: string }[] =>
  (Object.keys(NAMED) as Name[]).map((name) => ({ value: name, label: NAMED[name](), hint: name }));

export const typeOptions = TYPES.map((type) => ({ value: type, label: type }));

/** An event's name in the reader's words; as it is when there are none. */
export function eventWords(name: string): string {
  if (name === 'webhook.test') return m.admin_event_test();
  return name in NAMED ? NAMED[name as Name]() : name;
}
