//! The tables of the file: each with its key, why the key is ordered so, and its value.
//!
//! A released table is never edited. What has to change becomes a table of the next version
//! and a step in [`super::migrations`]. Keys are made in [`super::keys`], values in
//! [`super::records`]; a "record" is one version byte and named MessagePack.

use redb::TableDefinition;

type Bytes = &'static [u8];

/// Numbers about the file and the positions in it, by the names of [`meta`].
pub const META: TableDefinition<&str, u64> = TableDefinition::new("meta");

/// The keys of [`META`].
pub mod meta {
    /// Format of the file: how many migrations have been applied.
    pub const FORMAT: &str = "format";
    /// Which journal this is: random, given once.
    pub const JOURNAL_ID: &str = "journal_id";
    /// Position of the index: the last applied event.
    pub const POSITION: &str = "position";
    /// Every event up to here has its row in [`KNOWN`](super::KNOWN); of later ones messages are held
    /// in memory, and what the index has not met. Ahead of the position while a cleared index is made
    /// anew.
    pub const KNOWN_THROUGH: &str = "known_through";
    /// 1 while a rebuild from the homeserver is under way.
    pub const REBUILDING: &str = "rebuilding";
    /// When it began, in milliseconds.
    pub const REBUILDING_SINCE: &str = "rebuilding_since";
    /// The newest position when the journal was last trimmed, so that no number is given
    /// twice after everything was dropped.
    pub const JOURNAL_HEAD: &str = "journal_head";
    /// How many transactions there were when one was last written to
    /// [`TRANSACTIONS`](super::TRANSACTIONS).
    pub const TRANSACTIONS: &str = "transactions";
    /// How many Matrix events were skipped.
    pub const SKIPPED: &str = "skipped";
}

/// The journal. Key: `seq`, so that an append is a write at the end and reading after a
/// position is one seek. Value: record [`EventRecord`](super::records::event::EventRecord), 2.
pub const JOURNAL: TableDefinition<u64, Bytes> = TableDefinition::new("journal_v1");

/// The homeserver's latest transactions. Key: a slot of a ring of [`TRANSACTION_SLOTS`], the
/// counter of transactions modulo its size, so that the table never grows. Value: its name. Only
/// those are here that hold something without an id: the others' events are known when they come
/// again, and memory knows them by name while the process lives.
pub const TRANSACTIONS: TableDefinition<u64, &str> = TableDefinition::new("transactions_v1");

/// How many transactions are remembered. The homeserver repeats the one that it is on, so
/// that one would do; events of older ones are recognised by their own ids.
pub const TRANSACTION_SLOTS: u64 = 1_024;

/// The latest Matrix events that could not be used. Key: a slot of a ring of
/// [`SKIPPED_SLOTS`], like [`TRANSACTIONS`]. Value: record
/// [`SkippedRecord`](super::records::skipped::SkippedRecord), 1.
pub const SKIPPED: TableDefinition<u64, Bytes> = TableDefinition::new("skipped_v1");

/// How many skipped events are kept; each may have 64 KiB.
pub const SKIPPED_SLOTS: u64 = 200;

/// Every Matrix event that the index has met. Key: the 16 bytes of its `MessageId`, half as
/// long as the event id and what a caller asks with. Value: a
/// [`Location`](super::keys::Location). The keys are random, which is why only the index
/// writes here and the acknowledged append does not, and messages many at once
/// ([`super::met`]).
pub const KNOWN: TableDefinition<Bytes, Bytes> = TableDefinition::new("known_v1");

/// Messages. Key: channel (16 bytes), `created_at` (8 bytes, big-endian), event id (text):
/// the order of every list, so that a page is one range. Value: one version byte and what the
/// public JSON of the message tells beside that ([`super::records::message_row`]), 3: a list
/// copies it out.
pub const MESSAGES: TableDefinition<Bytes, Bytes> = TableDefinition::new("messages_v1");

/// Channels. Key: channel (16 bytes). Value: record
/// [`ChannelRow`](super::records::channel::ChannelRow), 1.
pub const CHANNELS: TableDefinition<Bytes, Bytes> = TableDefinition::new("channels_v1");

/// Which channel a room is, so that no second one is made of it. Key: room id. Value: channel
/// (16 bytes).
pub const CHANNEL_ROOMS: TableDefinition<&str, Bytes> = TableDefinition::new("channel_rooms_v1");

/// Which channel an alias leads to, so that none has two. Key: alias. Value: channel
/// (16 bytes).
pub const CHANNEL_ALIASES: TableDefinition<&str, Bytes> =
    TableDefinition::new("channel_aliases_v1");

