//! Each wrong configuration is one line that names the key, its source and what is expected.

use crate::case::{AS_TOKEN, Case, HS_TOKEN, SECRET};

/// What is needed is said in this order, one at a time.
#[test]
fn missing_keys_say_how_to_set_them() {
    let mut case = Case::bare("");
    let steps = [
        (
            "matrix.homeserver_url",
            "\"http://127.0.0.1:8008\"",
            "http://h:1",
        ),
        ("matrix.server_name", "\"example.org\"", "example.org"),
        ("matrix.as_token", RANDOM, AS_TOKEN),
        ("matrix.hs_token", RANDOM, HS_TOKEN),
        ("internal.secret", RANDOM, SECRET),
    ];
    for (key, example, value) in steps {
        let variable = format!("DAARION_{}", key.to_uppercase().replace('.', "__"));
        assert_eq!(
            case.error(),
            format!(
                "missing key \"{key}\": set it in DIR/daarion.toml or with {variable}, \
                 for example {example}"
            )
        );
        case.set(&variable, value);
    }
    case.load();
}

const RANDOM: &str = "the output of \"openssl rand -hex 32\"";

/// The file has one wrong entry; the line names file, key, what was found, what is expected.
#[test]
fn wrong_entries_of_the_file_are_named() {
    let duration = "expected a duration above zero like \"30s\" or \"15m\"";
    let address = "expected \"ip:port\" like \"127.0.0.1:7004\" or \"unix:/path\"";
    let cases: &[(&str, &str)] = &[
        (
            "[matrix]\nhomserver_url = \"http://h\"",
            "unknown key \"matrix.homserver_url\"; did you mean \"matrix.homeserver_url\"?",
        ),
        (
            "homeserver_url = \"http://h\"",
            "unknown key \"homeserver_url\"; did you mean \"matrix.homeserver_url\"?",
        ),
        (
            "[matrx]\nact_as = \"x\"",
            "unknown key \"matrx\"; did you mean \"matrix\"?",
        ),
        (
            "[internal]\nsecret_fil = \"x\"",
            "unknown key \"internal.secret_fil\"; did you mean \"internal.secret_file\"?",
        ),
        (
            "[city]\nweather = \"rain\"",
            "unknown key \"city.weather\"; \"daarion config print-default\" lists every key",
        ),
        (
            "[[auth.issuers]]\nissuer = \"x\"\njwks_uri = \"https://x/\"",
            "unknown key \"auth.issuers[0].jwks_uri\"; did you mean \"auth.issuers[0].jwks_url\"?",
        ),
        (
            "matrix = 5",
            "matrix: expected the section [matrix], found the number 5",
        ),
        ("[city\nname = 1", "line 1: unclosed table, expected `]`"),
        ("data_dir = \"\"", "data_dir: expected a path, found \"\""),
        (
            "data_dir = 5",
            "data_dir: expected a path, found the number 5",
        ),
        (
            "[city]\nname = \" \"",
            "city.name: expected a name on one line, found \" \"",
        ),
        (
            "[city]\nroom_prefix = \"City\"",
            "city.room_prefix: expected one or more of the characters a-z 0-9 _ -, found \"City\"",
        ),
        (
            "[city]\nmicrodao = \"daarion\"",
            "city.microdao: expected \"microdao:<name>\" with a name of 1 to 64 characters \
             a-z 0-9 _ -, found \"daarion\"",
        ),
        (
            "[city]\nmatrix_name = \"{name}\"",
            "city.matrix_name: expected text with {room} in it, and no other braces than {room} \
             and {city}, found \"{name}\"",
        ),
        (
            "[city]\ncreate = \"all\"",
            "city.create: expected \"members\" or \"operators\", found \"all\"",
        ),
        (
            "[listen]\npublic = [\"localhost:7004\"]",
            &format!("listen.public: {address}, found \"localhost:7004\""),
        ),
        (
            "[listen]\npublic = [7004]",
            &format!("listen.public: {address}, found the number 7004"),
        ),
        (
            "[listen]\npublic = []",
            "listen.public: expected at least one address, \"ip:port\" like \"127.0.0.1:7004\" or \
             \"unix:/path\"",
        ),
        (
            "[listen]\npublic = \"0.0.0.0:7003\"",
            "listen.internal: 127.0.0.1:7003 is also an address of listen.public",
        ),
        (
            "[listen]\ninternal = [\"[::1]:1\", \"[::1]:1\"]",
            "listen.internal: [::1]:1 stands twice",
        ),
        (
            "[listen]\ntrusted_proxies = [\"my-proxy\"]",
            "listen.trusted_proxies: expected an address or a range like \"10.0.0.0/8\", found \
             \"my-proxy\"",
        ),
        (
            "[listen]\npublic_url = \"city.example.org\"",
            "listen.public_url: expected an http or https URL like \"https://city.example.org\", \
             or \"\", found \"city.example.org\"",
        ),
        (
            "[matrix]\nconnector_url = \"http://user:pass@h\"",
            "matrix.connector_url: expected an http or https URL like \"http://127.0.0.1:7003\", \
             found \"http://(hidden)@h\"",
        ),
        (
            "[matrix]\nsender_localpart = \"Daarion\"",
            "matrix.sender_localpart: expected one or more of the characters a-z 0-9 . _ = / -, \
             found \"Daarion\"",
        ),
        (
            "[matrix]\nsender_localpart = \"agent_0\"",
            "matrix.sender_localpart: must not begin with matrix.agent_prefix, or we would be an \
             agent",
        ),
        (
            "[matrix]\nagent_prefix = \"\"",
            "matrix.agent_prefix: expected one or more of the characters a-z 0-9 . _ = / -, \
             found \"\"",
        ),
        (
            "[matrix]\nact_as = \"everybody\"",
            "matrix.act_as: expected \"all-local-users\" or \"agents-only\", found \"everybody\"",
        ),
        (
            "[matrix]\nheal_interval = \"15 parrots\"",
            &format!("matrix.heal_interval: {duration}, found \"15 parrots\""),
        ),
        (
            "[matrix]\nheal_interval = 15",
            &format!("matrix.heal_interval: {duration}, found the number 15"),
        ),
        (
            "[matrix]\nadmin_token = 123456",
            "matrix.admin_token: expected text in quotes",
        ),
        (
            "[matrix]\nadmin_token_file = \"/nonexistent/token\"",
            "matrix.admin_token_file: cannot read /nonexistent/token: no such file",
        ),
        (
            "[matrix]\nadmin_token_file = \"%d/token\"",
            "matrix.admin_token_file: \"%d/token\" needs CREDENTIALS_DIRECTORY, which systemd \
             sets for a unit with LoadCredential=; for a command that runs while daarion does not, \
             say where the files are that it names: CREDENTIALS_DIRECTORY=/etc/daarion daarion setup",
        ),
        (
            "[matrix]\nadmin_token = \"a\"\nadmin_token_file = \"b\"",
            "matrix.admin_token and matrix.admin_token_file are both given; keep one",
        ),
        (
            "[auth]\ninsecure_user_header = \"yes\"",
            "auth.insecure_user_header: expected true or false, found \"yes\"",
        ),
        (
            "[auth]\ninsecure_user_header = true\n[listen]\npublic = \"0.0.0.0:80\"",
            "auth.insecure_user_header: true needs every address of listen.public on loopback, \
             for anybody who reaches it could claim to be anybody",
        ),
        (
            "[auth]\noperators = [\"ada\"]",
            "auth.operators: expected \"@user:server\" or \"user:<localpart>\", found \"ada\"",
        ),
        (
            "[auth]\nissuers = [\"x\"]",
            "auth.issuers: expected [[auth.issuers]] tables, found \"x\"",
        ),
        (
            "[[auth.issuers]]\njwks_url = \"https://x/\"",
            "auth.issuers[0].issuer: missing, it is the \"iss\" claim of its tokens",
        ),
        (
            "[[auth.issuers]]\nissuer = \"x\"",
            "auth.issuers[0].issuer: needs either jwks_url or shared_key",
        ),
        (
            "[[auth.issuers]]\nissuer = \"x\"\nshared_key = \"short\"",
            "auth.issuers[0].shared_key: expected at least 32 characters, found 5",
        ),
        (
            "[webhooks]\nallow = [\"10.0.0.0/33\"]",
            "webhooks.allow: expected an address or a range like \"10.0.0.0/8\", found \
             \"10.0.0.0/33\"",
        ),
        (
            "[webhooks]\nschedule = [\"5s\", \"0s\"]",
            &format!("webhooks.schedule: {duration}, found \"0s\""),
        ),
        (
            "[webhooks]\nschedule = 5",
            "webhooks.schedule: expected a list, each entry a duration above zero like \"30s\" or \
             \"15m\", found the number 5",
        ),
        (
            "[nats]\nurl = \"http://u:p@h\"",
            "nats.url: expected a URL like \"nats://127.0.0.1:4222\", found \"http://(hidden)@h\"",
        ),
        (
            "[nats]\nurl = \"user:secret@h:4222\"",
            "nats.url: expected a URL like \"nats://127.0.0.1:4222\", found \"(hidden)@h:4222\"",
        ),
        (
            "[nats]\nurl = \"nats://token@h:4222,nats://u:p,w@h\"",
            "nats.url: expected a URL like \"nats://127.0.0.1:4222\", found \"nats://(hidden)@h\"",
        ),
        (
            "[auth]\noperators = [\"ada@example.org\"]",
            "auth.operators: expected \"@user:server\" or \"user:<localpart>\", found \
             \"ada@example.org\"",
        ),
        (
            "[limits]\nperson_per_second = 0",
            "limits.person_per_second: expected a whole number above 0, found the number 0",
        ),
        (
            "[limits]\nupload = \"many\"",
            "limits.upload: expected a size like \"32MiB\", found \"many\"",
        ),
        (
            "[limits]\nstall = \"0s\"",
            "limits.stall: expected a duration above zero like \"30s\" or \"15m\", found \"0s\"",
        ),
        (
            "[limits]\ntransaction = \"1MiB\"",
            "limits.transaction: expected a size of 16MiB or more, as the homeserver's transactions \
             can be large, found \"1MiB\"",
        ),
        (
            "[log]\nformat = \"xml\"",
            "log.format: expected \"auto\", \"human\" or \"json\", found \"xml\"",
        ),
        (
            "[log]\nlevel = \"inof\"",
            "log.level: expected off, error, warn, info, debug, trace, or directives like \
             \"info,daarion::matrix=debug\", found \"inof\"",
        ),
    ];
    for (toml, expected) in cases {
        let expected = format!("DIR/daarion.toml: {expected}");
        assert_eq!(Case::new(toml).error(), expected, "for {toml}");
    }
}

