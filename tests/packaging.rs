//! What the package is made of, as far as files tell: the unit, the pages, the proxy examples. That
//! it installs and runs is proved by `tests/appliance`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn unit_is_exposed_less_than_it_may_be() {
    const MOST: f64 = 1.1;
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "systemd/daarion.service"])
        .current_dir(root())
        .output()
        .expect("systemd-analyze can be run (Debian: apt-get install systemd)");
    let text = String::from_utf8_lossy(&output.stdout);
    let level = text
        .lines()
        .find_map(|line| line.split("daarion.service: ").nth(1))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    let level = level.unwrap_or_else(|| panic!("no level in {text}"));
    assert!(level <= MOST, "{level} is more than {MOST}:\n{text}");
}

/// A line of the unit says why it stands there, itself or with those that it stands together with.
#[test]
fn every_line_of_the_unit_is_explained() {
    let unit = read("systemd/daarion.service");
    let mut is_explained = false;
    for line in unit.lines().skip_while(|line| *line != "[Service]").skip(1) {
        match line {
            "" => is_explained = false,
            "[Install]" => break,
            line if line.starts_with('#') => is_explained = true,
            line => assert!(is_explained, "nothing says why: {line}"),
        }
    }
}

#[test]
fn every_command_has_a_page_and_completions() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = Command::new(env!("CARGO_BIN_EXE_daarion"))
        .arg("pages")
        .arg(directory.path())
        .env_clear()
        .output()
        .expect("the binary can be run");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let page = |name: &str| {
        let path = directory.path().join("man").join(format!("{name}.1"));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    assert!(page("daarion").contains(".TH daarion 1"));
    assert!(page("daarion-setup").contains("homeserver"));
    assert!(page("daarion-agent-create").contains("daarion agent create"));
    assert!(!directory.path().join("man/daarion-pages.1").exists());
    let completions = directory.path().join("completions");
    for file in ["daarion.bash", "_daarion", "daarion.fish"] {
        let text = fs::read_to_string(completions.join(file)).expect(file);
        assert!(text.contains("backfill"), "{file}");
    }
}

/// What only services and the homeserver may reach is not in the proxies' reach.
#[test]
fn proxy_examples_lead_to_the_public_listener_only() {
    for name in ["nginx.conf", "Caddyfile"] {
        let text = read(&format!("packaging/{name}"));
        let used = text.lines().map(str::trim);
        let used: Vec<_> = used.filter(|line| !line.starts_with('#')).collect();
        assert!(
            used.iter().any(|line| line.contains("127.0.0.1:7004")),
            "{name}"
        );
        assert!(!used.iter().any(|line| line.contains("7003")), "{name}");
    }
}

/// Nobody says through a proxy who they are without a token.
#[test]
fn proxy_examples_pass_on_no_credentials_of_services() {
    let (nginx, caddy) = (read("packaging/nginx.conf"), read("packaging/Caddyfile"));
    for header in ["X-User-Id", "X-Internal-Service-Token"] {
        assert!(nginx.contains(&format!("proxy_set_header {header} \"\";")));
        assert!(caddy.contains(&format!("header_up -{header}")));
    }
}

#[test]
fn sizes_of_bodies_agree_with_the_configuration() {
    let sample = read("packaging/daarion.toml");
    assert!(sample.contains("#upload = \"100MiB\""));
    assert!(read("packaging/nginx.conf").contains("client_max_body_size 100m;"));
    // To Caddy, MB are a million bytes.
    assert!(read("packaging/Caddyfile").contains("max_size 100MiB\n"));
}

#[test]
fn certificates_of_authorities_are_named_where_https_may_need_them() {
    assert!(read("packaging/debian/control").contains("\nRecommends: ca-certificates\n"));
    let last = last_stage(&read("packaging/Dockerfile"));
    assert!(last.contains("ca-certificates"), "{last}");
}

/// What runs in the end: the stage behind the last FROM.
fn last_stage(dockerfile: &str) -> String {
    let (_, last) = dockerfile.rsplit_once("\nFROM ").expect("a stage");
    last.to_owned()
}

/// What follows a word on the lines that begin with it.
fn after<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let rest = |line: &'a str| line.trim().strip_prefix(word).map(str::trim);
    text.lines().filter_map(rest).collect()
}

