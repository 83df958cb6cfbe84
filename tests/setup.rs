//! `daarion setup` on files, by the real binary: what it writes, what it leaves alone, and that it
//! can be run again and undone. That the result works is proved by `tests/appliance`.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const HOMESERVER: &str = "\
# The server.
server_name: \"example.org\"
listeners:
  - port: 1
    type: http
    bind_addresses: ['127.0.0.1']
    resources:
      - names: [client, federation]
# Bridges.
app_service_config_files:
  - /etc/bridge.yaml # the other one
report_stats: false
";

/// A machine with a homeserver's configuration and none of daarion's.
struct Machine {
    directory: TempDir,
}

impl Machine {
    fn with(homeserver: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let machine = Self { directory };
        machine.write("synapse/homeserver.yaml", homeserver);
        fs::create_dir_all(machine.path("etc")).expect("a directory");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a directory");
        fs::write(path, text).expect("a writable directory");
    }

    fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daarion"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path("etc/daarion.toml"))
            .env_clear()
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output();
        output.expect("the binary can be run")
    }

    /// Runs `setup` with the homeserver's configuration, which must succeed.
    fn setup(&self, more: &[&str]) -> String {
        let homeserver = self.path("synapse/homeserver.yaml").display().to_string();
        let mut arguments = vec!["setup", "--homeserver-config", &homeserver];
        arguments.extend(more);
        succeeded(&self.run(&arguments))
    }

    fn setup_again(&self, more: &[&str]) -> String {
        let mut arguments = vec!["setup"];
        arguments.extend(more);
        succeeded(&self.run(&arguments))
    }

    /// Runs `setup` at a terminal, where somebody types these lines.
    fn setup_at_terminal(&self, typed: &str) -> Output {
        let mut script = self.terminal();
        let mut keyboard = script.stdin.take().expect("a keyboard");
        keyboard.write_all(typed.as_bytes()).expect("a terminal");
        drop(keyboard);
        script.wait_with_output().expect("an end")
    }

    fn terminal(&self) -> Child {
        let (program, config) = (env!("CARGO_BIN_EXE_daarion"), self.path("etc/daarion.toml"));
        let command = format!("'{program}' setup --config '{}'", config.display());
        Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("script can be run (Debian: apt-get install bsdutils)")
    }

    /// The one line of a failure.
    fn failure(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let line = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(!line.contains('\n'), "more than one line: {line}");
        line.replace(&self.directory.path().display().to_string(), "DIR")
    }

    fn mode(&self, name: &str) -> u32 {
        let metadata = fs::metadata(self.path(name)).expect("a file");
        metadata.permissions().mode() & 0o777
    }

    fn setting(&self, section: &str, key: &str) -> String {
        let table: toml::Table = toml::from_str(&self.read("etc/daarion.toml")).expect("TOML");
        table[section][key].as_str().expect("a text").to_owned()
    }

    fn registration(&self) -> serde_yaml::Value {
        let text = self.read("synapse/daarion-registration.yaml");
        serde_yaml::from_str(&text).expect("YAML")
    }

    fn everything(&self) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        for folder in ["etc", "synapse", "synapse/conf.d"] {
            for entry in fs::read_dir(self.path(folder)).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                if path.is_file() {
                    found.push((path.clone(), fs::read_to_string(path).expect("a text")));
                }
            }
        }
        found.sort();
        found
    }
}

