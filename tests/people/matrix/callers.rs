//! The columns of the table: who calls, with a credential of theirs for each listener.

use serde_json::{Value, json};

use super::routes::{Listener, Route};
use crate::daarion::{Caller, World};
use crate::homeserver::unique;
use crate::support::{Person, answered, eventually, text};

const TOKEN: &str = "x-internal-service-token";
/// What keys of people may be for.
const KEY_SCOPES: [&str; 6] = [
    "channels:read",
    "channels:manage",
    "messages:read",
    "messages:send",
    "members:read",
    "members:manage",
];
/// What tokens of services may be for.
const SERVICE_SCOPES: [&str; 10] = [
    "gateway:read",
    "gateway:send",
    "gateway:rooms",
    "gateway:members",
    "gateway:users",
    "gateway:media",
    "gateway:webhooks",
    "agents",
    "city",
    "api",
];

/// Whoever is let in or refused before it is asked how they stand to a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Credential {
    Anonymous,
    /// A program with all scopes but the one that is needed.
    WrongScope,
    Expired,
    Revoked,
    /// A service with its token, for nobody.
    Service,
    Homeserver,
}

impl Credential {
    pub const ALL: [Self; 6] = [
        Self::Anonymous,
        Self::WrongScope,
        Self::Expired,
        Self::Revoked,
        Self::Service,
        Self::Homeserver,
    ];
}

/// The people of the table, by their column.
pub const PEOPLE: [&str; 10] = [
    "stranger",
    "left",
    "banned",
    "guest",
    "member",
    "moderator",
    "admin",
    "owner",
    "agent",
    "operator",
];

/// A key or a token of a service, for one purpose.
struct Shown {
    header: &'static str,
    value: String,
}

/// The programs of one listener.
struct Programs {
    expired: Shown,
    revoked: Shown,
    /// By the scope that each has not.
    without: Vec<(&'static str, Shown)>,
}

pub struct Credentials {
    keys: Programs,
    services: Programs,
    /// Without any credential, on either listener.
    anyone: [Caller; 2],
    secret: String,
    hs_token: String,
}

/// Where programs get what they show.
struct Counter<'a> {
    path: &'a str,
    by: &'a Caller,
    /// The fields that hold what is shown, and what it is called afterwards.
    fields: [&'a str; 2],
    header: &'static str,
    scheme: &'static str,
}

impl Counter<'_> {
    async fn make(&self, scopes: &[&str], expires_in: Option<u32>) -> (Shown, String) {
        let mut body = json!({ "name": unique("program"), "scopes": scopes });
        if let Some(seconds) = expires_in {
            body["expires_in"] = json!(seconds);
        }
        let made = answered(201, self.by.post(self.path, body).await);
        let [shown, record] = self.fields;
        let shown = Shown {
            header: self.header,
            value: format!("{}{}", self.scheme, text(&made[shown])),
        };
        (shown, text(&made[record]["id"]).to_owned())
    }

    async fn programs(&self, scopes: &[&'static str]) -> Programs {
        let (expired, _) = self.make(scopes, Some(1)).await;
        let (revoked, id) = self.make(scopes, None).await;
        let (status, body) = self.by.delete(&format!("{}/{id}", self.path)).await;
        assert!(status.is_success(), "{body}");
        let mut without = Vec::new();
        for missing in scopes {
            let others: Vec<_> = scopes.iter().filter(|it| *it != missing).copied().collect();
            without.push((*missing, self.make(&others, None).await.0));
        }
        Programs {
            expired,
            revoked,
            without,
        }
    }
}

impl Credentials {
    /// The keys are those of a channel's owner, so that nothing but the scope is missing.
    pub async fn new(world: &World, owner: &Caller, operator: &Caller) -> Self {
        let keys = Counter {
            path: "/api/keys",
            by: owner,
            fields: ["key", "api_key"],
            header: "authorization",
            scheme: "Bearer ",
        };
        let services = Counter {
            path: "/api/admin/services",
            by: operator,
            fields: ["token", "service"],
            header: TOKEN,
            scheme: "",
        };
        let daarion = &world.daarion;
        let credentials = Self {
            keys: keys.programs(&KEY_SCOPES).await,
            services: services.programs(&SERVICE_SCOPES).await,
            anyone: [daarion.anonymous(), daarion.anonymous_internal()],
            secret: daarion.secret().to_owned(),
            hs_token: daarion.hs_token().to_owned(),
        };
        let [outside, inside] = credentials.anyone.clone();
        let (key, token) = (&credentials.keys.expired, &credentials.services.expired);
        let key = outside.with_header(key.header, &key.value);
        let token = inside.with_header(token.header, &token.value);
        eventually("the end of a key and of a token", async || {
            let ended = [
                key.get("/api/auth/me").await.0,
                token.get("/internal/agents").await.0,
            ];
            ended.iter().all(|status| *status == 401).then_some(())
        })
        .await;
        credentials
    }

    /// The caller of a cell.
    pub fn caller(&self, route: &Route, credential: Credential) -> Caller {
        let [outside, inside] = self.anyone.clone();
        let (anyone, programs) = match route.listener {
            Listener::Public => (outside, &self.keys),
            Listener::Internal => (inside, &self.services),
        };
        let with = |shown: &Shown| anyone.clone().with_header(shown.header, &shown.value);
        match credential {
            Credential::Anonymous => anyone,
            Credential::Expired => with(&programs.expired),
            Credential::Revoked => with(&programs.revoked),
            Credential::WrongScope => {
                let needed = scope_of(route);
                let without = programs.without.iter();
                let mut without =
                    without.filter(|(missing, _)| needed.is_none_or(|it| it == *missing));
                let (_, shown) = without.next().expect("a scope that is known");
                with(shown)
            }
            Credential::Service => anyone.with_header(TOKEN, &self.secret),
            Credential::Homeserver => {
                let value = format!("Bearer {}", self.hs_token);
                anyone.with_header("authorization", &value)
            }
        }
    }
}

/// The scope that a route needs: what its text names, or what its place does.
fn scope_of(route: &Route) -> Option<&str> {
    let path = route.operation.path.as_str();
    if let Some(named) = route.operation.scope.as_deref() {
        return Some(named);
    }
    let by_place = [
        ("/internal/agents", "agents"),
        ("/internal/city", "city"),
        ("/internal/matrix/rooms/create", "city"),
        ("/internal/matrix/rooms/find-by-alias", "gateway:read"),
        ("/internal/matrix/webhook", "gateway:webhooks"),
    ];
    let found = by_place.iter().find(|(prefix, _)| path.starts_with(prefix));
    found.map(|(_, scope)| *scope)
}

/// Whoever has an access token, or an agent's.
#[derive(Clone)]
pub struct Holder {
    outside: Caller,
    inside: Caller,
}

impl Holder {
    pub async fn sign_in(world: &World, person: &Person) -> Self {
        let matrix = &person.matrix;
        let body = json!({ "user": matrix.localpart(), "password": matrix.password });
        let grant = world
            .daarion
            .anonymous()
            .post("/api/auth/login", body)
            .await;
        let grant = answered(200, grant);
        Self::with(world, &grant["access_token"])
    }

    pub fn with(world: &World, token: &Value) -> Self {
        let value = format!("Bearer {}", text(token));
        let with = |anyone: Caller| anyone.with_header("authorization", &value);
        Self {
            outside: with(world.daarion.anonymous()),
            inside: with(world.daarion.anonymous_internal()),
        }
    }

    pub fn at(&self, listener: Listener) -> &Caller {
        match listener {
            Listener::Public => &self.outside,
            Listener::Internal => &self.inside,
        }
    }
}
