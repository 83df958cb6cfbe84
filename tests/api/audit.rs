//! The audit log: who did what, to what, and by which way, by daarion and by any Matrix client.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::admin::operator;
use crate::daarion::{Daarion, World, shared_world};
use crate::homeserver::unique;
use crate::sign_in::{bearer, signed_in};
use crate::support::{
    Person, answered, eventually, items, members_of, message_path, messages_of, path_of, refused,
    room_of, text,
};

const ALL: &str = "/api/admin/audit";

fn audit_of(channel: &Value) -> String {
    format!("{}/audit", path_of(channel))
}

/// The records of a channel, the oldest first.
async fn records(reader: &Person, channel: &Value) -> Vec<Value> {
    let page = answered(200, reader.api.get(&audit_of(channel)).await);
    let mut records = items(&page).clone();
    records.reverse();
    records
}

/// One record, which must be the only one like it.
async fn the_one(reader: &Person, channel: &Value, action: &str, target: &str) -> Value {
    let what = format!("{action} of {target}");
    let is_it = |it: &&Value| it["action"] == action && it["target"] == target;
    eventually(&what, async || {
        let all = records(reader, channel).await;
        let mut found = all.iter().filter(is_it).cloned();
        let one = found.next()?;
        assert_eq!(found.next(), None, "{what} stands there twice");
        Some(one)
    })
    .await
}

