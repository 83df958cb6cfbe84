//! API keys: a person lets a program use the API for them, for some things, in some channels,
//! for some time. A key never gives more than its owner may. An agent's token is a key whose owner
//! is the agent.

use uuid::Uuid;

use super::entity::Entity;
use super::error::{Error, Result};
use super::id::{ChannelId, Millis};
use super::service::ActAs;
use super::session::Digest;
use super::text;

/// The most channels of one key.
const MOST_CHANNELS: usize = 100;
/// The longest that a key may be good, in milliseconds: ten years.
const LONGEST: Millis = 10 * 365 * 86_400_000;

scopes! {
    /// One kind of thing that a program may do for a person.
    KeyScope {
        /// Finds channels and city rooms, and reads what they are.
        ChannelsRead = "channels:read",
        /// Makes, changes and archives them.
        ChannelsManage = "channels:manage",
        /// Reads what is said, also as it is said.
        MessagesRead = "messages:read",
        /// Says something.
        MessagesSend = "messages:send",
        /// Reads who is in a channel.
        MembersRead = "members:read",
        /// Brings others in, and takes them out.
        MembersManage = "members:manage",
    }
}

/// What an agent's token is for unless something else is said: to hear and to speak.
pub const OF_AGENTS: &[KeyScope] = &[
    KeyScope::ChannelsRead,
    KeyScope::MessagesRead,
    KeyScope::MessagesSend,
    KeyScope::MembersRead,
];

/// What a key is good for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRights {
    pub scopes: Vec<KeyScope>,
    /// Where; `None` for wherever its owner may.
    pub channels: Option<Vec<ChannelId>>,
    /// As which agents, beside the owner; `None` for as none.
    pub act_as: Option<ActAs>,
}

impl KeyRights {
    /// Reads rights as they are written in requests.
    pub fn parse(
        scopes: &[String],
        channels: Option<&[String]>,
        act_as: Option<&str>,
    ) -> Result<Self> {
        Ok(Self {
            scopes: KeyScope::granted(scopes)?,
            channels: channels.map(listed).transpose()?,
            act_as: act_as.map(agents).transpose()?,
        })
    }
}

fn listed(channels: &[String]) -> Result<Vec<ChannelId>> {
    let wrong = |message: String| Error::invalid("channels", message);
    if !(1..=MOST_CHANNELS).contains(&channels.len()) {
        let message = format!("must be 1 to {MOST_CHANNELS} ids, or absent for every channel");
        return Err(wrong(message));
    }
    let read = |text: &String| {
        let id = ChannelId::parse(text);
        id.ok_or_else(|| wrong("must be ids of channels".to_owned()))
    };
    let mut channels: Vec<_> = channels.iter().map(read).collect::<Result<_>>()?;
    channels.sort_unstable();
    channels.dedup();
    Ok(channels)
}

/// Nobody acts as another person by a key.
fn agents(text: &str) -> Result<ActAs> {
    match ActAs::parse(text) {
        Some(found @ (ActAs::Agents | ActAs::One(Entity::Agent { .. }))) => Ok(found),
        _ => {
            let message = "must be \"agent:*\" or \"agent:<name>\"";
            Err(Error::invalid("act_as", message))
        }
    }
}

/// A person's key, or an agent's token. The key itself is shown once, when it is made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiKey {
    pub id: Uuid,
    pub owner: Entity,
    /// What its owner calls it.
    pub name: String,
    pub digest: Digest,
    pub rights: KeyRights,
    /// Who made it for an agent: a person, an operator's account or a service; `None` for a
    /// person's own.
    pub made_by: Option<String>,
    pub created_at: Millis,
    /// `None`: it does not expire.
    pub expires_at: Option<Millis>,
    /// To the minute; `None` before its first use.
    pub last_used_at: Option<Millis>,
}

impl ApiKey {
    /// Checks that the key is for this kind of thing.
    pub fn require(&self, scope: KeyScope) -> Result<()> {
        if self.rights.scopes.contains(&scope) {
            return Ok(());
        }
        let (name, word) = (&self.name, scope.as_str());
        Err(Error::forbidden(format!(
            "the key {name:?} has no scope {word}"
        )))
    }

    /// Checks that the key is for this channel, which need not exist.
    pub fn require_channel(&self, id: ChannelId) -> Result<()> {
        match &self.rights.channels {
            Some(channels) if !channels.contains(&id) => Err(Error::forbidden(format!(
                "the key {:?} is for certain channels, and {id} is none of them",
                self.name
            ))),
            _ => Ok(()),
        }
    }

