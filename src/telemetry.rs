//! Logging: set up once, before anything else runs.
//!
//! Lines go to the standard error stream, for people on a terminal and as JSON for a journal.
//! Fields carry what is searched for; neither secrets nor message bodies may be in them.
//! Begin at [`init`].

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat};

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
    let registry = Registry::default().with(filter);
    let lines = Layer::default().with_writer(std::io::stderr);
    let outcome = if is_human && is_terminal {
        // The layer has colours unless `NO_COLOR` is set.
        registry.with(lines).try_init()
    } else if is_human {
        registry.with(lines.with_ansi(false)).try_init()
    } else {
        let lines = lines.json().flatten_event(true).with_span_list(false);
        registry.with(lines).try_init()
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
