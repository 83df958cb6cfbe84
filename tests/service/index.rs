//! The directory follows the index, whatever fails in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use daarion::clock::Clock;
use daarion::consumer::index::IndexConsumer;
use daarion::directory::Directory;
use daarion::domain::access::{Levels, Power};
use daarion::domain::channel::{Channel, ChannelChange};
use daarion::domain::event::{Event, NewEvent, Source, What};
use daarion::domain::id::{ChannelId, EventId, MessageId, Millis, Seq, UserId};
use daarion::domain::member::{Member, Membership};
use daarion::domain::message::Message;
use daarion::domain::page::Page;
use daarion::homeserver::Mapped;
use daarion::ingest::Ingest;
use daarion::store::{
    self, ActivityMap, Append, ClearTo, Index, MemberQuery, MessageQuery, RenderedPage, Store,
    StoreError,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::world::{World, directory};

/// An index of which channels cannot be read when it is told so, and that applies a step for each
/// permit.
pub struct Failing {
    index: Arc<dyn Index>,
    fails: AtomicBool,
    steps: Arc<Semaphore>,
}

impl Failing {
    /// Has a store's index apply a step for each permit, of which there are many.
    pub fn slow(store: &mut Store) -> Arc<Semaphore> {
        let steps = Arc::new(Semaphore::new(1_000));
        store.index = Arc::new(Self {
            index: store.index.clone(),
            fails: AtomicBool::new(false),
            steps: steps.clone(),
        });
        steps
    }
}

#[async_trait]
impl Index for Failing {
    async fn channel(&self, id: ChannelId) -> Result<Option<Channel>, StoreError> {
        if self.fails.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Unavailable("for a moment".into()));
        }
        self.index.channel(id).await
    }

    async fn apply(&self, events: &[Event]) -> Result<Vec<String>, StoreError> {
        self.steps.acquire().await.expect("is open").forget();
        self.index.apply(events).await
    }

    fn position(&self) -> Seq {
        self.index.position()
    }

    async fn clear(&self, to: ClearTo) -> Result<(), StoreError> {
        self.index.clear(to).await
    }

    async fn set_rebuilding(&self, since: Option<Millis>) -> Result<(), StoreError> {
        self.index.set_rebuilding(since).await
    }

    async fn rebuilding(&self) -> Result<Option<Millis>, StoreError> {
        self.index.rebuilding().await
    }

    async fn channels(&self) -> Result<Vec<Channel>, StoreError> {
        self.index.channels().await
    }

    async fn activity(&self) -> Result<ActivityMap, StoreError> {
        self.index.activity().await
    }

    async fn levels(&self) -> Result<Vec<(ChannelId, Levels)>, StoreError> {
        self.index.levels().await
    }

    async fn levels_of(&self, id: ChannelId) -> Result<Option<Levels>, StoreError> {
        self.index.levels_of(id).await
    }

    async fn messages(&self, query: MessageQuery) -> Result<Option<RenderedPage>, StoreError> {
        self.index.messages(query).await
    }

    async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        self.index.message(id).await
    }

    async fn edited(&self, edit: &EventId) -> Result<Option<Message>, StoreError> {
        self.index.edited(edit).await
    }

    async fn watermark(&self, channel: ChannelId) -> Result<Option<EventId>, StoreError> {
        self.index.watermark(channel).await
    }

    async fn set_watermark(&self, channel: ChannelId, event: &EventId) -> Result<(), StoreError> {
        self.index.set_watermark(channel, event).await
    }

    async fn members(&self, query: MemberQuery) -> Result<Page<Member>, StoreError> {
        self.index.members(query).await
    }

    async fn count_members(
        &self,
        channel: ChannelId,
        membership: Membership,
    ) -> Result<u64, StoreError> {
        self.index.count_members(channel, membership).await
    }

    async fn member(
        &self,
        channel: ChannelId,
        user: &UserId,
    ) -> Result<Option<Member>, StoreError> {
        self.index.member(channel, user).await
    }

    async fn memberships(&self, user: &UserId) -> Result<Vec<(ChannelId, Membership)>, StoreError> {
        self.index.memberships(user).await
    }

    async fn counts(&self) -> Result<(u64, u64), StoreError> {
        self.index.counts().await
    }
}

#[tokio::test]
async fn channel_that_could_not_be_read_when_it_came_is_known_a_moment_later() {
    let world = World::start().await;
    let made = world.creator.create(world.creation("square", true)).await;
    let channel = Channel::clone(&made.expect("is created"));

    let mut store = store::in_memory().expect("a store");
    let failing = Failing {
        index: store.index.clone(),
        fails: AtomicBool::new(true),
        steps: Arc::new(Semaphore::new(1_000)),
    };
    store.index = Arc::new(failing);
    let directory: Arc<Directory> = Arc::new(directory());
    let (consumer, indexed) = IndexConsumer::new(store.clone(), directory.clone());
    let stop = CancellationToken::new();
    tokio::spawn(consumer.run(stop.clone()));
    let created = NewEvent {
        channel: channel.id,
        event: Some(EventId::trusted("$created")),
        source: Source::Push,
        what: What::ChannelCreated(channel.clone()),
    };
    let append = Append {
        events: vec![created],
        ..Append::default()
    };
    store.journal.append(append).await.expect("is kept");
    let reached = indexed.reached(1, Duration::from_secs(60)).await;
    assert!(reached, "whoever waits is told");
    assert!(directory.channel(channel.id).is_some());
    stop.cancel();
}

