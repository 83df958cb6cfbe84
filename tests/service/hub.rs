//! What live streams are told of.

use std::sync::Arc;
use std::time::Duration;

use daarion::consumer::hub::{Frame, Hub, Listener};
use daarion::domain::channel::{Channel, ChannelChange};
use daarion::domain::event::{NewEvent, Source, What};
use daarion::domain::id::EventId;
use daarion::store;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::index::Failing;
use crate::world::World;

/// A channel, and a hub that runs.
async fn start(world: &World) -> (Arc<Channel>, Arc<Hub>, DropGuard) {
    let channel = world.creator.create(world.creation("square", true)).await;
    let core = &world.core;
    let hub = Arc::new(Hub::new(
        core.store.clone(),
        core.directory.clone(),
        core.indexed.clone(),
    ));
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

#[tokio::test]
async fn who_is_told_may_look_for_it_at_once() {
    let mut store = store::in_memory().expect("a store");
    let steps = Failing::slow(&mut store);
    let world = World::on(store).await;
    let (channel, hub, _stop) = start(&world).await;
    let mut listener = hub.listen(channel.id);
    steps.forget_permits(1_000);
    let mut encrypted = reaction(&channel, &world, "$encrypted");
    encrypted.what = What::ChannelUpdated {
        change: ChannelChange::Encrypted,
        by: world.person("alice"),
        at: world.clock.now(),
    };
    let events = vec![encrypted];
    world.core.ingest.echo(events).await.expect("is kept");
    // The index takes longer than it mostly does.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(listener.frames.try_recv().is_err(), "nobody is told before");
    steps.add_permits(1_000);
    next(&mut listener).await;
    let seen = world.core.directory.channel(channel.id);
    assert!(seen.expect("it is there").confidential);
}

#[tokio::test]
async fn index_that_stands_still_holds_up_the_first_news_alone() {
    let mut store = store::in_memory().expect("a store");
    let steps = Failing::slow(&mut store);
    let world = World::on(store).await;
    let (channel, hub, _stop) = start(&world).await;
    let mut listener = hub.listen(channel.id);
    steps.forget_permits(1_000);
    let say = async |name| {
        let events = vec![reaction(&channel, &world, name)];
        world.core.ingest.echo(events).await.expect("is kept");
    };
    // One of them waits for five seconds, and all of them would for twenty.
    let telling = async {
        for name in ["$one", "$two", "$three", "$four"] {
            say(name).await;
            listener.frames.recv().await.expect("a frame");
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(15), telling).await;
    told.expect("the others hardly wait");
}

#[tokio::test]
async fn stream_does_not_resume_from_a_position_that_is_too_far_back() {
    let world = World::start().await;
    let (channel, hub, _stop) = start(&world).await;
    assert_eq!(hub.oldest().await.expect("read"), 0);
    let _listener = hub.listen(channel.id);
    let many = (0..50_001).map(|number| reaction(&channel, &world, &format!("${number}")));
    let appended = world.core.ingest.echo(many.collect()).await;
    let head = appended.expect("is kept").head;
    while hub.position() < head {
        tokio::task::yield_now().await;
    }
    assert_eq!(hub.oldest().await.expect("read"), head - 50_000);
}

#[tokio::test]
async fn replay_is_of_one_channel_and_comes_to_its_end() {
    let world = World::start().await;
    let (channel, hub, _stop) = start(&world).await;
    let other = world.creator.create(world.creation("other", false)).await;
    let other = other.expect("is created");
    let mut events: Vec<_> = (0..1_200)
        .map(|number| reaction(&other, &world, &format!("$other-{number}")))
        .collect();
    events.insert(700, reaction(&channel, &world, "$here"));
    let before = world.core.store.journal.head();
    let appended = world.core.ingest.echo(events).await.expect("is kept");
    let (mut after, mut seqs) = (before, Vec::new());
    while after < appended.head {
        let replayed = hub.replay(channel.id, after, appended.head).await;
        let (frames, reached) = replayed.expect("the journal can be read");
        seqs.extend(frames.iter().map(|frame| frame.seq));
        assert!(reached > after, "it goes on");
        after = reached;
    }
    assert_eq!(seqs, [before + 701]);
}

#[tokio::test]
async fn first_listener_after_a_silence_misses_nothing_from_there_on() {
    let world = World::start().await;
    let (channel, hub, _stop) = start(&world).await;
    for name in ["$one", "$two", "$three"] {
        // Said while nobody listens.
        let unheard = vec![reaction(&channel, &world, &format!("{name}-unheard"))];
        let unheard = world.core.ingest.echo(unheard).await.expect("is kept");
        let mut listener = hub.listen(channel.id);
        assert_eq!(listener.from, unheard.head);
        let heard = vec![reaction(&channel, &world, name)];
        let heard = world.core.ingest.echo(heard).await.expect("is kept");
        assert_eq!(next(&mut listener).await.seq, heard.head);
    }
}
