//! City rooms (`/api/city/rooms`) and the bridge's two operations on them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::daarion::{DaarionOptions, World, WorldOptions, shared_world};
use crate::homeserver::{MatrixUser, path, unique};
use crate::support::{
    Person, answered, column, eventually, items, merge, messages_of, path_of, refused, room_of,
    room_path, text, time,
};

const ROOMS: &str = "/api/city/rooms";

#[tokio::test]
async fn everybody_may_know_what_the_city_is_called() {
    let world = shared_world().await;
    let city = answered(200, world.daarion.anonymous().get("/api/city").await);
    let expected = json!({
        "name": "DAARION City",
        "server_name": "test.localhost",
        "room_prefix": "city_",
        "create": "members",
        // As the configuration has it when nobody has said anything.
        "create_agents": "operators",
    });
    assert_eq!(city, expected);
}

#[tokio::test]
async fn created_room_is_a_whole_room_on_the_homeserver() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let slug = unique("energy");
    let body = json!({ "name": "Енергія", "slug": slug, "description": "Про енергію" });
    let room = answered(201, alice.api.post(ROOMS, body).await);

    let alias = format!("#city_{slug}:test.localhost");
    let mut expected = json!({
        "id": format!("room_city_{slug}"),
        "slug": slug,
        "name": "Енергія",
        "description": "Про енергію",
        "members_online": 0,
        "last_event": null,
        "former_matrix_room_ids": [],
        "matrix_room_alias": alias,
        "status": "active",
        "visibility": "public",
        "created_by": alice.id(),
    });
    let given = ["is_default", "matrix_room_id", "channel_id", "created_at"];
    for field in given {
        expected[field] = room[field].clone();
    }
    assert_eq!(room, expected);
    let age = chrono::Utc::now() - time(&room["created_at"]).to_utc();
    assert!(age.num_seconds().abs() < 60, "{room}");

    let stranger = world.register_unique("stranger").await;
    assert_eq!(stranger.join(&alias).await, room_of(&room));
    let state = State::of(&stranger, &room).await;
    assert_eq!(
        state.content("m.room.name")["name"],
        "DAARION City — Енергія"
    );
    assert_eq!(state.content("m.room.topic")["topic"], "Про енергію");
    assert_eq!(state.content("m.room.join_rules")["join_rule"], "public");
    assert_eq!(state.content("m.room.canonical_alias")["alias"], alias);
    assert_eq!(
        state.event("m.room.create")["sender"],
        "@daarion:test.localhost"
    );
    assert_eq!(state.content("m.room.create")["room_version"], "12");
    // The creator of a version 12 room is above all levels and must not stand among them.
    let levels = state.content("m.room.power_levels");
    assert_eq!(levels["users"], json!({ alice.user_id(): 100 }));
    assert_eq!(levels["invite"], 0);
    assert_eq!(state.member(alice.user_id()), "join");
    assert_eq!(state.member("@daarion:test.localhost"), "join");

    let channel = state.event("city.daarion.channel");
    assert_eq!(channel["sender"], "@daarion:test.localhost");
    let expected = json!({
        "version": 1,
        "id": room["channel_id"],
        "kind": "city",
        "slug": slug,
        "microdao": "microdao:daarion",
        "visibility": "public",
        "confidential": false,
        "status": "active",
        "is_default": room["is_default"],
        "slow_mode_seconds": 0,
        "created_by": alice.id(),
        "created_at": time(&room["created_at"]).timestamp_millis(),
    });
    assert_eq!(channel["content"], expected);
}

#[tokio::test]
async fn room_is_created_once() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let room = alice.city_room(json!({})).await;
    let again = json!({ "name": "Інша", "slug": room["slug"] });
    refused(409, "conflict", bob.api.post(ROOMS, again.clone()).await);
    let service = world.daarion.service();
    let create = "/internal/matrix/rooms/create";
    refused(409, "conflict", service.post(create, again).await);
    let now = answered(200, bob.api.get(&room_path(&room)).await);
    assert_eq!(now["name"], room["name"]);
}

