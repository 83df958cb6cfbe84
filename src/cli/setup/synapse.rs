//! Synapse's configuration as Synapse reads it: files in order, a later key replacing an earlier
//! one, a directory standing for its `*.yaml` files.
//!
//! Only what setup needs is looked at. Begin at [`Synapse::read`].

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_yaml::{Mapping, Value};

use super::accounts::Account;
use super::yaml_list;

/// The key that names the registrations.
pub const REGISTRATIONS: &str = "app_service_config_files";
/// Where Debian's Synapse has it.
pub const DEBIAN: &str = "/etc/matrix-synapse/homeserver.yaml";

/// One file of the configuration.
pub struct File {
    pub path: PathBuf,
    pub text: String,
    keys: Mapping,
}

/// The configuration.
pub struct Synapse {
    /// In the order in which Synapse reads them.
    pub files: Vec<File>,
    /// As it was given.
    pub given: Vec<PathBuf>,
    /// A directory of the configuration, where a file of our own can stand.
    pub directory: Option<PathBuf>,
}

impl Synapse {
    /// Reads files and directories. A `homeserver.yaml` alone brings the `conf.d` beside it along,
    /// which Debian's Synapse reads after it.
    pub fn read(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let given = paths.iter().map(std::path::absolute);
        let given = given.collect::<std::io::Result<Vec<_>>>()?;
        let mut paths = given.clone();
        if let [only] = paths.as_slice()
            && let Some(beside) = only.parent().map(|parent| parent.join("conf.d"))
            && beside.is_dir()
        {
            paths.push(beside);
        }
        let mut synapse = Self {
            files: Vec::new(),
            given,
            directory: None,
        };
        for path in paths {
            if path.is_dir() {
                for path in yaml_files(&path)? {
                    synapse.files.push(File::read(path)?);
                }
                synapse.directory = Some(path);
            } else {
                synapse.files.push(File::read(path)?);
            }
        }
        Ok(synapse)
    }

    /// The value in force.
    fn get(&self, key: &str) -> Option<&Value> {
        self.files.iter().rev().find_map(|file| file.keys.get(key))
    }

    /// The name of the homeserver.
    pub fn server_name(&self) -> anyhow::Result<String> {
        let name = self.get("server_name").and_then(Value::as_str);
        name.map(str::to_owned).with_context(|| {
            format!(
                "{} has no server_name; give the file that has it, or --server-name",
                self.shown()
            )
        })
    }

    /// Where clients reach it on this machine; a listener without TLS is preferred.
    pub fn client_url(&self) -> anyhow::Result<String> {
        let listeners = self.get("listeners").and_then(Value::as_sequence);
        let all: Vec<_> = listeners
            .into_iter()
            .flatten()
            .filter_map(client_listener)
            .collect();
        let plain = all.iter().find(|url| url.starts_with("http:"));
        let url = plain.or_else(|| all.first()).cloned();
        url.with_context(|| {
            format!(
                "{} has no TCP listener with the resource \"client\"; give --homeserver-url",
                self.shown()
            )
        })
    }

    /// The registrations in force, and the file that names them.
    pub fn registrations(&self) -> anyhow::Result<(Vec<String>, Option<&File>)> {
        for file in self.files.iter().rev() {
            let entries = yaml_list::read(&file.text, REGISTRATIONS)
                .map_err(|refusal| anyhow::anyhow!("{} {refusal}", file.path.display()))?;
            if let Some(entries) = entries {
                return Ok((entries, Some(file)));
            }
        }
        Ok((Vec::new(), None))
    }

    /// The registration in force that has an id: made by hand, or by an earlier setup.
    pub fn registration_with_id(&self, id: &str) -> anyhow::Result<Option<PathBuf>> {
        let (entries, _) = self.registrations()?;
        let has_id = |path: &PathBuf| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let keys = yaml_list::parse(&text).unwrap_or_default();
            keys.get("id").and_then(Value::as_str) == Some(id)
        };
        Ok(entries.into_iter().map(PathBuf::from).find(has_id))
    }

    /// The account that the homeserver runs as: the owner of its signing key, or the one that the
    /// packages make.
    pub fn account(&self) -> Option<Account> {
        let named = self.get("signing_key_path").and_then(Value::as_str);
        let first = self.files.first()?.path.parent()?;
        let keys = [
            named.map(PathBuf::from),
            Some(first.join("homeserver.signing.key")),
            self.server_name()
                .ok()
                .map(|name| first.join(format!("{name}.signing.key"))),
        ];
        let owner = keys
            .into_iter()
            .flatten()
            .find_map(|key| Account::owner_of(&key));
        let packaged = || ["matrix-synapse", "synapse"].into_iter();
        owner.or_else(|| packaged().find_map(Account::named))
    }

    /// The files as a message names them.
    pub fn shown(&self) -> String {
        let paths = self
            .files
            .iter()
            .map(|file| file.path.display().to_string());
        paths.collect::<Vec<_>>().join(", ")
    }
}

