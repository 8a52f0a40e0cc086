//! Paths and names quoted for a shell and for `.zEnv`.
//!
//! The user copies and runs what is printed. A folder with a space or a quote in its name
//! must stay one word, and no part of it may be read as an option or control the terminal.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use zcomm_core::PemError;

use crate::shared::text::visible;

/// Returns the folder in a form that can be printed in every command. Fails if its name has
/// control characters or is not text.
pub(super) fn folder(folder: &Path) -> Result<PathBuf, PemError> {
    let shown = visible(&folder.to_string_lossy());
    let text = match folder.to_str() {
        Some(text) if text == shown && !text.is_empty() => text,
        _ => {
            let reason = "the name of the folder must be text, without control characters";
            let help = "name another with --folder, e.g. --folder certs";
            return Err(PemError::new(Path::new(&shown), reason).with_help(help));
        }
    };
    // `-x` would be an option, `~` a home folder, and `.zEnv` drops a space at the start.
    let harmless = text.starts_with(|c: char| c.is_alphanumeric() || "._/\\".contains(c));
    Ok(match harmless {
        true => folder.to_owned(),
        false => Path::new(".").join(folder),
    })
}

/// Returns one word of a command for the shells of this system.
pub(crate) fn word(text: impl Display) -> String {
    match cfg!(windows) {
        true => windows_word(text),
        false => quoted(text),
    }
}

/// Returns one word for bash and zsh, or one value for `.zEnv`, which uses the same quotes.
/// In single quotes no character is special; a single quote itself is written `'\''`.
pub(super) fn quoted(text: impl Display) -> String {
    let text = text.to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// Returns one word for PowerShell and cmd. Both accept double quotes, but in them PowerShell
/// runs what follows a `$`: a word with a `$` is quoted for PowerShell only.
pub(super) fn windows_word(text: impl Display) -> String {
    let text = text.to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || r"._/-\:".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else if text.contains(['$', '`', '"']) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        format!("\"{text}\"")
    }
}
