//! Reads secrets, given as they are or by the `*_file` form of their key.
//!
//! The file form is made for systemd credentials: the content is trimmed, and the path may begin
//! with `${CREDENTIALS_DIRECTORY}`, `$CREDENTIALS_DIRECTORY` or `%d`. Begin at [`Values::secret`].

use std::path::PathBuf;

use super::error::{self, ConfigError};
use super::secret::Secret;
use super::source::Source;
use super::values::{Found, Values};

impl Values {
    /// A secret that is needed, of at least `shortest` characters.
    pub fn secret(&self, name: &str, shortest: usize) -> Result<Secret, ConfigError> {
        let (text, source) = self.secret_text(name)?;
        self.checked_secret(name, text, source, shortest)
    }

    /// A secret that may be left empty.
    pub fn optional_secret(
        &self,
        name: &str,
        shortest: usize,
    ) -> Result<Option<Secret>, ConfigError> {
        let (text, source) = self.secret_text(name)?;
        if text.is_empty() {
            return Ok(None);
        }
        self.checked_secret(name, text, source, shortest).map(Some)
    }

    /// Secrets travel in HTTP headers, where white space and control characters would be lost.
    fn checked_secret(
        &self,
        name: &str,
        text: String,
        source: Source,
        shortest: usize,
    ) -> Result<Secret, ConfigError> {
        let problem = if !text.chars().all(|c| c.is_ascii_graphic()) {
            "expected printable ASCII characters without spaces".to_owned()
        } else if text.len() < shortest {
            format!(
                "expected at least {shortest} characters, found {}",
                text.len()
            )
        } else {
            return Ok(Secret::new(text));
        };
        Err(self.invalid_at(source, name, problem))
    }

    /// The text of a secret. Of the two forms the one from the higher source counts; both in one
    /// source is an error, because nobody could say which was meant.
    fn secret_text(&self, name: &str) -> Result<(String, Source), ConfigError> {
        let file_name = format!("{name}_file");
        let file = self.found.get(&file_name);
        let direct = self.found.get(name);
        match (direct, file.filter(|file| file.value.as_str() != Some(""))) {
            (_, None) => self.direct_text(name),
            (None, Some(file)) => self.read_secret_file(&file_name, file),
            (Some(direct), Some(file)) => match direct.source.rank().cmp(&file.source.rank()) {
                std::cmp::Ordering::Less => self.read_secret_file(&file_name, file),
                std::cmp::Ordering::Greater => self.direct_text(name),
                std::cmp::Ordering::Equal => Err(self.both(name, direct, &file_name, file)),
            },
        }
    }

    fn both(&self, name: &str, direct: &Found, file_name: &str, file: &Found) -> ConfigError {
        let said = |name: &str, found: &Found| match &found.source {
            Source::Variable(variable) => variable.clone(),
            source => format!("{source}: {}{name}", self.prefix),
        };
        let second = match &file.source {
            Source::Variable(variable) => variable.clone(),
            _ => format!("{}{file_name}", self.prefix),
        };
        ConfigError::Conflict {
            first: said(name, direct),
            second,
            problem: "are both given; keep one",
        }
    }

    fn direct_text(&self, name: &str) -> Result<(String, Source), ConfigError> {
        let found = self.get(name)?;
        let Some(text) = found.value.as_str() else {
            // The value is not shown: a token of digits without quotes is a secret all the same.
            return Err(self.invalid(name, "expected text in quotes"));
        };
        Ok((text.trim().to_owned(), found.source.clone()))
    }

    fn read_secret_file(&self, name: &str, found: &Found) -> Result<(String, Source), ConfigError> {
        let path = self.credential_path(name, found)?;
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let problem = format!("cannot read {}: {}", path.display(), error::reason(&error));
            self.invalid(name, problem)
        })?;
        Ok((text.trim().to_owned(), Source::SecretFile(path)))
    }

    /// The path of a `*_file` key, with the credentials directory of systemd filled in.
    pub fn credential_path(&self, name: &str, value: &Found) -> Result<PathBuf, ConfigError> {
        const FORMS: [&str; 3] = [
            "${CREDENTIALS_DIRECTORY}/",
            "$CREDENTIALS_DIRECTORY/",
            "%d/",
        ];
        let Some(text) = value.value.as_str() else {
            return Err(self.invalid(name, "expected a path in quotes"));
        };
        let Some(rest) = FORMS.iter().find_map(|form| text.strip_prefix(form)) else {
            return Ok(PathBuf::from(text));
        };
        match &self.credentials {
            Some(directory) => Ok(PathBuf::from(directory).join(rest)),
            None => Err(ConfigError::NoCredentials {
                at: value.source.clone(),
                key: format!("{}{name}", self.prefix),
                path: text.to_owned(),
            }),
        }
    }
}