#[test]
fn image_is_made_of_what_is_there_and_runs_as_nobody() {
    let dockerfile = read("packaging/Dockerfile");
    let ignored = read(".dockerignore");
    for copied in after(&dockerfile, "COPY ") {
        if copied.starts_with("--from") {
            continue;
        }
        let source = copied.split(' ').next().expect("a source");
        assert!(root().join(source).exists(), "{source}");
        assert!(!ignored.lines().any(|line| line == source), "{source}");
    }
    // The versions are those that the rest of the repository names.
    let cargo: toml::Table = toml::from_str(&read("Cargo.toml")).expect("TOML");
    let rust = cargo["package"]["rust-version"]
        .as_str()
        .expect("a version");
    assert!(dockerfile.contains(&format!("FROM rust:{rust}-bookworm ")));
    let package: serde_json::Value = serde_json::from_str(&read("ui/package.json")).expect("JSON");
    let node = package["engines"]["node"].as_str().expect("a version");
    let least: String = node.chars().skip_while(|c| !c.is_numeric()).collect();
    let major = least.split('.').next().expect("a number");
    assert!(
        dockerfile.contains(&format!("FROM node:{major}-bookworm-slim ")),
        "{node}"
    );
    let last = last_stage(&dockerfile);
    assert_eq!(after(&last, "USER "), ["daarion"]);
    assert_eq!(after(&last, "CMD "), ["[\"serve\"]"]);
}

#[test]
fn containers_are_closed_in_and_show_the_public_side_on_this_machine_only() {
    let compose: serde_yaml::Value =
        serde_yaml::from_str(&read("packaging/compose.yaml")).expect("YAML");
    let list = |value: &serde_yaml::Value| -> Vec<String> {
        let items = value.as_sequence().into_iter().flatten();
        items
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect()
    };
    let services = compose["services"].as_mapping().expect("services");
    for (name, service) in services {
        for port in list(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name:?}: {port}");
            assert!(!port.contains("7003"), "{name:?}: {port}");
        }
        for volume in list(&service["volumes"]) {
            let volume = volume.split(':').next().expect("a name").to_owned();
            let is_declared = compose["volumes"].get(volume.as_str()).is_some();
            assert!(is_declared, "{name:?}: {volume}");
        }
        let dockerfile = service["build"]["dockerfile"].as_str();
        let context = service["build"]["context"].as_str();
        if let (Some(dockerfile), Some(context)) = (dockerfile, context) {
            assert!(
                root()
                    .join("packaging")
                    .join(context)
                    .join(dockerfile)
                    .exists()
            );
        }
    }
    let daarion = &compose["services"]["daarion"];
    assert_eq!(daarion["read_only"].as_bool(), Some(true));
    assert_eq!(list(&daarion["cap_drop"]), ["ALL"]);
    // Who writes into /run/daarion is who runs.
    let dockerfile = read("packaging/Dockerfile");
    let uid = dockerfile
        .split("--uid ")
        .nth(1)
        .and_then(|it| it.split(' ').next());
    let uid = uid.expect("a number");
    let expected = format!("/run/daarion:uid={uid},gid={uid},mode=0700");
    assert_eq!(list(&daarion["tmpfs"]), [expected]);
    // The homeserver is the one that daarion is tried with.
    let image = compose["services"]["synapse"]["image"]
        .as_str()
        .expect("an image");
    let version = image.rsplit(":v").next().expect("a version");
    let pinned = format!("matrix-synapse=={version}");
    assert!(
        read("tests/homeserver/requirements.txt").contains(&pinned),
        "{pinned}"
    );
}

/// The script of the set-up's container, by the real binary, with the places of the containers
/// below a directory of its own.
#[test]
fn set_up_of_the_containers_joins_both_and_can_be_repeated() {
    let compose: serde_yaml::Value =
        serde_yaml::from_str(&read("packaging/compose.yaml")).expect("YAML");
    let entry = compose["services"]["setup"]["entrypoint"]
        .as_sequence()
        .expect("a command");
    let script = entry.last().and_then(|it| it.as_str()).expect("a script");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let place = |name: &str| directory.path().join(name);
    for name in ["data", "etc"] {
        fs::create_dir(place(name)).expect("a directory");
    }
    let homeserver = "server_name: \"daarion.localhost\"\nlisteners:\n  - port: 8008\n    \
                      type: http\n    resources: [{names: [client]}]\n";
    fs::write(place("data/homeserver.yaml"), homeserver).expect("is written");
    // There is no account to be made, nor one to be given files to.
    let script = script
        .lines()
        .filter(|line| !line.starts_with("useradd"))
        .collect::<Vec<_>>()
        .join("\n")
        .replace(" --homeserver-user synapse", "")
        .replace("/data/", &format!("{}/", place("data").display()))
        .replace("daarion setup", "\"$DAARION\" setup");
    let run = |script: &str| {
        let output = Command::new("/bin/sh")
            .args(["-ec", script])
            .env_clear()
            .env("DAARION", env!("CARGO_BIN_EXE_daarion"))
            .env("DAARION_CONFIG", place("etc/daarion.toml"))
            .output()
            .expect("a shell");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(&script);
    run("\"$DAARION\" config check");
    let shown = run("\"$DAARION\" registration show");
    assert!(shown.contains("http://daarion:7003"), "{shown}");
    let toml = fs::read_to_string(place("etc/daarion.toml")).expect("a text");
    assert!(
        toml.contains("homeserver_url = \"http://synapse:8008\""),
        "{toml}"
    );
    assert!(run(&script).contains("nothing to do"));
    assert!(run("\"$DAARION\" setup --yes").contains("nothing to do"));
}
