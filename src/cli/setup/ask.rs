//! Questions to whoever sits at the terminal.

use std::io::{IsTerminal, Write};

use anyhow::{Context, bail};

/// Asks, where somebody is there to answer.
pub struct Asker {
    is_there: bool,
}

impl Asker {
    /// Nobody is asked when `is_told` says that everything was said by options.
    pub fn new(is_told: bool) -> Self {
        Self {
            is_there: !is_told && std::io::stdin().is_terminal(),
        }
    }

    /// The answer to a question, `default` for an empty one or when nobody is there.
    pub fn text(&self, question: &str, default: &str) -> anyhow::Result<String> {
        if !self.is_there {
            return Ok(default.to_owned());
        }
        let shown = match default {
            "" => String::new(),
            default => format!(" [{default}]"),
        };
        let answer = self.line(&format!("{question}{shown}: "))?;
        Ok(match answer.trim() {
            "" => default.to_owned(),
            answer => answer.to_owned(),
        })
    }

    /// Whether a question is answered by yes.
    pub fn agrees(&self, question: &str) -> anyhow::Result<bool> {
        if !self.is_there {
            bail!("nobody is here to be asked; look at --dry-run, then say --yes");
        }
        loop {
            let answer = self.line(&format!("{question} [y/n] "))?;
            match answer.trim().to_lowercase().as_str() {
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => {}
            }
        }
    }

    fn line(&self, question: &str) -> anyhow::Result<String> {
        let mut stderr = std::io::stderr();
        stderr.write_all(question.as_bytes())?;
        stderr.flush()?;
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        if read.context("failed to read the answer")? == 0 {
            bail!("the answers ended; nothing was changed");
        }
        Ok(answer)
    }
}
