//! The catalogue of keys: every key, its default and the variables that may set it.
//!
//! A key that is not here does not exist. Values are not read here (see the section files), and the
//! sample configuration has to agree with this table; a test compares the two. Begin at [`KEYS`].

/// One key of the configuration.
pub(super) struct Key {
    /// Section and name, `matrix.as_token`.
    pub name: &'static str,
    /// The default as TOML; a key without one is needed.
    pub default: Option<&'static str>,
    /// Whether the value is a secret, which has a `*_file` form too and is never shown.
    pub is_secret: bool,
    /// What a missing key could be set to.
    pub example: &'static str,
}

const fn key(name: &'static str, default: &'static str) -> Key {
    Key {
        name,
        default: Some(default),
        is_secret: false,
        example: "",
    }
}

const fn needed(name: &'static str, example: &'static str) -> Key {
    Key {
        name,
        default: None,
        is_secret: false,
        example,
    }
}

const fn secret(key: Key) -> Key {
    Key {
        is_secret: true,
        ..key
    }
}

const RANDOM: &str = "the output of \"openssl rand -hex 32\"";

/// Every key, in the order of the sample configuration.
pub(super) const KEYS: &[Key] = &[
    key("data_dir", r#""/var/lib/daarion""#),
    key("city.name", r#""DAARION City""#),
    key("city.room_prefix", r#""city_""#),
    key("city.microdao", r#""microdao:daarion""#),
    key("city.matrix_name", r#""{city} — {room}""#),
    key("city.create", r#""members""#),
    key("listen.public", r#"["127.0.0.1:7004"]"#),
    key("listen.internal", r#"["127.0.0.1:7003"]"#),
    key("listen.admin", r#""/run/daarion/admin.sock""#),
    key("listen.public_url", r#""""#),
    key("listen.trusted_proxies", r#"["127.0.0.0/8", "::1"]"#),
    needed("matrix.homeserver_url", "\"http://127.0.0.1:8008\""),
    needed("matrix.server_name", "\"example.org\""),
    key("matrix.public_url", r#""""#),
    secret(needed("matrix.as_token", RANDOM)),
    secret(needed("matrix.hs_token", RANDOM)),
    key("matrix.connector_url", r#""http://127.0.0.1:7003""#),
    key("matrix.sender_localpart", r#""daarion""#),
    key("matrix.agent_prefix", r#""agent_""#),
    key("matrix.act_as", r#""all-local-users""#),
    secret(key("matrix.admin_token", r#""""#)),
    key("matrix.sync_timeout", r#""30s""#),
    key("matrix.heal_interval", r#""15m""#),
    secret(needed("internal.secret", RANDOM)),
    key("auth.insecure_user_header", "false"),
    key("auth.operators", "[]"),
    key("auth.issuers", "[]"),
    key("auth.access_token_lifetime", r#""15m""#),
    key("auth.refresh_token_lifetime", r#""30d""#),
    key("auth.account_check", r#""1m""#),
    key("agents.create", r#""operators""#),
    key("agents.per_person", "10"),
    key("agents.chain", "20"),
    key("agents.chain_pause", r#""10m""#),
    key("webhooks.timeout", r#""5s""#),
    key("webhooks.allow", "[]"),
    key("webhooks.deny", "[]"),
    key("webhooks.quick_retries", r#"["250ms", "500ms", "1s"]"#),
    key(
        "webhooks.schedule",
        r#"["5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"]"#,
    ),
    key("nats.url", r#""""#),
    key("nats.credentials_file", r#""""#),
    key("journal.retention", r#""30d""#),
    key("audit.retention", r#""0s""#),
    key("limits.service_per_second", "100"),
    key("limits.person_per_second", "20"),
    key("limits.channel_per_second", "100"),
    key("limits.key_per_second", "20"),
    key("limits.upload", r#""100MiB""#),
    key("limits.stall", r#""30s""#),
    key("limits.transaction", r#""32MiB""#),
    key("log.format", r#""auto""#),
    key("log.level", r#""info""#),
];

/// The keys of one `[[auth.issuers]]` table.
pub(super) const ISSUER_KEYS: &[Key] = &[
    needed("issuer", "\"https://id.example.org\""),
    key("audience", r#""daarion""#),
    key("jwks_url", r#""""#),
    secret(key("shared_key", r#""""#)),
    key("user_claim", r#""sub""#),
    key("clock_skew", r#""60s""#),
];

/// How the text of an alias becomes the value of its key.
#[derive(Clone, Copy)]
pub(super) enum AliasForm {
    /// As it stands.
    Plain,
    /// A whole number of milliseconds.
    Milliseconds,
    /// A port that replaces the port of the first TCP address.
    Port,
}

/// The variables of older installations: name, key, form.
pub(super) const ALIASES: &[(&str, &str, AliasForm)] = &[
    (
        "MATRIX_HOMESERVER_URL",
        "matrix.homeserver_url",
        AliasForm::Plain,
    ),
    ("SYNAPSE_URL", "matrix.homeserver_url", AliasForm::Plain),
    ("MATRIX_SERVER_NAME", "matrix.server_name", AliasForm::Plain),
    ("MATRIX_ADMIN_TOKEN", "matrix.admin_token", AliasForm::Plain),
    (
        "SYNAPSE_ADMIN_TOKEN",
        "matrix.admin_token",
        AliasForm::Plain,
    ),
    (
        "INTERNAL_SERVICE_SECRET",
        "internal.secret",
        AliasForm::Plain,
    ),
    ("MATRIX_GATEWAY_SECRET", "internal.secret", AliasForm::Plain),
    ("MATRIX_GATEWAY_PORT", "listen.internal", AliasForm::Port),
    (
        "WEBHOOK_TIMEOUT_MS",
        "webhooks.timeout",
        AliasForm::Milliseconds,
    ),
    (
        "SYNC_TIMEOUT_MS",
        "matrix.sync_timeout",
        AliasForm::Milliseconds,
    ),
    ("NATS_URL", "nats.url", AliasForm::Plain),
];

/// The variable that sets a key: `matrix.as_token` is `DAARION_MATRIX__AS_TOKEN`.
pub(super) fn variable(key: &str) -> String {
    format!("DAARION_{}", key.replace('.', "__").to_uppercase())
}

/// All names that a table may hold: the keys, and the `*_file` form of each secret.
pub(super) fn names(keys: &[Key]) -> impl Iterator<Item = String> {
    keys.iter().flat_map(|key| {
        let file = key.is_secret.then(|| format!("{}_file", key.name));
        std::iter::once(key.name.to_owned()).chain(file)
    })
}

/// What to say after an unknown key: the nearest name, or where all of them stand.
pub(super) fn hint(keys: &[Key], prefix: &str, unknown: &str) -> String {
    let sections = keys.iter().filter_map(|key| key.name.split_once('.'));
    let candidates = names(keys).chain(sections.map(|(section, _)| section.to_owned()));
    let nearest = candidates
        .map(|name| (likeness(&name, unknown), name))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match nearest {
        Some((likeness, name)) if likeness >= 0.7 => format!("did you mean \"{prefix}{name}\"?"),
        _ => "\"daarion config print-default\" lists every key".to_owned(),
    }
}

/// From 0 to 1. A right name in a wrong section counts as near.
fn likeness(name: &str, unknown: &str) -> f64 {
    let leaf = |key: &str| key.rsplit('.').next().map(str::to_owned);
    let whole = strsim::normalized_damerau_levenshtein(name, unknown);
    if leaf(name) == leaf(unknown) {
        whole.max(0.9)
    } else {
        whole
    }
}
