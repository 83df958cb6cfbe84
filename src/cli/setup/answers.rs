//! What setup needs to know, from the options, from Synapse's configuration, from an earlier
//! set-up, from the homeserver itself, and at last from whoever sits there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use url::{Host, Url};

use super::Args;
use super::accounts::Account;
use super::ask::Asker;
use super::change;
use super::record::Record;
use super::synapse::{DEBIAN, Synapse};
use super::toml_text::{self, Setting};
use crate::matrix::transport;

/// How long the homeserver may take to say its name.
const ASK_LIMIT: Duration = Duration::from_secs(5);

/// Everything that the plan is made of.
pub struct Answers {
    /// The configuration as it stands there now.
    pub present: Option<String>,
    pub record: Option<Record>,
    /// Synapse's configuration, when it is on this machine.
    pub synapse: Option<Synapse>,
    pub homeserver_url: String,
    pub server_name: String,
    /// What was wished for besides.
    pub settings: Vec<Setting>,
    pub registration: Option<PathBuf>,
    /// Who must be able to read the registration.
    pub homeserver_account: Option<Account>,
}

impl Answers {
    pub async fn gather(args: &Args, config: &Path, asker: &Asker) -> anyhow::Result<Self> {
        let present = change::read(config)?;
        let record = Record::read(config)?;
        let (paths, url) = homeserver(args, record.as_ref(), present.as_deref(), asker)?;
        let synapse = match paths.is_empty() {
            true => None,
            false => Some(Synapse::read(&paths)?),
        };
        // What stands there already has been right, or was set by somebody who knew better.
        let known_url = known(present.as_deref(), "matrix.homeserver_url")?;
        let homeserver_url = match (url.or(known_url), &synapse) {
            (Some(url), _) => url,
            (None, Some(synapse)) => synapse.client_url()?,
            (None, None) => {
                bail!("no homeserver is known: give --homeserver-config or --homeserver-url")
            }
        };
        let known_name = known(present.as_deref(), "matrix.server_name")?;
        let server_name = match (args.server_name.clone().or(known_name), &synapse) {
            (Some(name), _) => name,
            (None, Some(synapse)) => synapse.server_name()?,
            (None, None) => server_name(&homeserver_url, asker).await?,
        };
        Ok(Self {
            settings: wishes(args, present.as_deref(), asker)?,
            homeserver_account: account(args, synapse.as_ref())?,
            registration: args.registration.clone(),
            present,
            record,
            synapse,
            homeserver_url,
            server_name,
        })
    }
}

/// The homeserver's configuration files, and its address when that was given.
fn homeserver(
    args: &Args,
    record: Option<&Record>,
    present: Option<&str>,
    asker: &Asker,
) -> anyhow::Result<(Vec<PathBuf>, Option<String>)> {
    let url = args.homeserver_url.clone();
    if !args.homeserver_config.is_empty() {
        return Ok((args.homeserver_config.clone(), url));
    }
    if url.is_some() {
        return Ok((Vec::new(), url));
    }
    let recorded = record.map(|record| record.homeserver_config.clone());
    if let Some(paths) = recorded.filter(|paths| !paths.is_empty()) {
        return Ok((paths, None));
    }
    let known = known(present, "matrix.homeserver_url")?;
    let answer = asker.text(
        "The homeserver's configuration file, or its address",
        &likely(Path::new(DEBIAN), known.as_deref()),
    )?;
    Ok(match answer.as_str() {
        "" => (Vec::new(), None),
        url if url.starts_with("http") => (Vec::new(), Some(answer)),
        path => (vec![PathBuf::from(path)], None),
    })
}

/// The homeserver that is most likely meant: Debian's on this machine, unless the address that is
/// known is another one's.
fn likely(debian: &Path, known: Option<&str>) -> String {
    let is_debians = |url: &str| {
        let synapse = Synapse::read(&[debian.to_owned()]);
        let its = synapse.and_then(|synapse| synapse.client_url());
        is_loopback(url) || its.is_ok_and(|its| its == url.trim_end_matches('/'))
    };
    match known {
        Some(url) if !(debian.exists() && is_debians(url)) => url.to_owned(),
        None if !debian.exists() => String::new(),
        _ => debian.display().to_string(),
    }
}

