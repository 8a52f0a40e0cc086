//! Where settings come from: the process environment, then the file `.zEnv`.
//!
//! The environment wins, so that `WEBSOCKET_PORT=9000 cargo run …` works for one run. The
//! file is read from the working directory only: a search through the parent directories
//! would find a file that nobody remembers. It is never put into the process environment,
//! where every child process and crash report would see the token.
//!
//! A file is used whole or not at all. Each line is read by itself, so that an error can
//! name it; `$` is refused outside single quotes, because it would start a substitution
//! and silently cut a token in half.
//!
//! This is the only file that reads the environment. Production often has a secret store
//! instead; it would fill the same map.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::error::{Error, Result};

/// The name of the settings file, in the working directory.
const FILE: &str = ".zEnv";

/// Settings by name, before they are understood.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    values: BTreeMap<String, String>,
    /// The file that was read, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// What a reader should know, though it stops nothing.
    pub(crate) warnings: Vec<String>,
}

impl Settings {
    /// Reads the environment and, under it, `.zEnv`.
    pub(crate) fn load() -> Result<Settings> {
        let mut settings = Settings::default();
        let path = Path::new(FILE);
        match std::fs::read(path) {
            Ok(bytes) => settings.read_file(path, &bytes)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(broken(path, None, format!("cannot be read: {error}"))),
        }
        #[allow(clippy::disallowed_methods, reason = "this is the one place")]
        for (name, value) in std::env::vars_os() {
            // A name or value that is no UTF-8 is none of ours; an unreadable value of
            // ours becomes text that its own check refuses.
            if let Some(name) = name.to_str() {
                settings
                    .values
                    .insert(name.to_owned(), value.to_string_lossy().into_owned());
            }
        }
        Ok(settings)
    }

    /// The value of a setting, trimmed. `Some("")` when it is set but empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim())
    }

    /// The value of a setting with its spaces.
    pub(crate) fn get_exact(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Every name that starts with `prefix`.
    pub(crate) fn names(&self, prefix: &'static str) -> impl Iterator<Item = &str> {
        self.values
            .keys()
            .map(String::as_str)
            .filter(move |name| name.starts_with(prefix))
    }

    fn read_file(&mut self, path: &Path, bytes: &[u8]) -> Result<()> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| broken(path, None, format!("is not UTF-8 text: {error}")))?;
        if text.starts_with('\u{feff}') {
            let reason = "starts with a byte order mark: save it as UTF-8 without BOM";
            return Err(broken(path, Some(1), reason.into()));
        }
        for (number, line) in (1..).zip(text.lines()) {
            let Some((name, value)) =
                read_line(line).map_err(|why| broken(path, Some(number), why))?
            else {
                continue;
            };
            if self.values.insert(name.clone(), value).is_some() {
                self.warnings.push(format!(
                    "{name} stands in {} more than once; the last one, line {number}, counts",
                    path.display()
                ));
            }
        }
        self.file = Some(path.to_owned());
        Ok(())
    }
}

/// Reads one line of the form `NAME=value`; `None` for an empty line or a comment.
fn read_line(line: &str) -> Result<Option<(String, String)>, String> {
    let Some((name, value)) = line.split_once('=') else {
        return match line.trim() {
            "" => Ok(None),
            comment if comment.starts_with('#') => Ok(None),
            other => Err(format!(
                "expected NAME=value, found {:?}",
                crate::message::excerpt(other)
            )),
        };
    };
    if name.trim_start().starts_with('#') {
        return Ok(None);
    }
    let value = value.trim();
    let shown = match name {
        secret if secret.to_ascii_uppercase().contains("TOKEN") => "***",
        _ => crate::message::excerpt(value),
    };
    if value.contains('$') && !value.starts_with('\'') {
        return Err(format!(
            "{}={shown:?}: $ starts a substitution; put the value in single quotes",
            name.trim()
        ));
    }
    let unreadable = || {
        format!(
            "{}={shown:?} cannot be read; put a value with spaces or quotes in single quotes",
            name.trim()
        )
    };
    match dotenvy::from_read_iter(line.as_bytes()).next() {
        Some(Ok(pair)) => Ok(Some(pair)),
        _ => Err(unreadable()),
    }
}

fn broken(file: &Path, line: Option<usize>, reason: String) -> Error {
    Error::SettingsFile {
        file: file.to_owned(),
        line,
        reason,
    }
}

#[cfg(test)]
impl Settings {
    /// Settings for tests, without an environment.
    pub(crate) fn from_pairs(pairs: &[(&str, &str)]) -> Settings {
        let values = pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        Settings {
            values,
            ..Settings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Settings> {
        let mut settings = Settings::default();
        settings.read_file(Path::new(".zEnv"), text.as_bytes())?;
        Ok(settings)
    }

    #[test]
    fn a_file_of_names_values_comments_and_any_line_end() {
        let settings =
            read("# hello\r\n\r\nWEBSOCKET_PORT=9000\r\nECHO_PREFIX='Say: '\r\nX=\r\n").unwrap();
        assert_eq!(settings.get("WEBSOCKET_PORT"), Some("9000"));
        assert_eq!(settings.get_exact("ECHO_PREFIX"), Some("Say: "));
        assert_eq!(settings.get("X"), Some(""));
        assert_eq!(settings.get("Y"), None);
    }

    #[test]
    fn c02_a_dollar_needs_single_quotes() {
        let error = read("A=1\nWEBSOCKET_TOKEN=abc$def")
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 2") && error.contains('$'), "{error}");
        assert!(!error.contains("abc"), "the token is not repeated: {error}");
        let settings = read("WEBSOCKET_TOKEN='abc$def'").unwrap();
        assert_eq!(settings.get("WEBSOCKET_TOKEN"), Some("abc$def"));
    }

    #[test]
    fn c03_a_broken_line_stops_the_program_and_is_named() {
        for (text, line) in [
            ("A=1\nB=a b", "line 2"),
            ("\u{feff}A=1", "line 1"),
            ("A=1\nnonsense\nB=2", "line 2"),
            ("A='1", "line 1"),
            ("=1", "line 1"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(line), "{text:?} gives {error}");
        }
        assert!(read("A=1\nB=a b").unwrap_err().to_string().contains("a b"));
    }

    #[test]
    fn c05_of_two_lines_with_one_name_the_last_counts_and_a_warning_says_so() {
        let settings = read("A=1\nA=2").unwrap();
        assert_eq!(settings.get("A"), Some("2"));
        assert!(settings.warnings[0].contains("line 2"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            read(&text).ok();
        }
    }
}
