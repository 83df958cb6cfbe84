//! Rooms of other homeservers are joined by servers that know them: what the homeserver is asked.

use serde_json::{Value, json};

use crate::caller::Gateway;
use crate::stub::{Said, Stub};
use crate::support::{answered, refused};

const ROOM: &str = "!room:elsewhere.org";

#[tokio::test]
async fn room_of_others_is_joined_by_the_servers_that_know_it() {
    let stub = Stub::answering(|asked| {
        let servers = ["elsewhere.org", "test.localhost", "third.org:8448"];
        match asked.target.contains("/directory/room/") {
            true => Said::json(200, &json!({ "room_id": ROOM, "servers": servers })),
            false => Said::json(200, &json!({ "room_id": ROOM })),
        }
    })
    .await;
    let daarion = stub.daarion().await;
    let gateway = Gateway::of(&daarion);
    let alias = "#theirs:elsewhere.org";
    for (room, via, expected) in [
        (ROOM, json!([]), &[][..]),
        (ROOM, json!(["one.org", "one.org"]), &["one.org"]),
        (alias, json!([]), &["elsewhere.org", "third.org%3A8448"]),
        (
            alias,
            json!(["third.org:8448"]),
            &["third.org%3A8448", "elsewhere.org"],
        ),
    ] {
        stub.take_asked();
        let body = json!({ "room_id": room, "user_id": "@alice:test.localhost", "via": via });
        let joined = answered(200, gateway.post("join", body).await);
        assert_eq!(joined["room_id"], ROOM);
        let asked = stub.take_asked();
        let join = asked.iter().find(|it| it.target.contains("/join/"));
        let join = &join.expect("a joining").target;
        let told = |name: &str| -> Vec<&str> {
            let query = join.split_once('?').map_or("", |(_, query)| query);
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let named = pairs.filter(|(key, _)| *key == name);
            named.map(|(_, value)| value).collect()
        };
        // The name that the parameter has, and the one that older homeservers know.
        assert_eq!(told("via"), expected, "{room}: {join}");
        assert_eq!(told("server_name"), expected, "{room}: {join}");
    }
    for via in [json!(["not a server"]), json!(vec!["one.org"; 21])] {
        let body = json!({ "room_id": ROOM, "user_id": "@alice:test.localhost", "via": via });
        let words = refused(400, "M_INVALID_PARAM", gateway.post("join", body).await);
        assert!(words.starts_with("via"), "{words}");
    }
    let body = json!({ "room_id": ROOM, "user_id": "@alice:test.localhost", "via": Value::Null });
    answered(200, gateway.post("join", body).await);
}