#[tokio::test]
async fn room_whose_alias_another_room_has_is_refused() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    // The prefix is ours alone, so only an administrator's room could take it: an alias that is
    // made beforehand by the connector for something else.
    let slug = unique("taken");
    let room = alice.city_room(json!({})).await;
    let alias = format!("#city_{slug}:test.localhost");
    let mut connector = alice.matrix.clone();
    connector.access_token = world.daarion.as_token().to_owned();
    let directory = path(&["_matrix", "client", "v3", "directory", "room", &alias]);
    let body = json!({ "room_id": room_of(&room) });
    let answer = connector.request(Method::PUT, &directory, Some(body)).await;
    answered(200, answer);
    let body = json!({ "name": "Зайнято", "slug": slug });
    refused(409, "conflict", alice.api.post(ROOMS, body).await);
    refused(
        404,
        "not_found",
        alice.api.get(&format!("{ROOMS}/{slug}")).await,
    );
}

#[tokio::test]
async fn without_a_homeserver_nothing_is_created_anywhere() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let before = alice.city_room(json!({ "slug": "before" })).await;
    world.homeserver.stop().await;

    let body = json!({ "name": "Енергія", "slug": "energy" });
    let request = alice.api.builder(Method::POST, ROOMS).json(&body);
    let response = request.send().await.expect("daarion answers");
    assert_eq!(response.status(), 503);
    let retry = response.headers().get("retry-after").expect("Retry-After");
    let retry: u64 = retry.to_str().expect("text").parse().expect("seconds");
    assert!((1..=60).contains(&retry), "{retry}");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["error"], "matrix_unavailable", "{body}");
    assert!(!text(&body["detail"]).is_empty());
    let create = "/internal/matrix/rooms/create";
    let service = world.daarion.service();
    let again = json!({ "name": "Енергія", "slug": "energy", "visibility": "public" });
    let answer = service.post(create, again.clone()).await;
    refused(503, "matrix_unavailable", answer);
    let rooms = answered(200, alice.api.get(ROOMS).await);
    assert_eq!(column(&rooms, "slug"), ["before"], "reading goes on");

    world.homeserver.launch().await;
    let find = "/internal/matrix/rooms/find-by-alias?alias=%23city_energy%3Atest.localhost";
    let answer = eventually("homeserver that daarion sees", async || {
        let answer = service.get(find).await;
        (answer.0 != 503).then_some(answer)
    })
    .await;
    refused(404, "not_found", answer);
    refused(
        404,
        "not_found",
        alice.api.get("/api/city/rooms/energy").await,
    );
    let room = alice.city_room(json!({ "slug": "energy" })).await;
    let rooms = answered(200, alice.api.get(ROOMS).await);
    assert_eq!(items(&rooms).len(), 2, "{rooms}");
    let found = answered(200, service.get(find).await);
    assert_eq!(found["matrix_room_id"], room["matrix_room_id"]);
    assert_ne!(found["matrix_room_id"], before["matrix_room_id"]);
    refused(409, "conflict", service.post(create, again).await);
}

#[tokio::test]
async fn slug_is_made_of_a_ukrainian_name() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let suffix = unique("x");
    let name = format!("Щастя Їжака в Україні — {suffix}!");
    let room = answered(201, alice.api.post(ROOMS, json!({ "name": name })).await);
    let slug = format!("shchastia-yizhaka-v-ukraini-{suffix}");
    assert_eq!(room["slug"], slug);
    assert_eq!(room["name"], name);
    let alias = format!("#city_{slug}:test.localhost");
    assert_eq!(room["matrix_room_alias"], alias);
    refused(
        409,
        "conflict",
        alice.api.post(ROOMS, json!({ "name": name })).await,
    );
}