/// When something was last said. Key: channel (16 bytes). Value: `created_at` of the newest
/// message. Apart from [`CHANNELS`], because it changes with every batch.
pub const ACTIVITY: TableDefinition<Bytes, u64> = TableDefinition::new("activity_v1");

/// Members. Key: channel (16 bytes), class (one byte: 0 joined or invited, 1 left or banned, 2 knocking),
/// user id (text): who is there is a range of its own, however many have left, and so is who waits
/// to be let in. Value: record
/// [`MemberRecord`](super::records::member::MemberRecord), 1.
pub const MEMBERS: TableDefinition<Bytes, Bytes> = TableDefinition::new("members_v1");

/// The channels of a user that it has joined or is invited to. Key: user id (text), 0,
/// channel (16 bytes), so that they are one range. Value: 0 invited, 1 joined.
pub const MEMBERSHIPS: TableDefinition<Bytes, u64> = TableDefinition::new("memberships_v1");

/// What the room of a channel demands, and whom it gives what power. Key: channel (16 bytes). Value:
/// record [`LevelsRow`](super::records::levels::LevelsRow), 1. Apart from [`CHANNELS`], because it
/// is large where many have a power of their own, and most changes of a channel are others.
pub const LEVELS: TableDefinition<Bytes, Bytes> = TableDefinition::new("levels_v1");

/// Reactions that stand. Key: channel (16 bytes), message (16 bytes), key (text), 0, user id
/// (text), 0, event id (text): who has reacted to a message is one range, by key, and so is whether
/// somebody has. The channel stands first, because no room may change another's messages. Value:
/// when it was given.
pub const REACTIONS: TableDefinition<Bytes, u64> = TableDefinition::new("reactions_v1");

/// How many have reacted. Key: channel (16 bytes), message (16 bytes), key (text): all of a
/// message are one range, however many have reacted. Value: how many users.
pub const REACTION_COUNTS: TableDefinition<Bytes, u64> = TableDefinition::new("reaction_counts_v1");

/// Threads. Key: channel (16 bytes), root message (16 bytes). Value: how many messages are in it
/// (8 bytes, big-endian), and `created_at` of the newest (8 bytes, big-endian).
pub const THREADS: TableDefinition<Bytes, Bytes> = TableDefinition::new("threads_v1");

/// Threads by what was said last. Key: channel (16 bytes), `created_at` of the newest message
/// (8 bytes, big-endian), root message (16 bytes): the lists of threads, from the end. Value:
/// nothing.
pub const THREAD_ACTIVITY: TableDefinition<Bytes, ()> = TableDefinition::new("thread_activity_v1");

/// The messages of threads, without the roots and without what was deleted. Key: channel
/// (16 bytes), root message (16 bytes), `created_at` (8 bytes, big-endian), event id (text): a
/// thread in the order of the lists, so that a page is one range. The key of the message in
/// [`MESSAGES`] follows from it. Value: nothing.
pub const THREAD_MESSAGES: TableDefinition<Bytes, ()> = TableDefinition::new("thread_messages_v1");

/// Who has spoken in threads. Key: channel (16 bytes), root message (16 bytes), user id (text).
/// Value: how many messages of the thread are theirs.
pub const THREAD_PEOPLE: TableDefinition<Bytes, u64> = TableDefinition::new("thread_people_v1");

/// What is pinned. Key: channel (16 bytes), message (16 bytes), whether the message is there or
/// not. Value: its place in the room's list.
pub const PINS: TableDefinition<Bytes, u64> = TableDefinition::new("pins_v1");

/// When a channel's pins were set last, so that a later change wins. Key: channel (16 bytes).
pub const PINNED_AT: TableDefinition<Bytes, u64> = TableDefinition::new("pinned_at_v1");

/// Messages that something has come of and that have not come themselves. Key: channel
/// (16 bytes), message (16 bytes). Value: `seq` of what has come of it last.
pub const AWAITED: TableDefinition<Bytes, u64> = TableDefinition::new("awaited_v1");

/// How much of its room's state a channel was made of. Key: channel (16 bytes). Value: the
/// version of the reading, see `service::adoption`.
pub const SURVEYS: TableDefinition<Bytes, u64> = TableDefinition::new("surveys_v1");

/// Mutes that are to be lifted. Key: channel (16 bytes), user id (text): one a user. Value: record
/// [`MuteRecord`](super::records::mute::MuteRecord), 1.
pub const MUTES: TableDefinition<Bytes, Bytes> = TableDefinition::new("mutes_v1");

/// Who has spoken last, and when, where people speak slowly. Key: channel (16 bytes), user id (text).
/// Value: record [`TurnRecord`](super::records::turn::TurnRecord), 1.
pub const TURNS: TableDefinition<Bytes, Bytes> = TableDefinition::new("turns_v1");