impl File {
    fn read(path: PathBuf) -> anyhow::Result<Self> {
        let Some(text) = super::change::read(&path)? else {
            bail!("{}: no such file", path.display());
        };
        let keys = yaml_list::parse(&text)
            .map_err(|refusal| anyhow::anyhow!("{} {refusal}", path.display()))?;
        Ok(Self { path, text, keys })
    }
}

fn yaml_files(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let shown = || format!("failed to read {}", directory.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).with_context(shown)? {
        let path = entry.with_context(shown)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
            && path.is_file()
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The URL of a listener that clients may use.
fn client_listener(listener: &Value) -> Option<String> {
    let port = listener.get("port")?.as_u64()?;
    let resources = listener.get("resources").and_then(Value::as_sequence);
    let is_client = resources.into_iter().flatten().any(|resource| {
        let names = resource.get("names").and_then(Value::as_sequence);
        let mut names = names.into_iter().flatten();
        names.any(|name| name.as_str() == Some("client"))
    });
    let kind = listener.get("type").and_then(Value::as_str);
    if !is_client || kind != Some("http") {
        return None;
    }
    let is_tls = listener.get("tls").and_then(Value::as_bool) == Some(true);
    let scheme = if is_tls { "https" } else { "http" };
    Some(format!("{scheme}://{}:{port}", bind_address(listener)))
}

/// An address of this machine under which a listener answers.
fn bind_address(listener: &Value) -> String {
    let many = listener.get("bind_addresses").and_then(Value::as_sequence);
    let one = listener.get("bind_address");
    let all: Vec<_> = many
        .into_iter()
        .flatten()
        .chain(one)
        .filter_map(Value::as_str)
        .collect();
    let is_everywhere = |address: &&str| matches!(*address, "" | "0.0.0.0" | "::" | "127.0.0.1");
    match all.as_slice() {
        [first, ..] if !all.iter().any(is_everywhere) => {
            if first.contains(':') {
                format!("[{first}]")
            } else {
                (*first).to_owned()
            }
        }
        _ => "127.0.0.1".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (name, text) in files {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        let main = directory.path().join("homeserver.yaml");
        (directory, main)
    }

    const LISTENERS: &str = "
listeners:
  - { port: 8448, tls: true, type: http, resources: [{ names: [client, federation] }] }
  - { port: 9000, type: metrics }
  - { port: 8008, type: http, bind_addresses: ['::1', '127.0.0.1'], resources: [{ names: [client] }] }
";

    #[test]
    fn later_file_replaces_a_key_whole() {
        let (_directory, main) = written(&[
            ("homeserver.yaml", "app_service_config_files: [/a.yaml]\n"),
            ("conf.d/server_name.yaml", "server_name: example.org\n"),
            ("conf.d/x.yaml", "app_service_config_files: [/b.yaml]\n"),
            ("conf.d/y.yaml.bak", "server_name: no\n"),
        ]);
        let synapse = Synapse::read(&[main]).expect("readable");
        assert_eq!(synapse.server_name().expect("a name"), "example.org");
        let (entries, file) = synapse.registrations().expect("a list");
        assert_eq!(entries, ["/b.yaml"]);
        assert!(file.expect("a file").path.ends_with("conf.d/x.yaml"));
    }

    #[test]
    fn listener_for_clients_without_tls_is_taken() {
        let (_directory, main) = written(&[("homeserver.yaml", LISTENERS)]);
        let synapse = Synapse::read(&[main]).expect("readable");
        assert_eq!(
            synapse.client_url().expect("a url"),
            "http://127.0.0.1:8008"
        );
        let only = "listeners: [{ port: 8008, type: http, bind_addresses: ['10.0.0.5'], resources: [{ names: [client] }] }]";
        let (_directory, main) = written(&[("homeserver.yaml", only)]);
        let synapse = Synapse::read(&[main]).expect("readable");
        assert_eq!(synapse.client_url().expect("a url"), "http://10.0.0.5:8008");
    }

    #[test]
    fn missing_pieces_are_named() {
        let (_directory, main) = written(&[("homeserver.yaml", "a: 1\n")]);
        let synapse = Synapse::read(std::slice::from_ref(&main)).expect("readable");
        let name = synapse.server_name().expect_err("no name").to_string();
        assert!(name.ends_with("has no server_name; give the file that has it, or --server-name"));
        assert!(synapse.client_url().is_err());
        let absent = Synapse::read(&[main.with_file_name("other.yaml")]);
        let line = absent.err().expect("no file").to_string();
        assert!(line.ends_with("other.yaml: no such file"), "{line}");
    }

    #[test]
    fn own_registration_is_known_by_its_id() {
        let (directory, main) = written(&[("by-hand.yaml", "id: \"daarion\"\n")]);
        let by_hand = directory.path().join("by-hand.yaml");
        let text = format!(
            "app_service_config_files: [/none.yaml, {}]",
            by_hand.display()
        );
        std::fs::write(&main, text).expect("a file");
        let synapse = Synapse::read(&[main]).expect("readable");
        let found = synapse.registration_with_id("daarion").expect("a list");
        assert_eq!(found, Some(by_hand));
        assert_eq!(synapse.registration_with_id("other").expect("a list"), None);
    }
}
