//! How sessions begin: the homeserver is asked whose password or token it is, after attempts that
//! failed not at once.

use super::{Grant, People};
use crate::domain::account::offered_password;
use crate::domain::entity::Entity;
use crate::domain::id::UserId;
use crate::domain::session::Visitor;
use crate::domain::{Error, Result};
use crate::service::auth::attempts::Attempt;

/// The longest token of a homeserver's that is looked at, in bytes.
const LONGEST_TOKEN: usize = 4_096;

impl People {
    /// Begins a session for whoever knows a Matrix password.
    pub async fn login(&self, user: &str, password: &str, visitor: Visitor) -> Result<Grant> {
        let (user, from) = (self.local_user(user)?, visitor.address);
        offered_password(password)?;
        // The homeserver does not tell upper from lower case here.
        let attempt = self.attempts.begin(&user.as_str().to_lowercase(), from)?;
        let found = match self.homeserver.check_password(&user, password, from).await {
            Ok(Some(found)) => found,
            Ok(None) => return Err(wrong()),
            Err(error) => {
                attempt.undecided();
                return Err(error);
            }
        };
        attempt.succeeded();
        self.begin(self.person(&found)?, visitor).await
    }

    /// Begins a session for whoever has an OpenID token of the homeserver.
    pub async fn login_by_openid(
        &self,
        token: &str,
        server: &str,
        visitor: Visitor,
    ) -> Result<Grant> {
        let own = &self.directory.naming.server_name;
        if server != own {
            let message =
                format!("must be {own}: people of other homeservers have no session here");
            return Err(Error::invalid("matrix_server_name", message));
        }
        let token = shown("access_token", token)?;
        let attempt = self.attempts.begin_unnamed(visitor.address)?;
        let found = self.open_user(token).await;
        self.begin_for(attempt, found, visitor).await
    }

    /// Whose OpenID token it is. Such a token outlives the account.
    async fn open_user(&self, token: &str) -> Result<Option<UserId>> {
        match self.identity.openid_user(token).await? {
            Some(user) if self.homeserver.shut(&user).await?.is_some() => Ok(None),
            found => Ok(found),
        }
    }

    /// Begins a session for whoever comes back from the homeserver's own sign-in page.
    pub async fn login_by_page(&self, token: &str, visitor: Visitor) -> Result<Grant> {
        let token = shown("loginToken", token)?;
        let attempt = self.attempts.begin_unnamed(visitor.address)?;
        let found = self.identity.login_token_user(token, visitor.address).await;
        self.begin_for(attempt, found, visitor).await
    }

    async fn begin_for(
        &self,
        attempt: Attempt<'_>,
        found: Result<Option<UserId>>,
        visitor: Visitor,
    ) -> Result<Grant> {
        let user = match found {
            Ok(Some(user)) => user,
            Ok(None) => {
                let message = "the homeserver does not know the token, or not any more";
                return Err(Error::WrongCredentials(message.to_owned()));
            }
            Err(error) => {
                attempt.undecided();
                return Err(error);
            }
        };
        attempt.succeeded();
        if user.server() != self.directory.naming.server_name {
            let message =
                format!("{user} is of another homeserver; only people of this one sign in");
            return Err(Error::forbidden(message));
        }
        self.begin(self.person(&user)?, visitor).await
    }

    /// The person that a user of this homeserver is.
    pub(in crate::service::auth) fn person(&self, user: &UserId) -> Result<Entity> {
        let entity = self.directory.entity(user);
        match entity {
            Entity::User { server: None, .. } => Ok(entity),
            _ => Err(Error::forbidden(format!(
                "{entity} is not a person; only people sign in here"
            ))),
        }
    }

    /// The user that a person is.
    pub(in crate::service::auth) fn user(&self, person: &Entity) -> UserId {
        self.directory.user_id(person)
    }

    /// `alice`, `user:alice` or `@alice:server`.
    pub(in crate::service::auth) fn local_user(&self, given: &str) -> Result<UserId> {
        let naming = &self.directory.naming;
        let user = if given.starts_with('@') {
            UserId::parse(given)
        } else {
            let localpart = given.strip_prefix("user:").unwrap_or(given);
            let entity = Entity::parse(&format!("user:{localpart}"));
            entity.map(|entity| naming.user_id(&entity))
        };
        user.filter(|user| user.server() == naming.server_name)
            .ok_or_else(|| {
                let server = &naming.server_name;
                Error::invalid("user", format!("must be a name or @name:{server}"))
            })
    }
}

/// Checks what is shown to the homeserver: no more than that it can be a token.
fn shown<'a>(field: &'static str, token: &'a str) -> Result<&'a str> {
    let fits = (1..=LONGEST_TOKEN).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        return Ok(token);
    }
    let message = format!("must be 1 to {LONGEST_TOKEN} visible ASCII characters");
    Err(Error::invalid(field, message))
}

fn wrong() -> Error {
    Error::WrongCredentials("wrong user or password".to_owned())
}
