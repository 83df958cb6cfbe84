//! People with matrix-nio, a client that we did not write: what they do there shows here, and what is
//! done here shows there.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::daarion::{World, shared_world};
use crate::python::python;
use crate::support::{
    Person, answered, column, eventually, items, members_of, message_path, messages_of, path_of,
    room_of, text,
};
use crate::world::{ban_path, becomes, member_path, seen};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/people/client.py");
const THUMB: &str = "👍";

/// Somebody's client, which ends with this.
struct Client {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// All that it was ever told.
    events: Vec<Value>,
}

impl Client {
    async fn of(world: &World, person: &Person) -> Self {
        let matrix = &person.matrix;
        let mut process = Command::new(python().await)
            .arg(SCRIPT)
            .args([
                world.homeserver.base_url(),
                &matrix.user_id,
                &matrix.password,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Python can be run");
        let output = process.stdout.take().expect("a pipe");
        Self {
            input: process.stdin.take().expect("a pipe"),
            output: BufReader::new(output).lines(),
            _process: process,
            events: Vec::new(),
        }
    }

    async fn call(&mut self, line: Value) -> Value {
        let sent = self.input.write_all(format!("{line}\n").as_bytes()).await;
        sent.expect("the client reads");
        let said = self.output.next_line().await.expect("the client writes");
        let said = said.unwrap_or_else(|| panic!("the client ended at {line}"));
        serde_json::from_str(&said).expect("JSON")
    }

    /// Sends an event, and says which it became.
    async fn send(&mut self, room: &str, kind: &str, content: Value) -> String {
        let sent = self.call(json!(["room_send", room, kind, content])).await;
        text(&sent["event_id"]).to_owned()
    }

    async fn say(&mut self, room: &str, words: &str, relation: Value) -> String {
        let mut content = json!({ "msgtype": "m.text", "body": words });
        if relation["rel_type"] == "m.replace" {
            content["m.new_content"] = content.clone();
            content["body"] = json!(format!("* {words}"));
        }
        if !relation.is_null() {
            content["m.relates_to"] = relation;
        }
        self.send(room, "m.room.message", content).await
    }

    /// What it knows by now.
    async fn look(&mut self) -> Value {
        let seen = self.call(json!(["sync"])).await;
        self.events.extend(items(&seen["events"]).iter().cloned());
        seen
    }

    /// Waits for an event.
    async fn sees(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || {
            self.look().await;
            self.events.iter().find(|event| is_it(event)).cloned()
        })
        .await
    }

    /// Waits until a person has become this in the room.
    async fn sees_member(&mut self, person: &Person, membership: &str) {
        let what = format!("{} as {membership}", person.id());
        self.sees(&what, |event| {
            event["class"] == "RoomMemberEvent"
                && event["state_key"] == person.user_id()
                && event["content"]["membership"] == membership
        })
        .await;
    }
}

/// A channel that takes knocks, its owner and somebody who has come in by that: asked for there,
/// granted here, seen there.
async fn begin(world: &World) -> (Person, Client, Person, Client, Value) {
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let mut owner = Client::of(world, &alice).await;
    let mut client = Client::of(world, &bob).await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let place = format!("{}/knocking", path_of(&channel));
    answered(
        200,
        alice.api.put(&place, json!({ "accepted": true })).await,
    );
    let room = room_of(&channel);
    owner.look().await;
    client.call(json!(["room_knock", room, "Пустіть"])).await;
    let knocks = format!("{}/knocks", path_of(&channel));
    eventually("the knock", async || {
        let listed = answered(200, alice.api.get(&knocks).await);
        (column(&listed, "reason") == ["Пустіть"]).then_some(())
    })
    .await;
    owner.sees_member(&bob, "knock").await;
    let answer = format!("{knocks}/{}", bob.id());
    answered(200, alice.api.put(&answer, Value::Null).await);
    eventually("the invitation", async || {
        let invited = client.look().await;
        let is_there = items(&invited["invites"]).iter().any(|it| it == room);
        is_there.then_some(())
    })
    .await;
    client.call(json!(["join", room])).await;
    becomes(&alice, &channel, &bob, "membership", json!("joined")).await;
    owner.sees_member(&bob, "join").await;
    (alice, owner, bob, client, channel)
}

#[tokio::test]
async fn what_a_client_of_others_says_shows_here() {
    let world = shared_world().await;
    let (alice, mut owner, bob, mut client, channel) = begin(world).await;
    let room = room_of(&channel);
    let root = client.say(room, "Перше", Value::Null).await;
    let change = json!({ "rel_type": "m.replace", "event_id": root });
    client.say(room, "Інше", change).await;
    let edited = |message: &Value| message["edited"] == true;
    let message = alice.wait_for_message(&channel, &root, edited).await;
    assert_eq!(message["content_preview"], "Інше");
    assert_eq!(message["sender_id"], *bob.id());

    let relation = json!({ "rel_type": "m.thread", "event_id": root });
    let threaded = client.say(room, "У гілці", relation).await;
    let threaded = alice.wait_for_message(&channel, &threaded, |_| true).await;
    assert_eq!(threaded["thread_id"], message["id"]);
    let thread = format!("{}/threads/{}", path_of(&channel), text(&message["id"]));
    let thread = answered(200, alice.api.get(&thread).await);
    assert_eq!(thread["count"], 1, "{thread}");

    let relation = json!({ "rel_type": "m.annotation", "event_id": root, "key": THUMB });
    let reaction = json!({ "m.relates_to": relation });
    let reaction = client.send(room, "m.reaction", reaction).await;
    let shown = json!([{ "key": THUMB, "count": 1 }]);
    let reacted = |message: &Value| message["reactions"] == shown;
    alice.wait_for_message(&channel, &root, reacted).await;
    client.call(json!(["room_redact", room, reaction])).await;
    let plain = |message: &Value| message["reactions"] == json!([]);
    alice.wait_for_message(&channel, &root, plain).await;

    // The owner's client takes the word of another, and pins.
    let spam = client.say(room, "Реклама", Value::Null).await;
    owner
        .call(json!(["room_redact", room, spam, "Галас"]))
        .await;
    let deleted = |message: &Value| message["deleted"] == true;
    let gone = alice.wait_for_message(&channel, &spam, deleted).await;
    assert_eq!(gone["content_preview"], "");
    let pinned = json!({ "pinned": [root] });
    owner
        .call(json!([
            "room_put_state",
            room,
            "m.room.pinned_events",
            pinned
        ]))
        .await;
    let is_pinned = |message: &Value| message["pinned"] == true;
    alice.wait_for_message(&channel, &root, is_pinned).await;
    let pins = format!("{}/pins", path_of(&channel));
    let listed = answered(200, bob.api.get(&pins).await);
    assert_eq!(column(&listed, "matrix_event_id"), [root.as_str()]);
}

#[tokio::test]
async fn whom_a_client_of_others_moves_is_moved_here() {
    let world = shared_world().await;
    let (alice, mut owner, bob, mut client, channel) = begin(world).await;
    let room = room_of(&channel);
    let carol = Person::new(world, "carol").await;
    let mut third = Client::of(world, &carol).await;
    let kind = "m.room.power_levels";
    let levels = alice.matrix.state_event(room, kind, "").await;
    let mut levels = levels.expect("levels");
    levels["users"][bob.user_id()] = json!(50);
    owner
        .call(json!(["room_put_state", room, kind, levels]))
        .await;
    becomes(&alice, &channel, &bob, "role", json!("moderator")).await;

    client
        .call(json!(["room_invite", room, carol.user_id()]))
        .await;
    becomes(&alice, &channel, &carol, "membership", json!("invited")).await;
    third.call(json!(["join", room])).await;
    becomes(&alice, &channel, &carol, "membership", json!("joined")).await;
    third.call(json!(["room_leave", room])).await;
    becomes(&alice, &channel, &carol, "membership", json!("left")).await;
    client
        .call(json!(["room_ban", room, carol.user_id(), "Галас"]))
        .await;
    let bans = format!("{}/bans", path_of(&channel));
    let banned = eventually("the ban", async || {
        let listed = answered(200, alice.api.get(&bans).await);
        items(&listed).first().cloned()
    })
    .await;
    assert_eq!(
        (&banned["matrix_user_id"], &banned["reason"]),
        (&json!(carol.user_id()), &json!("Галас"))
    );
    client
        .call(json!(["room_unban", room, carol.user_id()]))
        .await;
    becomes(&alice, &channel, &carol, "membership", json!("left")).await;
    owner
        .call(json!(["room_kick", room, bob.user_id(), "Досить"]))
        .await;
    becomes(&alice, &channel, &bob, "membership", json!("left")).await;
    assert_eq!(seen(&alice, &channel, &bob).await["reason"], "Досить");
}

#[tokio::test]
async fn what_is_said_here_shows_in_a_client_of_others() {
    let world = shared_world().await;
    let (alice, _owner, bob, mut client, channel) = begin(world).await;
    let root = alice.say(&channel, "Перше").await;
    let event = text(&root["matrix_event_id"]).to_owned();
    let relation = |event: &Value| event["content"]["m.relates_to"].clone();
    let said = client
        .sees("the message", |it| it["event_id"] == *event)
        .await;
    assert_eq!(
        (&said["class"], &said["sender"], &said["content"]["body"]),
        (
            &json!("RoomMessageText"),
            &json!(alice.user_id()),
            &json!("Перше")
        )
    );

    let path = message_path(&channel, &root);
    answered(200, alice.api.patch(&path, json!({ "text": "Інше" })).await);
    let edit = client
        .sees("the edit", |it| relation(it)["rel_type"] == "m.replace")
        .await;
    assert_eq!(relation(&edit)["event_id"], *event);
    assert_eq!(edit["content"]["m.new_content"]["body"], "Інше");

    let body = json!({ "text": "У гілці", "thread_id": root["id"] });
    let threaded = answered(201, bob.api.post(&messages_of(&channel), body).await);
    let threaded = client
        .sees("the answer", |it| {
            it["event_id"] == threaded["matrix_event_id"]
        })
        .await;
    assert_eq!(
        (
            &relation(&threaded)["rel_type"],
            &relation(&threaded)["event_id"]
        ),
        (&json!("m.thread"), &json!(event))
    );

    let reaction = format!("{path}/reactions/%F0%9F%91%8D");
    answered(200, alice.api.put(&reaction, Value::Null).await);
    let seen = client
        .sees("the reaction", |it| it["class"] == "ReactionEvent")
        .await;
    assert_eq!(
        (&relation(&seen)["event_id"], &relation(&seen)["key"]),
        (&json!(event), &json!(THUMB))
    );
    answered(200, alice.api.delete(&reaction).await);
    let redacts = |it: &Value, id: &Value| {
        it["class"] == "RedactionEvent" && (it["redacts"] == *id || it["content"]["redacts"] == *id)
    };
    client
        .sees("the reaction's end", |it| redacts(it, &seen["event_id"]))
        .await;

    let pin = format!("{}/pins/{}", path_of(&channel), text(&root["id"]));
    for (method, expected) in [
        (reqwest::Method::PUT, json!([event])),
        (reqwest::Method::DELETE, json!([])),
    ] {
        answered(204, alice.api.request(method, &pin, None).await);
        client
            .sees("the pins", |it| {
                it["type"] == "m.room.pinned_events" && it["content"]["pinned"] == expected
            })
            .await;
    }
    answered(204, alice.api.delete(&format!("{path}?reason=Пора")).await);
    client
        .sees("the redaction", |it| redacts(it, &json!(event)))
        .await;
}

#[tokio::test]
async fn whom_somebody_moves_here_is_moved_in_a_client_of_others() {
    let world = shared_world().await;
    let (alice, _owner, bob, mut client, channel) = begin(world).await;
    let room = room_of(&channel);
    let carol = Person::new(world, "carol").await;
    let dave = Person::new(world, "dave").await;
    // The client's own sum of levels never forgets who is named no more, so its latest event counts.
    let level = async |client: &mut Client, expected: Value| {
        eventually("the level", async || {
            client.look().await;
            let mut told = client.events.iter().rev();
            let latest = told.find(|event| event["class"] == "PowerLevelsEvent")?;
            (latest["content"]["users"][bob.user_id()] == expected).then_some(())
        })
        .await;
    };
    let place = member_path(&channel, &bob);
    for (role, number) in [
        ("admin", json!(75)),
        ("member", Value::Null),
        ("moderator", json!(50)),
    ] {
        answered(200, alice.api.patch(&place, json!({ "role": role })).await);
        level(&mut client, number).await;
    }
    let mute = format!("{place}/mute");
    answered(200, alice.api.put(&mute, json!({ "seconds": 600 })).await);
    level(&mut client, json!(-1)).await;
    answered(204, alice.api.delete(&mute).await);
    level(&mut client, json!(50)).await;

    let body = json!({ "member_id": carol.id() });
    answered(201, alice.api.post(&members_of(&channel), body).await);
    client.sees_member(&carol, "invite").await;
    let here = path_of(&channel);
    answered(
        200,
        carol.api.post(&format!("{here}/join"), Value::Null).await,
    );
    client.sees_member(&carol, "join").await;
    let body = json!({ "reason": "Галас" });
    answered(200, bob.api.put(&ban_path(&channel, &carol), body).await);
    client.sees_member(&carol, "ban").await;
    answered(204, bob.api.delete(&ban_path(&channel, &carol)).await);
    client.sees_member(&carol, "leave").await;
    let known = client.look().await;
    let members = items(&known["rooms"][room]["members"]);
    assert!(members.iter().any(|it| it == bob.user_id()), "{members:?}");
    assert!(
        !members.iter().any(|it| it == carol.user_id()),
        "{members:?}"
    );

    answered(
        200,
        dave.api.post(&format!("{here}/knock"), Value::Null).await,
    );
    client.sees_member(&dave, "knock").await;
    let knock = format!("{here}/knocks/{}", dave.id());
    answered(204, bob.api.delete(&knock).await);
    client.sees_member(&dave, "leave").await;
    answered(204, alice.api.delete(&place).await);
    eventually("that it is out", async || {
        let seen = client.look().await;
        items(&seen["left"])
            .iter()
            .any(|it| it == room)
            .then_some(())
    })
    .await;
}
