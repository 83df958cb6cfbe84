//! The HTTP client: one connection pool to one homeserver, the application service's token,
//! time limits, and repetition where that is safe.
//!
//! Requests are ruma's; what goes wrong becomes our [`Error`] in [`failure`].

mod failure;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ruma::api::auth_scheme::{AuthScheme, SendAccessToken};
use ruma::api::path_builder::PathBuilder;
use ruma::api::{
    AppserviceUserIdentity, IncomingResponse, MatrixVersion, OutgoingRequest,
    OutgoingRequestAppserviceExt as _, SupportedVersions,
};
use url::Url;

use super::{ids, transport};
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::id::UserId;
use crate::domain::{Error, Result};
use failure::Failure;
pub use failure::is_unknown_user;

/// How long opening a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long a request may take, its repetitions included.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// How long we wait in all when the homeserver says "later".
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a request that failed is repeated.
const REPETITIONS: u32 = 3;
/// The pause before the first repetition; it doubles.
const PAUSE: Duration = Duration::from_millis(100);
const IDLE_CONNECTIONS: usize = 64;

/// Whether doing something twice is the same as doing it once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repeat {
    /// It reads, sets what may be set again, or carries a transaction id.
    Safe,
    /// It would be done twice.
    Never,
}

/// As whom a request without ruma's help is made.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    None,
    /// The application service's own token.
    Connector,
    /// Somebody else's.
    Token(&'a str),
}

/// A homeserver as HTTP reaches it.
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
    versions: SupportedVersions,
    directory: Arc<Directory>,
    clock: Clock,
    was_away: AtomicBool,
}

