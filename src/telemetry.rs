//! Logging: set up once, before anything else runs.
//!
//! Lines go to the standard error stream, for people on a terminal and as JSON for a journal.
//! Fields carry what is searched for; neither secrets nor message bodies may be in them.
//! The latest warnings and errors are also kept for operators, whatever the level of the lines is
//! (see [`problems`]). Begin at [`init`].

mod advice;
mod problem_log;

use std::io::IsTerminal;
use std::sync::{Arc, LazyLock};

use tracing_subscriber::fmt::Layer as Lines;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

pub use self::advice::Topic;
use self::problem_log::ProblemLayer;
pub use self::problem_log::{KEPT, Problem, ProblemLog, Severity};
use crate::config::{LogConfig, LogFormat};

/// Of the process, as the subscriber that fills it is.
static PROBLEMS: LazyLock<Arc<ProblemLog>> = LazyLock::new(Arc::default);

/// The latest problems of the process; empty before [`init`].
#[must_use]
pub fn problems() -> Arc<ProblemLog> {
    PROBLEMS.clone()
}

/// Starts logging. A second call changes nothing, so that tests may start several parts.
pub fn init(log: &LogConfig) {
    let is_terminal = std::io::stderr().is_terminal();
    let is_human = match log.format {
        LogFormat::Auto => is_terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    // poem says again what we say of listeners; a directive of the configuration overrules it.
    let filter = EnvFilter::builder()
        .parse(format!("poem=warn,{}", log.level))
        .expect("the configuration checks the directives");
    let problems = ProblemLayer(problems()).with_filter(LevelFilter::WARN);
    let registry = Registry::default().with(problems);
    let lines = Lines::default().with_writer(std::io::stderr);
    let outcome = if is_human && is_terminal {
        // The layer has colours unless `NO_COLOR` is set.
        registry.with(lines.with_filter(filter)).try_init()
    } else if is_human {
        registry
            .with(lines.with_ansi(false).with_filter(filter))
            .try_init()
    } else {
        let lines = lines.json().flatten_event(true).with_span_list(false);
        registry.with(lines.with_filter(filter)).try_init()
    };
    if outcome.is_err() {
        tracing::debug!("logging was already set up");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_start_is_harmless() {
        for format in [LogFormat::Auto, LogFormat::Human, LogFormat::Json] {
            init(&LogConfig {
                format,
                level: "warn,daarion=info".to_owned(),
            });
        }
    }
}
