//! Sets keys in the text of a configuration file that is full of comments: a key takes the place of
//! its own commented-out line, and everything else stays as it is.
//!
//! Pure functions. The result is read back and compared with what was meant. Begin at [`set`].

use toml::{Table, Value};

/// A key of a section (empty: before all sections) and its value as TOML.
#[derive(Clone, Debug)]
pub struct Setting {
    pub section: String,
    pub key: String,
    pub value: String,
}

impl Setting {
    /// Of `section.key` and a value written as TOML.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        let (section, key) = name.rsplit_once('.').unwrap_or(("", name));
        Self {
            section: section.to_owned(),
            key: key.to_owned(),
            value: value.into(),
        }
    }

    /// Of `section.key` and a text.
    pub fn text(name: &str, text: &str) -> Self {
        // A JSON string is a TOML string.
        Self::new(name, serde_json::Value::from(text).to_string())
    }

    /// `section.key`.
    pub fn name(&self) -> String {
        match self.section.as_str() {
            "" => self.key.clone(),
            section => format!("{section}.{}", self.key),
        }
    }

    /// The value as it is read.
    fn parsed(&self) -> Result<Value, String> {
        let table: Result<Table, _> = toml::from_str(&format!("value = {}", self.value));
        let value = table.ok().filter(|table| table.len() == 1);
        let value = value.and_then(|mut table| table.remove("value"));
        value.ok_or_else(|| format!("{}: {} is no TOML value", self.name(), self.value))
    }
}

/// The text with the settings in it. An error is one line for people.
pub fn set(text: &str, settings: &[Setting]) -> Result<String, String> {
    let mut result = text.to_owned();
    for setting in settings {
        let value = setting.parsed()?;
        let mut meant = parse(&result)?;
        if find(&meant, setting) == Some(&value) {
            continue;
        }
        put(&mut meant, setting, value);
        result = with(&result, setting);
        if parse(&result)? != meant {
            return Err(format!(
                "{} stands there in a form that cannot be changed safely; set it to {} by hand",
                setting.name(),
                setting.value
            ));
        }
    }
    Ok(result)
}

/// The text value of `section.key`, when it is set.
pub fn get(text: &str, name: &str) -> Result<Option<String>, String> {
    let setting = Setting::new(name, "0");
    let table = parse(text)?;
    let value = find(&table, &setting).and_then(Value::as_str);
    Ok(value.map(str::to_owned))
}

fn parse(text: &str) -> Result<Table, String> {
    toml::from_str(text).map_err(|error| error.message().replace('\n', ", "))
}

fn find<'a>(table: &'a Table, setting: &Setting) -> Option<&'a Value> {
    match setting.section.as_str() {
        "" => table.get(&setting.key),
        section => table.get(section)?.as_table()?.get(&setting.key),
    }
}

/// What is meant by a setting.
fn put(table: &mut Table, setting: &Setting, value: Value) {
    let section = match setting.section.as_str() {
        "" => Some(table),
        section => {
            let new = || Value::Table(Table::new());
            let section = table.entry(section).or_insert_with(new);
            section.as_table_mut()
        }
    };
    if let Some(section) = section {
        section.insert(setting.key.clone(), value);
    }
}

/// Changes the line of the key, or its commented-out line, or adds one to its section.
fn with(text: &str, setting: &Setting) -> String {
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let new = format!("{} = {}", setting.key, setting.value);
    let section = section_of(&lines, &setting.section);
    let (begin, end) = section.unwrap_or((lines.len(), lines.len()));
    let is_key = |prefix: &str| {
        let prefix = format!("{prefix}{}", setting.key);
        (begin..end).find(|number| {
            let rest = lines[*number].trim_start().strip_prefix(&prefix);
            rest.is_some_and(|rest| rest.trim_start().starts_with('='))
        })
    };
    let present = is_key("");
    match (present.or_else(|| is_key("#")), section) {
        (Some(line), _) if present.is_some() => lines[line] = new + comment(&lines[line]),
        (Some(line), _) => lines[line] = new,
        (None, Some(_)) => lines.insert(begin, new),
        (None, None) => {
            lines.push(String::new());
            lines.push(format!("[{}]", setting.section));
            lines.push(new);
        }
    }
    lines.join(ending) + ending
}