#[tokio::test]
async fn bad_slugs_and_names_are_refused_and_named() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let long = "x".repeat(65);
    for slug in [
        "",
        " ",
        "Велика-кімната",
        "General",
        "a b",
        "a.b",
        "a/b",
        "#a",
        "🎉",
        "é",
        &long,
        "a\n",
        "а", // Cyrillic
    ] {
        let body = json!({ "name": "Кімната", "slug": slug });
        let words = refused(400, "bad_request", alice.api.post(ROOMS, body).await);
        assert!(words.starts_with("slug: "), "{slug:?}: {words}");
    }
    // Nothing to make a slug of.
    for name in ["🎉🎊", "漢字", "—"] {
        let answer = alice.api.post(ROOMS, json!({ "name": name })).await;
        let words = refused(400, "bad_request", answer);
        assert!(words.starts_with("slug: "), "{name:?}: {words}");
    }
    for name in ["", "  ", "two\nlines", "\u{0}", &"ж".repeat(129)] {
        let body = json!({ "name": name, "slug": unique("slug") });
        let words = refused(400, "bad_request", alice.api.post(ROOMS, body).await);
        assert!(words.starts_with("name: "), "{name:?}: {words}");
    }
    let body = json!({ "name": "ж".repeat(128), "slug": "y".repeat(63) + "0" });
    answered(201, alice.api.post(ROOMS, body).await);
}

#[tokio::test]
async fn list_shows_who_is_there_and_when_something_was_said() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let room = alice.city_room(json!({ "description": "Головна" })).await;
    bob.matrix.join(text(&room["matrix_room_alias"])).await;

    let listed = async || {
        let rooms = answered(200, alice.api.get(ROOMS).await);
        assert!(rooms.is_array(), "{rooms}");
        let mine = items(&rooms).iter().find(|it| it["id"] == room["id"]);
        mine.expect("the room is listed").clone()
    };
    assert_eq!(listed().await, room);
    for (presence, count) in [("online", 1), ("offline", 0), ("online", 1)] {
        bob.matrix.set_presence(presence).await;
        eventually(&format!("{presence} bob"), async || {
            (listed().await["members_online"] == count).then_some(())
        })
        .await;
    }
    let event = bob.matrix.send_text(room_of(&room), "Вітаю").await;
    let message = alice.wait_for_message(&room, &event, |_| true).await;
    let mut expected = room.clone();
    expected["members_online"] = json!(1);
    expected["last_event"] = listed().await["last_event"].clone();
    assert_eq!(listed().await, expected);
    let said = time(&expected["last_event"]);
    assert_eq!(said, time(&message["created_at"]));
    assert_eq!(
        answered(200, bob.api.get(&room_path(&room)).await),
        expected
    );
    refused(
        404,
        "not_found",
        bob.api.get("/api/city/rooms/nowhere").await,
    );
}

#[tokio::test]
async fn changes_are_seen_in_both_worlds() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let room = alice.city_room(json!({ "name": "Стара" })).await;
    let place = room_path(&room);
    bob.matrix.join(room_of(&room)).await;

    let patch = json!({ "name": "Нова", "description": "Що нового" });
    let changed = answered(200, alice.api.patch(&place, patch).await);
    let mut expected = room.clone();
    merge(
        &mut expected,
        json!({ "name": "Нова", "description": "Що нового" }),
    );
    assert_eq!(changed, expected);
    let state = State::of(&bob.matrix, &room).await;
    let name = state.event("m.room.name");
    assert_eq!(name["content"]["name"], "DAARION City — Нова");
    assert_eq!(
        name["sender"],
        alice.user_id(),
        "it was alice, not the connector"
    );
    assert_eq!(state.content("m.room.topic")["topic"], "Що нового");

    // A member, and somebody who is not even that.
    for person in [&bob, &Person::new(world, "stranger").await] {
        for patch in [json!({ "name": "Моя" }), json!({ "description": "Моє" })] {
            let answer = person.api.patch(&place, patch).await;
            refused(403, "forbidden", answer);
        }
    }
    assert_eq!(answered(200, bob.api.get(&place).await), expected);

    let matrix_name = json!({ "name": "DAARION City — Перейменована" });
    alice
        .matrix
        .set_state(room_of(&room), "m.room.name", "", matrix_name)
        .await;
    let topic = json!({ "topic": "З клієнта" });
    alice
        .matrix
        .set_state(room_of(&room), "m.room.topic", "", topic)
        .await;
    let seen = eventually("the rename in Matrix", async || {
        let seen = answered(200, bob.api.get(&place).await);
        (seen["name"] == "Перейменована" && seen["description"] == "З клієнта").then_some(seen)
    })
    .await;
    assert_eq!(seen["slug"], room["slug"]);

    let cleared = answered(
        200,
        alice.api.patch(&place, json!({ "description": "" })).await,
    );
    assert_eq!(cleared["description"], "");
    let nothing = answered(200, alice.api.patch(&place, json!({})).await);
    assert_eq!(nothing, cleared);
}

