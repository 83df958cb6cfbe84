//! One story, told to the real homeserver and to the fake one: what our logic is tested on
//! must behave as what it will meet.

use std::collections::BTreeMap;

use daarion::clock::Clock;
use daarion::domain::Error;
use daarion::domain::access::Power;
use daarion::domain::channel::ChannelStatus;
use daarion::domain::event::Source;
use daarion::domain::id::{EventId, UserId};
use daarion::domain::member::Membership;
use daarion::domain::message::MessageKind;
use daarion::homeserver::fake::Fake;
use daarion::homeserver::gateway::{MemberStep, Step};
use daarion::homeserver::{Homeserver, Mapped, Setting};

use crate::homeserver::unique;
use crate::world::{Connector, SERVER, channel, connector_at, power, shared, user};

#[tokio::test]
async fn story_is_true_of_synapse() {
    let world = shared().await;
    let mut users = Vec::new();
    for name in ["alice", "bob"] {
        let user_id = world
            .homeserver
            .register_user(&unique(name), "password")
            .await
            .user_id;
        users.push(user(&user_id));
    }
    let connector = world.connector();
    story(connector.matrix.as_ref(), &connector, &users[0], &users[1]).await;
}

#[tokio::test]
async fn story_is_true_of_the_fake() {
    let helper = connector_at("http://127.0.0.1:1", None);
    let fake = Fake::new(helper.directory.clone(), Clock::system());
    let alice = user(&format!("@alice:{SERVER}"));
    let bob = user(&format!("@bob:{SERVER}"));
    fake.register_connector().await.expect("registers");
    fake.add_user(&alice);
    fake.add_user(&bob);
    story(&fake, &helper, &alice, &bob).await;
}

