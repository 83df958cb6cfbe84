//! Passwords of operators: argon2id at OWASP's minimum, on threads that may block, and never
//! so many at once that guessing would take the machine's memory.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

use crate::domain::{Error, Result};

/// 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// How many are made at once.
const AT_ONCE: usize = 2;
/// How long one waits for its turn; making one takes some 30 ms.
const TURN: Duration = Duration::from_secs(5);

/// The hash of no password, checked when there is no account, so that the time of the answer
/// does not tell whether there is one.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Makes and checks hashes.
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// How long one waits for its turn.
    patience: Duration,
}

impl Passwords {
    pub fn new() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            patience: TURN,
        }
    }

    /// The hash of a password, in the PHC string format.
    pub async fn hash(&self, password: &str) -> Result<String> {
        let password = password.to_owned();
        self.work(move || {
            let hash = argon2()?.hash_password(password.as_bytes());
            hash.map(|hash| hash.to_string())
                .map_err(|error| Error::internal(format!("cannot hash a password: {error}")))
        })
        .await
    }

    /// Whether a password is the one of a hash; without a hash it is not, and takes as long.
    pub async fn is_right(&self, password: &str, hash: Option<&str>) -> Result<bool> {
        let password = password.to_owned();
        let exists = hash.is_some();
        let hash = hash.unwrap_or(NOBODY).to_owned();
        self.work(move || {
            let hash = PasswordHash::new(&hash).map_err(|error| {
                Error::internal(format!("a stored password cannot be read: {error}"))
            })?;
            let checked = argon2()?.verify_password(password.as_bytes(), &hash);
            Ok(checked.is_ok() && exists)
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = tokio::time::timeout(self.patience, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Error::TooMany {
                message: "too many people are signing in; try again in a moment".to_owned(),
                retry_after: TURN,
            });
        };
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when nobody waits for it any more.
            let _turn = turn;
            work()
        });
        done.await
            .unwrap_or_else(|error| Err(Error::internal(format!("hashing broke off: {error}"))))
    }
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|error| Error::internal(format!("argon2 takes no such parameters: {error}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_recognised_by_its_hash() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse battery").await.expect("made");
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        let again = passwords.hash("correct horse battery").await.expect("made");
        assert_ne!(hash, again, "each has a salt of its own");
        for (password, right) in [("correct horse battery", true), ("correct", false)] {
            let checked = passwords.is_right(password, Some(&hash)).await;
            assert_eq!(checked.expect("checked"), right, "{password}");
        }
    }

    #[tokio::test]
    async fn nobody_has_no_password_and_costs_as_much() {
        let nobody = PasswordHash::new(NOBODY).expect("a hash");
        let params = Params::try_from(&nobody).expect("parameters");
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (MEMORY_KIB, PASSES, LANES)
        );
        let passwords = Passwords::new();
        for password in ["", "correct horse battery"] {
            let checked = passwords.is_right(password, None).await;
            assert!(!checked.expect("checked"));
        }
    }

    #[tokio::test]
    async fn whoever_waits_too_long_is_told_so() {
        let passwords = Passwords {
            patience: Duration::from_millis(1),
            ..Passwords::new()
        };
        let _all = passwords.turns.acquire_many(2).await.expect("both turns");
        let refused = passwords.is_right("x", None).await;
        assert!(matches!(refused, Err(Error::TooMany { .. })), "{refused:?}");
    }
}
