//! State events: members, and what a room says of itself.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::channel_state::read_channel_state;
use super::envelope::{Header, Reason};
use super::json;
use super::power::{Creation, Power};
use crate::domain::channel::{Channel, ChannelChange, ChannelKind, Visibility};
use crate::domain::event::What;
use crate::domain::id::{EventId, RoomAlias, UserId};
use crate::domain::member::{Member, Membership};
use crate::domain::text::{MAX_DESCRIPTION, MAX_NAME, MAX_REASON};

/// The longest display name that we keep, in characters (Synapse's own limit).
const MAX_DISPLAY_NAME: usize = 256;

/// Who came, left, was invited, banned or has knocked.
pub(super) fn member(header: &Header) -> Result<What, Reason> {
    let user = header.state_key.as_deref().and_then(UserId::parse);
    let user = user.ok_or("state_key is no user id")?;
    let entity = header.directory.entity(&user);
    let said = membership(header.content)?;
    Ok(What::MemberChanged(Member {
        user,
        entity,
        membership: said.membership,
        display_name: said.display_name,
        by: header.sender.clone(),
        since: header.at,
        reason: said.reason,
    }))
}

/// What `m.room.member` says of somebody.
pub(super) struct SaidOfMember {
    pub membership: Membership,
    pub display_name: Option<String>,
    pub reason: Option<String>,
}

/// The content of `m.room.member`.
pub(super) fn membership(content: &RawValue) -> Result<SaidOfMember, Reason> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        membership: Option<&'a RawValue>,
        #[serde(borrow)]
        displayname: Option<&'a RawValue>,
        #[serde(borrow)]
        reason: Option<&'a RawValue>,
    }
    let content: Content = json::object(content).ok_or("content is no usable object")?;
    let membership = match json::text(content.membership).as_deref() {
        Some("join") => Membership::Joined,
        Some("invite") => Membership::Invited,
        Some("leave") => Membership::Left,
        Some("ban") => Membership::Banned,
        Some("knock") => Membership::Knocking,
        Some(_) => return Err("membership is unknown".into()),
        None => return Err("membership is no string".into()),
    };
    let words = |raw, most| {
        let text = json::text(raw).map(|text| json::cut(text.trim(), most));
        text.filter(|text| !text.is_empty())
    };
    Ok(SaidOfMember {
        membership,
        display_name: words(content.displayname, MAX_DISPLAY_NAME),
        reason: words(content.reason, MAX_REASON),
    })
}

/// The room's name, without the city's part; a nameless room goes by its slug.
pub(super) fn name(header: &Header) -> Result<What, Reason> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        name: Option<&'a RawValue>,
    }
    header.expect_state()?;
    let content: Content = header.content()?;
    let name = text_or_empty(content.name).ok_or("name is no string")?;
    let name = channel_name(header, name.trim());
    Ok(updated(header, ChannelChange::Name(name)))
}

pub(super) fn topic(header: &Header) -> Result<What, Reason> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        topic: Option<&'a RawValue>,
    }
    header.expect_state()?;
    let content: Content = header.content()?;
    let topic = text_or_empty(content.topic).ok_or("topic is no string")?;
    let change = ChannelChange::Description(json::cut(topic.trim(), MAX_DESCRIPTION));
    Ok(updated(header, change))
}

pub(super) fn canonical_alias(header: &Header) -> Result<What, Reason> {
    header.expect_state()?;
    let alias = alias(header.content)?;
    Ok(updated(header, ChannelChange::Alias(alias)))
}

pub(super) fn join_rules(header: &Header) -> Result<What, Reason> {
    header.expect_state()?;
    let change = match entry(header.content)? {
        (Visibility::Private, true) => ChannelChange::Knockable,
        (visibility, _) => ChannelChange::Visibility(visibility),
    };
    Ok(updated(header, change))
}

/// The content of `m.room.join_rules`: who may come in, and whether others may ask. Whatever is not
/// open to everybody is private, rules that we do not know included.
pub(super) fn entry(content: &RawValue) -> Result<(Visibility, bool), Reason> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        join_rule: Option<&'a RawValue>,
    }
    let content: Content = json::object(content).ok_or("content is no usable object")?;
    Ok(match json::text(content.join_rule).as_deref() {
        Some("public") => (Visibility::Public, false),
        Some("knock" | "knock_restricted") => (Visibility::Private, true),
        _ => (Visibility::Private, false),
    })
}

/// Encryption is not undone by a later event of this type, whatever that says.
pub(super) fn encryption(header: &Header) -> Result<What, Reason> {
    header.expect_state()?;
    Ok(updated(header, ChannelChange::Encrypted))
}

