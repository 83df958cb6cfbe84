//! The index is a copy: thrown away, it comes back the same, from the journal or from the
//! homeserver alone.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::daarion::{Caller, Daarion, DaarionOptions, World};
use crate::homeserver::MatrixUser;
use crate::proxy::{Action, Proxy};
use crate::support::{
    Listener, Room, all, city_room, command, eventually, text, until_whole, world_behind_proxy,
};

/// Pages of history that a walk through a busy room needs, at a hundred events each.
const PAGES: usize = 4;

/// A city with something of everything in it.
struct City {
    world: World,
    /// Between daarion and the homeserver.
    proxy: Proxy,
    alice: MatrixUser,
    api: Caller,
    busy: Room,
}

impl City {
    async fn start() -> Self {
        let (world, proxy) = world_behind_proxy(DaarionOptions {
            heal_interval: "12h".into(),
            ..DaarionOptions::default()
        })
        .await;
        let alice = world.register("alice").await;
        let api = world.daarion.api_as("user:alice");
        let busy = city_room(&api, "busy").await;
        Self {
            world,
            proxy,
            alice,
            api,
            busy,
        }
    }

    fn daarion(&self) -> &Daarion {
        &self.world.daarion
    }

    /// Fills the busy room, so that a walk through it takes several pages.
    async fn fill(&self) {
        for number in 0..PAGES * 100 {
            self.alice
                .send_text(&self.busy.matrix, &format!("number {number}"))
                .await;
        }
        self.settle().await;
    }

