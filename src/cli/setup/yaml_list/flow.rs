//! Lists in brackets, which may go over several lines and hold comments and quotes.

/// A part of the text between brackets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Plain,
    Comment,
    /// Inside of this quote.
    Quoted(char),
}

/// Walks the characters from a byte on and tells of each what it is a part of.
fn walk(text: &str, from: usize) -> impl Iterator<Item = (usize, char, Part)> {
    let mut part = Part::Plain;
    let mut before = ' ';
    text[from..].char_indices().map(move |(at, c)| {
        let is_escaped = before == '\\';
        let here = part;
        part = match (part, c) {
            (Part::Comment, '\n') => Part::Plain,
            (Part::Plain, '#') if before.is_whitespace() => Part::Comment,
            // Inside of a plain word a quote is a character like others.
            (Part::Plain, '"' | '\'') if before.is_whitespace() || "[,".contains(before) => {
                Part::Quoted(c)
            }
            // Twice in a row is one quote in a quoted word.
            (Part::Plain, '\'') if before == '\'' => Part::Quoted(c),
            (Part::Quoted('"'), '"') if is_escaped => part,
            (Part::Quoted(quote), c) if c == quote => Part::Plain,
            (part, _) => part,
        };
        before = if is_escaped && c == '\\' { ' ' } else { c };
        let shown = if part == Part::Comment { part } else { here };
        (from + at, c, shown)
    })
}

/// What of a line stands before its comment.
pub fn without_comment(line: &str) -> &str {
    let comment = walk(line, 0).find(|(_, _, part)| *part == Part::Comment);
    comment.map_or(line, |(at, _, _)| &line[..at])
}

/// The byte of the bracket that closes the one at `open`. A list in the list is not known here.
pub fn closing(text: &str, open: usize) -> Option<usize> {
    for (at, c, part) in walk(text, open) {
        match c {
            ']' if part == Part::Plain => return Some(at),
            '[' | '{' if part == Part::Plain && at != open => return None,
            _ => {}
        }
    }
    None
}

/// The text with an entry more before the closing bracket.
pub fn with(text: &str, open: usize, close: usize, entry: &str) -> Option<String> {
    let last = significant(text, open, close).last()?;
    let (at, c) = last;
    let end = at + c.len_utf8();
    let joint = match c {
        '[' => "",
        ',' => " ",
        _ => ", ",
    };
    Some(format!("{}{joint}{entry}{}", &text[..end], &text[end..]))
}

/// The text without the entry at a position, a comma included.
pub fn without(text: &str, open: usize, close: usize, position: usize) -> Option<String> {
    let entries = entries(text, open, close);
    let entry = entries.get(position)?;
    let (start, end) = match (position.checked_sub(1), entries.get(position + 1)) {
        // With the comma before it.
        (Some(before), _) => (entries.get(before)?.1, entry.1),
        // With the comma after it.
        (None, Some(next)) => (entry.0, next.0),
        (None, None) => (open + 1, close),
    };
    Some(format!("{}{}", &text[..start], &text[end..]))
}

/// From where to where each entry goes, in bytes.
fn entries(text: &str, open: usize, close: usize) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut is_next = true;
    for (at, c) in significant(text, open, close).skip(1) {
        if c == ',' && !is_quoted(text, open, at) {
            is_next = true;
            continue;
        }
        let end = at + c.len_utf8();
        match found.last_mut() {
            Some(entry) if !is_next => entry.1 = end,
            _ => found.push((at, end)),
        }
        is_next = false;
    }
    found
}

fn is_quoted(text: &str, open: usize, at: usize) -> bool {
    let here = walk(text, open).find(|(place, _, _)| *place == at);
    here.is_some_and(|(_, _, part)| matches!(part, Part::Quoted(_)))
}

/// The characters from the opening bracket to the closing one, without white space and comments.
fn significant(text: &str, open: usize, close: usize) -> impl Iterator<Item = (usize, char)> {
    walk(text, open)
        .take_while(move |(at, _, _)| *at < close)
        .filter(|(_, c, part)| *part != Part::Comment && !c.is_whitespace())
        .map(|(at, c, _)| (at, c))
}