/// The content of `m.room.canonical_alias`.
pub(super) fn alias(content: &RawValue) -> Result<Option<RoomAlias>, Reason> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        alias: Option<&'a RawValue>,
    }
    let content: Content = json::object(content).ok_or("content is no usable object")?;
    let alias = text_or_empty(content.alias).ok_or("alias is no string")?;
    if alias.is_empty() {
        return Ok(None);
    }
    let alias = RoomAlias::parse(&alias).ok_or("alias is no room alias")?;
    Ok(Some(alias))
}

/// What the connector says of its channel. Others may send such an event where the room's
/// power levels let them; it means nothing.
pub(super) fn settings(header: &Header) -> Result<Option<What>, Reason> {
    if header.sender != header.directory.naming.connector() {
        return Ok(None);
    }
    header.expect_state()?;
    let state = read_channel_state(header.content).ok_or("is no channel's settings")?;
    if state.id != header.channel.id {
        return Err("is of another channel".into());
    }
    let change = ChannelChange::Settings {
        status: state.status,
        is_default: state.is_default,
        slow_mode_seconds: state.slow_mode_seconds,
        changed_by: state.changed_by,
    };
    Ok(Some(updated(header, change)))
}

pub(super) fn pins(header: &Header) -> Result<What, Reason> {
    header.expect_state()?;
    Ok(What::PinsChanged {
        pinned: pinned(header.content)?,
        by: header.sender.clone(),
        at: header.at,
    })
}

/// What the room demands. Its creators, whom only its beginning names, are known already or will be.
pub(super) fn levels(header: &Header) -> Result<What, Reason> {
    header.expect_state()?;
    let power = Power::new(Creation::default(), Some(header.content));
    if power.is_unset() {
        return Err("content is no usable object".into());
    }
    let mut levels = power.levels();
    if let Some(known) = header.directory.levels(header.channel.id) {
        levels.creators.clone_from(&known.creators);
    }
    Ok(What::LevelsChanged {
        levels,
        by: header.sender.clone(),
        at: header.at,
    })
}

/// The content of `m.room.pinned_events`. What of it is no event id is left out, and when it is
/// redacted nothing is pinned.
pub(super) fn pinned(content: &RawValue) -> Result<Vec<EventId>, Reason> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        pinned: Option<&'a RawValue>,
    }
    let content: Content = json::object(content).ok_or("content is no usable object")?;
    let Some(listed) = content.pinned else {
        return Ok(Vec::new());
    };
    let listed = json::list(listed).ok_or("pinned is no list")?;
    let event = |raw| json::text(Some(raw)).and_then(|id| EventId::parse(&id));
    Ok(listed.into_iter().filter_map(event).collect())
}

/// Types that we know and that say nothing that a channel's index holds.
pub(super) fn is_structural(kind: &str) -> bool {
    const PREFIXES: [&str; 12] = [
        "m.call.",
        "m.rtc.",
        "m.space.",
        "m.beacon",
        "m.key.verification.",
        "m.policy.rule.",
        "m.poll.",
        "org.matrix.msc3381.poll.",
        "org.matrix.msc3401.call",
        "org.matrix.msc3672.beacon",
        "org.matrix.msc4075.rtc",
        "im.vector.modular.widget",
    ];
    matches!(
        kind,
        "m.room.create"
            | "m.room.history_visibility"
            | "m.room.guest_access"
            | "m.room.server_acl"
            | "m.room.tombstone"
            | "m.room.avatar"
            | "m.room.third_party_invite"
            | "m.room.aliases"
            | "m.room.related_groups"
            | "m.room.retention"
            | "m.room.policy"
            | "m.room_key"
            | "m.widget"
            | "m.bridge"
            | "uk.half-shot.bridge"
            | "io.element.functional_members"
            | "org.matrix.dummy_event"
    ) || PREFIXES.iter().any(|prefix| kind.starts_with(prefix))
}

fn channel_name(header: &Header, matrix_name: &str) -> String {
    let Channel { kind, slug, .. } = header.channel;
    let bare = match kind {
        ChannelKind::City => header.directory.city.room_name(matrix_name),
        ChannelKind::Channel | ChannelKind::Gateway => matrix_name.to_owned(),
    };
    let name = json::cut(bare.trim(), MAX_NAME);
    if name.is_empty() { slug.clone() } else { name }
}

fn updated(header: &Header, change: ChannelChange) -> What {
    What::ChannelUpdated {
        change,
        by: header.sender.clone(),
        at: header.at,
    }
}

/// A missing text is an empty one (so a redacted name is none); `None` is one of a wrong type.
fn text_or_empty(raw: Option<&RawValue>) -> Option<std::borrow::Cow<'_, str>> {
    match raw {
        None => Some("".into()),
        some => json::text(some),
    }
}