fn succeeded(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn both_sides_learn_of_each_other() {
    let machine = Machine::with(HOMESERVER);
    let said = machine.setup(&["--yes", "--operator", "@alice:example.org"]);

    assert_eq!(machine.setting("matrix", "server_name"), "example.org");
    assert_eq!(
        machine.setting("matrix", "homeserver_url"),
        "http://127.0.0.1:1"
    );
    let registration = machine.registration();
    for token in ["as_token", "hs_token"] {
        let value = machine.setting("matrix", token);
        assert_eq!(registration[token].as_str(), Some(value.as_str()));
        assert_eq!(value.len(), 64);
        assert!(!said.contains(&value), "{said}");
    }
    assert_ne!(
        machine.setting("matrix", "as_token"),
        machine.setting("internal", "secret")
    );
    assert!(
        machine
            .read("etc/daarion.toml")
            .contains("operators = [\"@alice:example.org\"]")
    );
    for secret in ["etc/daarion.toml", "synapse/daarion-registration.yaml"] {
        assert_eq!(machine.mode(secret), 0o600, "{secret}");
    }
    let entry = machine.path("synapse/daarion-registration.yaml");
    let expected = HOMESERVER.replace(
        "  - /etc/bridge.yaml # the other one\n",
        &format!(
            "  - /etc/bridge.yaml # the other one\n  - {}\n",
            entry.display()
        ),
    );
    assert_eq!(machine.read("synapse/homeserver.yaml"), expected);
    assert_eq!(
        machine.read("synapse/homeserver.yaml.before-daarion"),
        HOMESERVER
    );
    assert!(
        said.contains(&format!("+  - {}", entry.display())),
        "{said}"
    );
    assert!(said.contains("restart the homeserver"), "{said}");
    succeeded(&machine.run(&["config", "check"]));
}

#[test]
fn second_run_has_nothing_to_do() {
    let machine = Machine::with(HOMESERVER);
    machine.setup(&["--yes"]);
    let before = machine.everything();
    assert!(machine.setup(&["--yes"]).contains("nothing to do"));
    // Where the homeserver's configuration is, it has kept in mind.
    assert!(machine.setup_again(&["--yes"]).contains("nothing to do"));
    assert_eq!(machine.everything(), before);
}

#[test]
fn what_was_said_once_is_not_forgotten() {
    let machine = Machine::with(HOMESERVER);
    let url = "http://synapse.example:8008";
    machine.setup(&[
        "--yes",
        "--homeserver-url",
        url,
        "--server-name",
        "example.org",
    ]);
    let before = machine.everything();
    assert!(machine.setup_again(&["--yes"]).contains("nothing to do"));
    assert!(machine.setup(&["--yes"]).contains("nothing to do"));
    assert_eq!(machine.setting("matrix", "homeserver_url"), url);
    assert_eq!(machine.everything(), before);
    // Nor what was written by hand.
    let by_hand = machine
        .read("etc/daarion.toml")
        .replace(url, "http://10.0.0.5:8008");
    machine.write("etc/daarion.toml", &by_hand);
    machine.setup_again(&["--yes"]);
    assert_eq!(machine.read("etc/daarion.toml"), by_hand);
}

#[test]
fn changed_wish_keeps_the_tokens() {
    let machine = Machine::with(HOMESERVER);
    machine.setup(&["--yes"]);
    let token = machine.setting("matrix", "as_token");
    let said = machine.setup_again(&["--yes", "--set", "matrix.agent_prefix=\"bot_\""]);
    assert!(said.contains("restart the homeserver"), "{said}");
    assert_eq!(machine.setting("matrix", "as_token"), token);
    let registration = machine.read("synapse/daarion-registration.yaml");
    assert!(registration.contains("@bot_"), "{registration}");
}

#[test]
fn undo_gives_the_homeserver_back_as_it_was() {
    let machine = Machine::with(HOMESERVER);
    machine.setup(&["--yes"]);
    let said = machine.setup_again(&["--undo", "--yes"]);
    assert!(said.contains("restart the homeserver"), "{said}");
    assert_eq!(machine.read("synapse/homeserver.yaml"), HOMESERVER);
    let left: Vec<_> = machine.everything();
    let names: Vec<_> = left
        .iter()
        .filter_map(|(path, _)| path.file_name())
        .collect();
    assert_eq!(names, ["daarion.toml", "homeserver.yaml"]);
    let line = machine.failure(&["setup", "--undo", "--yes"]);
    assert_eq!(
        line,
        "daarion: nothing to undo: there is no record at DIR/etc/setup.json"
    );
}

#[test]
fn what_cannot_be_recorded_is_not_done_to_the_homeserver() {
    let machine = Machine::with(HOMESERVER);
    let obstacle = machine.path("etc/setup.new-by-daarion");
    fs::create_dir(&obstacle).expect("a directory");
    let homeserver = machine.path("synapse/homeserver.yaml");
    let homeserver = homeserver.display().to_string();
    let line = machine.failure(&[
        "setup",
        "--yes",
        "--json",
        "--homeserver-config",
        &homeserver,
    ]);
    assert!(
        line.contains("failed to write DIR/etc/setup.json"),
        "{line}"
    );
    assert_eq!(machine.read("synapse/homeserver.yaml"), HOMESERVER);
    fs::remove_dir(&obstacle).expect("it is empty");
    machine.setup(&["--yes"]);
    machine.setup_again(&["--undo", "--yes"]);
    assert_eq!(machine.read("synapse/homeserver.yaml"), HOMESERVER);
}

#[test]
fn undo_keeps_what_was_written_since() {
    let machine = Machine::with(HOMESERVER);
    machine.setup(&["--yes"]);
    let since = machine.read("synapse/homeserver.yaml") + "max_upload_size: 10M\n";
    machine.write("synapse/homeserver.yaml", &since);
    machine.setup_again(&["--undo", "--yes"]);
    let left = machine.read("synapse/homeserver.yaml");
    assert_eq!(left, format!("{HOMESERVER}max_upload_size: 10M\n"));
}

#[test]
fn list_in_conf_d_is_the_one_that_is_changed() {
    let machine = Machine::with(HOMESERVER);
    machine.write(
        "synapse/conf.d/bridges.yaml",
        "app_service_config_files: [/etc/irc.yaml, /etc/bridge.yaml] # both\n",
    );
    machine.setup(&["--yes"]);
    let entry = machine.path("synapse/daarion-registration.yaml");
    assert_eq!(
        machine.read("synapse/conf.d/bridges.yaml"),
        format!(
            "app_service_config_files: [/etc/irc.yaml, /etc/bridge.yaml, {}] # both\n",
            entry.display()
        )
    );
    assert_eq!(machine.read("synapse/homeserver.yaml"), HOMESERVER);
}

#[test]
fn homeserver_without_a_list_gets_a_file_of_its_own_in_conf_d() {
    let without = HOMESERVER.replace(
        "app_service_config_files:\n  - /etc/bridge.yaml # the other one\n",
        "",
    );
    let machine = Machine::with(&without);
    fs::create_dir(machine.path("synapse/conf.d")).expect("a directory");
    machine.setup(&["--yes"]);
    assert_eq!(machine.read("synapse/homeserver.yaml"), without);
    let own = machine.read("synapse/conf.d/daarion.yaml");
    assert!(own.contains("app_service_config_files:\n  - "), "{own}");
    machine.setup_again(&["--undo", "--yes"]);
    assert!(!machine.path("synapse/conf.d/daarion.yaml").exists());
}

#[test]
fn registration_that_was_made_by_hand_is_taken_over_and_given_back() {
    let machine = Machine::with("");
    let tokens = ["by-hand-as-token-0123", "by-hand-hs-token-0123"];
    let [ours, theirs] = tokens;
    let original = format!(
        "# Mine.\nid: daarion\nas_token: {ours}\nhs_token: {theirs}\nnamespaces: {{rooms: []}}\n"
    );
    machine.write("synapse/by-hand.yaml", &original);
    let by_hand = machine.path("synapse/by-hand.yaml");
    let homeserver = HOMESERVER.replace("/etc/bridge.yaml", &by_hand.display().to_string());
    machine.write("synapse/homeserver.yaml", &homeserver);
    let said = machine.setup(&["--yes"]);
    assert!(said.contains("by-hand.yaml.before-daarion"), "{said}");
    assert_eq!(machine.read("synapse/homeserver.yaml"), homeserver);
    assert!(!machine.path("synapse/daarion-registration.yaml").exists());
    // Whatever uses the tokens goes on doing so.
    for (key, token) in ["as_token", "hs_token"].into_iter().zip(tokens) {
        assert_eq!(machine.setting("matrix", key), token);
        assert!(machine.read("synapse/by-hand.yaml").contains(token));
    }
    machine.setup_again(&["--yes", "--set", "matrix.agent_prefix=\"bot_\""]);
    machine.setup_again(&["--undo", "--yes"]);
    assert_eq!(machine.read("synapse/by-hand.yaml"), original);
    assert_eq!(machine.read("synapse/homeserver.yaml"), homeserver);
    let copy = machine.path("synapse/by-hand.yaml.before-daarion");
    assert!(!copy.exists());
    // Tokens that are too short to be used are not.
    machine.write("synapse/by-hand.yaml", "id: daarion\nas_token: old\n");
    fs::remove_file(machine.path("etc/daarion.toml")).expect("a file");
    machine.setup(&["--yes"]);
    assert_eq!(machine.setting("matrix", "as_token").len(), 64);
}

#[test]
fn registration_of_another_service_is_not_overwritten() {
    let machine = Machine::with(HOMESERVER);
    machine.write("synapse/bridge.yaml", "id: bridge\n");
    let homeserver = machine.path("synapse/homeserver.yaml");
    let homeserver = homeserver.display().to_string();
    let bridge = machine.path("synapse/bridge.yaml").display().to_string();
    let mut arguments = vec!["setup", "--yes", "--homeserver-config", &homeserver];
    arguments.extend(["--registration", &bridge]);
    let line = machine.failure(&arguments);
    assert!(
        line.contains("bridge.yaml is the registration of bridge"),
        "{line}"
    );
}

#[test]
fn undo_takes_back_every_file_that_was_edited() {
    let machine = Machine::with(HOMESERVER);
    machine.setup(&["--yes"]);
    // A file that is read later takes the list over.
    let list = "app_service_config_files: [/etc/irc.yaml]\n";
    machine.write("synapse/conf.d/bridges.yaml", list);
    machine.setup_again(&["--yes"]);
    assert_ne!(machine.read("synapse/conf.d/bridges.yaml"), list);
    machine.setup_again(&["--undo", "--yes"]);
    assert_eq!(machine.read("synapse/conf.d/bridges.yaml"), list);
    assert_eq!(machine.read("synapse/homeserver.yaml"), HOMESERVER);
    let left = machine.everything();
    let names: Vec<_> = left
        .iter()
        .filter_map(|(path, _)| path.file_name())
        .collect();
    assert_eq!(names, ["daarion.toml", "bridges.yaml", "homeserver.yaml"]);
}

#[test]
fn undo_does_without_a_homeserver_that_is_gone() {
    let machine = Machine::with(HOMESERVER);
    machine.setup(&["--yes"]);
    fs::remove_file(machine.path("synapse/homeserver.yaml")).expect("a file");
    machine.setup_again(&["--undo", "--yes"]);
    assert!(!machine.path("synapse/daarion-registration.yaml").exists());
    assert!(!machine.path("etc/setup.json").exists());
}

#[test]
fn homeserver_gets_one_registration_of_us() {
    let machine = Machine::with(HOMESERVER);
    machine.setup(&["--yes"]);
    let before = machine.everything();
    let other = machine.path("etc/other.yaml").display().to_string();
    let line = machine.failure(&["setup", "--yes", "--registration", &other]);
    let expected = "daarion: the homeserver has our registration at \
                    DIR/synapse/daarion-registration.yaml already; take it back first: \
                    daarion setup --undo";
    assert_eq!(line, expected);
    assert_eq!(machine.everything(), before);
}

#[test]
fn somebody_at_the_terminal_is_asked() {
    let machine = Machine::with(HOMESERVER);
    let before = machine.everything();
    let homeserver = machine.path("synapse/homeserver.yaml");
    let answers = format!("{}\nhttps://city.example.org\n", homeserver.display());
    let refused = machine.setup_at_terminal(&format!("{answers}n\n"));
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("nothing was changed"), "{said}");
    assert_eq!(machine.everything(), before);
    let agreed = machine.setup_at_terminal(&format!("{answers}what?\ny\n"));
    let said = succeeded(&agreed);
    // What is agreed to was shown, without its secrets.
    assert!(said.contains("+as_token: (hidden)"), "{said}");
    assert!(!said.contains(&machine.setting("matrix", "as_token")));
    assert_eq!(
        machine.setting("listen", "public_url"),
        "https://city.example.org"
    );
    assert!(machine.path("synapse/daarion-registration.yaml").exists());
}