    /// Something of everything that a channel can hold.
    async fn live(&self) {
        let (world, alice, api) = (&self.world, &self.alice, &self.api);
        let bob = world.register("bob").await;
        let carol = world.register("carol").await;
        let dave = world.register("dave").await;
        self.say_all_kinds(&bob).await;
        self.agents().await;

        carol.join(&self.busy.matrix).await;
        carol.leave(&self.busy.matrix).await;
        alice.invite(&self.busy.matrix, &carol.user_id).await;
        dave.join(&self.busy.matrix).await;
        let ban = json!({ "membership": "ban" });
        alice
            .set_state(&self.busy.matrix, "m.room.member", &dave.user_id, ban)
            .await;

        let quiet = city_room(api, "quiet").await;
        let name = json!({ "name": "DAARION City — Перейменована" });
        alice
            .set_state(&quiet.matrix, "m.room.name", "", name)
            .await;
        let patch = json!({ "description": "Тут тихо", "is_default": true });
        let (status, answer) = api.patch("/api/city/rooms/quiet", patch).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        city_room(api, "old").await;
        let (status, answer) = api.post("/api/city/rooms/old/archive", json!(null)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");

        let guild = json!({
            "slug": "guild",
            "name": "Гільдія",
            "description": "Лише свої",
            "microdao_id": "microdao:guild",
            "visibility": "private",
        });
        let guild = self.channel(guild).await;
        alice.invite(&guild.matrix, &bob.user_id).await;
        bob.join(&guild.matrix).await;
        bob.send_text(&guild.matrix, "між нами").await;
        self.close_and_encrypt().await;
        let secret = json!({ "slug": "secret", "name": "Secret", "confidential": true });
        let secret = self.channel(secret).await;
        let sealed = json!({
            "algorithm": "m.megolm.v1.aes-sha2",
            "ciphertext": "sealed",
            "session_id": "session",
        });
        alice
            .send_event(&secret.matrix, "m.room.encrypted", sealed)
            .await;
        self.settle().await;
    }

    /// A channel that is made private in a client, and one that is encrypted there.
    async fn close_and_encrypt(&self) {
        let closed = self
            .channel(json!({ "slug": "closed", "name": "Closed" }))
            .await;
        self.alice.send_text(&closed.matrix, "to all").await;
        for rule in ["invite", "public", "invite"] {
            let rule = json!({ "join_rule": rule });
            self.alice
                .set_state(&closed.matrix, "m.room.join_rules", "", rule)
                .await;
        }
        self.alice.send_text(&closed.matrix, "to members").await;
        let hushed = self
            .channel(json!({ "slug": "hushed", "name": "Hushed" }))
            .await;
        self.alice.send_text(&hushed.matrix, "aloud").await;
        let megolm = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
        self.alice
            .set_state(&hushed.matrix, "m.room.encryption", "", megolm)
            .await;
        self.alice.send_text(&hushed.matrix, "still aloud").await;
    }

    async fn channel(&self, body: Value) -> Room {
        let slug = text(&body, "slug");
        let (status, channel) = self.api.post("/api/messaging/channels", body).await;
        assert_eq!(status, StatusCode::CREATED, "{channel}");
        Room {
            slug,
            channel: text(&channel, "id"),
            matrix: text(&channel, "matrix_room_id"),
        }
    }

    async fn say_all_kinds(&self, bob: &MatrixUser) {
        let (alice, room) = (&self.alice, &self.busy.matrix);
        bob.join(room).await;
        let root = alice.send_text(room, "root").await;
        let edited = bob.send_text(room, "to be edited").await;
        let deleted = bob.send_text(room, "to be deleted").await;
        let edited_then_deleted = bob.send_text(room, "to be edited and deleted").await;
        alice.send_text(room, &"дуже довго ".repeat(100)).await;
        for target in [&edited, &edited, &edited_then_deleted] {
            let content = json!({
                "msgtype": "m.text",
                "body": "* edited",
                "m.new_content": { "msgtype": "m.text", "body": format!("edited {target}") },
                "m.relates_to": { "rel_type": "m.replace", "event_id": target },
            });
            bob.send_event(room, "m.room.message", content).await;
        }
        alice.redact(room, &deleted).await;
        bob.redact(room, &edited_then_deleted).await;
        alice.react(room, &edited, "🎉").await;
        bob.react(room, &edited, "🎉").await;
        bob.react(room, &root, "👍").await;
        let taken_back = alice.react(room, &root, "👍").await;
        alice.redact(room, &taken_back).await;
        for pinned in [vec![&root, &edited], vec![&edited, &deleted]] {
            let pinned = json!({ "pinned": pinned });
            alice
                .set_state(room, "m.room.pinned_events", "", pinned)
                .await;
        }
        let contents = [
            json!({
                "msgtype": "m.text",
                "body": "> root\n\na reply",
                "m.relates_to": { "m.in_reply_to": { "event_id": root } },
            }),
            json!({
                "msgtype": "m.text",
                "body": "in a thread",
                "m.relates_to": {
                    "rel_type": "m.thread",
                    "event_id": root,
                    "is_falling_back": true,
                    "m.in_reply_to": { "event_id": root },
                },
            }),
            json!({
                "msgtype": "m.image",
                "body": "a picture.png",
                "url": "mxc://test.localhost/picture",
                "info": { "mimetype": "image/png", "size": 12_345, "w": 10, "h": 10 },
            }),
            json!({ "msgtype": "m.emote", "body": "waves" }),
            json!({
                "msgtype": "m.text",
                "body": "bold",
                "format": "org.matrix.custom.html",
                "formatted_body": "<b>bold</b>",
            }),
        ];
        for content in contents {
            bob.send_event(room, "m.room.message", content).await;
        }
        let path = format!("/api/messaging/channels/{}/messages", self.busy.channel);
        let body = json!({ "text": "**сильно**", "format": "markdown" });
        let (status, sent) = self.api.post(&path, body).await;
        assert_eq!(status, StatusCode::CREATED, "{sent}");
        let body = json!({ "text": "answered", "reply_to": text(&sent, "id") });
        let (status, sent) = self.api.post(&path, body).await;
        assert_eq!(status, StatusCode::CREATED, "{sent}");
    }

    async fn agents(&self) {
        let service = self.daarion().service();
        for name in ["sofia", "yaromir"] {
            let id = format!("agent:{name}");
            let body = json!({ "id": id, "display_name": format!("Agent {name}") });
            let (status, agent) = service.post("/internal/agents", body).await;
            assert_eq!(status, StatusCode::CREATED, "{agent}");
            let path = format!("/api/messaging/channels/{}/members", self.busy.channel);
            let (status, answer) = self.api.post(&path, json!({ "member_id": id })).await;
            assert_eq!(status, StatusCode::CREATED, "{answer}");
            let path = format!("/internal/agents/{id}/post-to-channel");
            let body = json!({ "channel_id": self.busy.channel, "text": format!("I am {name}") });
            let (status, answer) = service.post(&path, body).await;
            assert_eq!(status, StatusCode::CREATED, "{answer}");
        }
    }

    /// Waits until everything that has happened is in the index.
    async fn settle(&self) {
        command(self.daarion(), &["heal"]).await;
    }

    /// All that the API tells of everything.
    async fn view(&self) -> Value {
        let mut view = json!({});
        for name in ["alice", "bob"] {
            let caller = self.daarion().api_as(&format!("user:{name}"));
            view[name] = self.view_of(&caller).await;
        }
        let mut agents = all(&self.daarion().service(), "/internal/agents").await;
        for agent in &mut agents {
            // Matrix does not know when an agent was registered with us.
            agent["created_at"] = json!(null);
        }
        view["agents"] = json!(agents);
        view
    }

    async fn view_of(&self, caller: &Caller) -> Value {
        let (_, city) = caller.get("/api/city/rooms").await;
        let channels = all(caller, "/api/messaging/channels").await;
        let mut details = json!({});
        for channel in &channels {
            let id = text(channel, "id");
            let path = format!("/api/messaging/channels/{id}");
            let mut members = json!({});
            for membership in ["invited", "joined", "left", "banned"] {
                let path = format!("{path}/members?membership={membership}");
                members[membership] = json!(all(caller, &path).await);
            }
            let newest_first = all(caller, &format!("{path}/messages")).await;
            let mut reactions = json!({});
            for message in &newest_first {
                let id = text(message, "id");
                let path = format!("{path}/messages/{id}/reactions");
                reactions[id] = json!(all(caller, &path).await);
            }
            details[text(channel, "slug")] = json!({
                "channel": caller.get(&path).await.1,
                "newest_first": newest_first,
                "reactions": reactions,
                "threads": all(caller, &format!("{path}/threads")).await,
                "pins": all(caller, &format!("{path}/pins")).await,
                "in_full": all(caller, &format!("{path}/messages?order=asc&content=full")).await,
                "members": members,
            });
        }
        json!({ "city": city, "channels": channels, "details": details })
    }

    async fn expect_view(&self, expected: &Value, when: &str) {
        let view = self.view().await;
        let mut differences = Vec::new();
        compare("", expected, &view, &mut differences);
        assert!(
            differences.is_empty(),
            "{when}:\n{}",
            differences.join("\n")
        );
    }

    /// Waits until the API tells what it told before.
    async fn until_view(&self, expected: &Value, when: &str) {
        eventually(when, async || {
            let view = self.view().await;
            let mut differences = Vec::new();
            compare("", expected, &view, &mut differences);
            match differences.is_empty() {
                true => Ok(()),
                false => Err(differences.join("\n")),
            }
        })
        .await;
    }

    fn delete_data(&self) {
        fs::remove_dir_all(self.daarion().data_dir()).expect("the data can be deleted");
    }
}

/// Notes where two values differ.
fn compare(path: &str, before: &Value, after: &Value, differences: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<_> = a.keys().chain(b.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let field = |of: &Value| of.get(key).cloned().unwrap_or(json!("(none)"));
                compare(
                    &format!("{path}/{key}"),
                    &field(before),
                    &field(after),
                    differences,
                );
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}/{at}"), a, b, differences);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            differences.push(format!("{path}: {} before, {} after", a.len(), b.len()));
        }
        (before, after) if before != after => {
            differences.push(format!("{path}: {before} before, {after} after"));
        }
        _ => {}
    }
}

