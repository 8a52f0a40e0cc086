//! Settings come from the process environment and the file `.zEnv`. The argument `--xray` is a
//! setting, too.
//!
//! The environment overrides the file, so `WEBSOCKET_PORT=9000 cargo run …` works for one run.
//! The file is read from the working directory only: a search through the parent directories
//! could find a file that the user has forgotten.
//!
//! The file's values are not copied into the process environment. Otherwise, every child
//! process could read the token, and a crash report could show the token.
//!
//! If one line is wrong, the whole file is rejected. Each line is parsed by itself, so the
//! error can give the line number. A `$` outside single quotes is an error, because it would
//! start a substitution and change the value, e.g. a token.
//!
//! This is the only file that reads the environment.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use crate::{
    access::token::DEMO_TOKEN,
    error::{Error, Result},
    settings::{lines::lines, table::SETTINGS},
    text::{
        secrets::{HIDDEN, SHORTEST_TOKEN, may_be_secret, names_secret},
        shown::printable,
    },
};

/// The name of the settings file, in the working directory.
pub(crate) const FILE: &str = ".zEnv";
/// The size limit of the settings file.
const MAX_BYTES: u64 = 1024 * 1024;

/// Settings by name, before they are parsed.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    values: BTreeMap<String, String>,
    /// The names of the settings in the file.
    in_file: BTreeSet<String>,
    /// The file that was read, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// Whether the file contains a secret. The course's public token is not a secret.
    pub(crate) secret_in_file: bool,
    /// Mistakes in the file that do not stop the program.
    pub(crate) warnings: Vec<String>,
    /// The first argument that is not a setting.
    pub(crate) argument: Option<String>,
}

impl Settings {
    /// Reads `.zEnv`, the environment and the arguments. Each source overrides the sources
    /// before it.
    pub(crate) fn load() -> Result<Settings> {
        let mut settings = Settings::default();
        settings.load_file(Path::new(FILE))?;
        settings.load_environment()?;
        settings.read_arguments(std::env::args_os().skip(1));
        Ok(settings)
    }