/// While somebody looks at the patch, somebody else edits the file.
#[test]
fn what_is_written_while_it_asks_is_not_lost() {
    let machine = Machine::with(HOMESERVER);
    let homeserver = machine.path("synapse/homeserver.yaml");
    let mut script = machine.terminal();
    let mut keyboard = script.stdin.take().expect("a keyboard");
    let answers = format!("{}\n\n", homeserver.display());
    keyboard.write_all(answers.as_bytes()).expect("a terminal");
    let mut screen = script.stdout.take().expect("a screen");
    let mut said = String::new();
    while !said.contains("Make these changes?") {
        let mut read = [0; 256];
        let length = screen.read(&mut read).expect("a screen");
        assert_ne!(length, 0, "{said}");
        said += &String::from_utf8_lossy(&read[..length]);
    }
    let meanwhile = format!("{HOMESERVER}max_upload_size: 10M\n");
    machine.write("synapse/homeserver.yaml", &meanwhile);
    let before = machine.everything();
    keyboard.write_all(b"y\n").expect("a terminal");
    screen.read_to_string(&mut said).expect("a screen");
    let code = script.wait().expect("an end").code();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("homeserver.yaml has changed meanwhile"),
        "{said}"
    );
    assert_eq!(machine.everything(), before);
}

#[test]
fn no_secret_is_shown() {
    let secrets = "form_secret: \"hide-me-1\"\n";
    let around = "key: |\n  hide-me-2\n";
    let homeserver = HOMESERVER.replace("# Bridges.\n", &format!("{secrets}{around}"));
    let machine = Machine::with(&homeserver);
    machine.write(
        "etc/daarion.toml",
        "[matrix]\n  as_token = \"hide-me-0123456789\"\n",
    );
    let said = machine.setup(&["--yes"]);
    assert!(said.contains("+  - "), "{said}");
    assert!(!said.contains("hide-me"), "{said}");
    // That one changes is told.
    let token = machine.setting("matrix", "hs_token");
    let said = machine.setup_again(&["--yes", "--set", "matrix.hs_token=\"another-0123456789\""]);
    assert!(said.contains("hs_token = (hidden, changed)"), "{said}");
    assert!(
        !said.contains(&token) && !said.contains("another-"),
        "{said}"
    );
}