#[tokio::test]
async fn everything_comes_back_the_same_from_the_journal_and_from_the_homeserver() {
    let city = City::start().await;
    city.live().await;
    let before = city.view().await;
    let daarion = city.daarion();

    let report = command(daarion, &["reindex"]).await;
    assert_eq!(report["failed"], 0, "{report}");
    assert_eq!(report["channels"], 7, "{report}");
    city.expect_view(&before, "from the journal").await;
    command(daarion, &["reindex", "--from-homeserver"]).await;
    city.expect_view(&before, "from the homeserver, the daemon being up")
        .await;
    command(daarion, &["reindex"]).await;
    city.expect_view(&before, "from a journal that holds a rebuild")
        .await;

    daarion.terminate().await;
    city.delete_data();
    let rebuilt = command(daarion, &["reindex", "--from-homeserver"]).await;
    assert_eq!(rebuilt, report);
    daarion.launch().await;
    city.expect_view(&before, "from the homeserver alone").await;
    command(daarion, &["reindex"]).await;
    city.expect_view(&before, "from the journal of a rebuild")
        .await;

    daarion.kill();
    city.delete_data();
    daarion.launch().await;
    city.until_view(&before, "by the start on an empty directory")
        .await;
}

#[tokio::test]
async fn interrupted_rebuild_goes_on_at_the_next_start() {
    let city = City::start().await;
    city.fill().await;
    let before = city.view().await;
    let daarion = city.daarion();

    // Alone, on an empty directory.
    daarion.terminate().await;
    city.delete_data();
    city.rebuild_to_the_third_page().await.kill();
    city.proxy.open();
    daarion.launch().await;
    city.until_view(&before, "by the start after an interrupted command")
        .await;

    // By the daemon, which is killed.
    let mut command = city.rebuild_to_the_third_page().await;
    daarion.kill();
    command.kill();
    city.proxy.open();
    daarion.launch().await;
    city.until_view(&before, "by the start after an interrupted daemon")
        .await;

    // By the start on an empty directory, which is killed.
    daarion.kill();
    city.delete_data();
    city.proxy.set("from=", Action::HoldRequest);
    daarion.spawn();
    city.proxy.until_held(1).await;
    daarion.kill();
    city.proxy.open();
    daarion.launch().await;
    city.until_view(&before, "by the start after an interrupted start")
        .await;
}

