//! Who may use whom: the one table, and the check of a file against it.
//!
//! A row holds for its module and all below it, unless a longer row is there. Of `may` the longest
//! entry that fits decides; one with `!` in front forbids. A module may use itself. A module without
//! a row is a breach, so that a newcomer is thought about.

use super::uses::{Source, Target, Use};

/// One row of the table.
pub struct Rule {
    pub module: &'static str,
    /// Modules of ours, besides itself.
    pub may: &'static [&'static str],
    pub crates: Crates,
    pub why: &'static str,
}

/// Which crates a module may use; the standard library is always there.
pub enum Crates {
    Only(&'static [&'static str]),
    Never(&'static [&'static str]),
    Any,
}

use Crates::{Any, Never, Only};

/// Everything that ties a module to HTTP, Matrix or a disk format. `anyhow` is here because errors
/// are typed everywhere but in the commands.
const OUTSIDE: Crates = Never(&[
    "anyhow",
    "http",
    "poem",
    "poem_openapi",
    "redb",
    "reqwest",
    "rmp_serde",
    "ruma",
]);

pub const RULES: &[Rule] = &[
    Rule {
        module: "domain",
        may: &[],
        crates: Only(&["chrono", "serde", "serde_json", "thiserror", "uuid"]),
        why: "the rules are pure: no other layer, no I/O, no framework",
    },
    Rule {
        module: "clock",
        may: &["domain"],
        crates: OUTSIDE,
        why: "time and randomness come from here and depend on nothing",
    },
    Rule {
        module: "config",
        may: &[],
        crates: OUTSIDE,
        why: "the configuration is read before anything else exists",
    },
    Rule {
        module: "telemetry",
        may: &["clock", "config"],
        crates: OUTSIDE,
        why: "logging is there before anything else",
    },
    Rule {
        module: "systemd",
        may: &[],
        crates: OUTSIDE,
        why: "the service manager is told what it is told, by whoever knows",
    },
    Rule {
        module: "payload",
        may: &["domain"],
        crates: OUTSIDE,
        why: "the public JSON is a contract about the domain alone",
    },
    Rule {
        module: "directory",
        may: &["clock", "config", "domain"],
        crates: OUTSIDE,
        why: "the directory is memory; others fill it",
    },
    Rule {
        module: "acts",
        may: &["domain"],
        crates: OUTSIDE,
        why: "who does what right now is memory; web and the gate fill it, and whoever does it asks",
    },
    Rule {
        module: "recent",
        may: &["!homeserver::fake", "domain", "homeserver"],
        crates: OUTSIDE,
        why: "raw events are memory; the connector fills it, and a miss is asked of the homeserver",
    },
    Rule {
        module: "store",
        may: &["!store::redb", "clock", "config", "domain", "payload"],
        crates: OUTSIDE,
        why: "the traits of the store know no backend",
    },
    Rule {
        module: "store::redb",
        may: &["clock", "config", "domain", "payload", "store"],
        crates: Never(&["anyhow", "http", "poem", "poem_openapi", "reqwest", "ruma"]),
        why: "a backend knows the store's traits and its own database, nobody above",
    },
    Rule {
        module: "homeserver",
        may: &["clock", "config", "directory", "domain"],
        crates: OUTSIDE,
        why: "the homeserver is described in our words; only matrix knows Matrix",
    },
    Rule {
        module: "matrix",
        may: &[
            "!homeserver::fake",
            "clock",
            "config",
            "directory",
            "domain",
            "homeserver",
            "ingest",
            "recent",
        ],
        crates: Never(&["anyhow", "poem", "poem_openapi", "redb", "rmp_serde"]),
        why: "the connector brings events to ingest and knows neither the store nor our API",
    },
    Rule {
        module: "key_sets",
        may: &["domain"],
        crates: Never(&[
            "anyhow",
            "poem",
            "poem_openapi",
            "redb",
            "rmp_serde",
            "ruma",
        ]),
        why: "what issuers publish is read, and what it means is for the services",
    },
    Rule {
        module: "ingest",
        may: &[
            "!homeserver::fake",
            "!store::accounts",
            "!store::index",
            "!store::redb",
            "!store::subscriptions",
            "acts",
            "clock",
            "config",
            "directory",
            "domain",
            "homeserver",
            "store",
        ],
        crates: OUTSIDE,
        why: "the one door into the journal takes events in our words, and knows nothing above it",
    },
    Rule {
        module: "consumer",
        may: &[
            "!store::redb",
            "acts",
            "clock",
            "config",
            "directory",
            "domain",
            "payload",
            "recent",
            "store",
        ],
        crates: Never(&[
            "anyhow",
            "poem",
            "poem_openapi",
            "redb",
            "rmp_serde",
            "ruma",
        ]),
        why: "a consumer reads the journal and never writes to it or calls upward",
    },
    Rule {
        module: "service",
        may: &[
            "!homeserver::fake",
            "!store::redb",
            "acts",
            "clock",
            "config",
            "consumer::audit",
            "consumer::index",
            "consumer::webhooks",
            "directory",
            "domain",
            "homeserver",
            "ingest",
            "payload",
            "recent",
            "store",
            "telemetry",
        ],
        crates: OUTSIDE,
        why: "the use cases know neither HTTP nor Matrix nor the disk",
    },
    Rule {
        module: "api",
        may: &[
            "acts",
            "clock",
            "config",
            "consumer::hub",
            "domain",
            "payload",
            "service",
            "telemetry",
        ],
        crates: Never(&["anyhow", "redb", "reqwest", "rmp_serde", "ruma"]),
        why: "an endpoint translates between HTTP and a service, nothing more",
    },
    Rule {
        module: "web",
        may: &[
            "!homeserver::fake",
            "api",
            "acts",
            "clock",
            "config",
            "consumer::hub",
            "domain",
            "homeserver",
            "payload",
            "service",
            "telemetry",
        ],
        crates: Never(&["anyhow", "redb", "reqwest", "rmp_serde", "ruma"]),
        why: "the routes join endpoints, live streams and pages, and hold no logic",
    },
    Rule {
        module: "cli",
        may: &["", "!store::redb"],
        crates: Never(&["poem_openapi", "redb", "rmp_serde", "ruma"]),
        why: "a command asks the daemon or the parts of app, never the database itself",
    },
    Rule {
        module: "app",
        may: &[""],
        crates: Any,
        why: "the composition root builds every part",
    },
];

