//! Words as they are printed: for a shell, for `.zEnv`, for a terminal.
//!
//! What is printed is copied and run. A folder with a space or a quote in its name must
//! arrive as one word, and nothing in it may be read as an option or as a command to the
//! terminal.

use std::{
    fmt::Display,
    io::{self, Write},
    path::{Path, PathBuf},
};

use zcomm_core::PemError;

use crate::shared::text::whole;

/// The folder as it can be printed everywhere.
pub(crate) fn folder(folder: &Path) -> Result<PathBuf, PemError> {
    let shown = printable(folder);
    let text = match folder.to_str() {
        Some(text) if text == shown && !text.is_empty() => text,
        _ => {
            let reason = "the name of the folder must be text, without control characters";
            let help = "name another with --folder, e.g. --folder certs";
            return Err(PemError::new(Path::new(&shown), reason).with_help(help));
        }
    };
    // `-x` would be an option, `~` a home, and a space at its start lost in `.zEnv`.
    let harmless = text.starts_with(|c: char| c.is_alphanumeric() || "._/\\".contains(c));
    Ok(match harmless {
        true => folder.to_owned(),
        false => Path::new(".").join(folder),
    })
}

/// A path without anything that could control a terminal.
pub(crate) fn printable(path: &Path) -> String {
    let text = path.to_string_lossy();
    let hidden = |c: char| c.is_control() || "\u{202a}\u{202b}\u{202d}\u{202e}".contains(c);
    text.replace(hidden, "?")
}

/// One word of a command, for the shells of this system.
pub(crate) fn word(text: impl Display) -> String {
    match cfg!(windows) {
        true => windows_word(text),
        false => quoted(text),
    }
}

/// One word for bash and zsh, and one value for `.zEnv`, which reads quotes as they do. In
/// single quotes everything stands for itself; a single quote ends them for a moment.
pub(crate) fn quoted(text: impl Display) -> String {
    let text = text.to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// One word for PowerShell and cmd, which have only double quotes in common. In them
/// PowerShell runs what follows a `$`: such a word is for PowerShell alone.
pub(crate) fn windows_word(text: impl Display) -> String {
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

/// Prints a text on stdout.
pub(crate) fn print(text: &str) -> io::Result<()> {
    whole(
        &mut io::stdout(),
        format!("{}\n", text.trim_end()).as_bytes(),
    )
}

/// What stops nothing and should be known; beside the output, which may go into a file.
pub(crate) fn note(text: &str) {
    writeln!(io::stderr(), "note: {text}").ok();
}