async fn story(server: &dyn Homeserver, helper: &Connector, alice: &UserId, bob: &UserId) {
    let daarion = helper.directory.naming.connector();
    assert_eq!(server.check().await, Ok(()));
    assert_eq!(server.user_exists(alice).await, Ok(true));
    let new = helper.new_room(None, Some(alice));
    assert_eq!(server.resolve_alias(&new.alias).await, Ok(None));
    let room = server.create_room(&new).await.expect("a room");
    let again = server.create_room(&new).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    assert_eq!(
        server.resolve_alias(&new.alias).await,
        Ok(Some(room.clone()))
    );
    assert!(server.joined_rooms().await.expect("rooms").contains(&room));

    let snapshot = server
        .room(&room)
        .await
        .expect("an answer")
        .expect("a room");
    assert_eq!(
        snapshot.channel.map(|stored| stored.state),
        Some(new.channel.clone())
    );
    assert_eq!(snapshot.name.as_ref(), Some(&new.name));
    let membership = |user: &UserId| {
        let is = |(_, member): &&(EventId, daarion::domain::member::Member)| member.user == *user;
        snapshot
            .members
            .iter()
            .find(is)
            .map(|(_, member)| member.membership)
    };
    assert_eq!(membership(&daarion), Some(Membership::Joined));
    assert_eq!(membership(alice), None);
    assert_eq!(power(server, &room, &daarion).await, Power::Creator);
    assert_eq!(power(server, &room, alice).await, Power::Level(100));

    let stranger = helper.message(&room, &format!("@nobody:{SERVER}"), "x");
    let refused = server.send(&stranger).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let outside = helper.message(&room, bob.as_str(), "x");
    let refused = server
        .send(&outside)
        .await
        .expect_err("bob is not in the room");
    assert!(refused.is_refusal("M_FORBIDDEN"), "{refused:?}");

    assert_eq!(server.join(&room, Some(alice)).await, Ok(()));
    assert_eq!(
        server.join(&room, Some(alice)).await,
        Ok(()),
        "again is harmless"
    );
    let first = helper.message(&room, alice.as_str(), "перше");
    let sent = server.send(&first).await.expect("is sent");
    assert_eq!(
        server.send(&first).await,
        Ok(sent.clone()),
        "the same transaction"
    );
    let mut reply = helper.message(&room, daarion.as_str(), "друге");
    (reply.reply_to, reply.kind) = (Some(sent.clone()), MessageKind::Notice);
    server.send(&reply).await.expect("is sent");
    assert_eq!(server.invite(&room, bob, Some(alice)).await, Ok(()));
    assert_eq!(server.join(&room, Some(bob)).await, Ok(()));
    let mut reaction = helper.reaction(&room, bob.as_str(), &sent);
    let given = server.react(&reaction).await.expect("is given");
    reaction.transaction = helper.clock.uuid();
    let refused = server.react(&reaction).await.expect_err("is there already");
    assert!(refused.is_refusal("M_DUPLICATE_ANNOTATION"), "{refused:?}");
    let found = server.find_reaction(&reaction).await;
    assert_eq!(found, Ok(Some(given.clone())));
    let redaction = |target: &EventId| helper.redaction(&room, bob.as_str(), target);
    let refused = server.redact(&redaction(&sent)).await;
    let refused = refused.expect_err("it is not bob's");
    assert!(refused.is_refusal("M_FORBIDDEN"), "{refused:?}");
    assert!(server.redact(&redaction(&given)).await.is_ok());
    assert_eq!(server.find_reaction(&reaction).await, Ok(None));
    assert_eq!(server.pins(&room).await, Ok(Vec::new()));
    let pins = Setting::Pins(vec![sent.clone()]);
    let refused = server.set(&room, &pins, Some(bob)).await;
    let refused = refused.expect_err("bob may not");
    assert!(refused.is_refusal("M_FORBIDDEN"), "{refused:?}");
    assert!(server.set(&room, &pins, Some(alice)).await.is_ok());
    assert_eq!(server.pins(&room).await, Ok(vec![sent.clone()]));
    let snapshot = server.room(&room).await.expect("an answer");
    let stored = snapshot.expect("a room").pins.expect("pins");
    assert_eq!(
        (stored.sender, stored.pinned),
        (alice.clone(), vec![sent.clone()])
    );
    let levels = server.room(&room).await.expect("an answer");
    let levels = levels.expect("a room").levels.expect("levels").levels;
    assert_eq!(levels.of(&daarion), Power::Creator);
    assert_eq!(levels.of(alice), Power::Level(100));
    assert_eq!(levels.of(bob), Power::Level(0));
    let raise = async |from, to, by| server.set_level(&room, bob, from, to, Some(by)).await;
    let refused = raise(None, Some(50), bob).await.expect_err("bob may not");
    assert!(refused.is_refusal("M_FORBIDDEN"), "{refused:?}");
    let other = raise(Some(25), Some(50), alice).await;
    assert_eq!(other, Ok(None), "he has another one");
    let stored = raise(None, Some(50), alice).await.expect("an answer");
    let levels = stored.expect("is set").levels;
    assert_eq!(levels.of(bob), Power::Level(50));
    assert_eq!(levels.of(&daarion), Power::Creator);
    let kick = MemberStep {
        room: room.clone(),
        step: Step::Kick,
        user: alice.clone(),
        acting: Some(bob.clone()),
        reason: Some("Галас".into()),
        via: Vec::new(),
    };
    let refused = server.change_membership(&kick).await;
    let refused = refused.expect_err("bob does not outrank alice");
    assert!(refused.is_refusal("M_FORBIDDEN"), "{refused:?}");
    let kick = MemberStep {
        user: bob.clone(),
        acting: Some(alice.clone()),
        ..kick
    };
    assert_eq!(server.change_membership(&kick).await, Ok(()));
    let gone = server.member(&room, bob).await.expect("an answer");
    let (_, gone) = gone.expect("a membership");
    assert_eq!(gone.membership, Membership::Left);
    assert_eq!((&gone.by, gone.reason.as_deref()), (alice, Some("Галас")));

    let name = Setting::Name("Нова".into());
    assert!(server.set(&room, &name, Some(alice)).await.is_ok());
    let mut state = new.channel.clone();
    state.status = ChannelStatus::Archived;
    let archive = Setting::Channel(state);
    let refused = server
        .set(&room, &archive, Some(alice))
        .await
        .expect_err("is refused");
    assert!(refused.is_refusal("M_FORBIDDEN"), "{refused:?}");
    assert!(server.set(&room, &archive, None).await.is_ok());

    let content = server
        .content(&room, &sent)
        .await
        .expect("an answer")
        .expect("content");
    assert_eq!(content.body, "перше");

    let channel = channel(&room, &new);
    let (mut from, mut found) = (None, Vec::new());
    loop {
        let page = server
            .history(&channel, from.as_deref(), 4, Source::Heal)
            .await;
        let page = page.expect("a page");
        found.extend(page.events);
        match page.next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    let mut names = BTreeMap::new();
    let mut previews = Vec::new();
    for (_, mapped) in &found {
        if let Mapped::Event(event) = mapped {
            *names.entry(event.what.name()).or_insert(0) += 1;
            previews.extend(event.what.message().map(|message| message.preview.as_str()));
        }
    }
    assert_eq!(previews, ["друге", "перше"], "newest first, each once");
    let expected = [
        ("messaging.channel.pins_changed", 1),
        // At the creation, then bob's.
        ("messaging.channel.roles_changed", 2),
        // Alias, join rules, settings, name and topic at the creation; then name and settings.
        ("messaging.channel.updated", 7),
        ("messaging.member.invited", 1),
        ("messaging.member.joined", 3),
        ("messaging.member.left", 1),
        ("messaging.message.created", 2),
        ("messaging.message.deleted", 1),
    ];
    assert_eq!(names, BTreeMap::from(expected));
}
