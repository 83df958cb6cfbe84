//! Commands: what agents can be asked to do by name, `!name …` or `/name …`.
//!
//! Bots in Matrix are spoken to by `!`, because most clients take a leading `/` for themselves; `/`
//! means the same where it is sent as it was written, as in our own page. `name@agent` says whose
//! command is meant.

use super::agent::Agent;
use super::entity::Entity;
use super::error::{Error, Result};
use super::message::Mentions;

/// The most commands of one agent, and arguments of one command.
const MOST: usize = 50;
const MOST_ARGUMENTS: usize = 20;
/// The longest name of a command or an argument, in characters.
const LONGEST_NAME: usize = 32;
/// The longest text about one, in characters.
const LONGEST_TEXT: usize = 256;

/// Something that an agent can be asked to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    pub name: String,
    /// What it does.
    pub description: String,
    /// How it is written, behind its name.
    pub usage: Option<String>,
    pub arguments: Vec<Argument>,
}

/// What stands behind a command's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Argument {
    pub name: String,
    pub description: Option<String>,
    pub is_required: bool,
}

/// Checks the commands that an agent declares.
pub fn commands(given: Vec<Command>) -> Result<Vec<Command>> {
    let wrong = |message: String| Err(Error::invalid("commands", message));
    if given.len() > MOST {
        return wrong(format!("must be at most {MOST}"));
    }
    for (at, command) in given.iter().enumerate() {
        let name = &command.name;
        if !is_name(name) {
            return wrong(format!("[{at}].name: {NAME}"));
        }
        if given[..at].iter().any(|other| other.name == *name) {
            return wrong(format!("[{at}].name: {name:?} stands twice"));
        }
        let texts = [
            ("description", Some(&command.description)),
            ("usage", command.usage.as_ref()),
        ];
        for (field, text) in texts {
            if text.is_some_and(|text| !is_line(text)) {
                return wrong(format!("[{at}].{field}: {TEXT}"));
            }
        }
        if command.arguments.len() > MOST_ARGUMENTS {
            let field = "arguments";
            return wrong(format!("[{at}].{field}: must be at most {MOST_ARGUMENTS}"));
        }
        for argument in &command.arguments {
            let name = &argument.name;
            if !is_name(name) {
                return wrong(format!("[{at}].arguments: {name:?}: {NAME}"));
            }
            if argument.description.as_ref().is_some_and(|it| !is_line(it)) {
                return wrong(format!("[{at}].arguments: {name:?}: {TEXT}"));
            }
        }
    }
    Ok(given)
}

const NAME: &str = "must be 1 to 32 characters from a-z, 0-9, \"_\" and \"-\"";
const TEXT: &str = "must be 1 to 256 characters on one line";

fn is_name(text: &str) -> bool {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(fits)
}

fn is_line(text: &str) -> bool {
    let length = text.chars().count();
    (1..=LONGEST_TEXT).contains(&length)
        && !text.trim().is_empty()
        && !text.chars().any(char::is_control)
}

/// A text that has the form of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spoken<'a> {
    /// In lower case.
    pub name: String,
    /// The agent that is meant, when the text says so.
    pub agent: Option<&'a str>,
    /// What stands behind the name, without outer space.
    pub arguments: &'a str,
}

impl<'a> Spoken<'a> {
    /// Reads a text; `None` when it is no command, such as `/etc/passwd` and `!!!`.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(['!', '/'])?;
        let (word, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (name, agent) = match word.split_once('@') {
            Some((name, agent)) => (name, Some(agent)),
            None => (word, None),
        };
        let agent = agent.map(|agent| agent.strip_prefix("agent:").unwrap_or(agent));
        let name = name.to_ascii_lowercase();
        is_name(&name).then_some(Self {
            name,
            agent,
            arguments: arguments.trim(),
        })
    }

