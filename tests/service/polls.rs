//! Polls of the gateway's own stream beside a rebuild of the index.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use daarion::domain::channel::Channel;
use daarion::domain::entity::Entity;
use daarion::domain::event::{NewEvent, Source, What};
use daarion::domain::id::{ChannelId, EventId, RoomId, UserId};
use daarion::domain::member::{Member, Membership};
use daarion::domain::service::{Rights, ServiceCaller};
use daarion::domain::{Error, Result};
use daarion::homeserver::timeline::{PageQuery, SyncQuery, Timeline, TimelinePage};
use daarion::matrix::{Matrix, MatrixSettings};
use daarion::recent::Recent;
use daarion::service::agents::Agents;
use daarion::service::auth::{Auth, AuthRules, outside};
use daarion::service::gateway::Gateway;
use daarion::service::gateway::sync::{EventSync, Poll};
use daarion::service::gateway::turns::{POLLS, REQUESTS, Turns};
use daarion::service::idempotency::Requests;
use daarion::service::messages::Messages;
use daarion::store::{Append, ClearTo};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// Shows events of one room alone.
struct OldRoom;

#[async_trait]
impl Timeline for OldRoom {
    async fn sync(&self, _: &UserId, _: &SyncQuery) -> Result<String> {
        Err(Error::unavailable("not here"))
    }

    async fn page(&self, _: &RoomId, _: &PageQuery, _: Option<&UserId>) -> Result<TimelinePage> {
        Err(Error::unavailable("not here"))
    }

    async fn before(&self, _: &RoomId, _: &EventId, _: Option<&UserId>) -> Result<String> {
        Err(Error::unavailable("not here"))
    }

    async fn event(&self, room: &RoomId, event: &EventId) -> Result<Option<Box<RawValue>>> {
        let raw = json!({ "event_id": event, "content": { "body": "whole" } });
        let raw = to_raw_value(&raw).expect("JSON");
        Ok((room.as_str() == "!old:s").then_some(raw))
    }
}

/// Polls beside a homeserver that nobody needs to ask: events without a Matrix id are told without
/// it.
struct Polls {
    world: World,
    sync: EventSync,
}

impl Polls {
    async fn start() -> Self {
        let world = World::start().await;
        let core = &world.core;
        let settings = MatrixSettings {
            homeserver_url: "http://127.0.0.1:1".parse().expect("a URL"),
            as_token: "token".into(),
            registration_id: "daarion".into(),
            admin_token: None,
        };
        let matrix = Matrix::new(settings, core.directory.clone(), core.clock.clone());
        let matrix = Arc::new(matrix.expect("a connector"));
        let rules = AuthRules {
            operators: Default::default(),
            issuer: "s".into(),
            issuers: Vec::new(),
            homeserver_page: None,
            access_token_lifetime: Duration::from_secs(60),
            refresh_token_lifetime: Duration::from_secs(60),
        };
        let nothing = outside::nothing();
        let auth = Auth::new(
            core.store.clone(),
            core.homeserver.clone(),
            world.fake.clone(),
            core.directory.clone(),
            core.clock.clone(),
            rules,
            &nothing,
        );
        let auth = Arc::new(auth.await.expect("the keys are read"));
        let messages = Arc::new(Messages::new(core.clone()));
        let gateway = Gateway::new(
            core.clone(),
            matrix.clone(),
            Arc::new(Agents::new(core.clone(), messages, auth.clone())),
            Turns::new(REQUESTS),
            Arc::default(),
            Arc::default(),
            Arc::new(Requests::new(core.store.clone(), core.clock.clone())),
        );
        let sync = EventSync::new(
            core.clone(),
            Arc::new(gateway),
            matrix.clone(),
            auth,
            Arc::new(Recent::new(Arc::new(OldRoom))),
            Turns::new(POLLS),
            Duration::from_secs(60),
            CancellationToken::new(),
        );
        Self { world, sync }
    }

    /// Polls for a moment.
    async fn poll(&self, since: Option<&str>) -> Value {
        self.poll_as(&ServiceCaller::shared(), since).await
    }

    async fn poll_as(&self, service: &ServiceCaller, since: Option<&str>) -> Value {
        let poll = Poll {
            since: since.map(str::to_owned),
            timeout: Some(Duration::from_millis(50)),
            ..Poll::default()
        };
        let answer = self.sync.poll(service, poll).await;
        serde_json::from_slice(&answer.expect("an answer")).expect("JSON")
    }

