//! Where values come from, which source wins, and what the values become.

use std::path::Path;
use std::time::Duration;

use daarion::config::{
    ActAs, Config, CreateBy, IssuerKey, ListenAddr, LogFormat, Secret, Source, describe, settings,
};

use crate::case::{AS_TOKEN, Case, HS_TOKEN, SECRET};

fn tcp(address: &str) -> ListenAddr {
    ListenAddr::Tcp(address.parse().expect("an address"))
}

#[test]
fn defaults_are_those_of_the_contract() {
    let config = Case::new("").load();
    assert_eq!(config.data_dir, Path::new("/var/lib/daarion"));
    assert_eq!(config.city.name, "DAARION City");
    assert_eq!(config.city.matrix_name.as_str(), "{city} — {room}");
    assert_eq!(config.city.create, CreateBy::Members);
    assert_eq!(config.listen.public, [tcp("127.0.0.1:7004")]);
    assert_eq!(config.listen.internal, [tcp("127.0.0.1:7003")]);
    assert_eq!(config.listen.public_url, None);
    let trusted = config.listen.trusted_proxies.iter();
    assert!(
        trusted
            .map(ToString::to_string)
            .eq(["127.0.0.0/8", "::1/128"])
    );
    assert_eq!(
        config.matrix.connector_url.as_str(),
        "http://127.0.0.1:7003/"
    );
    assert_eq!(config.matrix.act_as, ActAs::AllLocalUsers);
    assert_eq!(config.matrix.admin_token, None);
    assert_eq!(config.matrix.heal_interval, Duration::from_secs(15 * 60));
    assert_eq!(config.webhooks.timeout, Duration::from_secs(5));
    assert_eq!(config.webhooks.schedule.len(), 9);
    assert_eq!(config.nats.url, None);
    assert_eq!(config.limits.transaction, 32 * 1024 * 1024);
    assert_eq!(config.log.format, LogFormat::Auto);
}

#[test]
fn variable_wins_over_alias_and_alias_over_file() {
    let file = "[matrix]\nhomeserver_url = \"http://file:1\"\nsync_timeout = \"1s\"";
    let case = Case::new(file).without("MATRIX_HOMESERVER_URL");
    assert_eq!(case.load().matrix.homeserver_url.as_str(), "http://file:1/");

    let case = case.with("SYNAPSE_URL", "http://alias:2");
    assert_eq!(
        case.load().matrix.homeserver_url.as_str(),
        "http://alias:2/"
    );

    let case = case.with("DAARION_MATRIX__HOMESERVER_URL", "http://own:3");
    assert_eq!(case.load().matrix.homeserver_url.as_str(), "http://own:3/");
}

#[test]
fn file_is_named_by_argument_then_variable() {
    let case = Case::new("[city]\nname = \"Argument\"");
    let other = case.write("other.toml", "[city]\nname = \"Variable\"");
    let case = case.with("DAARION_CONFIG", &other.display().to_string());
    assert_eq!(case.load().city.name, "Argument");
    let config = Config::load_from(None, case.env.clone()).expect("a sound configuration");
    assert_eq!(config.city.name, "Variable");
}

#[test]
fn named_file_must_exist() {
    let case = Case::new("");
    let missing = case.path("missing.toml");
    let line = |path: Option<&Path>, env: &Case| {
        let error = Config::load_from(path, env.env.clone()).expect_err("no file");
        error.to_string()
    };
    let expected = format!(
        "{}: cannot read the configuration: no such file",
        missing.display()
    );
    assert_eq!(line(Some(&missing), &case), expected);
    let case = case.with("DAARION_CONFIG", &missing.display().to_string());
    assert_eq!(line(None, &case), expected);
}

#[test]
fn aliases_of_older_installations_are_honoured() {
    let config = Case::new("")
        .without("MATRIX_HOMESERVER_URL")
        .without("INTERNAL_SERVICE_SECRET")
        .with("SYNAPSE_URL", "http://daarion-synapse:8008")
        .with("SYNAPSE_ADMIN_TOKEN", "syt_admin")
        .with("MATRIX_GATEWAY_SECRET", "your-shared-secret")
        .with("MATRIX_GATEWAY_PORT", "7025")
        .with("WEBHOOK_TIMEOUT_MS", "2500")
        .with("SYNC_TIMEOUT_MS", "45000")
        .with("NATS_URL", "nats://localhost:4222")
        .load();
    let matrix = &config.matrix;
    assert_eq!(
        matrix.homeserver_url.as_str(),
        "http://daarion-synapse:8008/"
    );
    assert_eq!(matrix.admin_token, Some(Secret::new("syt_admin")));
    assert_eq!(matrix.sync_timeout, Duration::from_secs(45));
    assert_eq!(matrix.connector_url.as_str(), "http://127.0.0.1:7025/");
    assert_eq!(config.internal.secret.expose(), "your-shared-secret");
    assert_eq!(config.listen.internal, [tcp("127.0.0.1:7025")]);
    assert_eq!(config.webhooks.timeout, Duration::from_millis(2500));
    assert_eq!(config.nats.url, Some(Secret::new("nats://localhost:4222")));
}