#[tokio::test]
async fn what_is_done_here_is_recorded_once_with_who_and_from_where() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let me = bearer(world, &signed_in(world, &alice).await);
    let body = json!({ "name": "Розмова", "slug": unique("channel"), "visibility": "private" });
    let channel = answered(201, me.post("/api/messaging/channels", body).await);
    let id = text(&channel["id"]);
    let created = the_one(&alice, &channel, "channel.created", id).await;
    assert_eq!(created["actor"], alice.id());
    assert_eq!(created["from"]["via"], "session", "{created}");
    // From where is for operators, and so is what it could be found out by.
    for secret in ["id", "address"] {
        assert_eq!(created["from"][secret], Value::Null, "{created}");
    }
    assert_eq!(
        (&created["previous"], &created["hash"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(created["after"]["visibility"], "private");

    answered(
        201,
        me.post(&members_of(&channel), json!({ "member_id": bob.id() }))
            .await,
    );
    let invited = the_one(&alice, &channel, "member.invited", &bob.id()).await;
    assert_eq!(invited["actor"], alice.id());
    assert_eq!(invited["before"], Value::Null);
    assert_eq!(invited["after"], json!({ "membership": "invited" }));
    assert_eq!(invited["from"]["via"], "session", "{invited}");

    // Bob comes in with a Matrix client, and a service says something for him.
    bob.matrix.join(room_of(&channel)).await;
    let joined = the_one(&alice, &channel, "member.joined", &bob.id()).await;
    assert_eq!(joined["before"], json!({ "membership": "invited" }));
    assert_eq!(
        (&joined["from"]["via"], &joined["actor"]),
        (&json!("matrix"), &json!(bob.id()))
    );
    // The log may know of it before the index does.
    let said = eventually("bob speaks", async || {
        let body = json!({ "text": "таємниця" });
        let (status, answer) = bob.api.post(&messages_of(&channel), body).await;
        (status == StatusCode::CREATED).then_some(answer)
    })
    .await;
    let path = message_path(&channel, &said);
    answered(204, alice.api.delete(&path).await);
    let deleted = the_one(&alice, &channel, "message.deleted", text(&said["id"])).await;
    assert_eq!(deleted["from"]["via"], "service", "{deleted}");
    assert_eq!(deleted["before"], json!({ "of": bob.id() }));
    let own = alice.say(&channel, "своє").await;
    let pin = format!("{}/pins/{}", path_of(&channel), text(&own["id"]));
    answered(204, alice.api.put(&pin, Value::Null).await);
    the_one(&alice, &channel, "message.pinned", text(&own["id"])).await;
    answered(204, alice.api.delete(&message_path(&channel, &own)).await);

    let all = records(&alice, &channel).await;
    let whole = serde_json::to_string(&all).expect("JSON");
    assert!(
        !whole.contains("таємниця") && !whole.contains("своє"),
        "{whole}"
    );
    let is_own = |it: &&Value| it["target"] == own["id"] && it["action"] == "message.deleted";
    assert_eq!(
        all.iter().find(is_own),
        None,
        "what people take back of themselves"
    );

    // Who may read it.
    let carol = Person::new(world, "carol").await;
    let to_nobody = format!("/api/messaging/channels/{}/audit", uuid_of_nothing());
    let unknown = refused(404, "M_NOT_FOUND", carol.api.get(&to_nobody).await);
    let strange = refused(404, "M_NOT_FOUND", carol.api.get(&audit_of(&channel)).await);
    assert_eq!(
        strange.replace(id, ""),
        unknown.replace(&uuid_of_nothing(), "")
    );
    refused(403, "M_FORBIDDEN", bob.api.get(&audit_of(&channel)).await);
}

fn uuid_of_nothing() -> String {
    "00000000-0000-4000-8000-000000000000".to_owned()
}

#[tokio::test]
async fn what_a_matrix_client_does_is_recorded_with_what_was_before() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({ "name": "До" })).await;
    let room = room_of(&channel);
    let id = text(&channel["id"]);
    bob.matrix.join(room).await;
    the_one(&alice, &channel, "member.joined", &bob.id()).await;
    let name = json!({ "name": "Після" });
    alice.matrix.set_state(room, "m.room.name", "", name).await;
    let renamed = the_one(&alice, &channel, "channel.updated", id).await;
    assert_eq!(renamed["before"], json!({ "name": "До" }), "{renamed}");
    assert_eq!(renamed["after"], json!({ "name": "Після" }));
    alice.matrix.ban(room, bob.user_id()).await;
    let banned = the_one(&alice, &channel, "member.banned", &bob.id()).await;
    assert_eq!(banned["before"], json!({ "membership": "joined" }));
    assert_eq!(banned["actor"], alice.id());
    assert!(text(&banned["event_id"]).starts_with('$'));
    alice.matrix.unban(room, bob.user_id()).await;
    the_one(&alice, &channel, "member.unbanned", &bob.id()).await;

    let query = format!("?action=member&target={}&limit=2", bob.id());
    let page = answered(200, alice.api.get(&(audit_of(&channel) + &query)).await);
    let actions: Vec<_> = items(&page).iter().map(|it| text(&it["action"])).collect();
    assert_eq!(actions, ["member.unbanned", "member.banned"]);
    let next = format!(
        "{}{query}&cursor={}",
        audit_of(&channel),
        text(&page["next"])
    );
    let page = answered(200, alice.api.get(&next).await);
    assert_eq!(text(&items(&page)[0]["action"]), "member.joined");
    let later = format!("{}?since=2999-01-01T00:00:00Z", audit_of(&channel));
    assert_eq!(items(&answered(200, alice.api.get(&later).await)).len(), 0);
}

#[tokio::test]
async fn what_was_done_in_a_channel_is_taken_along_by_those_who_look_after_it() {
    let world = shared_world().await;
    let (alice, bob) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    );
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    alice.matrix.invite(room_of(&channel), bob.user_id()).await;
    bob.matrix.join(room_of(&channel)).await;
    the_one(&alice, &channel, "member.joined", &bob.id()).await;
    let export = format!("{}/export", audit_of(&channel));
    let mut taken = lines(&answered(200, alice.api.get(&export).await));
    taken.reverse();
    assert_eq!(taken, records(&alice, &channel).await);
    let filtered = format!("{export}?action=member&target={}", bob.id());
    let taken = lines(&answered(200, alice.api.get(&filtered).await));
    let actions: Vec<_> = taken.iter().map(|it| text(&it["action"])).collect();
    assert_eq!(actions, ["member.joined", "member.invited"]);
    refused(403, "M_FORBIDDEN", bob.api.get(&export).await);
    let carol = Person::new(world, "carol").await;
    refused(404, "M_NOT_FOUND", carol.api.get(&export).await);
    let wrong = format!("{export}?since=2026-02-02T00:00:00Z&until=2026-02-01T00:00:00Z");
    let words = refused(400, "M_INVALID_PARAM", alice.api.get(&wrong).await);
    assert!(words.starts_with("until"), "{words}");

    // Operators take along what they look for in the whole log.
    let root = operator(world);
    let of_channel = format!(
        "{ALL}/export?channel={}&action=member",
        text(&channel["id"])
    );
    let taken = lines(&answered(200, root.get(&of_channel).await));
    let actions: Vec<_> = taken.iter().map(|it| text(&it["action"])).collect();
    assert!(
        actions.starts_with(&["member.joined", "member.invited"]),
        "{taken:?}"
    );
    assert!(taken.iter().all(|it| it["hash"].is_string()), "{taken:?}");
    let both = format!("{ALL}/export?after=1&action=member");
    let words = refused(400, "M_INVALID_PARAM", root.get(&both).await);
    assert!(words.starts_with("after"), "{words}");
}

