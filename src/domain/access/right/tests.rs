use super::super::standing::{check_level, check_over};
use super::*;
use crate::domain::channel::ChannelKind;
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, RoomId};

fn channel(visibility: Visibility) -> Channel {
    Channel {
        id: ChannelId(uuid::Uuid::from_u128(7)),
        kind: ChannelKind::Channel,
        slug: "a".into(),
        name: "A".into(),
        description: String::new(),
        microdao: "microdao:m".into(),
        visibility,
        confidential: false,
        status: ChannelStatus::Active,
        is_default: false,
        accepts_knocks: false,
        slow_mode_seconds: 0,
        room: RoomId::trusted("!r"),
        former: Vec::new(),
        alias: None,
        created_by: None,
        created_at: 0,
    }
}

fn somebody(name: &str, membership: Option<Membership>, power: Power) -> Standing {
    Standing {
        entity: Entity::parse(name).expect("an entity"),
        membership,
        power,
    }
}

fn member(level: i64) -> Standing {
    somebody("user:bob", Some(Membership::Joined), Power::Level(level))
}

/// Each right with the level that it takes in a room with these levels.
#[test]
fn every_right_takes_its_level() {
    let levels = Levels {
        events: [
            ("m.room.message", 1),
            ("m.reaction", 2),
            ("m.room.redaction", 3),
            ("m.room.pinned_events", 51),
            ("m.room.power_levels", 52),
            ("m.room.name", 53),
            ("m.room.topic", 54),
            ("m.room.join_rules", 55),
        ]
        .map(|(kind, level)| (kind.to_owned(), level))
        .into(),
        invite: 11,
        kick: 12,
        ban: 13,
        redact: 14,
        ..Levels::default()
    };
    for (right, needed) in [
        (Right::Send, 1),
        (Right::Schedule, 1),
        (Right::React, 2),
        (Right::EditOwn, 1),
        (Right::DeleteOwn, 3),
        (Right::DeleteAny, 14),
        (Right::Pin, 51),
        (Right::Invite, 11),
        (Right::ManageLinks, 11),
        (Right::AnswerKnocks, 11),
        (Right::Remove, 12),
        (Right::RevokeLinks, 12),
        (Right::Mute, 12),
        (Right::ReadAudit, 12),
        (Right::Ban, 13),
        (Right::SetRole, 52),
        (Right::Rename, 53),
        (Right::SlowMode, 53),
        (Right::Describe, 54),
        (Right::SetVisibility, 55),
        (Right::Archive, 100),
    ] {
        assert_eq!(right.needs(&levels), Some(needed), "{right:?}");
        let channel = channel(Visibility::Private);
        assert_eq!(check(right, &member(needed), &channel, &levels), Ok(()));
        let words = check(right, &member(needed - 1), &channel, &levels);
        let expected = format!(
            "needs the power level {needed} in this channel; user:bob has {}",
            needed - 1
        );
        assert_eq!(words, Err(Error::forbidden(expected)), "{right:?}");
        let creator = somebody("user:c", Some(Membership::Joined), Power::Creator);
        assert_eq!(check(right, &creator, &channel, &levels), Ok(()));
    }
    assert_eq!(Right::Read.needs(&levels), None);
}

/// Who stands how to which channel, and what they are told of it: R may read, J join, S send, P
/// pin, M be handed what was said for its memory.
#[test]
fn membership_decides_before_levels() {
    use Membership::{Banned, Invited, Joined, Knocking, Left};
    let all = Levels {
        state_default: 0,
        ..Levels::default()
    };
    for (membership, public, private) in [
        (None, "RJS--", "-----"),
        (Some(Left), "RJS--", "-----"),
        (Some(Knocking), "RJS--", "-----"),
        (Some(Invited), "RJS--", "RJ---"),
        (Some(Joined), "RJSPM", "RJSPM"),
        (Some(Banned), "-----", "-----"),
    ] {
        for (visibility, expected) in [(Visibility::Public, public), (Visibility::Private, private)]
        {
            let channel = channel(visibility);
            for (who, expected) in [
                ("user:bob", expected.to_owned()),
                // An agent does not come by itself.
                (
                    "agent:b",
                    match membership {
                        Some(Joined) => expected.to_owned(),
                        Some(Invited) => expected.replace('S', "-"),
                        _ => expected.replace(['J', 'S'], "-"),
                    },
                ),
            ] {
                let who = somebody(who, membership, Power::Level(0));
                let may = |right, letter| match check(right, &who, &channel, &all) {
                    Ok(()) => letter,
                    Err(Error::NotFound(words)) => {
                        assert_eq!(words, format!("no channel {}", channel.id));
                        '-'
                    }
                    Err(Error::Forbidden(_)) if channel.is_visible_to(membership) => '-',
                    Err(other) => panic!("{other}"),
                };
                let found = [
                    may(Right::Read, 'R'),
                    may(Right::Join, 'J'),
                    may(Right::Send, 'S'),
                    may(Right::Pin, 'P'),
                    may(Right::Recall, 'M'),
                ];
                let found: String = found.iter().collect();
                assert_eq!(found, expected, "{membership:?} {visibility:?} {who:?}");
            }
        }
    }
}

