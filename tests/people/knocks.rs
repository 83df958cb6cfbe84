//! People who ask to be let in, and who answers them, in both worlds.

use serde_json::{Value, json};

use crate::daarion::shared_world;
use crate::homeserver::{MatrixUser, path, unique};
use crate::stream::Stream;
use crate::support::{
    Person, answered, column, eventually, items, members_of, path_of, refused, room_of, text,
};
use crate::world::{becomes, member_path};

fn knock_of(channel: &Value) -> String {
    format!("{}/knock", path_of(channel))
}

fn knocks_of(channel: &Value) -> String {
    format!("{}/knocks", path_of(channel))
}

async fn accept(owner: &Person, channel: &Value, accepted: bool) {
    let place = format!("{}/knocking", path_of(channel));
    let body = json!({ "accepted": accepted });
    let set = answered(200, owner.api.put(&place, body.clone()).await);
    assert_eq!(set, body);
}

/// Knocks with a Matrix client.
async fn knock(user: &MatrixUser, room: &str, reason: &str) {
    let place = path(&["_matrix", "client", "v3", "knock", room]);
    let builder = user.client.builder(reqwest::Method::POST, &place);
    let request = builder.bearer_auth(&user.access_token);
    let body = json!({ "reason": reason });
    let answer = crate::homeserver::http::exchange(request, Some(&body)).await;
    let (status, body) = answer.expect("the homeserver answers");
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn knock_is_answered_in_both_worlds() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let carol = Person::new(world, "carol").await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    assert_eq!(channel["accepts_knocks"], false);
    let room = room_of(&channel);
    let mut stream = Stream::open(&alice.api, &channel).await;
    accept(&alice, &channel, true).await;
    accept(&alice, &channel, true).await;
    let rules = alice
        .matrix
        .state_event(room, "m.room.join_rules", "")
        .await;
    assert_eq!(rules.expect("rules")["join_rule"], "knock");
    let frame = stream.next_of("channel.updated").await;
    assert_eq!(
        frame["channel"],
        json!({ "visibility": "private", "accepts_knocks": true })
    );
    let shown = answered(200, alice.api.get(&path_of(&channel)).await);
    assert_eq!(shown["accepts_knocks"], true);
    // It is shown to nobody by that.
    refused(404, "M_NOT_FOUND", bob.api.get(&path_of(&channel)).await);

    // Here: bob asks by the id, is denied, asks by the alias and is let in.
    let body = json!({ "reason": "Пустіть" });
    let asked = answered(200, bob.api.post(&knock_of(&channel), body.clone()).await);
    assert_eq!(
        (&asked["membership"], &asked["reason"]),
        (&json!("knocking"), &body["reason"])
    );
    assert_eq!(
        answered(200, bob.api.post(&knock_of(&channel), Value::Null).await),
        asked
    );
    let frame = stream.next_of("member.knocked").await;
    assert_eq!(frame["member"]["matrix_user_id"], bob.user_id());
    assert_eq!(
        frame["member"]["reason"],
        Value::Null,
        "for those who answer"
    );
    for place in [path_of(&channel), knocks_of(&channel), members_of(&channel)] {
        refused(404, "M_NOT_FOUND", bob.api.get(&place).await);
    }
    let listed = answered(200, alice.api.get(&knocks_of(&channel)).await);
    assert_eq!(items(&listed), &vec![asked]);
    let answer_of = |person: &Person| format!("{}/{}", knocks_of(&channel), person.id());
    answered(
        204,
        alice
            .api
            .delete(&format!("{}?reason=no", answer_of(&bob)))
            .await,
    );
    refused(404, "M_NOT_FOUND", alice.api.delete(&answer_of(&bob)).await);
    refused(
        404,
        "M_NOT_FOUND",
        alice.api.put(&answer_of(&bob), Value::Null).await,
    );
    let body = json!({ "alias": channel["matrix_room_alias"] });
    answered(
        200,
        bob.api.post("/api/messaging/knock", body.clone()).await,
    );
    let invited = answered(200, alice.api.put(&answer_of(&bob), Value::Null).await);
    assert_eq!(
        (&invited["membership"], &invited["by"]),
        (&json!("invited"), &json!(alice.user_id()))
    );
    let words = refused(
        409,
        "CONFLICT",
        bob.api.post("/api/messaging/knock", body).await,
    );
    assert!(words.contains("without asking"), "{words}");
    let joined = answered(
        200,
        bob.api
            .post(&format!("{}/join", path_of(&channel)), Value::Null)
            .await,
    );
    assert_eq!(joined["membership"], "joined");
    // A member without the level neither sees knocks nor answers them.
    let words = refused(403, "M_FORBIDDEN", bob.api.get(&knocks_of(&channel)).await);
    assert!(words.starts_with("needs the power level 50"), "{words}");
    refused(
        403,
        "M_FORBIDDEN",
        bob.api.put(&answer_of(&carol), Value::Null).await,
    );

    // There: carol asks with her client, and takes it back here; then alice's client answers.
    knock(&carol.matrix, room, "І мене").await;
    eventually("carol's knock", async || {
        let listed = answered(200, alice.api.get(&knocks_of(&channel)).await);
        (column(&listed, "reason") == ["І мене"]).then_some(())
    })
    .await;
    answered(204, carol.api.delete(&answer_of(&carol)).await);
    refused(
        404,
        "M_NOT_FOUND",
        carol.api.delete(&answer_of(&carol)).await,
    );
    let state = alice
        .matrix
        .state_event(room, "m.room.member", carol.user_id());
    assert_eq!(state.await.expect("is there")["membership"], "leave");
    answered(200, carol.api.post(&knock_of(&channel), Value::Null).await);
    alice.matrix.invite(room, carol.user_id()).await;
    becomes(&alice, &channel, &carol, "membership", json!("invited")).await;
    answered(204, carol.api.delete(&member_path(&channel, &carol)).await);

    accept(&alice, &channel, false).await;
    let rules = alice
        .matrix
        .state_event(room, "m.room.join_rules", "")
        .await;
    assert_eq!(rules.expect("rules")["join_rule"], "invite");
    refused(
        404,
        "M_NOT_FOUND",
        carol.api.post(&knock_of(&channel), Value::Null).await,
    );
}

