//! What a source file uses: modules of ours and crates, by `use` or by a path in the text.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::rules::is_below;
use super::tokens::{Token, tokens, without_tests};

/// A file and what it uses.
pub struct Source {
    pub path: PathBuf,
    /// `["store", "redb"]` for `src/store/redb.rs`, empty for `lib.rs` and `main.rs`.
    pub module: Vec<String>,
    pub uses: Vec<Use>,
    /// Modules below it that only tests have.
    pub test_modules: Vec<Vec<String>>,
}

/// One use, and where.
pub struct Use {
    pub line: usize,
    pub target: Target,
}

/// What is used.
#[derive(Clone)]
pub enum Target {
    /// A path from the root of our crate, without `crate`.
    Ours(Vec<String>),
    /// Another crate.
    Crate(String),
}

impl Use {
    pub fn is_of(&self, module: &str) -> bool {
        matches!(&self.target, Target::Ours(path) if is_below(&path.join("::"), module))
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Ours(path) => write!(f, "crate::{}", path.join("::")),
            Target::Crate(name) => write!(f, "the crate {name}"),
        }
    }
}

/// A path as it is written, and the name that it has from then on when it is imported.
struct Written {
    line: usize,
    segments: Vec<String>,
    name: Option<String>,
}

/// Reads a file whose path begins with `src/`.
pub fn read(path: &Path, text: &str, crates: &[String]) -> Source {
    let module = module_of(path);
    let (tokens, test_modules) = without_tests(&tokens(text));
    let children = children(&tokens);
    let below = |name: &String| [&module[..], std::slice::from_ref(name)].concat();

    let mut imports = HashMap::new();
    let mut uses = Vec::new();
    // Imports first: a path may stand above the `use` that names its first part.
    let (imported, plain): (Vec<_>, Vec<_>) = written(&tokens)
        .into_iter()
        .partition(|path| path.name.is_some());
    for path in imported.iter().chain(&plain) {
        let first = &path.segments[0];
        let target = match imports.get(first) {
            Some(Target::Ours(base)) if path.name.is_none() => {
                Some(Target::Ours([&base[..], &path.segments[1..]].concat()))
            }
            _ if children.contains(first) => Some(Target::Ours(
                [below(first), path.segments[1..].to_vec()].concat(),
            )),
            _ => resolve(&module, &path.segments, crates),
        };
        let Some(target) = target else { continue };
        if let Some(name) = &path.name {
            imports.insert(name.clone(), target.clone());
        }
        let line = path.line;
        uses.push(Use { line, target });
    }
    uses.sort_by_key(|used| used.line);
    Source {
        path: path.to_owned(),
        test_modules: test_modules.iter().map(below).collect(),
        module,
        uses,
    }
}

fn module_of(path: &Path) -> Vec<String> {
    let path = path.with_extension("");
    let parts = path
        .iter()
        .skip(1)
        .map(|part| part.to_string_lossy().into_owned());
    let parts = parts.collect::<Vec<_>>();
    match parts.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["lib" | "main"] => Vec::new(),
        _ => parts,
    }
}

/// The modules that the file declares.
fn children(tokens: &[Token]) -> Vec<String> {
    let declared = tokens.windows(2).filter(|pair| pair[0].text == "mod");
    declared.map(|pair| pair[1].text.clone()).collect()
}

/// `None` for names that are neither ours nor of a dependency.
fn resolve(module: &[String], segments: &[String], crates: &[String]) -> Option<Target> {
    let ours = |path: Vec<String>| (!path.is_empty()).then_some(Target::Ours(path));
    match segments[0].as_str() {
        "crate" => ours(segments[1..].to_vec()),
        "self" => ours([module, &segments[1..]].concat()),
        "super" => {
            let ups = segments.iter().take_while(|part| *part == "super").count();
            let base = &module[..module.len().saturating_sub(ups)];
            ours([base, &segments[ups..]].concat())
        }
        name if crates.iter().any(|known| known == name) => Some(Target::Crate(name.to_owned())),
        _ => None,
    }
}

/// Every path of the file.
fn written(tokens: &[Token]) -> Vec<Written> {
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_inside = at > 0 && tokens[at - 1].text == "::";
        if tokens[at].text == "use" {
            at = use_tree(tokens, at + 1, &[], &mut paths);
        } else if tokens[at].is_name() && !is_inside && sign(tokens, at + 1) == "::" {
            let (segments, end) = path(tokens, at);
            let line = tokens[at].line;
            let name = None;
            paths.push(Written {
                line,
                segments,
                name,
            });
            at = end;
        } else {
            at += 1;
        }
    }
    paths
}

fn sign(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| &token.text)
}

/// A path from `at` on, and the position after it.
fn path(tokens: &[Token], mut at: usize) -> (Vec<String>, usize) {
    let mut segments = vec![tokens[at].text.clone()];
    while sign(tokens, at + 1) == "::" && tokens.get(at + 2).is_some_and(Token::is_name) {
        segments.push(tokens[at + 2].text.clone());
        at += 2;
    }
    (segments, at + 1)
}

/// One branch of a `use`: a path, a list in braces, a star; gives the position after it.
fn use_tree(tokens: &[Token], mut at: usize, base: &[String], paths: &mut Vec<Written>) -> usize {
    let mut segments = base.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.line);
    if sign(tokens, at) == "::" {
        at += 1;
    }
    if tokens.get(at).is_some_and(Token::is_name) {
        let (more, end) = path(tokens, at);
        segments.extend(more);
        at = end;
        if sign(tokens, at) == "::" {
            at += 1;
        }
    }
    if sign(tokens, at) == "{" {
        at += 1;
        while !matches!(sign(tokens, at), "}" | "") {
            let before = at;
            at = use_tree(tokens, at, &segments, paths);
            at += usize::from(sign(tokens, at) == "," || at == before);
        }
        return at + 1;
    }
    if sign(tokens, at) == "*" {
        at += 1;
    } else if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
        segments.pop();
    }
    let mut name = segments.last().cloned();
    if sign(tokens, at) == "as" {
        name = Some(sign(tokens, at + 1).to_owned());
        at += 2;
    }
    if !segments.is_empty() {
        paths.push(Written {
            line,
            segments,
            name,
        });
    }
    at
}