#[tokio::test]
async fn city_has_one_default_room() {
    let world = World::start_with(operated("members")).await;
    let alice = Person::named(&world, "alice").await;
    let bob = Person::named(&world, "bob").await;
    let olha = Person::named(&world, "olha").await;
    let default_of = async || {
        let rooms = answered(200, alice.api.get(ROOMS).await);
        let is_default = |room: &&Value| room["is_default"] == true;
        let slugs: Vec<_> = items(&rooms).iter().filter(is_default).collect();
        assert_eq!(slugs.len(), 1, "{rooms}");
        assert_eq!(items(&rooms)[0]["is_default"], true, "it stands first");
        text(&slugs[0]["slug"]).to_owned()
    };
    let first = alice
        .city_room(json!({ "slug": "zero", "name": "Яр" }))
        .await;
    assert_eq!(first["is_default"], true, "the first room is the way in");
    let second = alice
        .city_room(json!({ "slug": "one", "name": "Гай" }))
        .await;
    assert_eq!(second["is_default"], false);
    assert_eq!(default_of().await, "zero");

    let wanted = json!({ "is_default": true });
    let changed = alice.api.patch(&room_path(&second), wanted.clone()).await;
    assert_eq!(answered(200, changed)["is_default"], true);
    assert_eq!(default_of().await, "one");
    let answer = alice
        .api
        .patch(&room_path(&second), json!({ "is_default": false }))
        .await;
    refused(409, "conflict", answer);
    let answer = bob.api.patch(&room_path(&first), wanted.clone()).await;
    refused(403, "forbidden", answer);
    assert_eq!(default_of().await, "one");
    // An operator is anybody here, and does it where operators are.
    let answer = olha.api.patch(&room_path(&first), wanted.clone()).await;
    refused(403, "forbidden", answer);
    let place = format!("/api/admin/channels/{}", text(&first["channel_id"]));
    let changed = answered(200, olha.api.patch(&place, wanted).await);
    assert_eq!(changed["is_default"], true);
    assert_eq!(default_of().await, "zero");
    alice
        .city_room(json!({ "slug": "two", "is_default": true }))
        .await;
    assert_eq!(default_of().await, "two");

    let rooms = answered(200, alice.api.get(ROOMS).await);
    assert_eq!(
        column(&rooms, "slug"),
        ["two", "one", "zero"],
        "then by name"
    );
    world.daarion.restart().await;
    assert_eq!(answered(200, alice.api.get(ROOMS).await), rooms);
}

#[tokio::test]
async fn archived_room_is_read_and_not_written() {
    let world = World::start_with(operated("members")).await;
    let alice = Person::named(&world, "alice").await;
    let bob = Person::named(&world, "bob").await;
    let olha = Person::named(&world, "olha").await;
    let room = alice.city_room(json!({})).await;
    let said = bob.say(&room, "Доки можна").await;
    let (archive, unarchive) = (
        format!("{}/archive", room_path(&room)),
        format!("{}/unarchive", room_path(&room)),
    );

    refused(
        403,
        "forbidden",
        bob.api.request(Method::POST, &archive, None).await,
    );
    let archived = answered(200, alice.api.request(Method::POST, &archive, None).await);
    assert_eq!(archived["status"], "archived");
    assert_eq!(
        answered(200, alice.api.request(Method::POST, &archive, None).await)["status"],
        "archived",
        "archiving again changes nothing"
    );
    let listed = answered(200, bob.api.get(ROOMS).await);
    assert_eq!(items(&listed)[0]["status"], "archived");
    let state = State::of(&bob.matrix, &room).await;
    assert_eq!(state.content("city.daarion.channel")["status"], "archived");
    for person in [&alice, &bob] {
        let answer = person
            .api
            .post(&messages_of(&room), json!({ "text": "Ще" }))
            .await;
        refused(403, "M_FORBIDDEN", answer);
    }
    let page = bob.messages(&room, "").await;
    assert_eq!(column(&page, "id"), [text(&said["id"])]);

    for person in [&bob, &olha] {
        let answer = person.api.request(Method::POST, &unarchive, None).await;
        refused(403, "forbidden", answer);
    }
    let place = format!("/api/admin/channels/{}", text(&room["channel_id"]));
    let unarchive = format!("{place}/unarchive");
    let active = answered(200, olha.api.request(Method::POST, &unarchive, None).await);
    assert_eq!(active["status"], "active", "an operator may");
    bob.say(&room, "Знову").await;
    let nowhere = "/api/city/rooms/nowhere/archive";
    refused(
        404,
        "not_found",
        alice.api.request(Method::POST, nowhere, None).await,
    );
}