#[test]
fn dry_run_changes_nothing() {
    let machine = Machine::with(HOMESERVER);
    let before = machine.everything();
    let said = machine.setup(&["--dry-run"]);
    assert!(said.contains("+server_name = \"example.org\""), "{said}");
    assert_eq!(machine.everything(), before);
}

#[test]
fn json_tells_what_was_done() {
    let machine = Machine::with(HOMESERVER);
    let said: Value = serde_json::from_str(&machine.setup(&["--yes", "--json"])).expect("JSON");
    assert_eq!(said["applied"], true);
    assert_eq!(said["restart_homeserver"], true);
    let paths = said["changes"].as_array().expect("changes");
    assert_eq!(paths.len(), 4, "{said}");
    let again: Value = serde_json::from_str(&machine.setup(&["--yes", "--json"])).expect("JSON");
    assert_eq!(again["changes"], serde_json::json!([]));
}

#[test]
fn homeserver_elsewhere_needs_its_name() {
    let machine = Machine::with("");
    let url = ["setup", "--yes", "--homeserver-url", "http://127.0.0.1:1"];
    assert_eq!(
        machine.failure(&url),
        "daarion: the name of the homeserver is not known: give --server-name"
    );
    let mut named = url.to_vec();
    named.extend(["--server-name", "example.org"]);
    let said = succeeded(&machine.run(&named));
    assert!(said.contains("app_service_config_files"), "{said}");
    assert!(machine.read("etc/registration.yaml").contains("as_token"));
}

