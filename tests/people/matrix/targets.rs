//! What the operations of the table are about: two channels in which everybody stands alike, and what
//! is made anew when a cell has used it up, so that no cell disturbs another.

use reqwest::Method;
use serde_json::{Value, json};

use super::callers::{Holder, PEOPLE};
use crate::asked::NOWHERE;
use crate::daarion::{Caller, World};
use crate::homeserver::{MatrixUser, unique};
use crate::support::{
    Person, answered, eventually, items, members_of, merge, messages_of, path_of, room_of, text,
};
use crate::world::{becomes, level};

const RECEIVER: &str = "http://receiver.invalid/hook";
pub const EMOJI: &str = "%F0%9F%91%8D";

/// The roles of those who stay, with their levels.
const ROLES: [(&str, i64); 3] = [("guest", -1), ("moderator", 50), ("admin", 75)];

/// Everybody of the table, and some whom things are done to.
pub struct People {
    world: &'static World,
    people: Vec<(&'static str, Person)>,
    holders: Vec<(&'static str, Holder)>,
    /// A member whom others remove, ban, mute and promote.
    victim: Person,
    /// Somebody who is invited.
    guest: Person,
    pub agent: String,
    /// An agent of the owner's that is switched off and on.
    spare: String,
    microdao: String,
    webhook: String,
    /// What a channel and a city room are called already.
    taken: String,
}

impl People {
    pub async fn gather(world: &'static World) -> Self {
        let mut people = Vec::new();
        let mut holders = Vec::new();
        for name in PEOPLE.into_iter().filter(|name| *name != "agent") {
            let person = match name {
                "operator" => Person::named(world, name).await,
                _ => Person::new(world, name).await,
            };
            holders.push((name, Holder::sign_in(world, &person).await));
            people.push((name, person));
        }
        let (_, owner) = people
            .iter()
            .find(|(name, _)| *name == "owner")
            .expect("is there");
        let service = world.daarion.service();
        let agents = [unique("acting"), unique("spare")].map(|name| format!("agent:{name}"));
        for id in &agents {
            let body = json!({ "id": id, "owner": owner.id() });
            answered(201, service.post("/internal/agents", body).await);
        }
        let [agent, spare] = agents;
        let place = format!("/internal/agents/{agent}/tokens");
        let body = json!({ "name": "робота", "scopes": ["*"] });
        let token = answered(201, service.post(&place, body).await);
        holders.push(("agent", Holder::with(world, &token["token"])));
        let microdao = format!("microdao:{}", unique("dao"));
        let body = json!({ "id": microdao });
        answered(201, owner.api.post("/api/messaging/microdaos", body).await);
        let body = json!({ "webhook_url": RECEIVER });
        let webhook = service
            .post("/internal/matrix/webhook/subscribe", body)
            .await;
        let webhook = text(&answered(200, webhook)["subscription_id"]).to_owned();
        let taken = unique("taken");
        owner.city_room(json!({ "slug": taken })).await;
        owner.channel(json!({ "slug": taken })).await;
        Self {
            world,
            taken,
            victim: Person::new(world, "victim").await,
            guest: Person::new(world, "invited").await,
            people,
            holders,
            agent,
            spare,
            microdao,
            webhook,
        }
    }

    pub fn person(&self, name: &str) -> &Person {
        let found = self.people.iter().find(|(called, _)| *called == name);
        &found.expect("somebody of the table").1
    }

    pub fn holder(&self, name: &str) -> &Holder {
        let found = self.holders.iter().find(|(called, _)| *called == name);
        &found.expect("somebody of the table").1
    }

    /// A body that an operation takes.
    pub fn body(&self, id: &str, sample: Value, place: &Place) -> Value {
        let more = match id {
            // What is there already is refused after the caller has been looked at.
            "createCityRoom" | "createChannel" | "createAdminRoom" | "createMatrixRoom" => {
                json!({ "slug": self.taken })
            }
            "createOwnAgent" | "createAdminAgent" | "createAgent" => json!({ "id": self.spare }),
            "login" => json!({ "user": "" }),
            "operatorLogin" => json!({ "name": "" }),
            "adminReplayDeadLetters"
            | "adminPurgeDeadLetters"
            | "replayDeadLetters"
            | "purgeDeadLetters" => json!({ "all": true }),
            "adoptRoom" => json!({ "room": room_of(&place.channel) }),
            "createMicrodao" => json!({ "id": self.microdao }),
            "updateCityRoom" | "updateChannel" | "updateAdminChannel" | "updateMicrodao" => {
                json!({ "description": unique("Про все") })
            }
            "deleteMessagesOfSender" => json!({ "sender": "user:nobody" }),
            "inviteMember" => json!({ "member_id": self.guest.id() }),
            "updateMember" => json!({ "role": "moderator" }),
            "setKnocking" => json!({ "accepted": false }),
            "knockByAlias" => json!({ "alias": place.channel["matrix_room_alias"] }),
            "muteMember" => json!({ "seconds": 600 }),
            "setSlowMode" => json!({ "seconds": 0 }),
            "scheduleMessage" => json!({ "send_at": some_day() }),
            "changeScheduled" => json!({ "text": unique("Згодом") }),
            "createKey" | "createServiceToken" => json!({ "name": unique("a"), "scopes": ["*"] }),
            "adminSubscribeWebhook" | "subscribeWebhook" => json!({ "webhook_url": RECEIVER }),
            "postToChannel" => json!({ "channel_id": place.channel["id"] }),
            "setOwnAgentCommands" | "setAdminAgentCommands" | "setAgentCommands" => {
                return json!([]);
            }
            "registerMatrixUser" => json!({ "username": unique("registered") }),
            "createAgentToken" | "createOwnAgentToken" | "createAdminAgentToken" => {
                json!({ "name": unique("token") })
            }
            _ => json!({}),
        };
        let mut body = sample;
        merge(&mut body, more);
        body
    }

    /// What a parameter of a path or of a query names.
    pub fn value(&self, id: &str, name: &str, place: &Place, aim: &Aim) -> String {
        let as_agent = id.ends_with("AsAgent");
        match name {
            "channel_id" => text(&place.channel["id"]).to_owned(),
            "slug" => text(&place.channel["slug"]).to_owned(),
            "message_id" if id == "deleteAsAgent" => NOWHERE.to_owned(),
            "message_id" if as_agent => aim.agents_message.clone(),
            "message_id" | "message_ids" => aim.message.clone(),
            "thread_id" => aim.thread.clone(),
            "entity" if id == "endAccess" => "user:nobody".to_owned(),
            "entity" => aim.entity.clone(),
            "link_id" => aim.link.clone(),
            "scheduled_id" => aim.scheduled.clone(),
            "code" => aim.code.clone(),
            "emoji" => EMOJI.to_owned(),
            "agent_id" if id.starts_with("deactivate") || id.starts_with("reactivate") => {
                self.spare.clone()
            }
            "agent_id" => self.agent.clone(),
            "microdao_id" => self.microdao.clone(),
            "subscription_id" if id.to_lowercase().contains("unsubscribe") => NOWHERE.to_owned(),
            "subscription_id" => self.webhook.clone(),
            "session_id" | "key_id" | "token_id" => NOWHERE.to_owned(),
            "room_id" => room_of(&place.channel).replace('!', "%21"),
            "user_id" if id.starts_with("deactivate") => "@nobody:test.localhost".to_owned(),
            "user_id" => self.victim.user_id().to_owned(),
            "alias" => "%23nowhere:test.localhost".to_owned(),
            "expires" | "width" | "height" => "1".to_owned(),
            "server" => "test.localhost".to_owned(),
            "user" | "id" | "media_id" | "signature" => "nothing".to_owned(),
            _ => panic!("a new parameter, {name}: say here what exists by that name"),
        }
    }
}

/// A channel of the owner's in which everybody of the table stands.
pub struct Place {
    pub channel: Value,
    owner: Person,
    member: Person,
    victim: Person,
    /// They wait to be let in, each until somebody has answered.
    knockers: Vec<String>,
    alike: Aim,
}

/// What a row is about, in one channel.
#[derive(Clone, Default)]
pub struct Aim {
    entity: String,
    message: String,
    thread: String,
    agents_message: String,
    link: String,
    code: String,
    /// A member's message of a later time.
    scheduled: String,
    /// How many of those who knock have been answered.
    answered: usize,
}

impl Place {
    /// A city room, which is a public channel with a name in the city.
    pub async fn public(people: &People) -> Self {
        let room = people.person("owner").city_room(json!({})).await;
        let mut channel = room.clone();
        channel["id"] = room["channel_id"].clone();
        Self::fill(channel, people).await
    }

    pub async fn private(people: &People) -> Self {
        let options = json!({ "visibility": "private" });
        let channel = people.person("owner").channel(options).await;
        let mut place = Self::fill(channel, people).await;
        place.knock(people.world).await;
        place
    }

    async fn fill(channel: Value, people: &People) -> Self {
        let owner = people.person("owner").clone();
        let room = room_of(&channel).to_owned();
        let staying = ["guest", "member", "moderator", "admin"];
        let mut joining: Vec<_> = staying.iter().map(|name| people.person(name)).collect();
        joining.extend([
            &people.victim,
            people.person("left"),
            people.person("banned"),
        ]);
        crate::world::gather(&channel, &owner, &joining).await;
        let member = people.person("member").clone();
        let say = async |more: Value| {
            let mut body = json!({ "text": "Є" });
            merge(&mut body, more);
            let said = answered(201, member.api.post(&messages_of(&channel), body).await);
            text(&said["id"]).to_owned()
        };
        let message = say(json!({})).await;
        let thread = say(json!({})).await;
        say(json!({ "thread_id": thread })).await;
        let body = json!({ "member_id": people.agent });
        answered(201, owner.api.post(&members_of(&channel), body).await);
        let service = people.world.daarion.service();
        let post = format!("/internal/agents/{}/post-to-channel", people.agent);
        let body = json!({ "channel_id": channel["id"], "text": "Є" });
        let agents = answered(201, service.post(&post, body).await);
        people.person("left").matrix.leave(&room).await;
        owner
            .matrix
            .ban(&room, people.person("banned").user_id())
            .await;
        empower(&owner.matrix, &room, people).await;
        becomes(
            &owner,
            &channel,
            people.person("admin"),
            "power_level",
            json!(75),
        )
        .await;
        let banned = people.person("banned");
        eventually("who has left and who is banned", async || {
            let list = answered(
                200,
                owner.api.get(&format!("{}/bans", path_of(&channel))).await,
            );
            let left = owner
                .api
                .get(&crate::world::member_path(&channel, people.person("left")))
                .await;
            let is_banned = items(&list)
                .iter()
                .any(|it| it["matrix_user_id"] == banned.user_id());
            (is_banned && left.1["membership"] != "joined").then_some(())
        })
        .await;
        let mut place = Self {
            member: member.clone(),
            victim: people.victim.clone(),
            alike: Aim {
                entity: people.victim.id(),
                message,
                thread,
                agents_message: text(&agents["id"]).to_owned(),
                ..Aim::default()
            },
            owner,
            channel,
            knockers: Vec::new(),
        };
        let link = place.link().await;
        (place.alike.link, place.alike.code) = link;
        place.alike.scheduled = place.schedule().await;
        place
    }

    /// Six people ask to be let in; then no more are taken.
    async fn knock(&mut self, world: &World) {
        let accept = format!("{}/knocking", path_of(&self.channel));
        answered(
            200,
            self.owner
                .api
                .put(&accept, json!({ "accepted": true }))
                .await,
        );
        for _ in 0..6 {
            let person = Person::new(world, "knocks").await;
            let knock = format!("{}/knock", path_of(&self.channel));
            answered(200, person.api.post(&knock, Value::Null).await);
            self.knockers.push(person.id());
        }
        answered(
            200,
            self.owner
                .api
                .put(&accept, json!({ "accepted": false }))
                .await,
        );
    }

    /// A new link: its id and its code.
    async fn link(&self) -> (String, String) {
        let path = format!("{}/invite-links", path_of(&self.channel));
        let made = answered(201, self.owner.api.post(&path, json!({})).await);
        let link = made.get("link").unwrap_or(&made);
        let code = made.get("code").or(link.get("code"));
        (
            text(&link["id"]).to_owned(),
            text(code.expect("a code")).to_owned(),
        )
    }

    /// A new message of the member's, for a later time.
    async fn schedule(&self) -> String {
        let path = format!("{}/scheduled", path_of(&self.channel));
        let body = json!({ "text": "Згодом", "send_at": some_day() });
        text(&answered(201, self.member.api.post(&path, body).await)["id"]).to_owned()
    }

    /// What a row begins with.
    pub async fn aim(&self, id: &str) -> Aim {
        let mut aim = self.alike.clone();
        self.renew(id, &mut aim).await;
        aim
    }

    /// Makes anew what a cell has used up.
    pub async fn renew(&self, id: &str, aim: &mut Aim) {
        let here = path_of(&self.channel);
        let owner = &self.owner.api;
        match id {
            "deleteMessage" => {
                let body = json!({ "text": "Є" });
                let said = self
                    .member
                    .api
                    .post(&messages_of(&self.channel), body)
                    .await;
                aim.message = text(&answered(201, said)["id"]).to_owned();
            }
            "unpinMessage" => {
                let path = format!("{here}/pins/{}", aim.message);
                answered(204, owner.put(&path, Value::Null).await);
            }
            "removeMember" | "banMember" | "muteMember" | "unmuteMember" => {
                self.bring_in(&self.victim.id()).await;
            }
            "unbanMember" => {
                let path = format!("{here}/bans/{}", self.victim.id());
                answered(200, owner.put(&path, Value::Null).await);
            }
            "updateMember" => {
                let path = format!("{here}/members/{}", self.victim.id());
                answered(200, owner.patch(&path, json!({ "role": "member" })).await);
            }
            "approveKnock" | "denyKnock" => {
                // The two rows have halves of their own.
                let half = if id == "denyKnock" { 3 } else { 0 };
                if let Some(next) = self.knockers.get(half + aim.answered) {
                    aim.entity.clone_from(next);
                }
                aim.answered += 1;
            }
            "cancelScheduled" => aim.scheduled = self.schedule().await,
            "revokeInviteLink" => (aim.link, aim.code) = self.link().await,
            "archiveOwnChannel" | "archiveCityRoom" => {
                answered(
                    200,
                    owner.post(&format!("{here}/unarchive"), Value::Null).await,
                );
            }
            _ => {}
        }
    }

    /// Has somebody as a member, whatever they were.
    async fn bring_in(&self, entity: &str) {
        let here = path_of(&self.channel);
        let person = &self.victim;
        let _ = self
            .owner
            .api
            .delete(&format!("{here}/bans/{entity}"))
            .await;
        if self.channel["visibility"] == "private" {
            let body = json!({ "member_id": entity });
            let _ = self.owner.api.post(&members_of(&self.channel), body).await;
        }
        answered(
            200,
            person.api.post(&format!("{here}/join"), Value::Null).await,
        );
    }

    /// Takes somebody out again who came in by a cell.
    pub async fn send_out(&self, caller: &Caller) {
        let path = format!("{}/leave", path_of(&self.channel));
        let left = caller.request(Method::POST, &path, Some(json!({}))).await;
        assert!(left.0.is_success(), "{left:?}");
    }
}

/// Later than these tests end.
fn some_day() -> String {
    (chrono::Utc::now() + chrono::TimeDelta::days(30)).to_rfc3339()
}

/// All roles at once.
async fn empower(by: &MatrixUser, room: &str, people: &People) {
    let kind = "m.room.power_levels";
    let mut levels = by
        .state_event(room, kind, "")
        .await
        .expect("the room has levels");
    for (role, level) in ROLES {
        levels["users"][people.person(role).user_id()] = json!(level);
    }
    by.set_state(room, kind, "", levels).await;
    assert_eq!(level(by, room, people.person("admin").user_id()).await, 75);
}

/// Which rows let somebody in who was not.
pub fn lets_in(id: &str) -> bool {
    ["sendMessage", "addReaction", "joinChannel", "acceptInvite"].contains(&id)
}