/// What a file uses and may not, a line each.
pub fn check(source: &Source) -> Vec<String> {
    if source.module.is_empty() {
        // lib.rs and main.rs name the modules and do nothing else.
        return Vec::new();
    }
    let module = source.module.join("::");
    let rules = RULES.iter().filter(|rule| is_below(&module, rule.module));
    let Some(rule) = rules.max_by_key(|rule| rule.module.len()) else {
        let path = source.path.display();
        return vec![format!(
            "{path}:1: module {module} has no row in tests/layers/rules.rs"
        )];
    };
    // `store.rs` opens the backend: the one line that knows which there are.
    let opens = |used: &Use| module == "store" && used.is_of("store::redb");
    let bad = source
        .uses
        .iter()
        .filter(|used| !is_allowed(rule, used) && !opens(used));
    bad.map(|used| {
        let path = source.path.display();
        let (line, module, why) = (used.line, rule.module, rule.why);
        format!("{path}:{line}: {module} uses {used}; {module}: {why}")
    })
    .collect()
}

fn is_allowed(rule: &Rule, used: &Use) -> bool {
    match (&used.target, &rule.crates) {
        (Target::Crate(name), Only(crates)) => crates.contains(&name.as_str()),
        (Target::Crate(name), Never(crates)) => !crates.contains(&name.as_str()),
        (Target::Crate(_), Any) => true,
        (Target::Ours(path), _) => {
            let path = path.join("::");
            let entries = rule.may.iter().map(|entry| match entry.strip_prefix('!') {
                Some(entry) => (entry, false),
                None => (*entry, true),
            });
            let itself = std::iter::once((rule.module, true));
            let fitting = entries
                .chain(itself)
                .filter(|(entry, _)| is_below(&path, entry));
            let longest = fitting.max_by_key(|(entry, _)| entry.len());
            longest.is_some_and(|(_, is_allowed)| is_allowed)
        }
    }
}

/// Whether `path` is the module `ancestor` or stands below it; the empty one is above all.
pub fn is_below(path: &str, ancestor: &str) -> bool {
    let rest = path.strip_prefix(ancestor);
    rest.is_some_and(|rest| ancestor.is_empty() || rest.is_empty() || rest.starts_with("::"))
}
