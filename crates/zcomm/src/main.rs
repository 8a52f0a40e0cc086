//! `zcomm`: the command beside the lessons.
//!
//! Each subcommand is one file. What it prints is for people and goes to stdout; what went
//! wrong is two lines on stderr, a sentence and what to do next.

mod certs;
mod connect;
mod doctor;
mod output;
mod paint;
mod processes;

use std::process::ExitCode;

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
    /// Open a WebSocket: lines go out, messages come in
    Connect(connect::Arguments),
    /// Look at what stops a lesson: ports, settings, certificates, network
    Doctor(doctor::Arguments),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Certs(arguments) => {
            certs::run(&arguments).unwrap_or_else(|error| zcomm_core::report(&error))
        }
        Command::Connect(arguments) => connect::run(arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
    }
}
