//! The gateway where the registration covers agents alone (`matrix.act_as = "agents-only"`), and no
//! administrator's token: agents do everything, people are not acted for.

use serde_json::json;

use crate::caller::{Gateway, whole};
use crate::daarion::{DaarionOptions, World, WorldOptions};
use crate::support::{answered, refused, text};

#[tokio::test]
async fn agents_do_all_and_people_are_not_acted_for() {
    let world = World::start_with(WorldOptions {
        daarion: DaarionOptions::default().set("matrix.act_as", "\"agents-only\""),
        ..WorldOptions::default()
    })
    .await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    let (agent, agent_user) = gateway.agent().await;
    let alice = crate::caller::member(&world, &room, "alice").await;
    let join = json!({ "room_id": room, "user_id": agent });
    answered(200, gateway.post("join", join.clone()).await);
    let draft = |sender: &str| json!({ "room_id": room, "sender": sender, "msgtype": "m.text", "body": "a" });
    let sent = answered(200, gateway.post("send", draft(&agent)).await);
    let event = text(&sent["event_id"]);
    assert_eq!(whole(&alice, &room, event).await["sender"], *agent_user);
    let react = |reactor: &str| json!({ "room_id": room, "event_id": event, "emoji": "👍", "reactor": reactor });
    answered(200, gateway.post("send-reaction", react(&agent)).await);
    let name = json!({ "display_name": "Оракул" });
    answered(
        200,
        gateway.put_user(&agent, "display-name", name.clone()).await,
    );

    let person = format!("user:{}", alice.localpart());
    let own = json!({ "room_id": room, "user_id": person });
    for answer in [
        gateway.post("send", draft(&person)).await,
        gateway.post("send-reaction", react(&alice.user_id)).await,
        gateway.post("leave", own).await,
        gateway.put_user(&person, "display-name", name).await,
    ] {
        let words = refused(403, "M_FORBIDDEN", answer);
        let reason = "its registration does not cover that user";
        assert!(
            words.contains(&person) && words.ends_with(reason),
            "{words}"
        );
    }
    let new = json!({ "username": "bob", "password": "generated-secure-one" });
    let words = refused(403, "M_FORBIDDEN", gateway.post("register-user", new).await);
    assert!(words.contains("matrix.admin_token"), "{words}");
    answered(200, gateway.post("leave", join).await);
}
