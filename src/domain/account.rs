//! Accounts of operators, and what their names and passwords must be.

use super::error::{Error, Result};
use super::id::Millis;

/// The shortest password of an operator, in characters. No rule of what it is made of: length
/// is what counts (NIST SP 800-63B, 3.1.1.2).
pub const SHORTEST_PASSWORD: usize = 12;
/// The longest password that anybody may offer, in bytes.
pub const LONGEST_PASSWORD: usize = 1_024;
/// The longest name of an operator.
const LONGEST_NAME: usize = 64;

/// A local account of an operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperatorAccount {
    pub name: String,
    /// In the PHC string format.
    pub password_hash: String,
    pub created_at: Millis,
    /// When the password was set last.
    pub password_set_at: Millis,
}

/// Checks the name of an account.
pub fn operator_name(name: &str) -> Result<String> {
    let fits = (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
        });
    if fits {
        return Ok(name.to_owned());
    }
    let message = "must be 1 to 64 characters from a-z, 0-9 and \"._-\"";
    Err(Error::invalid("name", message))
}

/// Checks a password that is to be set.
pub fn new_password(password: &str) -> Result<()> {
    if password.chars().count() < SHORTEST_PASSWORD {
        let message = format!("must have at least {SHORTEST_PASSWORD} characters");
        return Err(Error::invalid("password", message));
    }
    offered_password(password)
}

/// Checks a password that somebody signs in with: no more than that it can be one.
pub fn offered_password(password: &str) -> Result<()> {
    if (1..=LONGEST_PASSWORD).contains(&password.len()) {
        return Ok(());
    }
    let message = format!("must be 1 to {LONGEST_PASSWORD} bytes");
    Err(Error::invalid("password", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["root", "a", "olena.k", "night_shift-2", &"x".repeat(64)] {
            assert_eq!(operator_name(good).expect("a name"), good);
        }
        for bad in ["", "Root", "a b", "оля", "a/b", "user:a", &"x".repeat(65)] {
            let refused = operator_name(bad).expect_err("no name").to_string();
            assert!(refused.starts_with("name: "), "{refused}");
        }
    }

    #[test]
    fn length_is_all_that_counts_of_a_password() {
        for good in [
            "aaaaaaaaaaaa",
            "дванадцять12",
            "correct horse battery staple",
        ] {
            new_password(good).expect("a password");
        }
        for bad in [
            "",
            "Sh0rt!",
            "одинадцять1",
            &"x".repeat(LONGEST_PASSWORD + 1),
        ] {
            let refused = new_password(bad).expect_err("no password").to_string();
            assert!(refused.starts_with("password: "), "{refused}");
        }
    }
}