/// The records of JSON Lines, of which one alone is JSON itself.
fn lines(answer: &Value) -> Vec<Value> {
    match answer {
        Value::String(lines) => {
            let lines = lines.lines().map(serde_json::from_str);
            lines.collect::<Result<_, _>>().expect("lines of JSON")
        }
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

/// The homeserver pushes it like anybody's doing.
#[tokio::test]
async fn what_a_service_does_through_the_gateway_is_told_as_its_doing() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    bob.matrix.join(room).await;
    the_one(&alice, &channel, "member.joined", &bob.id()).await;
    let service = world.daarion.service();
    let body = json!({ "room_id": room, "user_id": bob.id(), "kicker": alice.id() });
    answered(200, service.post("/internal/matrix/kick", body).await);
    let removed = the_one(&alice, &channel, "member.removed", &bob.id()).await;
    assert_eq!(removed["actor"], alice.id());
    assert_eq!(removed["from"]["via"], "service", "{removed}");
    let asked = text(&removed["from"]["actor"]);
    assert!(asked.starts_with("service:"), "{removed}");
    let body = json!({ "room_id": room, "user_id": bob.id() });
    answered(200, service.post("/internal/matrix/ban", body).await);
    let banned = the_one(&alice, &channel, "member.banned", &bob.id()).await;
    assert_eq!(
        banned["actor"], asked,
        "the connector has asked for nothing"
    );
    assert_eq!(banned["from"]["via"], "service", "{banned}");
    // And what somebody does with their own client is theirs.
    alice.matrix.unban(room, bob.user_id()).await;
    let unbanned = the_one(&alice, &channel, "member.unbanned", &bob.id()).await;
    assert_eq!(unbanned["from"]["via"], "matrix", "{unbanned}");
}

#[tokio::test]
async fn what_people_become_in_a_channel_is_recorded() {
    let world = shared_world().await;
    let (alice, bob, carol) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
        Person::new(world, "carol").await,
    );
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let (place, members) = (path_of(&channel), members_of(&channel));
    let invitation = json!({ "member_id": bob.id() });
    answered(201, alice.api.post(&members, invitation).await);
    answered(
        200,
        bob.api.post(&format!("{place}/join"), Value::Null).await,
    );
    let one = format!("{members}/{}", bob.id());
    let role = json!({ "role": "moderator" });
    answered(200, alice.api.patch(&one, role).await);
    let risen = the_one(&alice, &channel, "member.role_changed", &bob.id()).await;
    let member = json!({ "power_level": 0, "role": "member" });
    let moderator = json!({ "power_level": 50, "role": "moderator" });
    assert_eq!(
        (&risen["before"], &risen["after"], &risen["actor"]),
        (&member, &moderator, &json!(alice.id()))
    );
    assert_eq!(risen["from"]["via"], "service", "{risen}");
    answered(
        200,
        alice.api.patch(&one, json!({ "role": "member" })).await,
    );

    // daarion itself takes the word from somebody in Matrix; it was Alice who has done it.
    let mute = format!("{one}/mute");
    let terms = json!({ "seconds": 3600, "reason": "спам" });
    answered(200, alice.api.put(&mute, terms).await);
    let muted = the_one(&alice, &channel, "member.muted", &bob.id()).await;
    assert_eq!(
        (&muted["before"], &muted["actor"]),
        (&member, &json!(alice.id()))
    );
    assert_eq!(muted["after"]["reason"], "спам");
    assert!(muted["after"]["muted_until"].is_string(), "{muted}");
    answered(204, alice.api.delete(&mute).await);
    let unmuted = the_one(&alice, &channel, "member.unmuted", &bob.id()).await;
    assert_eq!(
        (&unmuted["after"], &unmuted["actor"]),
        (&member, &json!(alice.id()))
    );

    // In a Matrix client.
    let room = room_of(&channel);
    let kind = "m.room.power_levels";
    let levels = alice.matrix.state_event(room, kind, "").await;
    let mut levels = levels.expect("levels");
    levels["invite"] = json!(60);
    alice.matrix.set_state(room, kind, "", levels).await;
    let id = text(&channel["id"]);
    let demanded = the_one(&alice, &channel, "channel.levels_changed", id).await;
    assert_eq!(demanded["after"], json!({ "invite": 60 }));
    assert_eq!(demanded["from"]["via"], "matrix", "{demanded}");

    let accepted = json!({ "accepted": true });
    answered(
        200,
        alice.api.put(&format!("{place}/knocking"), accepted).await,
    );
    let knock = json!({ "reason": "можна?" });
    answered(200, carol.api.post(&format!("{place}/knock"), knock).await);
    let knocked = the_one(&alice, &channel, "member.knocked", &carol.id()).await;
    assert_eq!(knocked["after"]["reason"], "можна?");
    let answer = format!("{place}/knocks/{}", carol.id());
    answered(200, alice.api.put(&answer, Value::Null).await);
    let approved = the_one(&alice, &channel, "member.knock_approved", &carol.id()).await;
    assert_eq!(approved["actor"], alice.id());
    assert_eq!(approved["before"], json!({ "membership": "knocking" }));
    let slow = json!({ "seconds": 10 });
    answered(
        200,
        alice.api.put(&format!("{place}/slow-mode"), slow).await,
    );
    let all = eventually("the slow mode", async || {
        let all = records(&alice, &channel).await;
        let is_it = |it: &Value| it["after"]["slow_mode_seconds"] == "10";
        all.iter().any(is_it).then_some(all)
    });
    let all = all.await;
    let opened = all
        .iter()
        .find(|it| it["after"]["accepts_knocks"] == "true");
    assert_eq!(opened.expect("a record")["actor"], alice.id());
    let slowed = all
        .iter()
        .find(|it| it["after"]["slow_mode_seconds"] == "10");
    assert_eq!(slowed.expect("a record")["actor"], alice.id());
}

