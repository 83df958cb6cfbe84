//! Section 5 with an administrator's token, and a homeserver that lists no rooms. One story,
//! because it needs a homeserver of its own.

use reqwest::Method;
use serde_json::json;

use crate::caller::Gateway;
use crate::daarion::{World, WorldOptions};
use crate::homeserver::http::{Http, exchange};
use crate::support::{answered, refused, text};

#[tokio::test]
async fn people_are_registered_and_unlisted_rooms_are_explained() {
    let world = World::start_with(WorldOptions {
        has_admin_token: true,
        homeserver_settings: Some(json!({ "room_list_publication_rules": [] })),
        ..WorldOptions::default()
    })
    .await;
    let gateway = Gateway::of(&world.daarion);
    let body = json!({
        "username": "alice",
        "password": "generated-secure-password",
        "display_name": "Alice",
        "avatar_url": "mxc://test.localhost/avatar456",
        "admin": false,
    });
    let made = answered(200, gateway.post("register-user", body.clone()).await);
    assert_eq!(made["user_id"], "@alice:test.localhost");
    let http = Http::new(world.homeserver.base_url());
    let ask = async |token: &str, place: &str| {
        let request = http.builder(Method::GET, place).bearer_auth(token);
        let answer = exchange(request, None).await;
        answer.expect("the homeserver answers")
    };
    let token = text(&made["access_token"]);
    let (_, who) = ask(token, "/_matrix/client/v3/account/whoami").await;
    assert_eq!(who["user_id"], "@alice:test.localhost");
    assert_eq!(who["device_id"], made["device_id"]);
    let (_, profile) = ask(token, "/_matrix/client/v3/profile/@alice:test.localhost").await;
    assert_eq!(profile["displayname"], "Alice");
    assert_eq!(profile["avatar_url"], "mxc://test.localhost/avatar456");
    let is_admin = "/_synapse/admin/v1/users/@alice:test.localhost/admin";
    assert_eq!(ask(token, is_admin).await.0, 403, "an ordinary person");

    // Who is there already is not touched.
    let mut again = body;
    again["password"] = json!("somebody-elses");
    again["admin"] = json!(true);
    refused(
        400,
        "M_USER_IN_USE",
        gateway.post("register-user", again).await,
    );
    assert_eq!(ask(token, is_admin).await.0, 403);
    let login = json!({ "user": "alice", "password": "generated-secure-password" });
    let signed_in = world
        .daarion
        .anonymous()
        .post("/api/auth/login", login)
        .await;
    answered(200, signed_in);

    let body = json!({ "username": "user:root", "password": "generated-too", "admin": true });
    let root = answered(200, gateway.post("register-user", body).await);
    let (status, answer) = ask(
        text(&root["access_token"]),
        "/_synapse/admin/v1/users/@root:test.localhost/admin",
    )
    .await;
    assert_eq!((status.as_u16(), &answer["admin"]), (200, &json!(true)));

    names_are_given_once(&world, &gateway).await;

    let body = json!({ "name": "Unlisted", "visibility": "public" });
    let made = answered(200, gateway.post("create-room", body).await);
    let warning = text(&made["warnings"][0]);
    let line =
        "room_list_publication_rules: [{user_id: \"@daarion:test.localhost\", action: allow}]";
    assert!(warning.contains(line), "{warning}");
    let body = json!({ "name": "Private", "visibility": "private" });
    let made = answered(200, gateway.post("create-room", body).await);
    assert!(made.get("warnings").is_none(), "{made}");
}

/// Of two who ask for a name at the same time, one gets the account, with the password of theirs.
async fn names_are_given_once(world: &World, gateway: &Gateway) {
    for number in 0..5 {
        let name = format!("wanted{number}");
        let ask = async |password: &str| {
            let body = json!({ "username": name, "password": password });
            gateway.post("register-user", body).await
        };
        let passwords = ["of-the-first-one", "of-the-second-one"];
        let (first, second) = tokio::join!(ask(passwords[0]), ask(passwords[1]));
        let (winner, loser) = match first.0.as_u16() {
            200 => (0, second),
            _ => (1, first),
        };
        refused(400, "M_USER_IN_USE", loser);
        let sign_in = async |password: &str| {
            let login = json!({ "user": name, "password": password });
            let anonymous = world.daarion.anonymous();
            anonymous.post("/api/auth/login", login).await
        };
        answered(200, sign_in(passwords[winner]).await);
        answered(401, sign_in(passwords[1 - winner]).await);
    }
}
