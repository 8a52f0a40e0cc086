//! `zcomm man`: prints the manual page of the command or of a subcommand.
//!
//! A page is made from the same definition as `--help`. The examples at the end of a help text
//! are printed with their line breaks. Otherwise `man` would join the examples into one
//! paragraph.

use std::{io::Write, process::ExitCode};

use clap::Command;
use clap_mangen::Man;

use crate::shared::{failure::Failure, text::print};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm man | man -l -           read the manual (on macOS: | mandoc -l)
  zcomm man connect | man -l -   read the manual of a subcommand
  zcomm man > ~/.local/share/man/man1/zcomm.1
                                 install it for `man zcomm`
                                 (make the folder first)")]
pub(crate) struct Arguments {
    /// The subcommand whose page to print
    subcommand: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, mut command: Command) -> Result<ExitCode, Failure> {
    // Gives each subcommand its full name: `zcomm connect` instead of `connect`.
    command.build();
    let page = match &arguments.subcommand {
        None => command,
        Some(name) => match command.find_subcommand(name) {
            Some(found) => found.clone(),
            // The parser prints an error that suggests similar names, and ends the program.
            None => {
                command.get_matches_from(["zcomm", name]);
                return Ok(ExitCode::from(2));
            }
        },
    };
    let examples = page.get_after_help().map(ToString::to_string);
    let mut text = Vec::new();
    Man::new(page.after_help(None).version(None))
        .source(concat!("zcomm ", env!("CARGO_PKG_VERSION")))
        .manual("zComm lessons")
        .render(&mut text)?;
    if let Some(examples) = examples {
        let examples = escaped(&examples);
        writeln!(text, ".SH NOTES\n.nf\n{examples}\n.fi")?;
    }
    print(text)?;
    Ok(ExitCode::SUCCESS)
}

/// Escapes a text for roff, the language of manual pages. In roff, a backslash begins a command.
/// At the start of a line, a dot or a quote also begins a command. Without a backslash, a minus
/// would become a hyphen.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines = text
        .lines()
        .map(|line| match line.starts_with(['.', '\'']) {
            true => format!("\\&{line}"),
            false => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_contains_no_roff_command() {
        assert_eq!(
            escaped(".SH x\n'y\n a\\b --c"),
            "\\&.SH x\n\\&'y\n a\\eb \\-\\-c"
        );
    }
}
