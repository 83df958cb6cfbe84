//! Adds an entry to a list of a YAML file, and takes it away, by changing the text as little as
//! possible: comments, order and line ends of everything else stay as they are.
//!
//! Pure functions. A shape that is not understood is refused, and each result is read back and
//! compared with what was meant, so that a surprise ends in a refusal, not in a broken homeserver.
//! Begin at [`add`].

mod flow;
mod place;
#[cfg(test)]
mod tests;

use serde_yaml::{Mapping, Value};

use place::{Place, Shape};

/// Why a text cannot be changed: half a sentence, to stand after the name of the file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("is not YAML that can be read: {0}")]
    NotYaml(String),
    #[error("holds no keys")]
    NoMapping,
    #[error("has {0} in a form that cannot be changed safely")]
    Shape(String),
    #[error("has {0} as something else than a list")]
    NoList(String),
}

/// The text with `entry` at the end of the list `key`, which is made when there is none;
/// `None` when it stands there already. `comment` explains a list that is made.
pub fn add(
    text: &str,
    key: &str,
    entry: &str,
    comment: &[&str],
) -> Result<Option<String>, Refusal> {
    let before = parse(text)?;
    let mut entries = entries(&before, key)?;
    if entries.iter().any(|known| known == entry) {
        return Ok(None);
    }
    let place = place::find(text, key);
    let is_there = before.contains_key(key);
    let after = match (place, is_there) {
        (Some(place), true) => added(text, &place, &quoted(entry)),
        (None, false) => Some(made(text, key, &quoted(entry), comment)),
        // Written in a way that only a YAML parser sees: a flow mapping, a quoted key.
        _ => None,
    };
    let after = after.ok_or_else(|| Refusal::Shape(key.to_owned()))?;
    entries.push(entry.to_owned());
    checked(&before, after, key, &entries).map(Some)
}

/// The text without `entry` in the list `key`; `None` when it does not stand there.
pub fn remove(text: &str, key: &str, entry: &str) -> Result<Option<String>, Refusal> {
    let before = parse(text)?;
    let mut entries = entries(&before, key)?;
    let Some(position) = entries.iter().position(|known| known == entry) else {
        return Ok(None);
    };
    entries.remove(position);
    let removed = place::find(text, key).and_then(|place| match place.shape {
        Shape::Block { .. } => without_line(text, &place, entry, entries.is_empty()),
        Shape::Flow { open, close } => flow::without(text, open, close, position),
        Shape::Empty => None,
    });
    let after = removed.ok_or_else(|| Refusal::Shape(key.to_owned()))?;
    checked(&before, after, key, &entries).map(Some)
}

/// The entries of the list `key` of a whole file; none when it is missing or null.
pub fn read(text: &str, key: &str) -> Result<Option<Vec<String>>, Refusal> {
    let file = parse(text)?;
    match file.contains_key(key) {
        true => entries(&file, key).map(Some),
        false => Ok(None),
    }
}

/// The keys of a file. An empty one has none.
pub fn parse(text: &str) -> Result<Mapping, Refusal> {
    match serde_yaml::from_str(text) {
        Ok(Value::Mapping(keys)) => Ok(keys),
        Ok(Value::Null) => Ok(Mapping::new()),
        Ok(_) => Err(Refusal::NoMapping),
        Err(error) => Err(Refusal::NotYaml(error.to_string())),
    }
}

fn entries(file: &Mapping, key: &str) -> Result<Vec<String>, Refusal> {
    let text = |entry: &Value| entry.as_str().map(str::to_owned);
    let list = match file.get(key) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Sequence(list)) => list.iter().map(text).collect(),
        Some(_) => None,
    };
    list.ok_or_else(|| Refusal::NoList(key.to_owned()))
}

fn added(text: &str, place: &Place, entry: &str) -> Option<String> {
    let end = place::line_end(text);
    match &place.shape {
        Shape::Block { indent, last, .. } => {
            let line = format!("{indent}- {entry}{end}");
            Some(place::insert_line(text, *last, &line))
        }
        Shape::Flow { open, close } => flow::with(text, *open, *close, entry),
        Shape::Empty => {
            let (start, stop) = place.value;
            let head = text[..start].trim_end();
            let rest = &text[stop..];
            let line_rest = rest.split_inclusive('\n').next().unwrap_or("");
            let after_line = &rest[line_rest.len()..];
            let comment = match line_rest.trim() {
                "" => String::new(),
                comment => format!("  {comment}"),
            };
            Some(format!("{head}{comment}{end}  - {entry}{end}{after_line}"))
        }
    }
}

/// The list as a new key: below a commented-out one when there is one, else at the end.
fn made(text: &str, key: &str, entry: &str, comment: &[&str]) -> String {
    let end = place::line_end(text);
    let mut block = String::new();
    for line in comment {
        block += &format!("# {line}{end}");
    }
    block += &format!("{key}:{end}  - {entry}{end}");
    match place::commented_out(text, key) {
        Some(line) => place::insert_line(text, line, &block),
        None if text.trim().is_empty() => format!("{text}{block}"),
        None => {
            let last = place::lines(text).count().saturating_sub(1);
            place::insert_line(text, last, &format!("{end}{block}"))
        }
    }
}

/// Takes the line of an entry out of a block list; an emptied list says so.
fn without_line(text: &str, place: &Place, entry: &str, is_last: bool) -> Option<String> {
    let Shape::Block { first, last, .. } = place.shape else {
        return None;
    };
    let is_entry = |line: &str| {
        let item: Option<Vec<String>> = serde_yaml::from_str(line.trim_start()).ok();
        item.is_some_and(|item| item == [entry])
    };
    let mut lines: Vec<String> = place::lines(text).map(str::to_owned).collect();
    let found = (first..=last).find(|number| is_entry(&lines[*number]))?;
    lines.remove(found);
    if is_last {
        let key = &mut lines[place.line];
        let colon = key.find(':')? + 1;
        key.insert_str(colon, " []");
    }
    Some(lines.concat())
}

/// Reads the result back: the list is what was meant, and nothing else has changed.
fn checked(
    before: &Mapping,
    after: String,
    key: &str,
    expected: &[String],
) -> Result<String, Refusal> {
    let refusal = || Refusal::Shape(key.to_owned());
    let mut read = parse(&after).map_err(|_| refusal())?;
    let mut before = before.clone();
    let list = entries(&read, key).map_err(|_| refusal())?;
    read.remove(key);
    before.remove(key);
    if list == expected && read == before {
        Ok(after)
    } else {
        Err(refusal())
    }
}

/// A path as it stands where YAML lets it, else in quotes.
fn quoted(entry: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if entry.starts_with('/') && entry.chars().all(is_plain) {
        entry.to_owned()
    } else {
        // A JSON string is a YAML string.
        serde_json::Value::from(entry).to_string()
    }
}
