//! The registration file that the homeserver loads (application service API, "Registration").

use std::fmt::Write as _;

/// What a registration is made of.
#[derive(Clone, Debug)]
pub struct RegistrationInput {
    /// Unique among the homeserver's application services; `daarion`.
    pub id: String,
    /// How the homeserver reaches us.
    pub url: String,
    pub as_token: String,
    pub hs_token: String,
    pub sender_localpart: String,
    /// What an agent's localpart begins with.
    pub agent_prefix: String,
    pub server_name: String,
    /// What a city alias begins with.
    pub room_prefix: String,
    /// Whether the connector acts as every local user, and not as agents only.
    pub act_as_all: bool,
}

/// The registration as commented YAML. Strings are written as JSON has them, which YAML reads
/// the same way whatever is in them.
#[must_use]
pub fn registration_yaml(input: &RegistrationInput) -> String {
    let server = escape(&input.server_name);
    let sender = escape(&input.sender_localpart);
    let agents = escape(&input.agent_prefix);
    let rooms = escape(&input.room_prefix);
    let mut yaml = String::from(
        "# daarion, as the homeserver knows it. Synapse reads this file once, when it starts:\n\
         # name it under app_service_config_files and restart Synapse after each change.\n\
         # Whoever can read the tokens can act as every user that is named here.\n",
    );
    let mut line = |text: &str| {
        yaml.push_str(text);
        yaml.push('\n');
    };
    line(&format!("id: {}", quote(&input.id)));
    line("# Where the homeserver reaches daarion (matrix.connector_url).");
    line(&format!("url: {}", quote(&input.url)));
    line("# daarion shows this one to the homeserver,");
    line(&format!("as_token: {}", quote(&input.as_token)));
    line("# and the homeserver this one to daarion.");
    line(&format!("hs_token: {}", quote(&input.hs_token)));
    line("# daarion's own user, which stays in every channel.");
    line(&format!(
        "sender_localpart: {}",
        quote(&input.sender_localpart)
    ));
    line("# A whole community speaks through daarion.");
    line("rate_limited: false");
    line("# Who is online. The second name is for Synapse before 1.156.");
    line("receive_ephemeral: true");
    line("de.sorunome.msc2409.push_ephemeral: true");
    line("# The first rule that fits decides, so the exclusive ones come first.");
    line("namespaces:");
    line("  users:");
    line("    # daarion's own user and its agents: nobody else may have such a name.");
    line(&rule(true, &format!("^@{sender}:{server}$")));
    line(&rule(true, &format!("^@{agents}.*:{server}$")));
    if input.act_as_all {
        line("    # Every local user: daarion may act as them, when they ask it to, and is told");
        line("    # of the events in their rooms. It drops those of rooms that are no channels.");
        line(&rule(false, &format!("^@.*:{server}$")));
    }
    line("  aliases:");
    line("    # City rooms are daarion's to make.");
    line(&rule(true, &format!("^#{rooms}.*:{server}$")));
    line("    # Other channels share the aliases with everybody.");
    line(&rule(false, &format!("^#.*:{server}$")));
    line("  rooms: []");
    yaml
}

fn rule(exclusive: bool, regex: &str) -> String {
    format!(
        "    - exclusive: {exclusive}\n      regex: {}",
        quote(regex)
    )
}

/// A JSON string, which is a YAML string.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Takes the meaning out of what means something in a regular expression.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if "\\.+*?()|[]{}^$".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input() -> RegistrationInput {
        RegistrationInput {
            id: "daarion".into(),
            url: "http://127.0.0.1:7003".into(),
            as_token: "a\"b\\c\u{7}".into(),
            hs_token: "hs".into(),
            sender_localpart: "daarion".into(),
            agent_prefix: "agent_".into(),
            server_name: "daarion.city:8448".into(),
            room_prefix: "city_".into(),
            act_as_all: true,
        }
    }

    #[test]
    fn strings_are_quoted_and_names_escaped() {
        let yaml = registration_yaml(&input());
        assert!(yaml.contains(r#"as_token: "a\"b\\c\u0007""#), "{yaml}");
        assert!(
            yaml.contains(r#"regex: "^@agent_.*:daarion\\.city:8448$""#),
            "{yaml}"
        );
        assert!(
            yaml.contains(r#"regex: "^#city_.*:daarion\\.city:8448$""#),
            "{yaml}"
        );
    }

    #[test]
    fn exclusive_rules_come_first_and_everybody_only_when_wanted() {
        let place = |yaml: &str, text: &str| yaml.find(text);
        let wide = registration_yaml(&input());
        assert!(place(&wide, "@agent_") < place(&wide, "^@.*:"));
        assert!(place(&wide, "#city_") < place(&wide, "^#.*:"));
        let narrow = registration_yaml(&RegistrationInput {
            act_as_all: false,
            ..input()
        });
        assert_eq!(place(&narrow, "^@.*:"), None);
        assert!(place(&narrow, "^#.*:").is_some());
    }
}
