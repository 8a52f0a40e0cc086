//! `zcomm man`: the manual, as `man` reads it.
//!
//! A page is made from the same definition as `--help`, for those who look things up with
//! `man`, and for whoever packs the command. The examples at the end of a help are set line
//! by line; as running text they would flow into one another.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Command;
use clap_mangen::Man;

use crate::print::print;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm man | man -l -           read it (on macOS: | mandoc -l)
  zcomm man connect | man -l -   that of a subcommand
  zcomm man > ~/.local/share/man/man1/zcomm.1
                                 keep it: then `man zcomm` finds it
                                 (make the folder first)")]
pub(crate) struct Arguments {
    /// The page of this subcommand
    subcommand: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, mut command: Command) -> ExitCode {
    // Gives the subcommands their whole names: `zcomm connect`.
    command.build();
    let page = match &arguments.subcommand {
        None => command,
        Some(name) => match command.find_subcommand(name) {
            Some(found) => found.clone(),
            None => return unknown(name, &mut command),
        },
    };
    let mut text = Vec::new();
    match render(page, &mut text) {
        Ok(()) => print(&text),
        Err(error) => zcomm_core::report(&error.into()),
    }
}

fn render(page: Command, out: &mut Vec<u8>) -> io::Result<()> {
    let more = page.get_after_help().map(ToString::to_string);
    let man = Man::new(page.clone())
        .source(concat!("zcomm ", env!("CARGO_PKG_VERSION")))
        .manual("zComm lessons");
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if page.has_subcommands() {
        man.render_subcommands_section(out)?;
    }
    match more {
        None => Ok(()),
        Some(more) => writeln!(out, ".SH NOTES\n.nf\n{}\n.fi", as_it_stands(&more)),
    }
}

/// Text that roff prints as it stands: a backslash would begin a command, and so would a
/// point or a quote at the start of a line; a bare minus would become a hyphen.
fn as_it_stands(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines = text
        .lines()
        .map(|line| match line.starts_with(['.', '\'']) {
            true => format!("\\&{line}"),
            false => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

/// As if it had been typed without `man`: then the parser knows what is like it.
fn unknown(name: &str, command: &mut Command) -> ExitCode {
    if let Err(error) = command.try_get_matches_from_mut(["zcomm", name]) {
        error.print().ok();
    }
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_read_as_a_command() {
        assert_eq!(
            as_it_stands(".SH x\n'y\n a\\b --c"),
            "\\&.SH x\n\\&'y\n a\\eb \\-\\-c"
        );
    }
}