/// The environment has one wrong variable, which the line names.
#[test]
fn wrong_variables_are_named() {
    let url = "expected an http or https URL without a path like \"http://127.0.0.1:8008\"";
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[("DAARION_MATRIX__HOMSERVER_URL", "http://h")],
            "DAARION_MATRIX__HOMSERVER_URL: unknown key \"matrix.homserver_url\"; \
             did you mean \"matrix.homeserver_url\"?",
        ),
        (
            &[("MATRIX_HOMESERVER_URL", "matrix.example.org")],
            &format!(
                "MATRIX_HOMESERVER_URL: matrix.homeserver_url: {url}, found \"matrix.example.org\""
            ),
        ),
        (
            &[("DAARION_MATRIX__HOMESERVER_URL", "https://h/_matrix")],
            &format!(
                "DAARION_MATRIX__HOMESERVER_URL: matrix.homeserver_url: {url}, \
                 found \"https://h/_matrix\""
            ),
        ),
        (
            &[("MATRIX_SERVER_NAME", "https://example.org")],
            "MATRIX_SERVER_NAME: matrix.server_name: expected a Matrix server name like \
             \"example.org\", found \"https://example.org\"",
        ),
        (
            &[("SYNAPSE_URL", "http://other:8008")],
            "MATRIX_HOMESERVER_URL and SYNAPSE_URL both set matrix.homeserver_url and disagree; \
             keep one",
        ),
        (
            &[("MATRIX_GATEWAY_SECRET", "another-secret-012345")],
            "INTERNAL_SERVICE_SECRET and MATRIX_GATEWAY_SECRET both set internal.secret and \
             disagree; keep one",
        ),
        (
            &[(
                "DATABASE_URL",
                "postgresql://user:pass@localhost:5432/daarion",
            )],
            "DATABASE_URL: storage is embedded and lives in data_dir, so no database is used \
             (a PostgreSQL backend is planned); unset this variable",
        ),
        (
            &[("WEBHOOK_TIMEOUT_MS", "5s")],
            "WEBHOOK_TIMEOUT_MS: webhooks.timeout: expected whole milliseconds above 0 like 5000, \
             found \"5s\"",
        ),
        (
            &[("MATRIX_GATEWAY_PORT", "tcp://10.0.0.1:7025")],
            "MATRIX_GATEWAY_PORT: listen.internal: expected a port like 7025, found \
             \"tcp://10.0.0.1:7025\"",
        ),
        (
            &[("MATRIX_GATEWAY_PORT", "7004")],
            "MATRIX_GATEWAY_PORT: listen.internal: 127.0.0.1:7004 is also an address of \
             listen.public",
        ),
        (
            &[("DAARION_MATRIX__AS_TOKEN", "short")],
            "DAARION_MATRIX__AS_TOKEN: matrix.as_token: expected at least 16 characters, found 5",
        ),
        (
            &[("DAARION_MATRIX__AS_TOKEN", "пароль пароль пароль")],
            "DAARION_MATRIX__AS_TOKEN: matrix.as_token: expected printable ASCII characters \
             without spaces",
        ),
        (
            &[("DAARION_MATRIX__HS_TOKEN", AS_TOKEN)],
            "DAARION_MATRIX__HS_TOKEN: matrix.hs_token: must differ from matrix.as_token",
        ),
        (
            &[("DAARION_MATRIX__AS_TOKEN_FILE", "/run/token")],
            "DAARION_MATRIX__AS_TOKEN and DAARION_MATRIX__AS_TOKEN_FILE are both given; keep one",
        ),
        (
            &[("DAARION_INTERNAL__SECRET_FILE", "/nonexistent/secret")],
            "DAARION_INTERNAL__SECRET_FILE: internal.secret_file: cannot read \
             /nonexistent/secret: no such file",
        ),
        (
            &[("DAARION_LIMITS__PERSON_PER_SECOND", "many")],
            "DAARION_LIMITS__PERSON_PER_SECOND: limits.person_per_second: expected a whole number \
             above 0, found \"many\"",
        ),
        (
            &[("DAARION_AUTH__OPERATORS", "user:ada,bob")],
            "DAARION_AUTH__OPERATORS: auth.operators: expected \"@user:server\" or \
             \"user:<localpart>\", found \"bob\"",
        ),
    ];
    for (variables, expected) in cases {
        let case = variables
            .iter()
            .fold(Case::new(""), |case, (name, value)| case.with(name, value));
        assert_eq!(case.error(), *expected, "for {variables:?}");
    }
}

#[test]
fn short_secret_of_a_file_names_that_file() {
    let mut case = Case::new("[internal]\nsecret_file = \"%d/secret\"");
    let directory = case.directory.path().display().to_string();
    case.write("secret", "short\n");
    case.set("CREDENTIALS_DIRECTORY", &directory);
    case.unset("INTERNAL_SERVICE_SECRET");
    assert_eq!(
        case.error(),
        "DIR/secret: internal.secret: expected at least 16 characters, found 5"
    );
}
