//! Entities: who acts, in our words. `user:alice` is a member of this homeserver,
//! `agent:sofia` a bot of this installation, `user:bob:example.org` someone from elsewhere.

use std::fmt;

use super::id::{UserId, is_server_name};

/// What kind of being an entity is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntityKind {
    Human,
    Agent,
}

impl EntityKind {
    /// The word that the contracts use (`sender_type`).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Agent => "agent",
        }
    }
}

/// A person or an agent.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Entity {
    /// A person; `server` is `None` for this homeserver's own.
    User {
        localpart: String,
        server: Option<String>,
    },
    /// A bot of this installation.
    Agent { name: String },
}

impl Entity {
    /// Reads `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("agent:") {
            return Self::agent(name);
        }
        let rest = text.strip_prefix("user:")?;
        let (localpart, server) = match rest.split_once(':') {
            Some((localpart, server)) => (localpart, Some(server)),
            None => (rest, None),
        };
        let fits = is_localpart(localpart) && server.is_none_or(is_server_name);
        fits.then(|| Self::User {
            localpart: localpart.to_owned(),
            server: server.map(str::to_owned),
        })
    }

    /// An agent, when `name` is 1 to 64 characters of `a-z 0-9 . _ = - /`.
    #[must_use]
    pub fn agent(name: &str) -> Option<Self> {
        is_agent_name(name).then(|| Self::Agent {
            name: name.to_owned(),
        })
    }

    #[must_use]
    pub fn kind(&self) -> EntityKind {
        match self {
            Self::User { .. } => EntityKind::Human,
            Self::Agent { .. } => EntityKind::Agent,
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User {
                localpart,
                server: None,
            } => write!(f, "user:{localpart}"),
            Self::User {
                localpart,
                server: Some(server),
            } => write!(f, "user:{localpart}:{server}"),
            Self::Agent { name } => write!(f, "agent:{name}"),
        }
    }
}

/// How entities and Matrix users of one installation correspond. Agents that were
/// registered with a Matrix id of their own are not known here but in the directory.
#[derive(Clone, Debug)]
pub struct Naming {
    /// The homeserver's name, the part of its users' ids after the colon.
    pub server_name: String,
    /// Localpart of the connector's own user.
    pub sender_localpart: String,
    /// What an agent's localpart begins with.
    pub agent_prefix: String,
}

impl Naming {
    /// The user that the connector itself is.
    #[must_use]
    pub fn connector(&self) -> UserId {
        self.local(&self.sender_localpart)
    }

    /// The Matrix user that an agent has unless it brought one of its own.
    #[must_use]
    pub fn agent(&self, name: &str) -> UserId {
        self.local(&format!("{}{name}", self.agent_prefix))
    }

    /// The Matrix user of an entity by the rules of naming alone.
    #[must_use]
    pub fn user_id(&self, entity: &Entity) -> UserId {
        match entity {
            Entity::User {
                localpart,
                server: None,
            } => self.local(localpart),
            Entity::User {
                localpart,
                server: Some(server),
            } => UserId::trusted(format!("@{localpart}:{server}")),
            Entity::Agent { name } if *name == self.sender_localpart => self.connector(),
            Entity::Agent { name } => self.agent(name),
        }
    }

    /// The entity that a Matrix user is by the rules of naming alone. The connector is
    /// `agent:<its localpart>`.
    #[must_use]
    pub fn entity(&self, user: &UserId) -> Entity {
        let (localpart, server) = (user.localpart(), user.server());
        if server != self.server_name {
            return Entity::User {
                localpart: localpart.to_owned(),
                server: Some(server.to_owned()),
            };
        }
        if localpart == self.sender_localpart {
            return Entity::Agent {
                name: localpart.to_owned(),
            };
        }
        let agent = localpart
            .strip_prefix(&self.agent_prefix)
            .and_then(Entity::agent);
        agent.unwrap_or_else(|| Entity::User {
            localpart: localpart.to_owned(),
            server: None,
        })
    }

    fn local(&self, localpart: &str) -> UserId {
        UserId::trusted(format!("@{localpart}:{}", self.server_name))
    }
}

/// Historical localparts may hold any visible ASCII character but the colon.
fn is_localpart(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b':')
}

fn is_agent_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._=-/".contains(&byte)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming() -> Naming {
        Naming {
            server_name: "example.org".into(),
            sender_localpart: "daarion".into(),
            agent_prefix: "agent_".into(),
        }
    }

    #[test]
    fn entities_and_users_correspond_both_ways() {
        for (entity, user) in [
            ("user:alice", "@alice:example.org"),
            ("agent:sofia", "@agent_sofia:example.org"),
            ("agent:daarion", "@daarion:example.org"),
            ("user:bob:other.net:8448", "@bob:other.net:8448"),
        ] {
            let entity = Entity::parse(entity).expect("a valid entity");
            let user = UserId::parse(user).expect("a valid user");
            assert_eq!(naming().user_id(&entity), user);
            assert_eq!(naming().entity(&user), entity);
        }
    }

    #[test]
    fn malformed_entities_are_refused() {
        for bad in [
            "",
            "alice",
            "user:",
            "agent:",
            "agent:So Fia",
            "user:a b",
            "user:a:",
            "bot:x",
        ] {
            assert!(Entity::parse(bad).is_none(), "{bad:?}");
        }
    }
}