#[tokio::test]
async fn only_operators_create_where_the_configuration_says_so() {
    let world = World::start_with(operated("operators")).await;
    let alice = Person::named(&world, "alice").await;
    let olha = Person::named(&world, "olha").await;
    let body = json!({ "name": "Площа" });
    refused(403, "forbidden", alice.api.post(ROOMS, body.clone()).await);
    let room = answered(201, olha.api.post(ROOMS, body).await);
    assert_eq!(room["created_by"], "user:olha");
    alice.channel(json!({})).await;
}

#[tokio::test]
async fn services_create_rooms_and_find_them_by_alias() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let slug = unique("energy");
    let body = json!({ "slug": slug, "name": "Energy", "visibility": "public" });
    let created = service.post("/internal/matrix/rooms/create", body).await;
    let created = answered(200, created);
    let alias = format!("#city_{slug}:test.localhost");
    let room_id = text(&created["matrix_room_id"]);
    assert!(room_id.starts_with('!'), "{created}");
    let expected = json!({ "matrix_room_id": room_id, "matrix_room_alias": alias });
    assert_eq!(created, expected);

    let find = async |alias: &str| {
        let query: String = url::form_urlencoded::byte_serialize(alias.as_bytes()).collect();
        let path = format!("/internal/matrix/rooms/find-by-alias?alias={query}");
        service.get(&path).await
    };
    assert_eq!(answered(200, find(&alias).await), expected);
    refused(404, "not_found", find("#city_nowhere:test.localhost").await);
    for bad in [
        "",
        "general",
        "city_general:test.localhost",
        "#general",
        "!a:b",
    ] {
        let words = refused(400, "bad_request", find(bad).await);
        assert!(words.contains("alias"), "{bad:?}: {words}");
    }
    let answer = service.get("/internal/matrix/rooms/find-by-alias").await;
    assert!(refused(400, "bad_request", answer).contains("alias"));

    let alice = Person::new(world, "alice").await;
    let room = answered(200, alice.api.get(&format!("{ROOMS}/{slug}")).await);
    assert_eq!(room["name"], "Energy");
    assert_eq!(room["created_by"], Value::Null);
    assert_eq!(alice.matrix.join(&alias).await, room_id);
    // Rooms that are nobody's channel are found as well.
    let name = unique("square");
    let options = json!({ "preset": "public_chat", "room_alias_name": name });
    let square = alice.matrix.create_room(options).await;
    let found = answered(200, find(&format!("#{name}:test.localhost")).await);
    assert_eq!(found["matrix_room_id"], square);
}