#[tokio::test]
async fn links_and_microdaos_are_recorded_without_their_codes() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let links = format!("{}/invite-links", path_of(&channel));
    let terms = json!({ "max_uses": 3 });
    let link = answered(201, alice.api.post(&links, terms).await);
    let id = text(&link["id"]);
    let created = the_one(&alice, &channel, "invite_link.created", id).await;
    assert_eq!(created["after"]["max_uses"], 3, "{created}");
    let code = text(&link["code"]);
    let accept = format!("/api/invites/{code}/accept");
    answered(200, bob.api.post(&accept, Value::Null).await);
    let followed = the_one(&alice, &channel, "invite_link.followed", id).await;
    assert_eq!(followed["actor"], bob.id());
    // The link's maker invites, and has done nothing in a Matrix client.
    let invited = the_one(&alice, &channel, "member.invited", &bob.id()).await;
    assert_eq!(
        (&invited["actor"], &invited["before"]),
        (&json!(alice.id()), &Value::Null)
    );
    assert_eq!(
        (&invited["from"]["via"], &invited["from"]["actor"]),
        (&json!("service"), &json!(bob.id())),
        "{invited}"
    );
    answered(204, alice.api.delete(&format!("{links}/{id}")).await);
    let revoked = the_one(&alice, &channel, "invite_link.revoked", id).await;
    assert_eq!(revoked["actor"], alice.id());
    let all = Value::from(records(&alice, &channel).await).to_string();
    assert!(!all.contains(code), "{all}");

    let microdao = format!("microdao:{}", unique("once"));
    let body = json!({ "id": microdao, "name": "Сад" });
    answered(201, alice.api.post("/api/messaging/microdaos", body).await);
    let one = format!("/api/messaging/microdaos/{microdao}");
    answered(200, alice.api.patch(&one, json!({ "name": "Ліс" })).await);
    let query = format!("{ALL}?target={microdao}");
    let page = answered(200, operator(world).get(&query).await);
    let found: Vec<_> = items(&page)
        .iter()
        .map(|it| (text(&it["action"]), text(&it["after"]["name"])))
        .collect();
    assert_eq!(
        found,
        [("microdao.updated", "Ліс"), ("microdao.created", "Сад")]
    );
    assert_eq!(items(&page)[0]["before"]["name"], "Сад");
}