#[test]
fn aliases_that_agree_or_are_empty_do_not_matter() {
    let config = Case::new("")
        .with("SYNAPSE_URL", "http://127.0.0.1:8008")
        .with("MATRIX_GATEWAY_SECRET", "")
        .with("NATS_URL", "")
        .with("DATABASE_URL", "")
        .load();
    assert_eq!(config.nats.url, None);
}

#[test]
fn alias_of_the_port_changes_the_first_tcp_address() {
    let file = "[listen]\ninternal = [\"unix:/run/a.sock\", \"0.0.0.0:7003\", \"[::1]:7001\"]";
    let config = Case::new(file).with("MATRIX_GATEWAY_PORT", "7025").load();
    let unix = ListenAddr::Unix("/run/a.sock".into());
    let expected = [unix, tcp("0.0.0.0:7025"), tcp("[::1]:7001")];
    assert_eq!(config.listen.internal, expected);
    assert_eq!(
        config.matrix.connector_url.as_str(),
        "http://127.0.0.1:7025/"
    );
}

#[test]
fn variables_hold_lists_flags_and_numbers() {
    let config = Case::new("")
        .with(
            "DAARION_LISTEN__PUBLIC",
            "127.0.0.1:0, unix:/run/public.sock",
        )
        .with("DAARION_LISTEN__INTERNAL", "[\"127.0.0.1:0\"]")
        .with("DAARION_AUTH__INSECURE_USER_HEADER", "true")
        .with("DAARION_AUTH__OPERATORS", "@ada:example.org,user:bob")
        .with("DAARION_LIMITS__PERSON_PER_SECOND", "7")
        .with("DAARION_LIMITS__UPLOAD", "1MB")
        .with("DAARION_WEBHOOKS__SCHEDULE", "1s,2s")
        .with("DAARION_DATA_DIR", "/srv/daarion")
        .with("DAARION_PORT", "tcp://10.0.0.1:7004")
        .load();
    let unix = ListenAddr::Unix("/run/public.sock".into());
    assert_eq!(config.listen.public, [tcp("127.0.0.1:0"), unix]);
    assert_eq!(config.listen.internal, [tcp("127.0.0.1:0")]);
    assert!(config.auth.insecure_user_header);
    assert_eq!(config.auth.operators, ["user:ada", "user:bob"]);
    assert_eq!(config.limits.person_per_second, 7);
    assert_eq!(config.limits.upload, 1_000_000);
    assert_eq!(config.webhooks.schedule, [1, 2].map(Duration::from_secs));
    assert_eq!(config.data_dir, Path::new("/srv/daarion"));
}

#[test]
fn one_address_needs_no_list() {
    let config = Case::new("[listen]\npublic = \"0.0.0.0:80\"").load();
    assert_eq!(config.listen.public, [tcp("0.0.0.0:80")]);
    assert!(!config.listen.is_public_loopback());
}

#[test]
fn secrets_stand_in_files() {
    let mut case = Case::new(
        "[matrix]\nas_token_file = \"${CREDENTIALS_DIRECTORY}/as\"\nhs_token_file = \"%d/hs\"",
    );
    let directory = case.directory.path().display().to_string();
    case.unset("DAARION_MATRIX__AS_TOKEN");
    case.unset("DAARION_MATRIX__HS_TOKEN");
    case.unset("INTERNAL_SERVICE_SECRET");
    case.write("as", "  file-as-token-0123\n");
    case.write("hs", "file-hs-token-0123\n");
    let secret = case.write("secret", "file-secret-0123\n");
    case.set("CREDENTIALS_DIRECTORY", &directory);
    case.set(
        "DAARION_INTERNAL__SECRET_FILE",
        &secret.display().to_string(),
    );
    let config = case.load();
    assert_eq!(config.matrix.as_token.expose(), "file-as-token-0123");
    assert_eq!(config.matrix.hs_token.expose(), "file-hs-token-0123");
    assert_eq!(config.internal.secret.expose(), "file-secret-0123");

    // A variable wins over the file form of the configuration file, as over any other key there.
    case.set("DAARION_MATRIX__AS_TOKEN", AS_TOKEN);
    assert_eq!(case.load().matrix.as_token.expose(), AS_TOKEN);
}