    /// The value of a setting, trimmed. `Some("")` when it is set but empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.get_exact(name).map(str::trim)
    }

    /// The settings for a program or a step that works without them. A file that cannot be read
    /// counts as missing. The environment counts in every case.
    pub(crate) fn readable() -> Settings {
        let mut settings = Settings::default();
        if settings.load_file(Path::new(FILE)).is_err() {
            settings = Settings::default();
        }
        // Ignore an error: it names a variable that no such program needs.
        settings.load_environment().ok();
        settings.read_arguments(std::env::args_os().skip(1));
        settings
    }

    /// The value of a setting, with the spaces at its start and its end.
    pub(crate) fn get_exact(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Whether an error must not show this value of a setting.
    pub(crate) fn is_secret(&self, name: &str, value: &str) -> bool {
        // Do not search for a secret of less than four bytes: many texts contain such a short
        // secret by chance.
        names_secret(name) || may_be_secret(value) || self.contains_secret(value, 4)
    }

    /// Whether a text contains a secret from the settings. A secret counts only if it has at
    /// least `least` bytes.
    pub(crate) fn contains_secret(&self, text: &str, least: usize) -> bool {
        let settings = self.values.iter();
        let secrets = settings.filter(|(name, _)| names_secret(name));
        let mut words = secrets.flat_map(|(_, value)| value.split([',', ':']).map(str::trim));
        words.any(|word| word.len() >= least && text.contains(word))
    }

    /// Every name of the file and of the environment.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    pub(crate) fn is_in_file(&self, name: &str) -> bool {
        self.in_file.contains(name)
    }

    fn load_file(&mut self, path: &Path) -> Result<()> {
        let unreadable = |error: io::Error| broken(path, None, format!("cannot be read: {error}"));
        let file = match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if path.is_symlink() {
                    return Err(broken(path, None, "is a link to a missing file".into()));
                }
                self.warnings.extend(other_name(path));
                return Ok(());
            }
            file => file.map_err(unreadable)?,
        };
        if !file.is_file() || file.len() > MAX_BYTES {
            let kind = if file.is_dir() { " but a folder" } else { "" };
            let reason = format!("is not a file of at most {MAX_BYTES} bytes{kind}");
            return Err(broken(path, None, reason));
        }
        self.read_file(path, &std::fs::read(path).map_err(unreadable)?)
    }

    pub(crate) fn read_file(&mut self, path: &Path, bytes: &[u8]) -> Result<()> {
        let lines = lines(bytes).map_err(|(line, reason)| broken(path, line, reason))?;
        for (number, line) in (1..).zip(lines) {
            let pair = read_line(line).map_err(|why| broken(path, Some(number), why))?;
            let Some((name, value)) = pair else { continue };
            let password = name == "WEBSOCKET_REDIS_URL" && value.contains('@');
            let token = names_secret(&name) && !["", DEMO_TOKEN].contains(&value.trim());
            self.secret_in_file |= token || password;
            self.in_file.insert(name.clone());
            let twice = self.values.insert(name.clone(), value).is_some();
            if twice && !self.warnings.iter().any(|known| known.starts_with(&name)) {
                self.warnings.push(format!(
                    "{name} is set more than once in {} (again in line {number}); the last line counts",
                    path.display()
                ));
            }
        }
        self.file = Some(path.to_owned());
        Ok(())
    }

    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    fn load_environment(&mut self) -> Result<()> {
        let mut not_text = None;
        for (name, value) in std::env::vars_os() {
            // A name that is not UTF-8 is not a setting.
            let Some(name) = name.to_str() else { continue };
            match value.to_str() {
                Some(value) => {
                    self.values.insert(name.to_owned(), value.to_owned());
                }
                None if name.starts_with("WEBSOCKET_") || name == "ECHO_PREFIX" => {
                    not_text.get_or_insert(name.to_owned());
                }
                None => {}
            }
        }
        match not_text {
            None => Ok(()),
            Some(name) => {
                let reason = format!("{name} is not UTF-8 text");
                Err(broken(Path::new("the environment"), None, reason))
            }
        }
    }

    /// Reads `--xray` and `--xray=json`, which set `WEBSOCKET_XRAY` for this run.
    fn read_arguments(&mut self, arguments: impl Iterator<Item = OsString>) {
        for argument in arguments {
            let argument = argument.to_string_lossy();
            let (option, value) = argument.split_once('=').unwrap_or((&argument, "on"));
            if option == "--xray" {
                let name = "WEBSOCKET_XRAY".to_owned();
                self.values.insert(name, value.to_owned());
                continue;
            }
            // The text after `=` could be a secret, so do not show this text. Also do not show
            // an argument that is not an option.
            let plain = option.starts_with('-') && option.len() < SHORTEST_TOKEN;
            let option = if plain { option } else { "…" };
            self.argument.get_or_insert_with(|| printable(option));
        }
    }
}

/// Whether `NO_COLOR` is set and not empty, see <https://no-color.org>.
pub(crate) fn no_color() -> bool {
    let settings = Settings::readable();
    settings
        .get("NO_COLOR")
        .is_some_and(|value| !value.is_empty())
}

/// Parses one line of the form `NAME=value`; `None` for an empty line or a comment.
fn read_line(line: &str) -> Result<Option<(String, String)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let shown = shown(line);
    let Some((_, value)) = line.split_once('=') else {
        return Err(format!("expected NAME=value, found {shown:?}"));
    };
    if value.contains('$') && !value.trim_start().starts_with('\'') {
        return Err(format!(
            "{shown:?}: $ starts a substitution; put the value in single quotes"
        ));
    }
    let Some(Ok((name, value))) = dotenvy::from_read_iter(line.as_bytes()).next() else {
        return Err(format!(
            "{shown:?} cannot be read; put a value with spaces or quotes in single quotes"
        ));
    };
    match second_setting(&value) {
        Some(second) => Err(format!(
            "the value of {name} contains {second}= too: write each setting into its own line"
        )),
        None => Ok(Some((name, value))),
    }
}

/// Returns the name of a setting that stands in the value of another setting, because a line
/// end is missing. `None` if the value contains no name of a setting.
fn second_setting(value: &str) -> Option<&'static str> {
    let value = value.to_ascii_uppercase();
    let is_inside = |name: &&str| value.contains(&format!("{name}="));
    SETTINGS.iter().map(|known| known.name).find(is_inside)
}

/// Returns a line for an error message.
/// - A line `NAME=value`: `***` replaces a value that may be a secret.
/// - Any other line: `***` replaces a line that is a single word, or that may be a secret.
fn shown(line: &str) -> String {
    let lone_word = !line.contains([' ', '=']);
    match line.split_once('=') {
        Some((name, value)) if is_name(name) => {
            let secret = names_secret(name) || may_be_secret(value);
            format!("{name}={}", if secret { HIDDEN } else { value })
        }
        None if !may_be_secret(line) && !lone_word => line.to_owned(),
        _ => HIDDEN.to_owned(),
    }
}

