//! Rules for the texts that callers give and that lists show.

use super::error::{Error, Result};

/// How many characters of a message the index keeps.
pub const PREVIEW_LENGTH: usize = 280;
/// The longest name of a channel, in characters.
pub const MAX_NAME: usize = 128;
/// The longest description of a channel, in characters.
pub const MAX_DESCRIPTION: usize = 1_000;
/// The longest reason of what is done to others, in characters.
pub const MAX_REASON: usize = 1_000;
/// The longest message text, in bytes. A Matrix event may have 65,536 bytes; the text can
/// stand in it twice (plain and formatted) beside some hundred bytes of envelope.
pub const MAX_MESSAGE: usize = 30_000;

/// The beginning of a text that a list shows, and whether something was left out.
#[must_use]
pub fn preview(text: &str) -> (String, bool) {
    match text.char_indices().nth(PREVIEW_LENGTH) {
        Some((end, _)) => (text[..end].to_owned(), true),
        None => (text.to_owned(), false),
    }
}

/// Checks the name of a channel or a person: one line, not blank; outer space is dropped.
pub fn name(field: &'static str, given: &str) -> Result<String> {
    let name = given.trim();
    if name.is_empty() {
        return Err(Error::invalid(field, "must not be blank"));
    }
    if name.chars().count() > MAX_NAME {
        return Err(Error::invalid(
            field,
            format!("must have at most {MAX_NAME} characters"),
        ));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::invalid(field, "must not hold control characters"));
    }
    Ok(name.to_owned())
}

/// Checks a description: may be empty and may have several lines.
pub fn description(given: &str) -> Result<String> {
    if given.chars().count() > MAX_DESCRIPTION {
        return Err(Error::invalid(
            "description",
            format!("must have at most {MAX_DESCRIPTION} characters"),
        ));
    }
    if given.contains('\0') {
        return Err(Error::invalid("description", "must not hold NUL"));
    }
    Ok(given.trim().to_owned())
}

/// Checks the text of a message to be sent.
pub fn message(given: &str) -> Result<&str> {
    if given.trim().is_empty() {
        return Err(Error::invalid("text", "must not be blank"));
    }
    if given.len() > MAX_MESSAGE {
        return Err(Error::invalid(
            "text",
            format!("must have at most {MAX_MESSAGE} bytes"),
        ));
    }
    if given.contains('\0') {
        return Err(Error::invalid("text", "must not hold NUL"));
    }
    Ok(given)
}

/// Checks why somebody does something to others.
pub fn reason(given: &str) -> Result<()> {
    if given.chars().count() > MAX_REASON {
        return Err(Error::invalid(
            "reason",
            format!("must have at most {MAX_REASON} characters"),
        ));
    }
    if given.contains('\0') {
        return Err(Error::invalid("reason", "must not hold NUL"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preview_counts_characters_not_bytes() {
        let short = "ї".repeat(PREVIEW_LENGTH);
        assert_eq!(preview(&short), (short.clone(), false));
        assert_eq!(preview(&format!("{short}!")), (short, true));
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(name("name", " Energy ").as_deref(), Ok("Energy"));
        for bad in ["", "  ", "a\nb", &"x".repeat(MAX_NAME + 1)] {
            assert!(name("name", bad).is_err(), "{bad:?}");
        }
    }
}