#[tokio::test]
async fn an_adopted_room_brings_no_records_of_before() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let name = unique("Стара");
    let room = json!({ "preset": "public_chat", "name": name });
    let room = alice.matrix.create_room(room).await;
    bob.matrix.join(&room).await;
    bob.matrix.leave(&room).await;
    bob.matrix.join(&room).await;
    let body = json!({ "room": room, "slug": unique("old") });
    let adopted = alice.api.post("/api/messaging/channels/adopt", body).await;
    let channel = answered(201, adopted);
    let created = the_one(&alice, &channel, "channel.created", text(&channel["id"])).await;
    assert_eq!(
        (&created["actor"], &created["from"]["via"]),
        (&json!(alice.id()), &json!("service"))
    );
    // The first of Bob that is told is what he does from now on, and what he was is known.
    bob.matrix.leave(&room).await;
    let left = the_one(&alice, &channel, "member.left", &bob.id()).await;
    assert_eq!(left["before"], json!({ "membership": "joined" }), "{left}");
    let all = records(&alice, &channel).await;
    let of_bob = all.iter().filter(|it| it["target"] == bob.id());
    assert_eq!(of_bob.count(), 1, "{all:?}");
}

#[tokio::test]
async fn operators_see_what_was_done_in_the_installation() {
    let world = shared_world().await;
    let root = operator(world);
    let alice = Person::new(world, "alice").await;
    let me = bearer(world, &signed_in(world, &alice).await);
    let wanted = json!({ "name": "Скрипт", "scopes": ["messages:read"] });
    let key = answered(201, me.post("/api/keys", wanted).await);
    let id = text(&key["api_key"]["id"]);
    answered(204, me.delete(&format!("/api/keys/{id}")).await);
    let agent = format!("agent:{}", unique("agent"));
    answered(
        201,
        root.post("/api/admin/agents", json!({ "id": agent })).await,
    );
    let service = unique("service");
    let token = json!({ "name": service, "scopes": ["gateway:read"], "act_as": [] });
    let token = answered(201, root.post("/api/admin/services", token).await);

    let of = async |query: &str| {
        let page = answered(200, root.get(&format!("{ALL}?{query}")).await);
        items(&page).clone()
    };
    let of_key = of(&format!("target={id}")).await;
    let actions: Vec<_> = of_key.iter().map(|it| text(&it["action"])).collect();
    assert_eq!(actions, ["key.revoked", "key.created"]);
    assert_eq!(of_key[1]["after"]["scopes"], json!(["messages:read"]));
    let signed = of(&format!("actor={}&action=sign_in", alice.id())).await;
    assert_eq!(signed.len(), 1, "{signed:?}");
    let made = of(&format!("target={agent}")).await;
    assert!(text(&made[0]["actor"]).starts_with("user:"), "{made:?}");
    assert_eq!(made[0]["from"]["via"], "service");
    assert_eq!(of(&format!("target={service}")).await.len(), 1);

    let whole = world.daarion.run_cli(&["audit", "export"]).await;
    let whole = String::from_utf8(whole.stdout).expect("UTF-8");
    for secret in [&key["key"], &token["token"]] {
        assert!(!whole.contains(text(secret)), "a secret is in the log");
    }
    let lines: Vec<Value> = whole
        .lines()
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect();
    for (before, after) in lines.iter().zip(&lines[1..]) {
        assert_eq!(after["previous"], before["hash"]);
    }
    let verified = world.daarion.run_cli(&["audit", "verify", "--json"]).await;
    assert!(verified.status.success(), "{verified:?}");
    refused(403, "M_FORBIDDEN", alice.api.get(ALL).await);
    let (status, _) = alice.api.get("/api/admin/audit/export").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn failures_are_counted_and_not_listed_one_by_one() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let root = operator(&world);
    for attempt in 0..3 {
        let wrong = json!({ "user": format!("nobody{attempt}"), "password": "wrong" });
        let (status, _) = world
            .daarion
            .anonymous()
            .post("/api/auth/login", wrong)
            .await;
        assert!(status == 403 || status == 401 || status == 429, "{status}");
    }
    drop((root, alice));
    world.daarion.restart().await;
    let root = operator(&world);
    let page = answered(200, root.get(&format!("{ALL}?action=sign_in.failed")).await);
    let attempts = items(&page)
        .iter()
        .filter_map(|it| it["after"]["attempts"].as_u64());
    assert_eq!(
        (items(&page).len(), attempts.sum::<u64>()),
        (1, 3),
        "{page}"
    );
}