/// Edits and deletions whose message, or edit, has not come yet. Key: its event id (text), 0,
/// own `seq` (8 bytes, big-endian): all of one message in the order of their arrival. Value:
/// record [`EventRecord`](super::records::event::EventRecord), 2.
pub const ORPHANS: TableDefinition<Bytes, Bytes> = TableDefinition::new("orphans_v1");

/// Up to where a channel's history is known to have no gap. Key: channel (16 bytes). Value:
/// Matrix event id.
pub const WATERMARKS: TableDefinition<Bytes, &str> = TableDefinition::new("watermarks_v1");

/// Agents. Key: bare name. Value: record [`AgentRecord`](super::records::agent::AgentRecord), 1.
pub const AGENTS: TableDefinition<&str, Bytes> = TableDefinition::new("agents_v1");

/// Which agent a Matrix user is. Key: user id. Value: bare name.
pub const AGENT_USERS: TableDefinition<&str, &str> = TableDefinition::new("agent_users_v1");

/// Operators. Key: name. Value: record
/// [`OperatorRecord`](super::records::operator::OperatorRecord), 1.
pub const OPERATORS: TableDefinition<&str, Bytes> = TableDefinition::new("operators_v1");

/// Sessions. Key: SHA-256 of the session's id (32 bytes), so that the file does not tell what
/// its holder shows. Value: record [`SessionRecord`](super::records::session::SessionRecord), 1.
pub const SESSIONS: TableDefinition<Bytes, Bytes> = TableDefinition::new("sessions_v1");

/// The sessions of a holder. Key: holder (text), 0, SHA-256 of the session's id (32 bytes), so
/// that they are one range. Value: when the session began.
pub const SESSION_HOLDERS: TableDefinition<Bytes, u64> = TableDefinition::new("session_holders_v1");

/// Keys of which a use has but one. Key: what it is for. Value: 32 random bytes.
pub const KEYS: TableDefinition<&str, Bytes> = TableDefinition::new("keys_v1");

/// Keys of which a use has several, to be replaced one after the other. Key: what it is for (text),
/// 0, number (8 bytes, big-endian), so that the newest of a use is the last of a range. Value:
/// record [`SigningKeyRecord`](super::records::signing_key::SigningKeyRecord), 1.
pub const SIGNING_KEYS: TableDefinition<Bytes, Bytes> = TableDefinition::new("signing_keys_v1");

/// API keys of people. Key: id (16 bytes). Value: record
/// [`ApiKeyRecord`](super::records::api_key::ApiKeyRecord), 1.
pub const API_KEYS: TableDefinition<Bytes, Bytes> = TableDefinition::new("api_keys_v1");

/// Microdaos that were named. Key: id. Value: record
/// [`MicrodaoRecord`](super::records::microdao::MicrodaoRecord), 1.
pub const MICRODAOS: TableDefinition<&str, Bytes> = TableDefinition::new("microdaos_v1");

/// Invite links. Key: channel (16 bytes), id (16 bytes): those of a channel are one range. Value:
/// record [`InviteRecord`](super::records::invite::InviteRecord), 1.
pub const INVITE_LINKS: TableDefinition<Bytes, Bytes> = TableDefinition::new("invite_links_v1");

/// Which link a code is of. Key: SHA-256 of the code (32 bytes), so that the file opens no channel.
/// Value: the link's key in [`INVITE_LINKS`].
pub const INVITE_CODES: TableDefinition<Bytes, Bytes> = TableDefinition::new("invite_codes_v1");

/// Who has come by which link. Key: id of the link (16 bytes), user id (text), so that nobody is
/// counted twice. Value: when.
pub const INVITE_USES: TableDefinition<Bytes, u64> = TableDefinition::new("invite_uses_v1");

/// Channels that are being made. Key: alias, which must be unique. Value: record
/// [`CreationRecord`](super::records::creation::CreationRecord), 1.
pub const CREATIONS: TableDefinition<&str, Bytes> = TableDefinition::new("creations_v1");

/// Requests that their callers have named. Key: caller, 0, operation, 0, the caller's key (text):
/// what is asked for is one row. Value: record
/// [`KeyedRequestRecord`](super::records::keyed_request::KeyedRequestRecord), 1.
pub const IDEMPOTENCY: TableDefinition<&str, Bytes> = TableDefinition::new("idempotency_v1");

/// Messages that their senders have named by keys. Key: channel (16 bytes), transaction (16 bytes), user
/// id (text): the sender stands there, because anybody in the room sees the name and may use it too.
/// Value: digest of what was sent (32 bytes), message (16 bytes), `created_at` (8 bytes, big-endian).
/// Written by the index, in the commit that takes the message over.
pub const SENDINGS: TableDefinition<Bytes, Bytes> = TableDefinition::new("sendings_v1");