impl City {
    /// Begins to rebuild and stops before a later page of the busy room's history.
    async fn rebuild_to_the_third_page(&self) -> crate::homeserver::child::Child {
        // The first page has no `from`.
        self.proxy.set("from=", Action::HoldRequest);
        let child = self.daarion().spawn_cli(&["reindex", "--from-homeserver"]);
        self.proxy.until_held(1).await;
        child
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_during_a_rebuild_is_not_lost() {
    let city = City::start().await;
    let bob = city.world.register("bob").await;
    bob.join(&city.busy.matrix).await;
    let enough = AtomicBool::new(false);
    let by_matrix = async {
        while !enough.load(Ordering::Relaxed) {
            bob.send_text(&city.busy.matrix, "by Matrix").await;
        }
    };
    let by_api = async {
        let path = format!("/api/messaging/channels/{}/messages", city.busy.channel);
        while !enough.load(Ordering::Relaxed) {
            let (status, answer) = city.api.post(&path, json!({ "text": "by the API" })).await;
            // In the middle of a rebuild the channel is not there for a moment.
            let expected = [StatusCode::CREATED, StatusCode::NOT_FOUND];
            assert!(expected.contains(&status), "{status} {answer}");
        }
    };
    let rebuilds = async {
        for _ in 0..8 {
            command(city.daarion(), &["reindex", "--from-homeserver"]).await;
            command(city.daarion(), &["reindex"]).await;
        }
        enough.store(true, Ordering::Relaxed);
    };
    tokio::join!(by_matrix, by_api, rebuilds);
    until_whole(&city.api, &city.busy, &city.alice).await;
}

#[tokio::test]
async fn live_streams_are_told_of_what_is_said_during_a_rebuild_and_of_nothing_older() {
    let city = City::start().await;
    let daarion = city.daarion();
    city.alice.send_text(&city.busy.matrix, "old").await;
    city.settle().await;
    let listener = Listener::start(city.api.clone(), &city.busy.channel).await;
    let foreign = async || {
        let status = command(daarion, &["status"]).await;
        status["since_start"]["foreign_events"].as_u64()
    };

    city.proxy.set("joined_rooms", Action::HoldRequest);
    let mut rebuild = daarion.spawn_cli(&["reindex", "--from-homeserver"]);
    city.proxy.until_held(1).await;
    // The index is empty: nobody knows whose room this is.
    let before = foreign().await;
    let said = city.alice.send_text(&city.busy.matrix, "meanwhile").await;
    eventually("it is pushed", async || match foreign().await {
        now if now > before => Ok(()),
        now => Err(now),
    })
    .await;
    city.proxy.open();
    assert_eq!(listener.until(&said).await, [said]);
    eventually("the rebuild ends", async || {
        match command(daarion, &["status"]).await["rebuilding"] {
            Value::Bool(false) => Ok(()),
            _ => Err(()),
        }
    })
    .await;
    assert_eq!(listener.heard().len(), 1);
    rebuild.kill();
}

#[tokio::test]
async fn rebuild_ends_though_a_channel_can_never_be_read() {
    let city = City::start().await;
    let daarion = city.daarion();
    city.proxy.set("/messages", Action::Refuse);
    let output = daarion
        .run_cli(&["reindex", "--from-homeserver", "--json"])
        .await;
    let report: Value = serde_json::from_slice(&output.stdout).expect("--json prints JSON");
    assert_eq!(report["failed"], 1, "{report}");
    assert_eq!(command(daarion, &["status"]).await["rebuilding"], false);
    city.proxy.open();
    city.alice.send_text(&city.busy.matrix, "after").await;
    city.settle().await;
    until_whole(&city.api, &city.busy, &city.alice).await;
}