#[test]
fn failures_are_one_line_and_change_nothing() {
    let cases = [
        (
            "a: [\n",
            "DIR/synapse/homeserver.yaml is not YAML that can be read: ",
        ),
        (
            "a: 1\n",
            "DIR/synapse/homeserver.yaml has no TCP listener with the resource \"client\"; ",
        ),
        (
            &HOMESERVER.replace(
                "app_service_config_files:\n",
                "app_service_config_files: &a\n",
            ),
            "DIR/synapse/homeserver.yaml has app_service_config_files in a form that cannot be \
             changed safely; add this entry by hand: DIR/synapse/daarion-registration.yaml",
        ),
        (
            &HOMESERVER.replace("\"example.org\"", "\"no name\""),
            "setup would make this wrong: DIR/etc/daarion.toml: matrix.server_name: expected",
        ),
    ];
    for (homeserver, expected) in cases {
        let machine = Machine::with(homeserver);
        let before = machine.everything();
        let path = machine
            .path("synapse/homeserver.yaml")
            .display()
            .to_string();
        let line = machine.failure(&["setup", "--yes", "--homeserver-config", &path]);
        assert!(line.starts_with(&format!("daarion: {expected}")), "{line}");
        assert_eq!(machine.everything(), before);
    }
    let machine = Machine::with(HOMESERVER);
    let path = machine
        .path("synapse/homeserver.yaml")
        .display()
        .to_string();
    let line = machine.failure(&["setup", "--homeserver-config", &path]);
    assert!(line.contains("nobody is here to be asked"), "{line}");
    let line = machine.failure(&["setup", "--yes", "--homeserver-config", &path, "--set", "x"]);
    assert!(line.contains("--set x: expected KEY=VALUE"), "{line}");
    let user = [
        "setup",
        "--yes",
        "--homeserver-config",
        &path,
        "--homeserver-user",
        "no-one",
    ];
    let line = machine.failure(&user);
    assert_eq!(
        line,
        "daarion: --homeserver-user no-one: there is no such account"
    );
}

