//! What an event of the journal is to the audit log.

use serde_json::{Value, json};

use super::levels::LEVELS;
use super::{AuditReader, Change, Seen, seeds};
use crate::consumer::told::Teller;
use crate::domain::audit::Deed;
use crate::domain::channel::{Channel, ChannelChange, Visibility};
use crate::domain::event::{Event, What};
use crate::domain::id::{EventId, MessageId, UserId};
use crate::domain::member::{Member, Membership};
use crate::store::StoreError;
use crate::store::audit::names::{of_channel, of_member};

pub(super) type Deeds = Result<Vec<Deed>, StoreError>;

impl AuditReader {
    /// The records that an event makes, without channel and origin. An empty actor stands for
    /// whoever the origin says, else for daarion.
    pub(super) async fn changes(&self, event: &Event, seen: &mut Seen<'_>) -> Deeds {
        let at = event.what.at();
        match &event.what {
            What::ChannelCreated(channel) => created(channel, seen).await,
            What::ChannelUpdated { change, by, .. } => {
                let mut deeds = Vec::new();
                if let ChannelChange::Room(_) = change {
                    // What the former room demanded says nothing of this one, however late it was set.
                    seen.age(of_channel(event.channel, LEVELS)).await?;
                }
                let asked = match change {
                    ChannelChange::Settings { changed_by, .. } => changed_by.clone(),
                    _ => None,
                };
                let mut actor = self.actor(by);
                if let Some(asked) = asked.filter(|_| actor.is_empty()) {
                    actor = asked;
                }
                for (field, value) in set(change) {
                    let name = of_channel(event.channel, field);
                    if let Some(change) = seen.change(name, value, at).await? {
                        let deed = Deed::new(action(field, &change), actor.clone(), at);
                        deeds.push(about(deed.target(event.channel), field, change));
                    }
                }
                Ok(deeds)
            }
            What::MemberChanged(member) => {
                let name = of_member(event.channel, member.user.as_str());
                let now = Some(member.membership.as_str().to_owned());
                let change = seen.change(name, now, at).await?;
                // Whoever was in it may only have changed their name.
                let is_join = |it: &Change| it.is_sown && member.membership == Membership::Joined;
                Ok(change
                    .filter(|it| !is_join(it))
                    .into_iter()
                    .map(|change| {
                        let action = membership(member, &change);
                        let deed = Deed::new(action, self.actor(&member.by), at);
                        let deed = about(deed.target(&member.entity), "membership", change);
                        because(deed, member.reason.as_deref())
                    })
                    .collect())
            }
            What::LevelsChanged { levels, by, .. } => self.levels(event, levels, by, seen).await,
            What::PinsChanged { pinned, by, .. } => self.pins(event, pinned, by, seen).await,
            What::MessageDeleted { target, by, .. } => {
                self.indexed_to(event.seq).await?;
                self.taken_away(event, target, by).await
            }
            What::ReactionRemoved { .. } => Ok(self.reaction_removed(event)),
            _ => Ok(Vec::new()),
        }
    }

    /// Who did it; nobody, when it was daarion's own user.
    pub(super) fn actor(&self, user: &UserId) -> String {
        match *user == self.directory.naming.connector() {
            true => String::new(),
            false => self.directory.entity(user).to_string(),
        }
    }

    /// Whether it was daarion's own user that has set it.
    pub(super) fn is_connectors(&self, what: &What) -> bool {
        match what {
            What::ChannelUpdated { by, .. } | What::LevelsChanged { by, .. } => {
                *by == self.directory.naming.connector()
            }
            _ => false,
        }
    }

    /// What was redacted: a reaction, what a message was changed to, or a message.
    async fn taken_away(&self, event: &Event, target: &EventId, by: &UserId) -> Deeds {
        let teller = Teller::of(&self.store);
        let told = teller.resolve(event).await?;
        if matches!(told.what, What::ReactionRemoved { .. }) {
            return Ok(self.reaction_removed(&told));
        }
        let Some(edited) = teller.edited(target, event).await? else {
            return self.deleted(event, MessageId::of(target), by).await;
        };
        if edited.sender == *by {
            return Ok(Vec::new());
        }
        let deed = Deed::new("message.edit_removed", self.actor(by), event.what.at());
        let of = edited.sender_entity.to_string();
        Ok(vec![deed.target(edited.id).before(json!({ "of": of }))])
    }

    /// Of a reaction that is older than the journal is not known whose it was.
    fn reaction_removed(&self, event: &Event) -> Vec<Deed> {
        let What::ReactionRemoved {
            message,
            of: Some(of),
            by,
            at,
            ..
        } = &event.what
        else {
            return Vec::new();
        };
        if of == by {
            return Vec::new();
        }
        let deed = Deed::new("reaction.removed", self.actor(by), *at).target(message);
        let of = self.directory.entity(of).to_string();
        vec![deed.before(json!({ "of": of }))]
    }

    /// What people take back of themselves is nobody else's business. While the index is made anew, it
    /// is not known whose message it was, and whether it was one.
    async fn deleted(&self, event: &Event, message: MessageId, by: &UserId) -> Deeds {
        let deed = Deed::new("message.deleted", self.actor(by), event.what.at()).target(message);
        match self.store.index.message(message).await {
            Ok(Some(found)) if found.channel == event.channel => {
                if found.sender == *by {
                    return Ok(Vec::new());
                }
                let of = found.sender_entity.to_string();
                Ok(vec![deed.before(json!({ "of": of }))])
            }
            Err(StoreError::Damaged(_)) => Ok(vec![deed]),
            Err(error) => Err(error),
            Ok(_) => match self.store.index.rebuilding().await? {
                Some(_) => Ok(vec![deed]),
                None => Ok(Vec::new()),
            },
        }
    }

