//! `zcomm completions`: what makes a shell complete this command at the Tab key.
//!
//! A shell reads a script that knows every subcommand and option. It is made from the same
//! definition that parses them, so it cannot name one that is not there. A new version of
//! the command has new options: whoever installs it prints the script again.

use std::process::ExitCode;

use clap_complete::Shell;

use crate::print::print;

#[derive(clap::Args)]
#[command(after_help = "\
Put the command itself on the PATH first:
  cargo install --path crates/zcomm

Then tell your shell, once, and open a new one:
  bash        zcomm completions bash > \\
                ~/.local/share/bash-completion/completions/zcomm
              (make the folder first; the package bash-completion reads it)
  zsh         zcomm completions zsh > ~/.zfunc/_zcomm
              (make the folder first; in ~/.zshrc, before compinit:
              fpath+=~/.zfunc)
  fish        zcomm completions fish > ~/.config/fish/completions/zcomm.fish
  powershell  zcomm completions powershell >> $PROFILE
  elvish      zcomm completions elvish >> ~/.config/elvish/rc.elv

To try it in this bash alone:
  source <(zcomm completions bash)")]
pub(crate) struct Arguments {
    /// The shell that is to complete
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, mut command: clap::Command) -> ExitCode {
    // Into memory first: the generator panics when its reader has hung up.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "zcomm", &mut script);
    print(&script)
}