    /// Somebody comes into a channel, as the homeserver pushes it.
    async fn comes(&self, channel: ChannelId, name: &str) {
        let user = self.world.person(name);
        let member = Member {
            entity: Entity::User {
                localpart: name.to_owned(),
                server: None,
            },
            membership: Membership::Joined,
            display_name: None,
            by: user.clone(),
            since: self.world.clock.now(),
            user,
            reason: None,
        };
        let event = NewEvent {
            channel,
            event: None,
            source: Source::Push,
            what: What::MemberChanged(member),
        };
        let append = Append {
            events: vec![event],
            arrived_at: self.world.clock.now(),
            ..Append::default()
        };
        let appended = self.world.core.store.journal.append(append).await;
        appended.expect("is appended");
    }
}

/// Who came, by the answer of a poll.
fn who(answer: &Value, channel: &Channel) -> Vec<Value> {
    let timeline = &answer["rooms"]["join"][channel.room.as_str()]["timeline"];
    let events = timeline["events"].as_array().cloned().unwrap_or_default();
    events.iter().map(|it| it["state_key"].clone()).collect()
}

#[tokio::test]
async fn what_happens_in_a_channel_that_is_not_read_anew_yet_waits() {
    let polls = Polls::start().await;
    let Polls { world, .. } = &polls;
    let made = world.creator.create(world.creation("square", true)).await;
    let channel = made.expect("is created");
    let first = polls.poll(None).await;
    let since = first["next_batch"].as_str().expect("a position");

    let rebuild = ClearTo::JournalEnd {
        since: world.clock.now(),
    };
    let cleared = world.core.indexed.clear(rebuild).await;
    cleared.expect("a rebuild begins");
    polls.comes(channel.id, "alice").await;
    let waiting = polls.poll(Some(since)).await;
    assert_eq!(waiting["next_batch"], since, "nothing is passed over");
    assert_eq!(waiting["rooms"]["join"], json!({}));

    world.core.directory.put_channel(channel.as_ref().clone());
    let told = polls.poll(Some(since)).await;
    assert_eq!(who(&told, &channel), ["@alice:s"]);

    // Once the rebuild is over, a channel that nobody knows holds nothing up.
    let since = told["next_batch"].as_str().expect("a position");
    let ended = world.core.store.index.set_rebuilding(None).await;
    ended.expect("is written");
    polls.comes(ChannelId(world.clock.uuid()), "stranger").await;
    polls.comes(channel.id, "bob").await;
    let told = polls.poll(Some(since)).await;
    assert_eq!(who(&told, &channel), ["@bob:s"]);
}

#[tokio::test]
async fn a_membership_that_cannot_be_fetched_says_whose_it_is() {
    let polls = Polls::start().await;
    let Polls { world, .. } = &polls;
    let made = world.creator.create(world.creation("square", true)).await;
    let channel = made.expect("is created");
    let first = polls.poll(None).await;
    polls.comes(channel.id, "alice").await;
    let told = polls.poll(first["next_batch"].as_str()).await;
    let event = &told["rooms"]["join"][channel.room.as_str()]["timeline"]["events"][0];
    assert_eq!(event["type"], "m.room.member");
    assert_eq!(event["content"], json!({ "membership": "join" }));
    assert_eq!(event["state_key"], "@alice:s");
    assert_eq!(event["state_key_entity_id"], "user:alice");
    assert_eq!(event["entity_id"], "user:alice");
}

#[tokio::test]
async fn what_was_said_in_a_room_that_was_replaced_is_told_whole() {
    let polls = Polls::start().await;
    let world = &polls.world;
    let made = world.creator.create(world.creation("square", true)).await;
    let made = made.expect("is created");
    let start = polls.poll(None).await["next_batch"].clone();
    let start = start.as_str().expect("a position");
    let said = NewEvent {
        channel: made.id,
        event: Some(EventId::trusted("$said")),
        source: Source::Push,
        what: What::MessageDeleted {
            target: EventId::trusted("$target"),
            by: UserId::trusted("@alice:s"),
            at: 1,
        },
    };
    let append = Append {
        events: vec![said],
        arrived_at: world.clock.now(),
        ..Append::default()
    };
    let appended = world.core.store.journal.append(append).await;
    let head = appended.expect("is appended").head;
    let soon = Duration::from_secs(60);
    assert!(world.core.indexed.reached(head, soon).await);
    let moved = Channel {
        former: vec![RoomId::trusted("!old:s")],
        ..Channel::clone(&made)
    };
    world.core.directory.put_channel(moved);
    // Also to a service that may work in the former room.
    let rights = Rights {
        rooms: Some(vec!["!old:s".to_owned()]),
        ..Rights::all()
    };
    let former = ServiceCaller {
        rights,
        ..ServiceCaller::shared()
    };
    for service in [ServiceCaller::shared(), former] {
        let answer = polls.poll_as(&service, Some(start)).await;
        let timeline = &answer["rooms"]["join"][made.room.as_str()]["timeline"];
        assert_eq!(
            timeline["events"][0]["content"]["body"], "whole",
            "{answer}"
        );
    }
}
