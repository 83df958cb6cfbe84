//! What the documents say of a frame is what the stream sends.

use poem_openapi::types::{ParseFromJSON, ToJSON};
use serde_json::Value;

use super::*;
use crate::domain::access::Levels;
use crate::domain::channel::{self, Channel, ChannelChange, ChannelKind};
use crate::domain::command::Called;
use crate::domain::entity::Entity;
use crate::domain::event::{Event, Source, What};
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, RoomAlias, RoomId, UserId};
use crate::domain::member::{self, Member};
use crate::domain::message::{Media, Mentions, Message, MessageKind};
use crate::domain::reception::ReactionCount;
use crate::payload;

const AT: Millis = 1_732_444_200_123;

fn channel_id() -> ChannelId {
    ChannelId(Uuid::from_u128(2))
}

fn alice() -> UserId {
    UserId::trusted("@alice:s")
}

fn entity() -> Entity {
    Entity::parse("user:alice").expect("an entity")
}

fn message(media: Option<Media>) -> Message {
    let sender = (alice(), entity());
    Message {
        kind: MessageKind::parse(if media.is_some() { "m.image" } else { "m.text" }),
        preview: "words".into(),
        reply_to: Some(MessageId(Uuid::from_u128(3))),
        media,
        mentions: Mentions {
            entities: vec![entity()],
            room: true,
        },
        ..Message::blank(channel_id(), EventId::trusted("$e"), sender, AT)
    }
}

fn channel() -> Channel {
    Channel {
        id: channel_id(),
        kind: ChannelKind::City,
        slug: "square".into(),
        name: "Square".into(),
        description: String::new(),
        microdao: "microdao:city".into(),
        visibility: channel::Visibility::Public,
        confidential: false,
        status: channel::ChannelStatus::Active,
        is_default: true,
        accepts_knocks: false,
        slow_mode_seconds: 0,
        room: RoomId::trusted("!r"),
        former: Vec::new(),
        alias: Some(RoomAlias::trusted("#city_square:s")),
        created_by: None,
        created_at: AT,
    }
}

fn member(membership: member::Membership, display_name: Option<&str>) -> What {
    What::MemberChanged(Member {
        user: alice(),
        entity: entity(),
        membership,
        display_name: display_name.map(ToOwned::to_owned),
        by: alice(),
        since: AT,
        reason: display_name.is_none().then(|| "noise".to_owned()),
    })
}

fn set(change: ChannelChange) -> What {
    What::ChannelUpdated {
        change,
        by: alice(),
        at: AT,
    }
}

fn removed(key: Option<&str>, of: Option<UserId>) -> What {
    What::ReactionRemoved {
        target: EventId::trusted("$reaction"),
        message: MessageId(Uuid::from_u128(3)),
        key: key.map(ToOwned::to_owned),
        of,
        by: alice(),
        at: AT,
    }
}

/// One of each kind, and each change of a channel.
fn happenings() -> Vec<What> {
    let target = EventId::trusted("$e");
    vec![
        What::ChannelCreated(channel()),
        set(ChannelChange::Name("Market".into())),
        set(ChannelChange::Description("To meet".into())),
        set(ChannelChange::Alias(None)),
        set(ChannelChange::Alias(Some(RoomAlias::trusted("#a:s")))),
        set(ChannelChange::Visibility(channel::Visibility::Private)),
        set(ChannelChange::Encrypted),
        set(ChannelChange::Room(RoomId::trusted("!new"))),
        set(ChannelChange::Settings {
            status: channel::ChannelStatus::Archived,
            is_default: false,
            slow_mode_seconds: 30,
            changed_by: None,
        }),
        set(ChannelChange::Knockable),
        What::MessageCreated(message(None)),
        What::MediaUploaded(message(Some(Media {
            url: Some("mxc://s/i".into()),
            mimetype: Some("image/png".into()),
            size: Some(7),
        }))),
        What::MessageEdited {
            target: target.clone(),
            by: alice(),
            preview: "other words".into(),
            truncated: true,
            mentions: Mentions::default(),
            at: AT,
        },
        What::MessageDeleted {
            target: target.clone(),
            by: alice(),
            at: AT,
        },
        What::ReactionAdded {
            target: target.clone(),
            key: "+1".into(),
            by: alice(),
            at: AT,
        },
        removed(Some("+1"), Some(alice())),
        removed(None, None),
        What::PinsChanged {
            pinned: vec![target],
            by: alice(),
            at: AT,
        },
        What::LevelsChanged {
            levels: Levels {
                creators: [UserId::trusted("@daarion:s")].into(),
                users: [(alice(), 75), (UserId::trusted("@bob:s"), -1)].into(),
                ..Levels::default()
            },
            by: alice(),
            at: AT,
        },
        member(member::Membership::Knocking, None),
        member(member::Membership::Invited, None),
        member(member::Membership::Joined, Some("Alice")),
        member(member::Membership::Left, None),
        member(member::Membership::Banned, None),
    ]
}

#[test]
fn documented_frames_are_the_sent_ones() {
    for what in happenings() {
        let event = Event {
            seq: 7,
            arrived_at: AT,
            channel: channel_id(),
            event: None,
            source: Source::Push,
            what,
        };
        let mut shown = message(None);
        shown.reception.reactions.push(ReactionCount {
            key: "+1".into(),
            count: 2,
        });
        // Only what is said can ask for something.
        let called = matches!(event.what, What::MessageCreated(_)).then(|| Called {
            agent: Entity::parse("agent:sofia").expect("an entity"),
            name: "weather".into(),
            arguments: "Kyiv".into(),
        });
        for (shown, called) in [(None, None), (Some(&shown), called.as_ref())] {
            let sent = payload::frame(&event, shown, called).expect("listeners are told");
            let sent: Value = serde_json::from_str(&sent).expect("a frame is JSON");
            let documented = LiveFrame::parse_from_json(Some(sent.clone()));
            let documented =
                documented.unwrap_or_else(|error| panic!("{}: {sent}", error.into_message()));
            assert_eq!(documented.to_json().expect("a frame is JSON"), sent);
        }
    }
}
