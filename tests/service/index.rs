//! The directory follows the index, whatever fails in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use daarion::consumer::index::IndexConsumer;
use daarion::directory::Directory;
use daarion::domain::channel::Channel;
use daarion::domain::event::{Event, NewEvent, Source, What};
use daarion::domain::id::{ChannelId, EventId, MessageId, Millis, Seq, UserId};
use daarion::domain::member::{Member, Membership};
use daarion::domain::message::Message;
use daarion::domain::page::Page;
use daarion::store::{
    self, ActivityMap, Append, ClearTo, Index, MemberQuery, MessageQuery, RenderedPage, StoreError,
};
use tokio_util::sync::CancellationToken;

use crate::world::{World, directory};

/// An index of which channels cannot be read when it is told so.
struct Failing {
    index: Arc<dyn Index>,
    fails: AtomicBool,
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
