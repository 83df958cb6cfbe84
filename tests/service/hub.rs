//! What live streams are told of.

use std::sync::Arc;
use std::time::Duration;

use daarion::consumer::hub::{Frame, Hub, Listener};
use daarion::domain::channel::Channel;
use daarion::domain::event::{NewEvent, Source, What};
use daarion::domain::id::EventId;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::world::World;

/// A channel, and a hub that runs.
async fn start(world: &World) -> (Arc<Channel>, Arc<Hub>, DropGuard) {
    let channel = world.creator.create(world.creation("square", true)).await;
    let core = &world.core;
    let (journal, index) = (core.store.journal.clone(), core.store.index.clone());
    let hub = Arc::new(Hub::new(journal, index, core.indexed.clone()));
    let stop = CancellationToken::new();
    tokio::spawn(hub.clone().run(stop.clone()));
    (channel.expect("is created"), hub, stop.drop_guard())
}

async fn next(listener: &mut Listener) -> Arc<Frame> {
    let frame = tokio::time::timeout(Duration::from_secs(5), listener.frames.recv()).await;
    frame.expect("is told of it").expect("in time")
}

fn reaction(channel: &Channel, world: &World, name: &str) -> NewEvent {
    NewEvent {
        channel: channel.id,
        event: Some(EventId::trusted(name)),
        source: Source::Push,
        what: What::ReactionAdded {
            target: EventId::trusted("$any"),
            key: "🎉".into(),
            by: world.person("alice"),
            at: world.clock.now(),
        },
    }
}

#[tokio::test]
async fn what_nobody_waited_for_is_told_too() {
    let world = World::start().await;
    let (channel, hub, _stop) = start(&world).await;
    let mut listener = hub.listen(channel.id);
    let before = world.core.store.journal.head();
    {
        // The request that brought it breaks off before it is answered.
        let events = vec![reaction(&channel, &world, "$one")];
        let mut appending = std::pin::pin!(world.core.ingest.echo(events));
        drop(futures_util::poll!(&mut appending));
    }
    assert_eq!(next(&mut listener).await.seq, before + 1);
}
