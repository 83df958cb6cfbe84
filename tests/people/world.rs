//! What the stories of this binary have in common.

use serde_json::{Value, json};

use crate::homeserver::MatrixUser;
use crate::support::{Person, answered, eventually, members_of, path_of, text};

/// The path of a member.
pub fn member_path(channel: &Value, person: &Person) -> String {
    format!("{}/{}", members_of(channel), person.id())
}

/// The path of a ban.
pub fn ban_path(channel: &Value, person: &Person) -> String {
    format!("{}/bans/{}", path_of(channel), person.id())
}

/// A member as somebody sees them.
pub async fn seen(by: &Person, channel: &Value, person: &Person) -> Value {
    answered(200, by.api.get(&member_path(channel, person)).await)
}

/// Waits until a field of a member is so.
pub async fn becomes(by: &Person, channel: &Value, person: &Person, field: &str, value: Value) {
    eventually(
        &format!("{} with {field} {value}", person.id()),
        async || {
            let (status, member) = by.api.get(&member_path(channel, person)).await;
            (status == 200 && member[field] == value).then_some(())
        },
    )
    .await;
}

/// Lets people into a channel with their own clients, and waits until that is known.
pub async fn gather(channel: &Value, owner: &Person, people: &[&Person]) {
    let room = text(&channel["matrix_room_id"]);
    for person in people {
        let is_private = channel["visibility"] == "private";
        if is_private {
            owner.matrix.invite(room, person.user_id()).await;
        }
        person.matrix.join(room).await;
    }
    for person in people {
        becomes(owner, channel, person, "membership", json!("joined")).await;
    }
}

/// Gives somebody a level by plain Matrix.
pub async fn empower(by: &MatrixUser, room: &str, user_id: &str, level: i64) {
    let kind = "m.room.power_levels";
    let levels = by.state_event(room, kind, "").await;
    let mut levels = levels.expect("the room has levels");
    levels["users"][user_id] = json!(level);
    by.set_state(room, kind, "", levels).await;
}

/// What somebody has by plain Matrix; null when they are not named.
pub async fn level(by: &MatrixUser, room: &str, user_id: &str) -> Value {
    let levels = by.state_event(room, "m.room.power_levels", "").await;
    levels.expect("the room has levels")["users"][user_id].clone()
}
