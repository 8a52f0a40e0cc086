//! `zcomm`: the command beside the lessons.
//!
//! Each subcommand is one file. What it prints is for people and goes to stdout; what went
//! wrong is two lines on stderr, a sentence and what to do next.

mod certs;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Tools for the zComm lessons.
#[derive(Parser)]
#[command(name = "zcomm", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make certificates for wss:// on this machine, or explain one
    Certs(certs::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Certs(arguments) => certs::run(&arguments),
    };
    done.unwrap_or_else(|error| {
        let help = error.help();
        let help = help
            .map(|help| format!("help: {help}\n"))
            .unwrap_or_default();
        // When stderr is gone too, the exit code is all that is left to say it.
        write!(io::stderr(), "error: {error}\n{help}").ok();
        ExitCode::from(error.exit_code())
    })
}
