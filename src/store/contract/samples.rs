//! What the tests of the contract put into a store.

use uuid::Uuid;

use crate::domain::access::Levels;
use crate::domain::channel::{Channel, ChannelKind, ChannelStatus, Visibility};
use crate::domain::entity::Entity;
use crate::domain::event::{Event, NewEvent, Source, What};
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, RoomAlias, RoomId, Seq, UserId};
use crate::domain::member::{Member, Membership};
use crate::domain::message::{Mentions, Message};
use crate::domain::page::Order;
use crate::payload::MessageJson;
use crate::store::index::MessageQuery;
use crate::store::{Append, Appended, Placed, Store};

/// The channel of a number.
pub fn channel_id(number: u128) -> ChannelId {
    ChannelId(Uuid::from_u128(number))
}

pub fn channel(number: u128) -> Channel {
    Channel {
        id: channel_id(number),
        kind: ChannelKind::City,
        slug: format!("room-{number}"),
        name: format!("Room {number}"),
        description: "кімната".into(),
        microdao: "microdao:daarion".into(),
        visibility: Visibility::Public,
        confidential: false,
        status: ChannelStatus::Active,
        is_default: false,
        accepts_knocks: false,
        slow_mode_seconds: 0,
        room: RoomId::trusted(format!("!room{number}")),
        former: Vec::new(),
        alias: Some(alias(&format!("city_room-{number}"))),
        created_by: Some("user:alice".into()),
        created_at: 1_000,
    }
}

pub fn alias(localpart: &str) -> RoomAlias {
    RoomAlias::new(localpart, "example.org").expect("a short alias")
}

pub fn user(name: &str) -> UserId {
    UserId::trusted(format!("@{name}:example.org"))
}

pub fn event_id(name: &str) -> EventId {
    EventId::trusted(format!("${name}"))
}

pub fn message(channel: u128, name: &str, created_at: Millis) -> Message {
    let sender = (
        user("alice"),
        Entity::parse("user:alice").expect("an entity"),
    );
    Message {
        preview: format!("text of {name}"),
        ..Message::blank(channel_id(channel), event_id(name), sender, created_at)
    }
}

pub fn member(name: &str, membership: Membership, since: Millis) -> Member {
    Member {
        user: user(name),
        entity: Entity::parse(&format!("user:{name}")).expect("an entity"),
        membership,
        display_name: Some(name.to_uppercase()),
        by: user("alice"),
        since,
        reason: None,
    }
}

/// An event with an id of its own.
pub fn new(channel: u128, name: &str, what: What) -> NewEvent {
    NewEvent {
        channel: channel_id(channel),
        event: Some(event_id(name)),
        source: Source::Push,
        what,
    }
}

/// The creation of a channel.
pub fn created(number: u128) -> NewEvent {
    new(
        number,
        &format!("create-{number}"),
        What::ChannelCreated(channel(number)),
    )
}

/// A message as an event.
pub fn said(channel: u128, name: &str, created_at: Millis) -> NewEvent {
    new(
        channel,
        name,
        What::MessageCreated(message(channel, name, created_at)),
    )
}

/// An edit by the sender of all sample messages.
pub fn edited(channel: u128, name: &str, target: &str, preview: &str, at: Millis) -> NewEvent {
    let what = What::MessageEdited {
        target: event_id(target),
        by: user("alice"),
        preview: preview.into(),
        truncated: false,
        mentions: Mentions::default(),
        at,
    };
    new(channel, name, what)
}

/// A reaction of somebody's.
pub fn reacted(channel: u128, name: &str, target: &str, key: &str, by: &str) -> NewEvent {
    let what = What::ReactionAdded {
        target: event_id(target),
        key: key.into(),
        by: user(by),
        at: 8_000,
    };
    new(channel, name, what)
}

/// A message of somebody's in a thread.
pub fn replied(channel: u128, name: &str, root: &str, by: &str, created_at: Millis) -> NewEvent {
    let message = Message {
        sender: user(by),
        sender_entity: Entity::parse(&format!("user:{by}")).expect("an entity"),
        thread: Some(MessageId::of(&event_id(root))),
        ..message(channel, name, created_at)
    };
    new(channel, name, What::MessageCreated(message))
}

/// The pins of a channel, set anew.
pub fn pinned(channel: u128, name: &str, messages: &[&str], at: Millis) -> NewEvent {
    let what = What::PinsChanged {
        pinned: messages.iter().map(|it| event_id(it)).collect(),
        by: user("alice"),
        at,
    };
    new(channel, name, what)
}

