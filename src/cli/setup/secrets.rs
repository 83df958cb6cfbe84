//! Hides secrets in what is shown: setup's patches go to terminals and into logs.
//!
//! Pure functions over lines of TOML and YAML. A key tells by its name that its value is secret.

/// Words in the name of a key that make its value a secret.
const SECRET: [&str; 5] = ["token", "secret", "password", "passphrase", "key"];
/// Ends of names that only tell where a secret is, or how long it is good.
const HARMLESS: [&str; 7] = [
    "_file",
    "_path",
    "_files",
    "_lifetime",
    "_servers",
    "_id",
    "_ids",
];
const HIDDEN: &str = "(hidden)";
const CHANGED: &str = "(hidden, changed)";

/// The text without its secrets. Those that stand in `other` with another value are said to have
/// changed.
pub fn hide(text: &str, other: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines.map(|line| hidden(line, other)).collect()
}

fn hidden(line: &str, other: &str) -> String {
    let Some(name) = secret(line) else {
        return line.to_owned();
    };
    let (before, _) = line.split_at(line.find([':', '=']).unwrap_or(0) + 1);
    let same_key = |line: &&str| secret(line) == Some(name);
    let mut others = other.lines().filter(same_key).peekable();
    let has_changed = others.peek().is_some() && others.all(|other| other != line.trim_end());
    let shown = if has_changed { CHANGED } else { HIDDEN };
    let end = if line.ends_with('\n') { "\n" } else { "" };
    format!("{before} {shown}{end}")
}

/// The key of a line that has a secret behind it, commented out or not.
fn secret(line: &str) -> Option<&str> {
    let (name, value) = line.split_once([':', '='])?;
    let is_framing = |c: char| c.is_whitespace() || matches!(c, '#' | '-' | '"' | '\'' | '{');
    let name = name.trim_matches(is_framing);
    let lower = name.to_lowercase();
    let is_secret = SECRET.iter().any(|word| lower.contains(word));
    let is_harmless = HARMLESS.iter().any(|end| lower.ends_with(end));
    let is_empty = matches!(value.trim(), "" | "\"\"" | "''");
    let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
    (is_name && is_secret && !is_harmless && !is_empty).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        hide(text, "")
    }

    #[test]
    fn secrets_are_not_shown() {
        for (line, expected) in [
            ("as_token = \"a\"\n", "as_token = (hidden)\n"),
            ("  as_token=\"a\"", "  as_token= (hidden)"),
            ("hs_token: b\n", "hs_token: (hidden)\n"),
            ("form_secret: \"x\"\n", "form_secret: (hidden)\n"),
            ("    password: x # y\n", "    password: (hidden)\n"),
            (
                "- \"macaroon_secret_key\": x\n",
                "- \"macaroon_secret_key\": (hidden)\n",
            ),
            (
                "#turn_shared_secret: x\n",
                "#turn_shared_secret: (hidden)\n",
            ),
            (
                "recaptcha_private_key: x\n",
                "recaptcha_private_key: (hidden)\n",
            ),
        ] {
            assert_eq!(shown(line), expected);
        }
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        let text = "#secret = \"\"\nas_token_file = \"/a\"\nsigning_key_path: /b\n\
                    # The two tokens: they differ.\naccess_token_lifetime = \"15m\"\n\
                    trusted_key_servers: []\nserver_name: x\n  - /etc/bridge.yaml\n";
        assert_eq!(shown(text), text);
    }

    #[test]
    fn change_of_a_secret_is_seen() {
        let before = "a: 1\nhs_token: x\n";
        assert_eq!(
            hide("hs_token: y\n", before),
            "hs_token: (hidden, changed)\n"
        );
        assert_eq!(hide("hs_token: x\n", before), "hs_token: (hidden)\n");
    }
}