#[tokio::test]
async fn private_room_does_not_exist_for_others() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let room = alice.city_room(json!({ "visibility": "private" })).await;
    assert_eq!(room["visibility"], "private");
    let place = room_path(&room);
    let rooms = answered(200, bob.api.get(ROOMS).await);
    assert!(!column(&rooms, "slug").contains(&text(&room["slug"])));
    refused(404, "not_found", bob.api.get(&place).await);
    refused(
        404,
        "not_found",
        bob.api.patch(&place, json!({ "name": "Моя" })).await,
    );
    let archive = format!("{place}/archive");
    refused(
        404,
        "not_found",
        bob.api.request(Method::POST, &archive, None).await,
    );
    refused(404, "M_NOT_FOUND", bob.api.get(&path_of(&room)).await);
    let join = path(&["_matrix", "client", "v3", "join", room_of(&room)]);
    let (status, _) = bob
        .matrix
        .request(Method::POST, &join, Some(json!({})))
        .await;
    assert_eq!(status, 403, "Matrix keeps the door, too");

    let rooms = answered(200, alice.api.get(ROOMS).await);
    assert!(column(&rooms, "slug").contains(&text(&room["slug"])));
    alice.matrix.invite(room_of(&room), bob.user_id()).await;
    eventually("the room for the invited", async || {
        (bob.api.get(&place).await.0 == 200).then_some(())
    })
    .await;
    bob.matrix.join(room_of(&room)).await;
    bob.matrix.leave(room_of(&room)).await;
    eventually("nothing for those who left", async || {
        (bob.api.get(&place).await.0 == 404).then_some(())
    })
    .await;
}

#[tokio::test]
async fn rooms_of_version_11_work_as_well() {
    let world = World::start_with(WorldOptions {
        homeserver_settings: Some(json!({ "default_room_version": "11" })),
        ..WorldOptions::default()
    })
    .await;
    let alice = Person::named(&world, "alice").await;
    let bob = Person::named(&world, "bob").await;
    let room = alice.city_room(json!({ "name": "Стара версія" })).await;
    assert!(room_of(&room).ends_with(":test.localhost"), "{room}");
    bob.matrix.join(text(&room["matrix_room_alias"])).await;
    let state = State::of(&bob.matrix, &room).await;
    assert_eq!(state.content("m.room.create")["room_version"], "11");
    let users = &state.content("m.room.power_levels")["users"];
    let expected = json!({ "@daarion:test.localhost": 100, alice.user_id(): 100 });
    assert_eq!(*users, expected);
    assert_eq!(state.content("city.daarion.channel")["slug"], room["slug"]);

    let event = bob.matrix.send_text(room_of(&room), "Чути?").await;
    let heard = alice.wait_for_message(&room, &event, |_| true).await;
    let reply = json!({ "text": "Так", "reply_to": heard["id"] });
    let reply = alice.send(&room, reply).await;
    bob.matrix.redact(room_of(&room), &event).await;
    alice
        .wait_for_message(&room, &event, |it| it["deleted"] == true)
        .await;
    let seen = bob.matrix.wait_for_text(room_of(&room), "Так").await;
    assert_eq!(seen["event_id"], reply["matrix_event_id"]);
    let archive = format!("{}/archive", room_path(&room));
    let archived = alice.api.request(Method::POST, &archive, None).await;
    assert_eq!(answered(200, archived)["status"], "archived");
}

/// A world in which `user:olha` is an operator.
fn operated(create: &str) -> WorldOptions {
    let options = DaarionOptions::default()
        .set("auth.operators", "[\"@olha:test.localhost\"]")
        .set("city.create", &format!("{create:?}"));
    WorldOptions {
        daarion: options,
        ..WorldOptions::default()
    }
}

/// A Matrix room's state as one of its members sees it.
struct State(Vec<Value>);

impl State {
    async fn of(user: &MatrixUser, room: &Value) -> Self {
        Self(user.state(room_of(room)).await)
    }

    fn event(&self, kind: &str) -> &Value {
        let found = self.0.iter().find(|event| event["type"] == kind);
        found.unwrap_or_else(|| panic!("no {kind} in {:?}", self.0))
    }

    fn content(&self, kind: &str) -> &Value {
        &self.event(kind)["content"]
    }

    fn member(&self, user: &str) -> &Value {
        let is_theirs =
            |event: &&Value| event["type"] == "m.room.member" && event["state_key"] == user;
        let found = self.0.iter().find(is_theirs);
        &found.unwrap_or_else(|| panic!("{user} is not there"))["content"]["membership"]
    }
}
