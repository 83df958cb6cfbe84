//! Where a list stands in the text of a YAML file.

use super::flow;

/// A key at the beginning of a line, and its value.
pub struct Place {
    /// The number of the key's line.
    pub line: usize,
    /// From the end of the colon to the end of what stands there for the value, in bytes.
    pub value: (usize, usize),
    pub shape: Shape,
}

/// How the list is written.
pub enum Shape {
    /// An entry a line; numbers of the first and the last line that belong to entries.
    Block {
        indent: String,
        first: usize,
        last: usize,
    },
    /// In brackets, at these bytes.
    Flow { open: usize, close: usize },
    /// Nothing, or null.
    Empty,
}

/// The lines of a text, each with its end.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n')
}

/// The end of line that a text uses.
pub fn line_end(text: &str) -> &'static str {
    let is_windows = lines(text)
        .next()
        .is_some_and(|line| line.ends_with("\r\n"));
    if is_windows { "\r\n" } else { "\n" }
}

/// Puts lines below the line with a number.
pub fn insert_line(text: &str, below: usize, line: &str) -> String {
    let mut result = String::with_capacity(text.len() + line.len() + 2);
    for (number, present) in lines(text).enumerate() {
        result += present;
        if number == below {
            if !present.ends_with('\n') {
                result += line_end(text);
            }
            result += line;
        }
    }
    result
}

/// The key in the outermost mapping, when it and its list are written in a way that is known.
pub fn find(text: &str, key: &str) -> Option<Place> {
    let mut start = 0;
    for (number, line) in lines(text).enumerate() {
        if let Some(rest) = line.strip_prefix(key)
            && let Some(value) = rest.trim_start_matches(' ').strip_prefix(':')
            && value.starts_with([' ', '\t', '\r', '\n'])
        {
            let after_colon = start + line.len() - value.len();
            return place(text, number, after_colon, value);
        }
        start += line.len();
    }
    None
}

fn place(text: &str, line: usize, after_colon: usize, value: &str) -> Option<Place> {
    let bare = flow::without_comment(value).trim();
    let begins = after_colon + (value.len() - value.trim_start().len());
    if bare.starts_with('[') {
        let close = flow::closing(text, begins)?;
        return Some(Place {
            line,
            value: (after_colon, close + 1),
            shape: Shape::Flow {
                open: begins,
                close,
            },
        });
    }
    let shape = match bare {
        "" => block(text, line).unwrap_or(Shape::Empty),
        "null" | "~" => Shape::Empty,
        _ => return None,
    };
    let end = match bare {
        "" => after_colon,
        bare => begins + bare.len(),
    };
    Some(Place {
        line,
        value: (after_colon, end),
        shape,
    })
}

/// The entries below a key's line.
fn block(text: &str, key: usize) -> Option<Shape> {
    let mut found: Option<(String, usize, usize)> = None;
    for (number, line) in lines(text).enumerate().skip(key + 1) {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let is_item = bare == "-" || bare.starts_with("- ");
        match &mut found {
            None if is_item => found = Some((indent.to_owned(), number, number)),
            None => return None,
            Some((of_items, _, last)) => {
                let belongs = (is_item && indent == of_items) || indent.len() > of_items.len();
                if !belongs {
                    break;
                }
                *last = number;
            }
        }
    }
    found.map(|(indent, first, last)| Shape::Block {
        indent,
        first,
        last,
    })
}

/// The last line of a commented-out list: `#key:` and the `#  - entry` lines below it.
pub fn commented_out(text: &str, key: &str) -> Option<usize> {
    let comment = |line: &str| {
        let bare = line.trim_end().strip_prefix('#')?;
        Some(bare.trim_start().to_owned())
    };
    let all: Vec<_> = lines(text).map(comment).collect();
    let is_key = |line: &Option<String>| {
        let rest = line.as_deref().and_then(|line| line.strip_prefix(key));
        rest.is_some_and(|rest| rest.starts_with(':'))
    };
    let begin = all.iter().position(is_key)?;
    let is_item = |line: &&Option<String>| {
        let bare = line.as_deref().unwrap_or("");
        bare.starts_with("- ") || bare == "-"
    };
    Some(begin + all[begin + 1..].iter().take_while(is_item).count())
}