#[tokio::test]
async fn knocking_tells_nobody_of_what_takes_no_knocks() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let closed = alice.channel(json!({ "visibility": "private" })).await;
    let banned = alice.channel(json!({ "visibility": "private" })).await;
    accept(&alice, &banned, true).await;
    let ban = format!("{}/bans/{}", path_of(&banned), bob.id());
    answered(200, alice.api.put(&ban, Value::Null).await);
    let nowhere = json!({ "id": "00000000-0000-4000-8000-000000000000" });
    for channel in [&closed, &banned, &nowhere] {
        let words = refused(
            404,
            "M_NOT_FOUND",
            bob.api.post(&knock_of(channel), Value::Null).await,
        );
        assert_eq!(words, format!("no channel {}", text(&channel["id"])));
    }
    let none = format!("#{}:test.localhost", unique("none"));
    for alias in [
        text(&closed["matrix_room_alias"]),
        text(&banned["matrix_room_alias"]),
        &none,
    ] {
        let body = json!({ "alias": alias });
        let words = refused(
            404,
            "M_NOT_FOUND",
            bob.api.post("/api/messaging/knock", body).await,
        );
        assert_eq!(words, format!("no channel {alias}"));
    }
    let open = alice.channel(json!({})).await;
    let place = format!("{}/knocking", path_of(&open));
    let body = json!({ "accepted": true });
    refused(409, "CONFLICT", alice.api.put(&place, body).await);
    refused(
        409,
        "CONFLICT",
        bob.api.post(&knock_of(&open), Value::Null).await,
    );
}
