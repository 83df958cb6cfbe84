//! The report: a table that can be pasted into the README.

use std::fmt::Write as _;
use std::time::Duration;

/// What was measured, in the order in which it was.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
}

enum Row {
    Heading(String),
    Figure {
        what: String,
        measured: String,
        /// What was aimed at, and whether that was reached.
        target: Option<(String, bool)>,
    },
}

impl Report {
    pub fn heading(&mut self, text: &str) {
        eprintln!("== {text}");
        self.rows.push(Row::Heading(text.to_owned()));
    }

    pub fn figure(&mut self, what: &str, measured: impl Into<String>) {
        self.add(what, measured.into(), None);
    }

    pub fn against(&mut self, what: &str, measured: impl Into<String>, target: &str, met: bool) {
        self.add(what, measured.into(), Some((target.to_owned(), met)));
    }

    fn add(&mut self, what: &str, measured: String, target: Option<(String, bool)>) {
        eprintln!("   {what}: {measured}");
        self.rows.push(Row::Figure {
            what: what.to_owned(),
            measured,
            target,
        });
    }

    pub fn markdown(&self, lines: &[String]) -> String {
        let mut text = String::new();
        for line in lines {
            let _ = writeln!(text, "- {line}");
        }
        text.push_str("\n| | measured | target | met |\n|---|---:|---:|:---:|\n");
        for row in &self.rows {
            let _ = match row {
                Row::Heading(heading) => writeln!(text, "| **{heading}** | | | |"),
                Row::Figure {
                    what,
                    measured,
                    target: None,
                } => writeln!(text, "| {what} | {measured} | | |"),
                Row::Figure {
                    what,
                    measured,
                    target: Some((target, met)),
                } => {
                    let met = if *met { "yes" } else { "**no**" };
                    writeln!(text, "| {what} | {measured} | {target} | {met} |")
                }
            };
        }
        text
    }
}

/// Times to take quantiles of.
pub struct Times(Vec<Duration>);

impl Times {
    pub fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// The smallest time that `share` of all are not above.
    pub fn quantile(&self, percent: usize) -> Duration {
        let index = (self.0.len() * percent).div_ceil(100).max(1) - 1;
        self.0[index]
    }

    pub fn median(&self) -> Duration {
        self.quantile(50)
    }

    pub fn longest(&self) -> Duration {
        self.quantile(100)
    }
}

/// `12.3 ms`
pub fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// `123 µs`
pub fn us(time: Duration) -> String {
    format!("{:.0} µs", time.as_secs_f64() * 1e6)
}

/// `12.3 MB`, a megabyte having a million bytes.
pub fn mb(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// `12,345/s`
pub fn rate(count: u64, time: Duration) -> String {
    format!("{}/s", thousands(per_second(count, time)))
}

pub fn per_second(count: u64, time: Duration) -> u64 {
    let rate = u128::from(count) * 1_000_000 / time.as_micros().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// What one of so many took.
pub fn share(time: Duration, count: u64) -> Duration {
    Duration::from_secs_f64(time.as_secs_f64() / count as f64)
}

/// `1,234,567`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