#[test]
fn issuers_are_tables() {
    let config = Case::new(
        r#"
        [[auth.issuers]]
        issuer = "https://id.example.org"
        jwks_url = "https://id.example.org/jwks.json"
        [[auth.issuers]]
        issuer = "old"
        audience = "city"
        shared_key = "0123456789abcdef0123456789abcdef"
        clock_skew = "5s"
        "#,
    )
    .load();
    let [first, second] = &config.auth.issuers[..] else {
        panic!("two issuers")
    };
    assert!(matches!(&first.key, IssuerKey::JwksUrl(url) if url.path() == "/jwks.json"));
    assert_eq!(first.audience, "daarion");
    assert!(matches!(&second.key, IssuerKey::SharedKey(_)));
    assert_eq!(second.clock_skew, Duration::from_secs(5));
}

#[test]
fn secrets_are_never_shown() {
    let config = Case::new(
        "[[auth.issuers]]\nissuer = \"x\"\nshared_key = \"key-key-key-key-key-key-key-key-key\"",
    )
    .with("DAARION_MATRIX__ADMIN_TOKEN", "syt_admin")
    .with("NATS_URL", "nats://user:hunter2@localhost:4222")
    .load();
    let shown = format!("{config:?} {}", describe(&config));
    for secret in [
        AS_TOKEN,
        HS_TOKEN,
        SECRET,
        "syt_admin",
        "hunter2",
        "key-key",
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let described = describe(&config);
    assert_eq!(described["matrix"]["as_token"], "(hidden)");
    assert_eq!(described["nats"]["url"], "nats://(hidden)@localhost:4222");
    assert_eq!(described["matrix"]["heal_interval"], "15m");
    assert_eq!(described["listen"]["public"][0], "127.0.0.1:7004");
}

#[test]
fn each_key_tells_its_source() {
    let case = Case::new("[city]\nname = \"Kyiv\"\n[matrix]\nas_token_file = \"%d/as\"")
        .without("DAARION_MATRIX__AS_TOKEN")
        .with("NATS_URL", "nats://user:hunter2@localhost:4222");
    let directory = case.directory.path().display().to_string();
    let token = case.write("as", "file-as-token-0123\n");
    let config = case.with("CREDENTIALS_DIRECTORY", &directory).load();
    let all = settings(&config);
    let find = |key: &str| {
        let found = all.iter().find(|setting| setting.key == key);
        found.unwrap_or_else(|| panic!("{key} in {all:?}"))
    };
    let file = config_file(&directory);
    for (key, value, source) in [
        ("city.name", "Kyiv", file),
        ("city.room_prefix", "city_", Source::Default),
        (
            "matrix.server_name",
            "example.org",
            Source::Alias("MATRIX_SERVER_NAME"),
        ),
        ("matrix.as_token", "(hidden)", Source::SecretFile(token)),
        (
            "matrix.hs_token",
            "(hidden)",
            Source::Variable("DAARION_MATRIX__HS_TOKEN".to_owned()),
        ),
        (
            "nats.url",
            "nats://(hidden)@localhost:4222",
            Source::Alias("NATS_URL"),
        ),
    ] {
        let setting = find(key);
        assert_eq!(
            (&setting.value, &setting.source),
            (&value.into(), &source),
            "{key}"
        );
        assert!(!setting.description.is_empty(), "{key}");
    }
    assert_eq!(find("city.name").default, "DAARION City");
    assert!(find("matrix.as_token").default.is_null());
    assert!(
        find("matrix.admin_token").value.is_null(),
        "not set is not hidden"
    );
    assert!(find("matrix.as_token").is_secret);
    let shown = format!("{all:?}");
    for secret in ["file-as-token-0123", HS_TOKEN, SECRET, "hunter2"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

fn config_file(directory: &str) -> Source {
    Source::File(Path::new(directory).join("daarion.toml"))
}

#[test]
fn socket_of_the_command_line_is_found_without_the_rest() {
    let file = "[listen]\nadmin = \"/srv/a.sock\"\n\
                [matrix]\nas_token_file = \"${CREDENTIALS_DIRECTORY}/as_token\"";
    let case = Case::bare(file);
    assert_eq!(case.admin().expect("is found"), Path::new("/srv/a.sock"));
    let default = Case::bare("").admin().expect("is found");
    assert_eq!(default, Path::new("/run/daarion/admin.sock"));
    let case = Case::bare(file).with("DAARION_LISTEN__ADMIN", "/srv/b.sock");
    assert_eq!(case.admin().expect("is found"), Path::new("/srv/b.sock"));

    for wrong in ["[listen]\nadmn = \"/a\"", "[listen]\nadmin = 7", "[listen"] {
        let error = Case::bare(wrong).admin().expect_err(wrong).to_string();
        assert!(!error.contains('\n'), "{error}");
    }
}
