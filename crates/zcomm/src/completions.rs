//! `zcomm completions`: prints a script for a shell. With this script, the Tab key completes the
//! subcommands and options of `zcomm`.
//!
//! The script is made from the same definition that parses the options. After an update of
//! `zcomm`, print the script again.

use std::process::ExitCode;

use clap_complete::Shell;

use crate::shared::{failure::Failure, text::print};

#[derive(clap::Args)]
#[command(after_help = "\
Put the command itself on the PATH first:
  cargo install --path crates/zcomm

Then install the script once, and open a new shell:
  bash        zcomm completions bash > \\
                ~/.local/share/bash-completion/completions/zcomm
              (make the folder first; the package bash-completion reads it)
  zsh         zcomm completions zsh > ~/.zfunc/_zcomm
              (make the folder first; in ~/.zshrc, before compinit:
              fpath+=~/.zfunc)
  fish        zcomm completions fish > ~/.config/fish/completions/zcomm.fish
  powershell  zcomm completions powershell >> $PROFILE
  elvish      zcomm completions elvish >> ~/.config/elvish/rc.elv

To try it in the current bash only:
  source <(zcomm completions bash)")]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, mut command: clap::Command) -> Result<ExitCode, Failure> {
    // The generator would panic if stdout were closed. So the generator writes into memory.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "zcomm", &mut script);
    print(script)?;
    Ok(ExitCode::SUCCESS)
}