#[test]
fn closed_channels_take_nothing_and_let_go() {
    let levels = Levels::default();
    let archived = Channel {
        status: ChannelStatus::Archived,
        ..channel(Visibility::Public)
    };
    let encrypted = Channel {
        confidential: true,
        ..channel(Visibility::Public)
    };
    let owner = member(100);
    for right in [Right::Send, Right::React, Right::EditOwn] {
        assert!(check(right, &owner, &archived, &levels).is_err());
        assert!(check(right, &owner, &encrypted, &levels).is_err());
    }
    assert!(check(Right::Pin, &owner, &archived, &levels).is_err());
    assert_eq!(check(Right::Pin, &owner, &encrypted, &levels), Ok(()));
    for right in [Right::DeleteOwn, Right::DeleteAny, Right::Archive] {
        assert_eq!(check(right, &owner, &archived, &levels), Ok(()));
    }
}

#[test]
fn nothing_is_said_in_the_clear_where_it_is_encrypted() {
    let encrypted_channel = Channel {
        confidential: true,
        ..channel(Visibility::Public)
    };
    assert_eq!(check_speech(&channel(Visibility::Public)), Ok(()));
    assert_eq!(check_speech(&encrypted_channel), Err(encrypted("channel")));
}

#[test]
fn people_who_are_not_banned_ask_to_be_let_in_where_one_may() {
    let [bob, robot] = ["user:bob", "agent:b"].map(|it| Entity::parse(it).expect("an entity"));
    let asked = Channel {
        accepts_knocks: true,
        ..channel(Visibility::Private)
    };
    assert!(may_knock(&bob, None, &asked) && may_knock(&bob, Some(Membership::Left), &asked));
    assert!(!may_knock(&bob, Some(Membership::Banned), &asked));
    assert!(!may_knock(&robot, None, &asked));
    assert!(!may_knock(&bob, None, &channel(Visibility::Private)));
}

#[test]
fn a_message_is_reworded_by_its_author_and_taken_away_by_others_with_another_right() {
    let [bob, eve] = ["@bob:s", "@eve:s"].map(UserId::trusted);
    let event = crate::domain::id::EventId::trusted("$e");
    let sender = (bob.clone(), Entity::parse("user:bob").expect("an entity"));
    let message = Message::blank(channel(Visibility::Public).id, event, sender, 1);
    assert_eq!(check_author(&bob, &message), Ok(()));
    assert!(matches!(
        check_author(&eve, &message),
        Err(Error::Forbidden(_))
    ));
    assert_eq!(Right::to_delete(&bob, &bob), Right::DeleteOwn);
    assert_eq!(Right::to_delete(&bob, &eve), Right::DeleteAny);
}

#[test]
fn nobody_acts_on_whom_they_do_not_outrank() {
    let (levels, channel) = (Levels::default(), channel(Visibility::Private));
    let over = |who: &Standing, target: &Standing| {
        check_over(Right::Remove, who, target, &channel, &levels)
    };
    let eve = |level| somebody("user:eve", Some(Membership::Joined), Power::Level(level));
    let creator = somebody("user:c", Some(Membership::Joined), Power::Creator);
    assert_eq!(over(&member(50), &eve(49)), Ok(()));
    assert!(matches!(
        over(&member(50), &eve(50)),
        Err(Error::Forbidden(_))
    ));
    assert!(matches!(
        over(&member(49), &eve(0)),
        Err(Error::Forbidden(_))
    ));
    assert!(matches!(
        over(&member(100), &creator),
        Err(Error::Conflict(_))
    ));
    assert!(matches!(
        over(&member(0), &creator),
        Err(Error::Forbidden(_))
    ));
    assert_eq!(over(&creator, &eve(100)), Ok(()));
}

#[test]
fn nobody_gives_more_than_they_have() {
    let (levels, channel) = (Levels::default(), channel(Visibility::Private));
    let eve = |level| somebody("user:eve", Some(Membership::Joined), Power::Level(level));
    let give = |who: &Standing, target: &Standing, level| {
        check_level(who, target, level, &channel, &levels)
    };
    let creator = somebody("user:c", Some(Membership::Joined), Power::Creator);
    assert_eq!(give(&member(75), &eve(50), 75), Ok(()));
    assert!(matches!(
        give(&member(75), &eve(50), 76),
        Err(Error::Forbidden(_))
    ));
    assert!(matches!(
        give(&member(75), &eve(75), 0),
        Err(Error::Forbidden(_))
    ));
    assert_eq!(
        give(&member(75), &member(75), 0),
        Ok(()),
        "oneself downward"
    );
    assert!(matches!(
        give(&member(75), &member(75), 100),
        Err(Error::Forbidden(_))
    ));
    assert!(matches!(
        give(&creator, &creator, 0),
        Err(Error::Conflict(_))
    ));
    assert_eq!(give(&creator, &eve(100), 0), Ok(()));
}