    async fn pins(
        &self,
        event: &Event,
        pinned: &[EventId],
        by: &UserId,
        seen: &mut Seen<'_>,
    ) -> Deeds {
        let now: Vec<_> = pinned
            .iter()
            .map(|it| MessageId::of(it).to_string())
            .collect();
        let name = of_channel(event.channel, "pins");
        let at = event.what.at();
        let Some(change) = seen.change(name, Some(now.join(" ")), at).await? else {
            return Ok(Vec::new());
        };
        if change.is_late {
            // What of it was new is not known.
            let deed = Deed::new("channel.updated", self.actor(by), at).target(event.channel);
            return Ok(vec![deed.after(json!({ "pinned": now }))]);
        }
        let before = change.before.unwrap_or_default();
        let before: Vec<_> = before.split_whitespace().map(str::to_owned).collect();
        let deed = |action, message: &String| Deed::new(action, self.actor(by), at).target(message);
        let added = now.iter().filter(|it| !before.contains(it));
        let removed = before.iter().filter(|it| !now.contains(it));
        let added = added.map(|it| deed("message.pinned", it));
        let removed = removed.map(|it| deed("message.unpinned", it));
        Ok(added.chain(removed).collect())
    }
}

async fn created(channel: &Channel, seen: &mut Seen<'_>) -> Deeds {
    let mut is_new = false;
    for (name, value) in seeds::fields(channel) {
        let change = seen.change(name, value, channel.created_at).await?;
        is_new |= change.is_some_and(|change| !change.is_late || change.is_sown);
    }
    if !is_new {
        return Ok(Vec::new());
    }
    let by = channel.created_by.clone().unwrap_or_default();
    let deed = Deed::new("channel.created", by, channel.created_at);
    Ok(vec![deed.target(channel.id).after(json!({
        "kind": channel.kind.as_str(),
        "slug": channel.slug,
        "name": channel.name,
        "microdao_id": channel.microdao,
        "visibility": channel.visibility.as_str(),
        "confidential": channel.confidential,
        "matrix_room_id": channel.room.to_string(),
    }))])
}

/// What a change sets.
fn set(change: &ChannelChange) -> Vec<(&'static str, Option<String>)> {
    match change {
        ChannelChange::Name(name) => vec![("name", Some(name.clone()))],
        ChannelChange::Description(text) => vec![("description", Some(text.clone()))],
        ChannelChange::Alias(alias) => vec![("alias", alias.as_ref().map(ToString::to_string))],
        ChannelChange::Visibility(it) => entry(*it, false),
        ChannelChange::Knockable => entry(Visibility::Private, true),
        ChannelChange::Encrypted => vec![("encrypted", Some("true".to_owned()))],
        ChannelChange::Room(room) => vec![("matrix_room_id", Some(room.to_string()))],
        ChannelChange::Settings {
            status,
            is_default,
            slow_mode_seconds,
            changed_by: _,
        } => vec![
            ("status", Some(status.as_str().to_owned())),
            ("is_default", Some(is_default.to_string())),
            ("slow_mode_seconds", Some(slow_mode_seconds.to_string())),
        ],
    }
}

/// Who may come in, and who may ask to.
fn entry(visibility: Visibility, accepts_knocks: bool) -> Vec<(&'static str, Option<String>)> {
    vec![
        ("visibility", Some(visibility.as_str().to_owned())),
        ("accepts_knocks", Some(accepts_knocks.to_string())),
    ]
}

fn action(field: &str, change: &Change) -> &'static str {
    match (field, change.now.as_deref()) {
        ("status", Some("archived")) => "channel.archived",
        ("status", _) => "channel.unarchived",
        ("matrix_room_id", _) => "channel.upgraded",
        _ => "channel.updated",
    }
}

fn membership(member: &Member, change: &Change) -> &'static str {
    let is_own = member.by == member.user;
    match (member.membership, change.before.as_deref()) {
        (Membership::Knocking, _) => "member.knocked",
        (Membership::Invited | Membership::Joined, Some("knocking")) => "member.knock_approved",
        (Membership::Left, Some("knocking")) if is_own => "member.knock_withdrawn",
        (Membership::Left, Some("knocking")) => "member.knock_denied",
        (Membership::Invited, _) => "member.invited",
        (Membership::Joined, _) => "member.joined",
        (Membership::Banned, _) => "member.banned",
        (Membership::Left, Some("banned")) => "member.unbanned",
        (Membership::Left, _) if is_own => "member.left",
        (Membership::Left, _) => "member.removed",
    }
}

fn about(mut deed: Deed, field: &str, change: Change) -> Deed {
    let of = |value: Option<String>| value.map(|value| json!({ field: Value::String(value) }));
    deed.before = of(change.before);
    deed.after = of(change.now);
    deed
}

/// With what whoever did it has given as their reason.
fn because(mut deed: Deed, reason: Option<&str>) -> Deed {
    if let (Some(Value::Object(after)), Some(reason)) = (&mut deed.after, reason) {
        after.insert("reason".to_owned(), reason.into());
    }
    deed
}