#[test]
fn link_to_the_configuration_stays_a_link() {
    let machine = Machine::with(HOMESERVER);
    let (link, real) = (
        machine.path("synapse/homeserver.yaml"),
        machine.path("real.yaml"),
    );
    fs::rename(&link, &real).expect("moved");
    std::os::unix::fs::symlink(&real, &link).expect("a link");
    machine.setup(&["--yes"]);
    assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
    let text = fs::read_to_string(Path::new(&real)).expect("a text");
    assert!(text.contains("daarion-registration.yaml"), "{text}");
}

/// As the unit and the sample propose it.
#[test]
fn secrets_that_the_service_manager_hands_over_stay_where_they_are() {
    let machine = Machine::with(HOMESERVER);
    let mut sample = daarion::config::SAMPLE.to_owned();
    for (key, file) in [
        ("as_token", "as_token"),
        ("hs_token", "hs_token"),
        ("secret", "internal_secret"),
    ] {
        machine.write(
            &format!("secrets/{file}"),
            &format!("{file}-0123456789abcdef\n"),
        );
        let line = format!("{key}_file = \"${{CREDENTIALS_DIRECTORY}}/{file}\"");
        assert!(sample.contains(&format!("#{line}\n")), "{line}");
        sample = sample.replace(&format!("#{line}\n"), &format!("{line}\n"));
    }
    machine.write("etc/daarion.toml", &sample);
    let homeserver = machine.path("synapse/homeserver.yaml");
    let homeserver = homeserver.display().to_string();
    let arguments = ["setup", "--yes", "--homeserver-config", &homeserver];
    let line = machine.failure(&arguments);
    let way_out = "CREDENTIALS_DIRECTORY=/etc/daarion daarion setup";
    assert!(line.ends_with(way_out), "{line}");

    let secrets = machine.path("secrets");
    let with_secrets = |arguments: &[&str]| {
        let mut command = machine.command(arguments);
        let command = command.env("CREDENTIALS_DIRECTORY", &secrets);
        succeeded(&command.output().expect("the binary can be run"))
    };
    with_secrets(&arguments);
    let expected = sample
        .replace(
            "#homeserver_url = \"http://127.0.0.1:8008\"",
            "homeserver_url = \"http://127.0.0.1:1\"",
        )
        .replace("#server_name = ", "server_name = ");
    assert_eq!(machine.read("etc/daarion.toml"), expected);
    for token in ["as_token", "hs_token"] {
        let expected = format!("{token}-0123456789abcdef");
        assert_eq!(
            machine.registration()[token].as_str(),
            Some(expected.as_str())
        );
    }
    let shown = with_secrets(&["registration", "show"]);
    assert!(shown.contains("as_token-0123456789abcdef"), "{shown}");
    assert!(with_secrets(&arguments).contains("nothing to do"));
}