/// The levels of a channel's room, set anew: one user's, and who stands above.
pub fn empowered(channel: u128, name: &str, level: i64, creators: &[&str], at: Millis) -> NewEvent {
    let levels = Levels {
        creators: creators.iter().map(|name| user(name)).collect(),
        users: [(user("bob"), level)].into(),
        events: [("m.room.name".to_owned(), 60)].into(),
        ..Levels::default()
    };
    let what = What::LevelsChanged {
        levels,
        by: user("alice"),
        at,
    };
    new(channel, name, what)
}

pub fn deleted(channel: u128, name: &str, target: &str) -> NewEvent {
    let what = What::MessageDeleted {
        target: event_id(target),
        by: user("alice"),
        at: 9_000,
    };
    new(channel, name, what)
}

/// An append of these events.
pub fn append(events: Vec<NewEvent>) -> Append {
    Append {
        transaction: None,
        events,
        skipped: Vec::new(),
        arrived_at: 5_000,
        with_index: false,
        origin: None,
    }
}

/// What the tests do most.
pub trait Shorthand {
    async fn put(&self, events: Vec<NewEvent>) -> Appended;
    /// Applies what the index has not met; answers what was passed over.
    async fn index_all(&self) -> Vec<String>;
    async fn put_and_index(&self, events: Vec<NewEvent>) -> Vec<String>;
    async fn journal_after(&self, after: Seq) -> Vec<Event>;
    /// Event ids of the messages of a channel, oldest first, all pages.
    async fn listed(&self, channel: u128) -> Vec<String>;
    /// Fails unless the newest page of a channel shows what the list from its beginning shows.
    async fn assert_newest(&self, channel: u128);
    async fn preview(&self, name: &str) -> Option<String>;
}

impl Shorthand for Store {
    async fn put(&self, events: Vec<NewEvent>) -> Appended {
        self.journal.append(append(events)).await.expect("appended")
    }

    async fn index_all(&self) -> Vec<String> {
        let mut passed = Vec::new();
        loop {
            let events = self
                .journal
                .read(self.index.position(), 100)
                .await
                .expect("read");
            if events.is_empty() {
                return passed;
            }
            passed.extend(self.index.apply(&events).await.expect("applied"));
        }
    }

    async fn put_and_index(&self, events: Vec<NewEvent>) -> Vec<String> {
        self.put(events).await;
        self.index_all().await
    }

    async fn journal_after(&self, after: Seq) -> Vec<Event> {
        self.journal.read(after, usize::MAX).await.expect("read")
    }

    async fn listed(&self, channel: u128) -> Vec<String> {
        let items = listed_items(self, channel).await;
        let ids = items.iter().map(|item| item.matrix_event_id.as_str());
        ids.map(str::to_owned).collect()
    }

    async fn assert_newest(&self, channel: u128) {
        let mut listed = listed_items(self, channel).await;
        listed.reverse();
        listed.truncate(3);
        let query = MessageQuery {
            channel: channel_id(channel),
            after: None,
            at: None,
            order: Order::Descending,
            limit: 3,
        };
        let page = self.index.messages(query).await.expect("read");
        assert_eq!(items(&page.expect("a page").json), listed);
    }

    async fn preview(&self, name: &str) -> Option<String> {
        let id = MessageId::of(&event_id(name));
        let message = self.index.message(id).await.expect("read");
        message.map(|message| message.preview)
    }
}

/// All messages of a channel, from its beginning.
async fn listed_items(store: &Store, channel: u128) -> Vec<MessageJson> {
    let mut all = Vec::new();
    let mut query = MessageQuery {
        channel: channel_id(channel),
        after: None,
        at: None,
        order: Order::Ascending,
        limit: 7,
    };
    loop {
        let page = store.index.messages(query.clone()).await.expect("read");
        let page = page.expect("a page");
        all.extend(items(&page.json));
        let Some(next) = page.next else {
            return all;
        };
        query.after = Some(next);
    }
}

/// The messages of a page.
pub fn items(json: &[u8]) -> Vec<MessageJson> {
    let list = [b"[", json, b"]"].concat();
    serde_json::from_slice(&list).expect("a page is a list without its brackets")
}

/// The event ids of a page.
pub fn event_ids(json: &[u8]) -> Vec<String> {
    let ids = items(json)
        .into_iter()
        .map(|item| item.matrix_event_id.as_str().to_owned());
    ids.collect()
}

/// The positions that an append has given to new events.
pub fn new_seqs(appended: &Appended) -> Vec<Seq> {
    let new = appended.placed.iter().filter_map(|placed| match placed {
        Placed::New(seq) => Some(*seq),
        Placed::Known(_) => None,
    });
    new.collect()
}