    /// Which of the agents is asked. They are those of the channel that have such a command: the
    /// one that is named, or the only one there is, or the only one that is mentioned. What could
    /// be meant for several is for none, or something would be done twice.
    #[must_use]
    pub fn addressee<'b>(&self, agents: &'b [Agent], mentions: &Mentions) -> Option<&'b Agent> {
        if let Some(named) = self.agent {
            return agents.iter().find(|agent| agent.name == named);
        }
        if let [only] = agents {
            return Some(only);
        }
        let is_mentioned = |agent: &&Agent| mentions.entities.contains(&agent.entity());
        let mut mentioned = agents.iter().filter(is_mentioned);
        let first = mentioned.next()?;
        mentioned.next().is_none().then_some(first)
    }
}

/// A command that an agent is asked to carry out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Called {
    pub agent: Entity,
    pub name: String,
    pub arguments: String,
}

impl Agent {
    #[must_use]
    pub fn has_command(&self, name: &str) -> bool {
        self.commands.iter().any(|command| command.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::UserId;

    fn command(name: &str) -> Command {
        Command {
            name: name.into(),
            description: "Says the weather".into(),
            usage: None,
            arguments: Vec::new(),
        }
    }

    fn agent(name: &str) -> Agent {
        let user = UserId::trusted(format!("@agent_{name}:s"));
        let mut agent = Agent::new(name.into(), user, name.into(), 1);
        agent.commands = vec![command("weather")].into();
        agent
    }

    #[test]
    fn commands_are_read_as_bots_read_them() {
        let spoken = |text| Spoken::parse(text).map(|it| (it.name, it.agent, it.arguments));
        let read = |name: &str, agent, arguments| Some((name.to_owned(), agent, arguments));
        assert_eq!(spoken("!weather"), read("weather", None, ""));
        assert_eq!(
            spoken("/Weather  Київ, \nзавтра "),
            read("weather", None, "Київ, \nзавтра")
        );
        assert_eq!(
            spoken("!weather@sofia Київ"),
            read("weather", Some("sofia"), "Київ")
        );
        assert_eq!(
            spoken("!weather@agent:sofia"),
            read("weather", Some("sofia"), "")
        );
        for text in [
            "",
            "!",
            "weather",
            " !weather",
            "!!!",
            "/etc/passwd",
            "!погода",
            "! weather",
        ] {
            assert_eq!(spoken(text), None, "{text}");
        }
    }

    #[test]
    fn what_could_be_meant_for_several_is_for_none() {
        let (one, two) = (agent("one"), agent("two"));
        let both = [one.clone(), two.clone()];
        let asked = |text: &str, agents: &[Agent], mentioned: &[&Agent]| {
            let mentions = Mentions {
                entities: mentioned.iter().map(|agent| agent.entity()).collect(),
                room: false,
            };
            let spoken = Spoken::parse(text).expect("a command");
            spoken
                .addressee(agents, &mentions)
                .map(|agent| agent.name.clone())
        };
        assert_eq!(asked("!weather", &both[..1], &[]).as_deref(), Some("one"));
        assert_eq!(asked("!weather", &both, &[]), None);
        assert_eq!(asked("!weather", &both, &[&two]).as_deref(), Some("two"));
        assert_eq!(asked("!weather", &both, &[&one, &two]), None);
        assert_eq!(
            asked("!weather@two", &both, &[&one]).as_deref(),
            Some("two")
        );
        assert_eq!(asked("!weather@three", &both, &[&one]), None);
        assert_eq!(asked("!weather", &[], &[]), None);
    }

    #[test]
    fn wrong_commands_are_named() {
        let refused = |given| commands(given).expect_err("wrong").to_string();
        let mut long = command("long");
        long.usage = Some("x".repeat(LONGEST_TEXT + 1));
        let mut argued = command("argued");
        argued.arguments = vec![Argument {
            name: "Місто".into(),
            description: None,
            is_required: true,
        }];
        for (given, at) in [
            (vec![command("a"), command("Weather")], "[1].name"),
            (vec![command("a"), command("a")], "[1].name"),
            (vec![long], "[0].usage"),
            (vec![argued], "[0].arguments"),
            (
                (0..=MOST).map(|at| command(&at.to_string())).collect(),
                "must be",
            ),
        ] {
            let words = refused(given);
            assert!(words.starts_with(&format!("commands: {at}")), "{words}");
        }
        assert_eq!(commands(vec![command("a")]).expect("good").len(), 1);
    }
}