    /// Checks that the key is for all channels that its owner may know of.
    pub fn require_everywhere(&self) -> Result<()> {
        match &self.rights.channels {
            None => Ok(()),
            Some(_) => Err(Error::forbidden(format!(
                "the key {:?} is for certain channels, and this is not of one of them",
                self.name
            ))),
        }
    }

    /// Checks that the key is for acting as somebody other than its owner.
    pub fn require_act_as(&self, entity: &Entity) -> Result<()> {
        match &self.rights.act_as {
            Some(pattern) if pattern.covers(entity) => Ok(()),
            _ => Err(Error::forbidden(format!(
                "the key {:?} may not act as {entity}",
                self.name
            ))),
        }
    }
}

/// Checks the name of a key: one line, as people write it.
pub fn key_name(given: &str) -> Result<String> {
    text::name("name", given)
}

/// Checks for how long a key is to be good, in milliseconds.
pub fn key_lifetime(given: Option<Millis>) -> Result<Option<Millis>> {
    if given.is_some_and(|it| !(1..=LONGEST).contains(&it)) {
        let message = "must be more than nothing and at most ten years";
        return Err(Error::invalid("expires_in", message));
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "00000000-0000-4000-8000-000000000001";
    const THERE: &str = "00000000-0000-4000-8000-000000000002";

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|it| (*it).to_owned()).collect()
    }

    fn key(scopes: &[&str], channels: Option<&[&str]>, act_as: Option<&str>) -> ApiKey {
        let channels = channels.map(list);
        let rights = KeyRights::parse(&list(scopes), channels.as_deref(), act_as);
        ApiKey {
            id: Uuid::nil(),
            owner: Entity::parse("user:alice").expect("an entity"),
            name: "script".into(),
            digest: Digest([1; 32]),
            rights: rights.expect("rights"),
            made_by: None,
            created_at: 0,
            expires_at: None,
            last_used_at: None,
        }
    }

    #[test]
    fn a_key_does_what_its_scopes_say() {
        let reads = key(&["messages:read"], None, None);
        reads.require(KeyScope::MessagesRead).expect("its scope");
        let refused = reads.require(KeyScope::MessagesSend).expect_err("another");
        assert_eq!(
            refused.to_string(),
            "the key \"script\" has no scope messages:send"
        );
        let messages = key(&["messages:*"], None, None);
        messages.require(KeyScope::MessagesSend).expect("both");
        messages
            .require(KeyScope::ChannelsRead)
            .expect_err("another area");
        assert_eq!(key(&["*"], None, None).rights.scopes, KeyScope::ALL);
    }

    #[test]
    fn a_key_works_in_its_channels() {
        let id = |text| ChannelId::parse(text).expect("an id");
        let here = key(&["*"], Some(&[HERE, HERE]), None);
        here.require_channel(id(HERE)).expect("its channel");
        here.require_channel(id(THERE)).expect_err("another");
        here.require_everywhere().expect_err("of one only");
        let all = key(&["*"], None, None);
        all.require_channel(id(THERE)).expect("any");
        all.require_everywhere().expect("all");
    }

    #[test]
    fn a_key_acts_as_agents_alone() {
        let sofia = Entity::parse("agent:sofia").expect("an entity");
        let bob = Entity::parse("user:bob").expect("an entity");
        let none = key(&["*"], None, None);
        none.require_act_as(&sofia).expect_err("as nobody");
        let agents = key(&["*"], None, Some("agent:*"));
        agents.require_act_as(&sofia).expect("an agent");
        agents.require_act_as(&bob).expect_err("a person");
        let other = key(&["*"], None, Some("agent:other"));
        other.require_act_as(&sofia).expect_err("another agent");
    }

    #[test]
    fn wrong_rights_name_the_field() {
        for (scopes, channels, act_as, field) in [
            (vec![], None, None, "scopes"),
            (list(&["messages:all"]), None, None, "scopes"),
            (list(&["messages*"]), None, None, "scopes"),
            (list(&["*"]), Some(vec![]), None, "channels"),
            (list(&["*"]), Some(list(&["here"])), None, "channels"),
            (list(&["*"]), None, Some("*"), "act_as"),
            (list(&["*"]), None, Some("user:*"), "act_as"),
            (list(&["*"]), None, Some("user:bob"), "act_as"),
        ] {
            let wrong = KeyRights::parse(&scopes, channels.as_deref(), act_as);
            let wrong = wrong.expect_err("wrong rights").to_string();
            assert!(wrong.starts_with(&format!("{field}: ")), "{wrong}");
        }
        assert!(key_lifetime(Some(0)).is_err() && key_lifetime(Some(LONGEST + 1)).is_err());
        assert_eq!(key_lifetime(Some(LONGEST)), Ok(Some(LONGEST)));
    }
}