/// Scheduled messages. Key: id (16 bytes). Value: record
/// [`ScheduledRecord`](super::records::scheduled::ScheduledRecord), 1.
pub const SCHEDULED: TableDefinition<Bytes, Bytes> = TableDefinition::new("scheduled_v1");

/// The scheduled messages of an author. Key: entity (text), 0, id (16 bytes), so that they are one
/// range. Value: nothing.
pub const SCHEDULED_AUTHORS: TableDefinition<Bytes, ()> =
    TableDefinition::new("scheduled_authors_v1");

/// The scheduled messages that wait or are on their way. Key: when they are looked at next (8 bytes,
/// big-endian), id (16 bytes): what is due is the beginning. Value: nothing.
pub const SCHEDULED_TIMES: TableDefinition<Bytes, ()> = TableDefinition::new("scheduled_times_v1");

/// The audit log. Key: number, so that the chain is read in its order. Value: one version byte, the
/// SHA-256 of the record in hexadecimal digits (64 bytes), and the record as canonical JSON, 1.
pub const AUDIT: TableDefinition<u64, Bytes> = TableDefinition::new("audit_v1");

/// The records of a channel. Key: channel (16 bytes), number (8 bytes, big-endian): the latest are the
/// end of a range. Value: nothing.
pub const AUDIT_CHANNELS: TableDefinition<Bytes, ()> = TableDefinition::new("audit_channels_v1");

/// The ends of the audit log. Key: `anchor`, the last record that was trimmed, or `head`, the last of
/// all. Value: number (8 bytes, big-endian), hash in hexadecimal digits.
pub const AUDIT_ENDS: TableDefinition<&str, Bytes> = TableDefinition::new("audit_ends_v1");

/// What the audit log's reader has seen last of things that change. Key: its name. Value: when it came
/// about (decimal digits, milliseconds), then ` =` and how it was, or ` -` when it was no more.
pub const AUDIT_SEEN: TableDefinition<&str, &str> = TableDefinition::new("audit_seen_v1");

/// From where events come that we brought about ourselves, until the audit log has taken them over.
/// Key: `seq`. Value: record [`OriginRecord`](super::records::origin::OriginRecord), 1.
pub const ORIGINS: TableDefinition<u64, Bytes> = TableDefinition::new("origins_v1");

/// Tokens of services. Key: id (16 bytes). Value: record
/// [`ServiceTokenRecord`](super::records::service_token::ServiceTokenRecord), 1.
pub const SERVICE_TOKENS: TableDefinition<Bytes, Bytes> = TableDefinition::new("service_tokens_v1");

/// Subscriptions. Key: id (16 bytes). Value: record
/// [`SubscriptionRecord`](super::records::subscription::SubscriptionRecord), 1.
pub const SUBSCRIPTIONS: TableDefinition<Bytes, Bytes> = TableDefinition::new("subscriptions_v1");

/// Webhooks. Key: id (16 bytes). Value: record
/// [`WebhookRecord`](super::records::webhook::WebhookRecord), 1. Where each has come to stands in
/// [`SUBSCRIPTIONS`], under the same id, because it changes with every batch.
pub const WEBHOOKS: TableDefinition<Bytes, Bytes> = TableDefinition::new("webhooks_v1");

/// Deliveries that wait to be tried again. Key: webhook (16 bytes), channel (16 bytes), `seq`
/// (8 bytes, big-endian): what waits in a channel is one range in the order in which it must
/// arrive. Value: record [`PendingRecord`](super::records::webhook::PendingRecord), 1.
pub const PENDING: TableDefinition<Bytes, Bytes> = TableDefinition::new("webhook_pending_v1");

/// The latest tries of deliveries. Key: webhook (16 bytes), a counter of the webhook's own
/// (8 bytes, big-endian): the latest are the end of a range. Value: record
/// [`AttemptRecord`](super::records::webhook::AttemptRecord), 1.
pub const ATTEMPTS: TableDefinition<Bytes, Bytes> = TableDefinition::new("webhook_attempts_v1");

/// How many tries of a webhook are kept; each may have 1 KiB of an answer.
pub const ATTEMPTS_KEPT: u64 = 200;

/// Deliveries that were given up. Key: webhook (16 bytes), `seq` (8 bytes, big-endian): in the
/// order in which things happened. Value: record
/// [`DeadLetterRecord`](super::records::webhook::DeadLetterRecord), 1, the event inside, so that
/// it outlives the journal's retention; what was said in it is not.
pub const DEAD_LETTERS: TableDefinition<Bytes, Bytes> = TableDefinition::new("dead_letters_v1");

/// How many dead letters are kept in all; the oldest of the same webhook make room.
pub const DEAD_LETTERS_KEPT: u64 = 100_000;
