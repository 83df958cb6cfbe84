//! `[auth]`: how people prove who they are, and who runs the place.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use toml::{Table, Value};
use url::Url;

use super::error::ConfigError;
use super::keys::ISSUER_KEYS;
use super::listen::ListenConfig;
use super::load::{defaults, take_table};
use super::names;
use super::secret::Secret;
use super::values::{Values, parse_http_url, shown};

/// The section `[auth]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuthConfig {
    /// Whether `X-User-Id` alone says who calls; only beside a loopback public listener.
    /// Default `false`.
    pub insecure_user_header: bool,
    /// Operators as entity ids, `user:alice`, or `user:alice:other.org` for an account of another
    /// server; written `@alice:example.org` or `user:alice`. Default `[]`.
    pub operators: Vec<String>,
    /// Outside issuers whose tokens are trusted. Default `[]`.
    pub issuers: Vec<IssuerConfig>,
    /// How long an access token is good. Default `15m`.
    #[serde(with = "humantime_serde")]
    pub access_token_lifetime: Duration,
    /// How long a refresh token is good. Default `30d`.
    #[serde(with = "humantime_serde")]
    pub refresh_token_lifetime: Duration,
    /// The time between two rounds in which the homeserver is asked whose account it has closed or
    /// locked. Default `1m`.
    #[serde(with = "humantime_serde")]
    pub account_check: Duration,
}

/// One `[[auth.issuers]]` table: an outside issuer of JWTs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IssuerConfig {
    /// The `iss` claim of its tokens. Needed.
    pub issuer: String,
    /// The `aud` claim that its tokens must carry. Default `daarion`.
    pub audience: String,
    /// How its signatures are checked: `jwks_url`, or `shared_key` (or `shared_key_file`).
    pub key: IssuerKey,
    /// The claim that holds the localpart or the Matrix id of the person. Default `sub`.
    pub user_claim: String,
    /// By how much its clock may differ from ours. Default `60s`.
    #[serde(with = "humantime_serde")]
    pub clock_skew: Duration,
}

/// What checks the signature of an outside issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuerKey {
    /// The issuer publishes its keys here.
    JwksUrl(Url),
    /// We share a key with it, at least 32 characters (the size of the HS256 digest).
    SharedKey(Secret),
}

impl AuthConfig {
    pub(super) fn read(
        values: &Values,
        listen: &ListenConfig,
        server_name: &str,
    ) -> Result<Self, ConfigError> {
        let auth = Self {
            insecure_user_header: values.flag("auth.insecure_user_header")?,
            operators: values.list(
                "auth.operators",
                "\"@user:server\" or \"user:<localpart>\"",
                |text| names::operator(text, server_name),
            )?,
            issuers: issuers(values)?,
            access_token_lifetime: values.duration("auth.access_token_lifetime")?,
            refresh_token_lifetime: values.duration("auth.refresh_token_lifetime")?,
            account_check: values.duration("auth.account_check")?,
        };
        if auth.insecure_user_header && !listen.is_public_loopback() {
            let problem = "true needs every address of listen.public on loopback, for anybody who \
                           reaches it could claim to be anybody";
            return Err(values.invalid("auth.insecure_user_header", problem));
        }
        Ok(auth)
    }
}

fn issuers(values: &Values) -> Result<Vec<IssuerConfig>, ConfigError> {
    const NAME: &str = "auth.issuers";
    let mut issuers = Vec::new();
    for (position, item) in values.items(NAME, "a table")?.iter().enumerate() {
        let Value::Table(table) = item else {
            let problem = format!("expected [[auth.issuers]] tables, found {}", shown(item));
            return Err(values.invalid(NAME, problem));
        };
        issuers.push(IssuerConfig::read(values, position, table)?);
    }
    let mut seen = BTreeMap::new();
    for (position, issuer) in issuers.iter().enumerate() {
        if seen.insert(&issuer.issuer, position).is_some() {
            let problem = format!("the issuer {:?} stands twice", issuer.issuer);
            return Err(values.invalid(NAME, problem));
        }
    }
    Ok(issuers)
}

impl IssuerConfig {
    fn read(parent: &Values, position: usize, table: &Table) -> Result<Self, ConfigError> {
        let source = parent.get("auth.issuers")?.source.clone();
        let mut values = Values {
            keys: ISSUER_KEYS,
            prefix: format!("auth.issuers[{position}]."),
            found: defaults(ISSUER_KEYS),
            file: parent.file.clone(),
            file_exists: parent.file_exists,
            credentials: parent.credentials.clone(),
        };
        take_table(&mut values, table, &source)?;
        let text = |name: &str| {
            values.parsed(name, "text that is not empty", |text| {
                (!text.is_empty()).then(|| text.to_owned())
            })
        };
        if !values.found.contains_key("issuer") {
            let problem = "missing, it is the \"iss\" claim of its tokens";
            return Err(values.invalid_at(source, "issuer", problem));
        }
        Ok(Self {
            issuer: text("issuer")?,
            audience: text("audience")?,
            key: IssuerKey::read(&values)?,
            user_claim: text("user_claim")?,
            clock_skew: values.duration("clock_skew")?,
        })
    }
}

impl IssuerKey {
    fn read(values: &Values) -> Result<Self, ConfigError> {
        let url = values.optional(
            "jwks_url",
            "an http or https URL like \"https://id.example.org/jwks.json\"",
            parse_http_url,
        )?;
        let shared = values.optional_secret("shared_key", 32)?;
        match (url, shared) {
            (Some(url), None) => Ok(Self::JwksUrl(url)),
            (None, Some(secret)) => Ok(Self::SharedKey(secret)),
            _ => Err(values.invalid("issuer", "needs either jwks_url or shared_key")),
        }
    }
}