fn is_loopback(url: &str) -> bool {
    match Url::parse(url).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// What the present configuration says.
fn known(present: Option<&str>, name: &str) -> anyhow::Result<Option<String>> {
    let value = toml_text::get(present.unwrap_or(""), name);
    let value = value.map_err(|it| anyhow::anyhow!("the configuration is not TOML: {it}"))?;
    Ok(value.filter(|value| !value.is_empty()))
}

/// The name as the homeserver or somebody tells it.
async fn server_name(url: &str, asker: &Asker) -> anyhow::Result<String> {
    let client = transport::build(transport::builder(url).timeout(ASK_LIMIT))?;
    let told = told_name(&client, url).await.unwrap_or_default();
    match asker.text("The name of the homeserver", &told)?.as_str() {
        "" => bail!("the name of the homeserver is not known: give --server-name"),
        name => Ok(name.to_owned()),
    }
}

/// Homeservers that federate tell their name beside their keys.
async fn told_name(client: &reqwest::Client, url: &str) -> Option<String> {
    let url = format!("{}/_matrix/key/v2/server", url.trim_end_matches('/'));
    let answer: Value = client.get(url).send().await.ok()?.json().await.ok()?;
    Some(answer["server_name"].as_str()?.to_owned())
}

/// The further keys that were wished for.
fn wishes(args: &Args, present: Option<&str>, asker: &Asker) -> anyhow::Result<Vec<Setting>> {
    let mut settings = Vec::new();
    let public_url = match &args.public_url {
        Some(url) => url.clone(),
        None if known(present, "listen.public_url")?.is_none() => {
            asker.text("daarion's address in a browser, if it is known already", "")?
        }
        None => String::new(),
    };
    if !public_url.is_empty() {
        settings.push(Setting::text("listen.public_url", &public_url));
    }
    if !args.operators.is_empty() {
        let list = serde_json::Value::from(args.operators.clone());
        settings.push(Setting::new("auth.operators", list.to_string()));
    }
    for wish in &args.settings {
        let (name, value) = wish.split_once('=').with_context(|| {
            format!("--set {wish}: expected KEY=VALUE, for example city.name='\"Kyiv\"'")
        })?;
        settings.push(Setting::new(name.trim(), value.trim()));
    }
    Ok(settings)
}

fn account(args: &Args, synapse: Option<&Synapse>) -> anyhow::Result<Option<Account>> {
    match &args.homeserver_user {
        Some(name) => match Account::named(name) {
            Some(account) => Ok(Some(account)),
            None => bail!("--homeserver-user {name}: there is no such account"),
        },
        None => Ok(synapse.and_then(Synapse::account)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debians_homeserver_is_meant_unless_the_address_is_anothers() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let debian = directory.path().join("homeserver.yaml");
        let elsewhere = "https://matrix.example.org";
        assert_eq!(likely(&debian, None), "");
        assert_eq!(likely(&debian, Some(elsewhere)), elsewhere);
        assert_eq!(
            likely(&debian, Some("http://localhost")),
            "http://localhost"
        );
        let text = "listeners: [{ port: 8008, type: http, bind_addresses: ['10.0.0.5'], \
                    resources: [{ names: [client] }] }]";
        std::fs::write(&debian, text).expect("a file");
        let shown = debian.display().to_string();
        for url in [
            None,
            Some("http://localhost:8008/"),
            Some("http://127.0.0.1:8008"),
            Some("http://[::1]:8008"),
            Some("http://10.0.0.5:8008/"),
        ] {
            assert_eq!(likely(&debian, url), shown, "{url:?}");
        }
        for url in [elsewhere, "http://10.0.0.6:8008", "none"] {
            assert_eq!(likely(&debian, Some(url)), url);
        }
    }
}
