//! All that the two listeners answer: what their OpenAPI documents tell, and the routes beside them,
//! which are read from the sources, since poem lists no routes.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::Method;
use serde_json::json;

use crate::asked::{Operation, document};

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Listener {
    Public,
    Internal,
}

/// One method of one path of a listener.
pub struct Route {
    pub listener: Listener,
    pub operation: Operation,
}

impl Route {
    /// As its row is called: by the operation's name, or by method and path where no document has it.
    pub fn name(&self) -> (Listener, String) {
        (self.listener, self.operation.id.clone())
    }
}

/// Which listeners the files serve whose routes stand in no document. The command socket is a file
/// that only root and daarion's own user may open.
const BESIDE: [(&str, &[Listener]); 4] = [
    ("web.rs", &[Listener::Public]),
    ("web/docs.rs", &[Listener::Public, Listener::Internal]),
    ("web/appservice.rs", &[Listener::Internal]),
    ("web/admin.rs", &[]),
];

/// All routes of both listeners.
pub fn all() -> Vec<Route> {
    let of = |listener| {
        move |operation| Route {
            listener,
            operation,
        }
    };
    let mut routes: Vec<_> = document("public")
        .into_iter()
        .map(of(Listener::Public))
        .collect();
    routes.extend(document("internal").into_iter().map(of(Listener::Internal)));
    let told: BTreeSet<_> = routes.iter().map(|it| place(&it.operation)).collect();
    for (file, listeners) in sources() {
        let files = BESIDE.iter().find(|(name, _)| *name == file);
        let listeners = files.map(|(_, listeners)| *listeners).unwrap_or_else(|| {
            panic!("{file} has routes: say in `BESIDE` which listeners have them ({listeners:?})")
        });
        for listener in listeners {
            let read = read(&file).into_iter();
            let unknown = read.filter(|it| !told.contains(&place(it)));
            routes.extend(unknown.map(of(*listener)));
        }
    }
    // The page, for whatever path is not the server's own.
    let page = beside(Method::GET, "/anything/else".to_owned());
    routes.push(of(Listener::Public)(page));
    routes
}

fn place(operation: &Operation) -> (String, String) {
    let path = operation.path.split('?').next().unwrap_or_default();
    (operation.method.to_string(), path.to_owned())
}

fn beside(method: Method, path: String) -> Operation {
    Operation {
        id: format!("{method}:{path}"),
        body: (method == Method::PUT).then(|| json!({ "events": [] })),
        method,
        path,
        scope: None,
        is_stream: false,
    }
}

/// The sources of the listeners that mount routes, with what they mount.
fn sources() -> Vec<(String, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the sources are there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path
                .strip_prefix(&root)
                .expect("below it")
                .display()
                .to_string();
            let mounts: Vec<_> = mounts(&name).into_iter().map(|(path, _)| path).collect();
            if !mounts.is_empty() {
                found.push((name, mounts));
            }
        }
    }
    found
}

/// What a file mounts: paths with the words that say by which methods.
fn mounts(file: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    let text = std::fs::read_to_string(path).expect("a source is text");
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mounted = product.split(".at(\"/").skip(1);
    mounted
        .map(|rest| {
            let (path, rest) = rest.split_once("\",").expect("a path and its methods");
            let methods = rest.split(".at(").next().unwrap_or_default();
            (format!("/{path}"), methods.to_owned())
        })
        .collect()
}

fn read(file: &str) -> Vec<Operation> {
    let methods = [
        ("get(", Method::GET),
        ("put(", Method::PUT),
        ("post(", Method::POST),
        ("patch(", Method::PATCH),
        ("delete(", Method::DELETE),
    ];
    let mut operations = Vec::new();
    for (path, words) in mounts(file) {
        let line = words.lines().next().unwrap_or_default();
        let parts = path.split('/').map(|part| match part.strip_prefix(':') {
            Some(name) => format!("{{{name}}}"),
            None => part.to_owned(),
        });
        let path = parts.collect::<Vec<_>>().join("/");
        let named = methods.iter().filter(|(word, _)| line.contains(word));
        let before = operations.len();
        operations.extend(named.map(|(_, method)| beside(method.clone(), path.clone())));
        assert!(operations.len() > before, "by which methods is {path}?");
    }
    operations
}
