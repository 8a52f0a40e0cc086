//! `zcomm`: the command-line tool of the lessons.
//!
//! Each subcommand is a folder, or one file if it is short. The folder of `zcomm demo` is
//! `tour`. Several subcommands use the code in `shared`; `xray` and `chaos` use `proxy`.
//!
//! The output goes to stdout. An error is two lines on stderr: what happened, and what to type.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod shared;

mod certs;
mod chat;
mod completions;
mod connect;
mod listen;
mod man;
mod proxy;
mod stress;
mod tour;

mod chaos;
mod check;
mod doctor;
mod xray;

mod learn;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use demos::command_line;

use shared::run::block_on;

/// The command of the zComm lessons: connect, chat, measure, inspect
#[derive(Parser)]
#[command(name = "zcomm", version, max_term_width = 80)]
#[command(after_help = "\
Examples:
  zcomm doctor                          check this machine for problems
  zcomm connect ws://127.0.0.1:8765/    send messages to a server
  zcomm listen 9000                     talk to clients, as their server
  zcomm chat --token TOKEN              join the chat
  zcomm demo                            see each message of the chat, explained
  zcomm stress ws://127.0.0.1:8765/     load-test a server
  zcomm xray ws://127.0.0.1:8765/       see every byte, explained
  zcomm chaos ws://127.0.0.1:8765/      test a server on a bad network
  zcomm check ws://127.0.0.1:8765/      test a server against the standard
  zcomm learn                           exercises that grade themselves
  zcomm help connect                    show the options of a subcommand

Exit codes of all subcommands:
  0      it is done
  1      it was tried and failed: refused, broken off, or a check found an error
  2      the command line is wrong: an option, a value, an address or a file
  78     a setting or a certificate of this machine must change
  128+N  signal N: 129 closed terminal, 130 Ctrl-C, 143 SIGTERM")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check this machine: ports, settings, certificates, network
    Doctor(doctor::Arguments),
    /// Open a WebSocket: send lines, print messages
    Connect(connect::Arguments),
    /// Start a server: send lines to its clients, print their messages
    Listen(Box<listen::Arguments>),
    /// Join a chat from the terminal
    Chat(chat::Arguments),
    /// Show each message of the chat, step by step
    Demo(tour::Arguments),
    /// Load-test a server
    Stress(stress::Arguments),
    /// Show every byte between a client and a server
    Xray(xray::Arguments),
    /// Make network faults between a client and a server
    Chaos(Box<chaos::Arguments>),
    /// Test a server or client: which section of the standard does it break?
    Check(Box<check::Arguments>),
    /// Exercises: list, start, check, hint, watch, reset
    Learn(learn::Arguments),
    /// Make certificates for wss:// on this machine, or explain one
    Certs(certs::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// Print the manual page of the command
    Man(man::Arguments),
}

fn main() -> ExitCode {
    let arguments: Arguments = command_line();
    let done = match arguments.command {
        Command::Certs(arguments) => certs::run(&arguments),
        Command::Connect(arguments) => block_on(connect::run(&arguments)),
        Command::Listen(arguments) => block_on(listen::run(&arguments)),
        Command::Xray(arguments) => xray::run(&arguments),
        Command::Chaos(arguments) => block_on(chaos::run(&arguments)),
        Command::Check(arguments) => block_on(check::run(&arguments)),
        Command::Learn(arguments) => block_on(learn::run(&arguments)),
        Command::Stress(arguments) => block_on(stress::run(&arguments)),
        Command::Demo(arguments) => Ok(tour::run(&arguments)),
        Command::Chat(arguments) => block_on(chat::run(&arguments)),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments, Arguments::command()),
        Command::Man(arguments) => man::run(&arguments, Arguments::command()),
    };
    done.unwrap_or_else(|failure| failure.report())
}