/// Returns a warning if the settings file is missing, but its folder has a file with a similar
/// name, e.g. `.zEnv.txt`. (Windows hides the ending `.txt`.)
fn other_name(missing: &Path) -> Option<String> {
    let names = [".zEnv.txt", ".zenv", ".ZENV", ".Zenv", "zEnv", "zEnv.txt"];
    let mut others = names.iter().map(|name| missing.with_file_name(name));
    let other = others.find(|other| other.is_file())?;
    let (other, name) = (other.display(), missing.display());
    Some(format!("{other} is not read: rename it to {name}"))
}

/// Whether a text looks like the name of a setting, and not like a token that ends with `=`.
pub(crate) fn is_name(text: &str) -> bool {
    let upper = text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let long_name = upper && text.contains('_') && text.len() <= 40;
    long_name || text.len() < SHORTEST_TOKEN
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
    /// Makes settings for a test, without the environment.
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
        assert_eq!(
            read("PORT=0 \t").unwrap().get("PORT"),
            Some("0"),
            "an invisible space"
        );
    }

    #[test]
    fn two_settings_in_one_line_are_refused() {
        for line in [
            "ECHO_PREFIX=a,WEBSOCKET_REQUIRE_AUTH=true",
            "WEBSOCKET_TOKEN='sixteen bytes or more; websocket_port=9000'",
            "X=1;ECHO_PREFIX=2",
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.contains("its own line"), "{error}");
            assert!(!error.contains("sixteen"), "{error}");
        }
        let near = read("X=1 # WEBSOCKET_PORT=1\nECHO_PREFIX=PORT=1").unwrap();
        assert_eq!(near.get("ECHO_PREFIX"), Some("PORT=1"));
    }

    #[test]
    fn an_error_never_shows_what_could_be_a_secret() {
        for text in [
            "WEBSOCKET_TOKEN: hunter2hunter2hun",
            "WEBSOCKET_TOKEN hunter2hunter2hun",
            "hunter2hunter2hun",
            "  hunter2hunter2hun  ",
            "WEBSOCKET_TOKN=hunter2hunter2hun with spaces",
            "WEBSOCKET_TOKEN=hunter2hunter2hun$x",
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
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
    fn c05_of_two_lines_with_one_name_the_last_counts_with_a_warning() {
        let settings = read("A=1\nA=2").unwrap();
        assert_eq!(settings.get("A"), Some("2"));
        assert!(settings.warnings[0].contains("line 2"));
    }

    #[test]
    fn a_token_in_the_file_is_a_secret_unless_it_is_the_courses() {
        for (text, secret) in [
            ("WEBSOCKET_PORT=1", false),
            ("WEBSOCKET_TOKEN=", false),
            ("WEBSOCKET_TOKEN=demo_secure_token_123", false),
            ("WEBSOCKET_TOKEN=demo_secure_token_1234", true),
            ("WEBSOCKET_TOKN='my secret'", true),
            ("WEBSOCKET_TOKENS=ada:demo_secure_token_123", true),
        ] {
            assert_eq!(read(text).unwrap().secret_in_file, secret, "{text}");
        }
    }

    #[test]
    fn an_argument_is_a_setting_or_is_shown_without_its_value() {
        let read = |arguments: &[&str]| {
            let mut settings = Settings::from_pairs(&[("WEBSOCKET_XRAY", "off")]);
            settings.read_arguments(arguments.iter().map(Into::into));
            let xray = settings
                .get("WEBSOCKET_XRAY")
                .unwrap_or_default()
                .to_owned();
            (xray, settings.argument)
        };
        assert_eq!(read(&[]), ("off".into(), None));
        assert_eq!(read(&["--xray"]), ("on".into(), None));
        assert_eq!(read(&["--xray=json"]), ("json".into(), None));
        for (given, shown) in [
            ("--xrays", "--xrays"),
            ("--token=canary", "--token"),
            ("canary", "…"),
            ("-h", "-h"),
        ] {
            assert_eq!(read(&["--xray", given]), ("on".into(), Some(shown.into())));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            read(&text).ok();
        }
    }
}
