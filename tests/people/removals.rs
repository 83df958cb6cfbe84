//! Coming, going, being sent away and kept out, in both worlds.

use serde_json::{Value, json};

use crate::daarion::shared_world;
use crate::homeserver::path;
use crate::stream::Stream;
use crate::support::{
    Person, answered, column, eventually, items, members_of, path_of, refused, room_of,
};
use crate::world::{ban_path, becomes, gather, member_path, seen};

#[tokio::test]
async fn people_come_and_go_by_themselves() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let open = alice.channel(json!({})).await;
    let (join, leave) = (
        format!("{}/join", path_of(&open)),
        format!("{}/leave", path_of(&open)),
    );
    for _ in 0..2 {
        let joined = answered(200, bob.api.post(&join, Value::Null).await);
        assert_eq!(
            (&joined["membership"], &joined["role"]),
            (&json!("joined"), &json!("member"))
        );
    }
    let state = alice
        .matrix
        .state_event(room_of(&open), "m.room.member", bob.user_id());
    assert_eq!(state.await.expect("is there")["membership"], "join");
    bob.say(&open, "Я тут").await;
    for _ in 0..2 {
        let body = json!({ "reason": "Пора" });
        answered(204, bob.api.post(&leave, body).await);
    }
    let gone = seen(&alice, &open, &bob).await;
    assert_eq!(
        (&gone["membership"], &gone["reason"]),
        (&json!("left"), &json!("Пора"))
    );

    // By an invitation, and not without.
    let closed = alice.channel(json!({ "visibility": "private" })).await;
    let join = format!("{}/join", path_of(&closed));
    refused(404, "M_NOT_FOUND", bob.api.post(&join, Value::Null).await);
    let invite = json!({ "member_id": bob.id() });
    answered(
        201,
        alice.api.post(&members_of(&closed), invite.clone()).await,
    );
    answered(200, bob.api.post(&join, Value::Null).await);
    let leave = format!("{}/leave", path_of(&closed));
    answered(204, bob.api.post(&leave, Value::Null).await);
    refused(404, "M_NOT_FOUND", bob.api.post(&leave, Value::Null).await);
    // An invitation is refused, and taken back.
    answered(
        201,
        alice.api.post(&members_of(&closed), invite.clone()).await,
    );
    answered(204, bob.api.delete(&member_path(&closed, &bob)).await);
    refused(404, "M_NOT_FOUND", bob.api.post(&join, Value::Null).await);
    answered(201, alice.api.post(&members_of(&closed), invite).await);
    answered(204, alice.api.delete(&member_path(&closed, &bob)).await);
    refused(404, "M_NOT_FOUND", bob.api.post(&join, Value::Null).await);
}

#[tokio::test]
async fn removal_and_ban_show_their_reasons_in_both_worlds() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let carol = Person::new(world, "carol").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    gather(&channel, &alice, &[&bob, &carol]).await;
    let (place, ban) = (member_path(&channel, &bob), ban_path(&channel, &bob));
    let mut stream = Stream::open(&carol.api, &channel).await;
    for answer in [
        carol.api.delete(&place).await,
        carol.api.put(&ban, Value::Null).await,
        carol.api.delete(&ban).await,
    ] {
        let words = refused(403, "M_FORBIDDEN", answer);
        assert!(words.starts_with("needs the power level 50"), "{words}");
    }
    answered(
        200,
        alice
            .api
            .patch(
                &member_path(&channel, &carol),
                json!({ "role": "moderator" }),
            )
            .await,
    );
    refused(
        403,
        "M_FORBIDDEN",
        carol.api.delete(&member_path(&channel, &alice)).await,
    );

    let long = format!("{place}?reason={}", "x".repeat(1_001));
    let words = refused(400, "M_INVALID_PARAM", carol.api.delete(&long).await);
    assert!(words.starts_with("reason: "), "{words}");
    answered(
        204,
        carol.api.delete(&format!("{place}?reason=noise")).await,
    );
    let gone = seen(&alice, &channel, &bob).await;
    assert_eq!(gone["membership"], "left");
    assert_eq!(
        (&gone["reason"], &gone["by"]),
        (&json!("noise"), &json!(carol.user_id()))
    );
    let frame = stream.next_of("member.left").await;
    assert_eq!(frame["member"]["reason"], "noise");
    let state = async || {
        let state = alice
            .matrix
            .state_event(room, "m.room.member", bob.user_id());
        state.await.expect("is there")
    };
    assert_eq!(state().await["reason"], "noise");
    refused(404, "M_NOT_FOUND", carol.api.delete(&place).await);

    let body = json!({ "reason": "Знову галас" });
    let banned = answered(200, carol.api.put(&ban, body.clone()).await);
    assert_eq!(
        (&banned["membership"], &banned["reason"]),
        (&json!("banned"), &body["reason"])
    );
    assert_eq!(answered(200, carol.api.put(&ban, body).await), banned);
    assert_eq!(state().await["membership"], "ban");
    let bans = format!("{}/bans", path_of(&channel));
    let list = async || answered(200, alice.api.get(&bans).await);
    assert_eq!(items(&list().await), &vec![banned]);
    for path in [path_of(&channel), bans.clone(), place.clone()] {
        refused(404, "M_NOT_FOUND", bob.api.get(&path).await);
    }
    refused(409, "CONFLICT", carol.api.delete(&place).await);
    for _ in 0..2 {
        answered(204, carol.api.delete(&ban).await);
    }
    assert!(items(&list().await).is_empty());
    assert_eq!(state().await["membership"], "leave");
    answered(
        200,
        bob.api
            .post(&format!("{}/join", path_of(&channel)), Value::Null)
            .await,
    );

    // By plain Matrix.
    let step = async |word: &str, reason: &str| {
        let place = path(&["_matrix", "client", "v3", "rooms", room, word]);
        let body = json!({ "user_id": bob.user_id(), "reason": reason });
        let builder = alice.matrix.client.builder(reqwest::Method::POST, &place);
        let request = builder.bearer_auth(&alice.matrix.access_token);
        let answer = crate::homeserver::http::exchange(request, Some(&body)).await;
        let (status, body) = answer.expect("the homeserver answers");
        assert_eq!(status, 200, "{body}");
    };
    step("kick", "Бо так").await;
    becomes(&alice, &channel, &bob, "reason", json!("Бо так")).await;
    step("ban", "І годі").await;
    eventually("the ban", async || {
        let page = list().await;
        (column(&page, "reason") == ["І годі"]).then_some(())
    })
    .await;
    step("unban", "Гаразд").await;
    becomes(&alice, &channel, &bob, "membership", json!("left")).await;
    let unknown = format!("{}/bans/user:nobody-at-all", path_of(&channel));
    refused(
        404,
        "M_NOT_FOUND",
        alice.api.put(&unknown, Value::Null).await,
    );
}
