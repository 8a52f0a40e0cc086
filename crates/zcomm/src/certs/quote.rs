//! Quotes paths and names for a shell and for `.zEnv`.
//!
//! The user copies the printed commands and runs them. The shell must read a folder's name as one
//! word, even if the name contains a space or a quote. The shell must not read the name as an
//! option. The name must not contain characters that control the terminal.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use zcomm_core::PemError;

use crate::shared::text::visible;

/// Returns the folder in a form that is safe in every command. Fails if its name is empty, has
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
    // At the start of a word, `-` begins an option, and `~` means the home folder. In `.zEnv`, a
    // space at the start of a value is dropped.
    let harmless = text.starts_with(|c: char| c.is_alphanumeric() || "._/\\".contains(c));
    Ok(match harmless {
        true => folder.to_owned(),
        false => Path::new(".").join(folder),
    })
}

/// Quotes a text as one word of a command, for the shells of this system.
pub(crate) fn word(text: impl Display) -> String {
    match cfg!(windows) {
        true => windows_word(text),
        false => quoted(text),
    }
}

/// Quotes a text as one word for bash and zsh, or as one value for `.zEnv`. All three use the
/// same quotes. Between single quotes no character is special. So a single quote is written as
/// `'\''`.
pub(super) fn quoted(text: impl Display) -> String {
    let text = text.to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// Quotes a text as one word for PowerShell and cmd. Both shells accept double quotes. But
/// between double quotes, PowerShell evaluates `$`, a backtick and `"`. A text with one of these
/// characters is put into single quotes, which only PowerShell understands.
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
