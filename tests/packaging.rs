//! What the package is made of, as far as files tell: the unit, the pages, the proxy examples. That
//! it installs and runs is proved by `tests/appliance`.

use std::fs;
use std::path::{Path, PathBuf};
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
    assert!(Path::new(&root()).join("packaging/Dockerfile").exists());
}