/// What an answered act has left behind after a kill, and an altered row.
#[tokio::test]
async fn acts_outlive_a_kill_and_an_altered_record_is_found() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let bob = Person::named(&world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let invitation = json!({ "member_id": bob.id() });
    answered(201, alice.api.post(&members_of(&channel), invitation).await);
    world.daarion.kill();
    world.daarion.launch().await;
    let invited = the_one(&alice, &channel, "member.invited", &bob.id()).await;
    assert_eq!(invited["from"]["via"], "service", "{invited}");
    verified(&world.daarion, true).await;

    let query = format!("{ALL}?action=member.invited&target={}", bob.id());
    let page = answered(200, operator(&world).get(&query).await);
    assert!(world.daarion.terminate().await.success());
    verified(&world.daarion, true).await;
    alter(&world.daarion, text(&items(&page)[0]["hash"]));
    let verdict = verified(&world.daarion, false).await;
    assert_eq!(verdict["broken"]["seq"], invited["seq"], "{verdict}");
    world.daarion.launch().await;
    verified(&world.daarion, false).await;
}

async fn verified(daarion: &Daarion, is_whole: bool) -> Value {
    let output = daarion.run_cli(&["audit", "verify", "--json"]).await;
    assert_eq!(output.status.success(), is_whole, "{output:?}");
    let verdict = serde_json::from_slice(&output.stdout).expect("JSON");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.contains("broken at record"), !is_whole, "{said}");
    verdict
}

/// Somebody with the right to write the file makes another name of who was invited.
fn alter(daarion: &Daarion, hash: &str) {
    use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
    const AUDIT: TableDefinition<u64, &[u8]> = TableDefinition::new("audit_v1");

    let path = daarion.data_dir().join("daarion.redb");
    let database = Database::open(path).expect("a database");
    let read = database.begin_read().expect("a transaction");
    let table = read.open_table(AUDIT).expect("a table");
    let found = table.iter().expect("rows").find_map(|row| {
        let (seq, value) = row.expect("a row");
        let text = String::from_utf8_lossy(value.value()).into_owned();
        let is_it = text.contains(hash) && text.contains("member.invited");
        is_it.then(|| (seq.value(), text.replace("user:bob", "user:eve")))
    });
    let (seq, altered) = found.expect("the record");
    drop((table, read));
    let write = database.begin_write().expect("a transaction");
    let mut table = write.open_table(AUDIT).expect("a table");
    table.insert(seq, altered.as_bytes()).expect("written");
    drop(table);
    write.commit().expect("committed");
}
