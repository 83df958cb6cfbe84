//! Keeps the layers apart: reads every source file and compares what it uses with one table.
//!
//! The compiler would let any module use any other. This test does not: begin with the table in
//! `rules`, which says who may use whom and why. `tokens` and `uses` read the sources.

use std::path::{Path, PathBuf};

mod rules;
mod tokens;
mod uses;

use rules::{RULES, check};
use uses::{Source, read};

/// Every source file of the library and the binary, each with the module that it is.
fn sources(root: &Path) -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    files.sort();
    let crates = crates(root);
    let sources = files.iter().map(|path| {
        let text = std::fs::read_to_string(path).expect("a readable source file");
        let relative = path.strip_prefix(root).expect("a path below the root");
        read(relative, &text, &crates)
    });
    sources.collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a readable source directory") {
        let path = entry.expect("a readable directory entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The names of our dependencies, as code spells them.
fn crates(root: &Path) -> Vec<String> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("a readable manifest");
    let manifest: toml::Table = toml::from_str(&manifest).expect("a manifest in TOML");
    let dependencies = manifest["dependencies"].as_table().expect("a table");
    dependencies
        .keys()
        .map(|name| name.replace('-', "_"))
        .collect()
}

/// What is wrong with the sources, a line each.
fn breaches(sources: &[Source]) -> Vec<String> {
    let of_tests = sources.iter().flat_map(|source| &source.test_modules);
    let of_tests = of_tests.collect::<Vec<_>>();
    let is_product = |source: &&Source| {
        !of_tests
            .iter()
            .any(|tests| source.module.starts_with(tests))
    };
    sources.iter().filter(is_product).flat_map(check).collect()
}

#[test]
fn every_module_uses_only_what_its_layer_may() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let breaches = breaches(&sources(root));
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

/// A made-up file and the names of what it may not use, in order.
fn breaches_of(path: &str, text: &str) -> Vec<String> {
    let crates = ["redb", "ruma", "poem", "tokio", "uuid", "chrono"].map(str::to_owned);
    breaches(&[read(Path::new(path), text, &crates)])
}

#[test]
fn breach_names_file_line_use_and_rule() {
    let text = "//! Docs.\n\nuse crate::domain::id::ChannelId;\nuse crate::matrix::Matrix;\n";
    assert_eq!(
        breaches_of("src/service/channels.rs", text),
        [
            "src/service/channels.rs:4: service uses crate::matrix::Matrix; service: the use cases \
             know neither HTTP nor Matrix nor the disk"
        ]
    );
}

#[test]
fn every_way_to_name_a_module_is_seen() {
    let bad = [
        ("src/domain/message.rs", "use crate::store::Journal;"),
        ("src/domain/message.rs", "use crate::{clock, domain::id};"),
        ("src/domain/message.rs", "use super::super::store;"),
        ("src/domain/message.rs", "fn f() { crate::ingest::now() }"),
        (
            "src/domain/message.rs",
            "fn f() -> tokio::task::JoinHandle<()> {}",
        ),
        ("src/domain.rs", "pub use tokio;"),
        ("src/store/journal.rs", "use super::redb::RedbStore;"),
        (
            "src/service.rs",
            "use crate::{store::{self, redb::Tables}};",
        ),
        (
            "src/service.rs",
            "use crate::store;\nfn f() { store::redb::open() }",
        ),
        (
            "src/service.rs",
            "use crate::store as disk;\nfn f() { disk::redb::open() }",
        ),
        ("src/api/city.rs", "#[derive(ruma::Object)] struct A;"),
        (
            "src/web/live.rs",
            "fn f() { let a = 'a'; let b = \"x\"; crate::store::open(a, b) }",
        ),
        ("src/service.rs", "#[cfg(not(test))]\nuse ruma::RoomId;"),
        ("src/newcomer.rs", ""),
    ];
    for (path, text) in bad {
        let found = breaches_of(path, text);
        assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
    }
}

#[test]
fn what_is_allowed_passes() {
    let good = [
        (
            "src/domain/message.rs",
            "use std::fmt; use uuid::Uuid; use super::id::ChannelId;",
        ),
        (
            "src/domain/message.rs",
            "//! See [`crate::store`].\n/* redb::x /* tokio::y */ */",
        ),
        (
            "src/domain/message.rs",
            "const A: &str = \"crate::store\"; const B: &str = r#\"redb::x\"#;",
        ),
        (
            "src/domain/message.rs",
            "#[cfg(test)]\nmod tests { use crate::clock::Clock; }\nfn f() {}",
        ),
        (
            "src/domain/message.rs",
            "#[cfg(test)]\nuse tokio::test;\nfn f<'a>(a: &'a str) {}",
        ),
        // The module of that name, not the crate.
        (
            "src/store.rs",
            "pub mod redb;\nfn open() { redb::Backend::open() }",
        ),
        (
            "src/store/redb/writer.rs",
            "use redb::Database; use crate::store::StoreError;",
        ),
        ("src/service/heal.rs", "use crate::homeserver::Homeserver;"),
        (
            "src/web/public.rs",
            "use crate::homeserver::Inbound; use poem::Route;",
        ),
        ("src/main.rs", "use daarion::cli;"),
    ];
    for (path, text) in good {
        assert_eq!(
            breaches_of(path, text),
            Vec::<String>::new(),
            "{path}: {text}"
        );
    }
}

#[test]
fn modules_of_tests_in_files_of_their_own_are_left_alone() {
    let crates = ["ruma".to_owned()];
    let parent = "#[cfg(test)]\nmod tests;";
    let parent = read(Path::new("src/domain/slug.rs"), parent, &crates);
    let tests = read(
        Path::new("src/domain/slug/tests.rs"),
        "use ruma::RoomId;",
        &crates,
    );
    assert_eq!(breaches(&[parent, tests]), Vec::<String>::new());
}

#[test]
fn table_has_one_row_a_module() {
    for (position, rule) in RULES.iter().enumerate() {
        let earlier = &RULES[..position];
        assert!(
            !earlier.iter().any(|other| other.module == rule.module),
            "{}",
            rule.module
        );
    }
}