impl Client {
    pub fn new(
        homeserver: &Url,
        token: String,
        directory: Arc<Directory>,
        clock: Clock,
    ) -> Result<Self> {
        let http = transport::builder(homeserver.as_str())
            .connect_timeout(CONNECT_LIMIT)
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(60))
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("daarion/", env!("CARGO_PKG_VERSION")));
        Ok(Self {
            http: transport::build(http)?,
            base: homeserver.as_str().trim_end_matches('/').to_owned(),
            token,
            versions: spoken_versions(),
            directory,
            clock,
            was_away: AtomicBool::new(false),
        })
    }

    /// Whether a connection was refused or broke since this was asked last.
    pub fn was_away(&self) -> bool {
        self.was_away.swap(false, Ordering::Relaxed)
    }

    /// Asks the homeserver for something, as a user or, by default, as the connector.
    pub async fn request<R>(
        &self,
        request: R,
        as_user: Option<&UserId>,
        repeat: Repeat,
    ) -> Result<R::IncomingResponse>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        let answer = self.request_plain(request, as_user, repeat).await;
        let acting = || as_user.map(|user| self.directory.entity(user));
        answer.map_err(|error| failure::name_entity(error, acting()))
    }

    /// As [`request`](Self::request), the homeserver's refusals in its own words.
    pub async fn request_plain<R>(
        &self,
        request: R,
        as_user: Option<&UserId>,
        repeat: Repeat,
    ) -> Result<R::IncomingResponse>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        let user = as_user.map(ids::user).transpose()?;
        let mut identity = AppserviceUserIdentity::default();
        identity.user_id = user.as_deref();
        let request = request
            .try_into_http_request_with_identity::<Vec<u8>>(
                &self.base,
                SendAccessToken::Appservice(&self.token),
                identity,
                Cow::Borrowed(&self.versions),
            )
            .map_err(|error| Error::internal(format!("cannot make a request: {error}")))?;
        let answer = self.execute(request.map(Bytes::from), repeat).await;
        let answer = answer.map_err(failure::name_as_token)?;
        // Answers without fields are not read otherwise, and whoever answers may be no homeserver.
        if !matches!(answer.1.trim_ascii_start().first(), Some(b'{' | b'[')) {
            let message = "a success without JSON";
            return Err(Error::HomeserverNonsense(message.to_owned()));
        }
        let whole = http::Response::from_parts(answer.0, answer.1.as_ref());
        <R::IncomingResponse as IncomingResponse>::try_from_http_response_inner(whole)
            .map_err(|error| Error::HomeserverNonsense(error.to_string()))
    }

    /// Reads an address as a user, once, in a time that may be long. Ends when it is dropped.
    pub async fn poll(&self, path: &str, as_user: &UserId, limit: Duration) -> Result<Bytes> {
        let request = http::Request::get(self.address(path, Some(as_user)))
            .header("authorization", format!("Bearer {}", self.token))
            .body(Bytes::new())
            .map_err(|error| Error::internal(format!("cannot make a request: {error}")))?;
        let request = reqwest::Request::try_from(request)
            .map_err(|error| Error::internal(format!("cannot make a request: {error}")))?;
        let answer = self.once(&request, limit).await;
        let answer = answer.map_err(|failure| failure::name_as_token(failure.error));
        let answer = answer
            .map_err(|error| failure::name_entity(error, Some(self.directory.entity(as_user))));
        Ok(answer?.1)
    }

    /// Posts what is told piece by piece, as the connector, once.
    pub async fn post_stream(
        &self,
        path: &str,
        headers: impl IntoIterator<Item = (http::HeaderName, String)>,
        body: reqwest::Body,
        limit: Duration,
    ) -> Result<Bytes> {
        let mut request = self.http.post(self.address(path, None));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.bearer_auth(&self.token).body(body).timeout(limit);
        let answer = self.expect_success(answer.send().await).await?;
        let body = answer.bytes().await;
        body.map_err(|error| self.broken(&error).error)
    }

    /// Reads an address as the connector, once; what it has is read by whoever gets the answer.
    pub async fn get_stream(&self, path: &str) -> Result<reqwest::Response> {
        let request = self.http.get(self.address(path, None));
        let answer = request.bearer_auth(&self.token).send();
        match tokio::time::timeout(REQUEST_LIMIT, answer).await {
            Ok(answer) => self.expect_success(answer).await,
            Err(_) => {
                let reason = format!("{} does not answer in time", self.base);
                Err(Error::unavailable(reason))
            }
        }
    }

    async fn expect_success(
        &self,
        answer: reqwest::Result<reqwest::Response>,
    ) -> Result<reqwest::Response> {
        let transport = |error| self.broken(&error).error;
        let answer = answer.map_err(transport)?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let mut head = http::Response::new(());
        *head.status_mut() = answer.status();
        *head.headers_mut() = answer.headers().clone();
        let body = tokio::time::timeout(REQUEST_LIMIT, answer.bytes()).await;
        let body = body.map_err(|_| Error::unavailable("it does not end its answer"))?;
        let failure = Failure::answer(&head.into_parts().0, &body.map_err(transport)?);
        Err(failure::name_as_token(failure.error))
    }

    /// A whole address, with whom we act as.
    fn address(&self, path: &str, as_user: Option<&UserId>) -> String {
        let base = &self.base;
        let Some(user) = as_user else {
            return format!("{base}{path}");
        };
        let user: String = url::form_urlencoded::byte_serialize(user.as_str().as_bytes()).collect();
        let joint = if path.contains('?') { '&' } else { '?' };
        format!("{base}{path}{joint}user_id={user}")
    }

    /// Reads an address that ruma has no request for, with a token of its own or none. A refusal
    /// of that token is the caller's to explain.
    pub async fn get(&self, path: &str, token: Option<&str>) -> Result<Bytes> {
        Ok(self.get_whole(path, token).await?.1)
    }

    /// As [`get`](Self::get), with the head of the answer.
    pub async fn get_whole(
        &self,
        path: &str,
        token: Option<&str>,
    ) -> Result<(http::response::Parts, Bytes)> {
        let mut request = http::Request::get(format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request
            .body(Bytes::new())
            .map_err(|error| Error::internal(format!("cannot make a request: {error}")))?;
        self.execute(request, Repeat::Safe).await
    }

    /// Posts JSON to an address with a token of its own or none, once. `from` is for whom it
    /// is done: a homeserver that trusts its proxy counts that address and not ours.
    pub async fn post(
        &self,
        path: &str,
        body: &serde_json::Value,
        token: Option<&str>,
        from: Option<IpAddr>,
    ) -> Result<Bytes> {
        let mut request = http::Request::post(format!("{}{path}", self.base))
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(from) = from {
            request = request.header("x-forwarded-for", from.to_string());
        }
        let request = request
            .body(Bytes::from(body.to_string()))
            .map_err(|error| Error::internal(format!("cannot make a request: {error}")))?;
        Ok(self.execute(request, Repeat::Never).await?.1)
    }

    /// Asks for something that ruma has no request for, with JSON or without.
    pub async fn send(
        &self,
        method: http::Method,
        path: &str,
        body: Option<&serde_json::Value>,
        credential: Credential<'_>,
        repeat: Repeat,
    ) -> Result<(http::response::Parts, Bytes)> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        let token = match credential {
            Credential::None => None,
            Credential::Connector => Some(self.token.as_str()),
            Credential::Token(token) => Some(token),
        };
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = request
            .body(Bytes::from(body))
            .map_err(|error| Error::internal(format!("cannot make a request: {error}")))?;
        self.execute(request, repeat).await
    }

    /// Sends a request, again where that is safe, and returns the answer if it is a success.
    async fn execute(
        &self,
        request: http::Request<Bytes>,
        repeat: Repeat,
    ) -> Result<(http::response::Parts, Bytes)> {
        let begun = self.clock.instant();
        let mut repetitions = 0;
        // Whether an attempt may have been carried out, though its answer did not come.
        let mut is_open = false;
        let request = reqwest::Request::try_from(request)
            .map_err(|error| Error::internal(format!("cannot make a request: {error}")))?;
        loop {
            let left = REQUEST_LIMIT.saturating_sub(self.clock.instant() - begun);
            let failure = match self.once(&request, left).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let spent = self.clock.instant() - begun;
            let pause = match repeat {
                Repeat::Safe => self.pause(&failure, repetitions),
                Repeat::Never => None,
            };
            let Some(pause) = pause.filter(|pause| spent + *pause <= PATIENCE) else {
                return Err(match is_open {
                    true => failure::left_open(failure.error),
                    false => failure.error,
                });
            };
            is_open |= failure.error.leaves_open();
            repetitions += 1;
            tracing::debug!(
                path = request.url().path(),
                repetitions,
                pause_ms = pause.as_millis(),
                error = %failure.error,
                "repeating a request to the homeserver"
            );
            tokio::time::sleep(pause).await;
        }
    }

    async fn once(
        &self,
        request: &reqwest::Request,
        limit: Duration,
    ) -> Result<(http::response::Parts, Bytes), Failure> {
        let mut request = request
            .try_clone()
            .expect("a body that is in memory can be sent again");
        *request.timeout_mut() = Some(limit);
        let answer = self.http.execute(request).await;
        let mut answer = answer.map_err(|error| self.broken(&error))?;
        let mut whole = http::Response::new(());
        *whole.status_mut() = answer.status();
        *whole.headers_mut() = std::mem::take(answer.headers_mut());
        let body = answer.bytes().await;
        let body = body.map_err(|error| self.broken(&error))?;
        let (parts, ()) = whole.into_parts();
        if parts.status.is_success() {
            Ok((parts, body))
        } else {
            Err(Failure::answer(&parts, &body))
        }
    }

    fn broken(&self, error: &reqwest::Error) -> Failure {
        let failure = Failure::transport(error, &self.base);
        // One that only takes its time is there.
        if failure.may_pass {
            self.was_away.store(true, Ordering::Relaxed);
        }
        failure
    }

    /// How long to wait before the next attempt; `None` when there should be none.
    fn pause(&self, failure: &Failure, repetitions: u32) -> Option<Duration> {
        match &failure.error {
            Error::HomeserverLimited { retry_after, .. } => Some(*retry_after),
            _ if !failure.may_pass || repetitions >= REPETITIONS => None,
            _ => {
                // Between half and one and a half of the step, so that callers who failed
                // together do not come back together.
                let step = PAUSE * 2_u32.pow(repetitions);
                let share = u32::try_from(self.clock.uuid().as_u128() % 1_000).unwrap_or(0);
                let pause = step / 2 + step * share / 1_000;
                Some(pause.max(failure.retry_after().unwrap_or_default()))
            }
        }
    }
}

/// The versions of the specification whose addresses we use. They are not asked for: every
/// homeserver that this connector can work beside has them, and the oldest that some
/// requests need is 1.7.
fn spoken_versions() -> SupportedVersions {
    SupportedVersions {
        versions: [
            MatrixVersion::V1_1,
            MatrixVersion::V1_7,
            MatrixVersion::V1_11,
        ]
        .into(),
        features: Default::default(),
    }
}
