//! Rust source as names and signs: enough to see paths, without comments, texts and test code.

/// A word or a sign, with its line counted from 1. `::` is one sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub line: usize,
    pub text: String,
}

impl Token {
    pub fn is_name(&self) -> bool {
        self.text
            .starts_with(|c: char| c == '_' || c.is_alphabetic())
    }
}

/// The tokens of a source text.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars = text.chars().collect::<Vec<_>>();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let rest = &chars[at..];
        let length = match rest {
            ['/', '/', ..] => until(rest, |rest| rest[0] == '\n'),
            ['/', '*', ..] => block_comment(rest),
            ['"', ..] => 1 + quoted(&rest[1..], '"'),
            ['\'', ..] => quote(rest),
            [':', ':', ..] => 2,
            _ if raw_text(rest).is_some() => raw_text(rest).unwrap_or(1),
            [first, ..] if is_word(*first) => until(rest, |rest| !is_word(rest[0])),
            _ => 1,
        };
        let word = rest[..length].iter().collect::<String>();
        let is_left_out = word.starts_with(['/', '"', '\'']) && word.len() > 1
            || raw_text(rest).is_some()
            || word.trim().is_empty();
        if !is_left_out {
            let text = word.clone();
            tokens.push(Token { line, text });
        }
        line += word.matches('\n').count();
        at += length;
    }
    tokens
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn until(rest: &[char], is_end: impl Fn(&[char]) -> bool) -> usize {
    let end = (1..rest.len()).find(|at| is_end(&rest[*at..]));
    end.unwrap_or(rest.len())
}

/// Block comments nest.
fn block_comment(rest: &[char]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (at, depth) = (at + 2, depth + 1),
            ['*', '/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length up to and with the closing quote.
fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 0;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// A character, `'a'`, or the sign of a lifetime, whose name follows as a word.
fn quote(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', ..] => 1 + quoted(&rest[1..], '\''),
        ['\'', _, '\'', ..] => 3,
        _ => 1,
    }
}

/// The length of a raw text, `r#"…"#`, also with `b` or `c` before it.
fn raw_text(rest: &[char]) -> Option<usize> {
    let start = match rest {
        ['r', ..] => 1,
        ['b' | 'c', 'r', ..] => 2,
        _ => return None,
    };
    let hashes = rest[start..].iter().take_while(|c| **c == '#').count();
    let open = start + hashes;
    if rest.get(open) != Some(&'"') {
        return None;
    }
    let is_close = |at: &usize| {
        rest[*at] == '"' && rest[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes
    };
    let close = (open + 1..rest.len()).find(is_close)?;
    Some(close + 1 + hashes)
}

/// Leaves out what is compiled for tests alone. Also gives the names of such modules whose text
/// stands in another file (`#[cfg(test)] mod tests;`).
pub fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        let rest = &tokens[at..];
        if !is_test_attribute(rest) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let item = item_length(rest);
        let words = rest[..item].iter().map(|token| token.text.as_str());
        let words = words.collect::<Vec<_>>();
        if let [.., "mod", name, ";"] = words[..] {
            modules.push(name.to_owned());
        }
        at += item;
    }
    (kept, modules)
}

/// `#[cfg(test)]` or `#[cfg(all(test, …))]`.
fn is_test_attribute(rest: &[Token]) -> bool {
    let words = rest.iter().take(8).map(|token| token.text.as_str());
    let words = words.collect::<Vec<_>>();
    matches!(
        words[..],
        ["#", "[", "cfg", "(", "test", ..] | ["#", "[", "cfg", "(", "all", "(", "test", ..]
    )
}

/// The attributes and the item after them, up to its `;` or closing brace.
fn item_length(rest: &[Token]) -> usize {
    let mut depth = 0;
    for (at, token) in rest.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth -= 1,
            // A variant or a field: the brace belongs to what is around it.
            "}" if depth == 0 => return at,
            "}" => {
                depth -= 1;
                // The braces of `use a::{b};` do not end the item.
                let goes_on = rest.get(at + 1).is_some_and(|next| next.text == ";");
                if depth == 0 && !goes_on {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    rest.len()
}
