//! What commands print: tables for people, JSON for programs. A command whose answer could not
//! be written has failed.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;
use serde_json::Value;

/// Where the command's answer goes.
#[derive(Clone, Copy)]
pub struct Output {
    pub json: bool,
}

impl Output {
    /// A line for people.
    pub fn line(self, text: impl AsRef<str>) -> anyhow::Result<()> {
        self.text(&format!("{}\n", text.as_ref()))
    }

    /// A text as it stands.
    pub fn text(self, text: &str) -> anyhow::Result<()> {
        write(&mut io::stdout().lock(), text).context("failed to write the answer")
    }

    /// JSON for programs.
    pub fn value(self, value: &Value) -> anyhow::Result<()> {
        self.line(format!("{value:#}"))
    }

    /// A line of progress, apart from the answer.
    pub fn progress(self, text: impl AsRef<str>) {
        let _ = writeln!(io::stderr(), "{}", text.as_ref());
    }

    /// Why the command failed, in one line.
    pub fn failure(self, error: &anyhow::Error) {
        let line = format!("{error:#}").replace(['\n', '\r'], " ");
        self.progress(format!("daarion: {line}"));
    }

    /// Rows under their headings, each column as wide as its widest cell.
    pub fn table(self, headings: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.chars().count()).max();
            widest.unwrap_or(0).max(headings[column].chars().count())
        };
        let widths: Vec<_> = (0..headings.len()).map(width).collect();
        let print = |cells: Vec<&str>| {
            let padded = cells.iter().zip(&widths);
            let padded: Vec<_> = padded
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            self.line(padded.join("  ").trim_end())
        };
        print(headings.to_vec())?;
        for row in rows {
            print(row.iter().map(String::as_str).collect())?;
        }
        Ok(())
    }
}

/// Writes a text through to whoever reads it.
fn write(to: &mut impl Write, text: &str) -> io::Result<()> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        // A reader that has seen enough (`daarion status | head -1`) is no failure.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