#[test]
fn doctor_names_every_file_with_secrets_that_others_can_read() {
    let machine = Machine::with(HOMESERVER);
    machine.setup(&["--yes"]);
    let told = || {
        let output = machine.run(&["doctor", "--json"]).stdout;
        String::from_utf8(output).expect("JSON")
    };
    assert!(!told().contains("others can read"), "{}", told());
    machine.write("etc/secret", "internal-secret-0123456789");
    let secret = machine.path("etc/secret");
    let toml = machine.read("etc/daarion.toml");
    let line = toml.lines().find(|line| line.starts_with("secret = "));
    let file = format!("secret_file = \"{}\"", secret.display());
    let toml = toml.replace(line.expect("a secret"), &file);
    machine.write("etc/daarion.toml", &toml);
    let registration = machine.path("synapse/daarion-registration.yaml");
    for path in [&secret, &registration] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("it is ours");
        let expected = format!("others can read {} ", path.display());
        assert!(told().contains(&expected), "{}", told());
    }
}

#[test]
fn only_what_is_needed_can_be_checked() {
    let machine = Machine::with(HOMESERVER);
    machine.write("etc/daarion.toml", daarion::config::SAMPLE);
    let line = machine.failure(&["config", "check", "--only-needed"]);
    assert!(
        line.contains("missing key \"matrix.homeserver_url\""),
        "{line}"
    );
    machine.setup(&["--yes"]);
    succeeded(&machine.run(&["config", "check", "--only-needed"]));
    // What is wrong in another way shall be seen when the daemon starts.
    let good = machine.read("etc/daarion.toml");
    let wrong = good.replace("#level = \"info\"", "level = 1");
    assert_ne!(wrong, good);
    machine.write("etc/daarion.toml", &wrong);
    succeeded(&machine.run(&["config", "check", "--only-needed"]));
    machine.failure(&["config", "check"]);
    // So is a file that is named and not there.
    fs::remove_file(machine.path("etc/daarion.toml")).expect("a file");
    succeeded(&machine.run(&["config", "check", "--only-needed"]));
    machine.failure(&["config", "check"]);
}