#[tokio::test]
async fn journal_that_is_read_again_does_not_bring_back_old_power() {
    let world = World::start().await;
    let made = world.creator.create(world.creation("square", true)).await;
    let channel = Channel::clone(&made.expect("is created"));
    let bob = world.person("bob");
    let id = channel.id;

    let mut store = store::in_memory().expect("a store");
    let steps = Failing::slow(&mut store);
    let directory: Arc<Directory> = Arc::new(directory());
    let (consumer, indexed) = IndexConsumer::new(store.clone(), directory.clone());
    let stop = CancellationToken::new();
    tokio::spawn(consumer.run(stop.clone()));
    let levels = |level: i64, at: Millis| What::LevelsChanged {
        levels: Levels {
            users: [(bob.clone(), level)].into(),
            ..Levels::default()
        },
        by: bob.clone(),
        at,
    };
    let named = |name: &str, at: Millis| What::ChannelUpdated {
        change: ChannelChange::Name(name.to_owned()),
        by: bob.clone(),
        at,
    };
    let mut whats = vec![What::ChannelCreated(channel), levels(100, 10)];
    // More than a step between what was and what is.
    whats.extend((0..600).map(|number| named("Old", 2_000_000 + number)));
    whats.extend([levels(0, 3_000_000), named("New", 3_000_000)]);
    let events = whats
        .into_iter()
        .enumerate()
        .map(|(number, what)| NewEvent {
            channel: id,
            event: Some(EventId::trusted(format!("$e{number}"))),
            source: Source::Push,
            what,
        });
    let append = Append {
        events: events.collect(),
        ..Append::default()
    };
    store.journal.append(append).await.expect("is kept");
    let head = store.journal.head();
    let soon = Duration::from_secs(60);
    assert!(indexed.reached(head, soon).await);
    let is_now = || {
        let power = directory.levels(id).expect("are known").of(&bob);
        let name = directory.channel(id).expect("is known").name.clone();
        (power, name)
    };
    let expected = (Power::Level(0), "New".to_owned());
    assert_eq!(is_now(), expected);

    steps.forget_permits(1_000);
    steps.add_permits(1);
    let cleared = indexed.clear(ClearTo::JournalStart).await;
    cleared.expect("is cleared");
    assert!(indexed.reached(500, soon).await, "one step");
    assert!(indexed.is_replaying());
    assert_eq!(is_now(), expected);
    steps.add_permits(1_000);
    assert!(indexed.reached(head, soon).await);
    assert!(!indexed.is_replaying());
    assert_eq!(is_now(), expected);
    stop.cancel();
}

#[tokio::test]
async fn message_that_comes_alone_is_indexed_with_its_commit() {
    let world = World::start().await;
    let made = world.creator.create(world.creation("square", true)).await;
    let channel = Channel::clone(&made.expect("is created"));
    let id = channel.id;

    // Nobody follows this journal but what is appended.
    let store = store::in_memory().expect("a store");
    let clock = Clock::manual(1_000_000);
    let (ingest, _outlets) =
        Ingest::new(store.journal.clone(), Arc::new(directory()), clock.clone());
    let created = NewEvent {
        channel: id,
        event: Some(EventId::trusted("$created")),
        source: Source::Push,
        what: What::ChannelCreated(channel),
    };
    let created = ingest.found(vec![Mapped::Event(created)]).await;
    created.expect("is kept");
    let catch_up = async || {
        let events = store.journal.read(store.index.position(), 10).await;
        let events = events.expect("is read");
        store.index.apply(&events).await.expect("is applied");
    };
    catch_up().await;

    let behind = async |name: &str| {
        let event = EventId::trusted(format!("${name}"));
        let bob = world.person("bob");
        let sender = (bob.clone(), world.core.directory.entity(&bob));
        let message = Message::blank(id, event.clone(), sender, clock.now());
        let said = NewEvent {
            channel: id,
            event: Some(event),
            source: Source::Push,
            what: What::MessageCreated(message),
        };
        let taken = ingest.transaction(name, vec![Mapped::Event(said)]).await;
        taken.expect("is kept");
        store.journal.head() - store.index.position()
    };
    assert_eq!(behind("alone").await, 0);
    clock.set(clock.now() + 10);
    assert_eq!(behind("later").await, 0);
    clock.set(clock.now() + 9);
    assert_eq!(behind("soon").await, 1, "more may come, and gather");
    // A clock that was set back is as good as none for one of them.
    catch_up().await;
    clock.set(1_000);
    assert_eq!(behind("set back").await, 1);
    catch_up().await;
    clock.set(1_010);
    assert_eq!(behind("after that").await, 0);
}