/// What stands behind the value of a line, with the space before it.
fn comment(line: &str) -> &str {
    let is_whole = |value: &str| toml::from_str::<Table>(value).is_ok_and(|it| it.len() == 1);
    let mut marks = line.match_indices('#').map(|(at, _)| at);
    // A mark within the value would leave half of it.
    let begin = marks.find(|at| is_whole(&line[..*at]));
    begin.map_or("", |at| &line[line[..at].trim_end().len()..])
}

/// The lines of a section, from the one below its heading to the next heading.
fn section_of(lines: &[String], section: &str) -> Option<(usize, usize)> {
    let is_heading = |line: &String| line.trim_start().starts_with('[');
    let begin = match section {
        "" => 0,
        section => {
            let is_ours = |line: &String| {
                let rest = line.trim().strip_prefix(&format!("[{section}]"));
                rest.is_some_and(|rest| rest.trim().is_empty() || rest.trim().starts_with('#'))
            };
            lines.iter().position(is_ours)? + 1
        }
    };
    let length = lines[begin..].iter().position(is_heading);
    Some((begin, length.map_or(lines.len(), |length| begin + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str, name: &str, value: &str) -> String {
        set(text, &[Setting::new(name, value)]).expect("a text that is known")
    }

    #[test]
    fn commented_out_key_is_taken_into_use_where_it_stands() {
        assert_eq!(
            one(
                "[a]\n# What.\n#b = 1\nc = 2\n\n[d]\n#b = 1\n",
                "a.b",
                "\"x\""
            ),
            "[a]\n# What.\nb = \"x\"\nc = 2\n\n[d]\n#b = 1\n"
        );
    }

    #[test]
    fn present_key_is_replaced_and_its_comment_below_stays() {
        let text = "b = 1\n[a]\n  b = 1\n#b = 0\n";
        assert_eq!(one(text, "a.b", "2"), "b = 1\n[a]\nb = 2\n#b = 0\n");
        assert_eq!(one(text, "b", "2"), "b = 2\n[a]\n  b = 1\n#b = 0\n");
    }

    #[test]
    fn comment_behind_the_value_and_the_ends_of_lines_stay() {
        let text = "[a]\r\nb = \"#1\"  # why\r\nc = 2\r\n";
        let expected = "[a]\r\nb = \"#2\"  # why\r\nc = 2\r\n";
        assert_eq!(one(text, "a.b", "\"#2\""), expected);
        assert_eq!(one("b = 1 # [\n", "b", "2"), "b = 2 # [\n");
    }

    #[test]
    fn missing_key_and_section_are_made() {
        assert_eq!(one("[a]\nc = 1\n", "a.b", "2"), "[a]\nb = 2\nc = 1\n");
        assert_eq!(one("c = 1\n", "a.b", "2"), "c = 1\n\n[a]\nb = 2\n");
        assert_eq!(one("[a]\n", "b", "2"), "b = 2\n[a]\n");
    }

    #[test]
    fn value_that_is_there_changes_nothing() {
        let text = "[a]\nb   = 'x'   # why\n";
        assert_eq!(one(text, "a.b", "\"x\""), text);
    }

    #[test]
    fn key_over_several_lines_is_refused() {
        let error = set("[a]\nb = [\n  1,\n]\n", &[Setting::new("a.b", "[2]")]);
        assert!(error.is_err(), "{error:?}");
        let error = set("", &[Setting::new("a.b", "no value")]);
        assert_eq!(error, Err("a.b: no value is no TOML value".to_owned()));
    }

    #[test]
    fn sample_takes_every_key_that_setup_sets() {
        let settings = [
            Setting::text("matrix.homeserver_url", "http://127.0.0.1:8008"),
            Setting::text("matrix.as_token", "0123456789abcdef"),
            Setting::text("internal.secret", "0123456789abcdef"),
            Setting::new("auth.operators", "[\"@a:b\"]"),
        ];
        let text = set(crate::config::SAMPLE, &settings).expect("the sample is known");
        assert_eq!(text.lines().count(), crate::config::SAMPLE.lines().count());
        let got = get(&text, "internal.secret");
        assert_eq!(got, Ok(Some("0123456789abcdef".to_owned())));
    }
}
