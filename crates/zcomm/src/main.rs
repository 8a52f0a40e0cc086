//! `zcomm`: the command beside the lessons.
//!
//! Each subcommand is one file. What it prints is for people and goes to stdout; what went
//! wrong is two lines on stderr, a sentence and what to do next.

mod certs;
mod chaos;
mod chat;
mod completions;
mod connect;
mod doctor;
mod failure;
mod handshake;
mod lines;
mod man;
mod output;
mod paint;
mod print;
mod processes;
mod program;
mod proxy;
mod signals;
mod stress;
mod tour;
mod xray;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// The command beside the zComm lessons: look, talk, measure
#[derive(Parser)]
#[command(name = "zcomm", version, max_term_width = 80)]
#[command(after_help = "\
Examples:
  zcomm doctor                          what would stop a lesson?
  zcomm connect ws://127.0.0.1:8765/    talk to one
  zcomm chat --token TOKEN              take part in the chat
  zcomm demo                            all that a chat says, step by step
  zcomm stress ws://127.0.0.1:8765/     load-test a server
  zcomm xray ws://127.0.0.1:8765/       every byte that passes, explained
  zcomm chaos ws://127.0.0.1:8765/      what does a bad network do to it?
  zcomm help connect                    all about a subcommand")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Look at what stops a lesson: ports, settings, certificates, network
    Doctor(doctor::Arguments),
    /// Open a WebSocket: lines go out, messages come in
    Connect(connect::Arguments),
    /// Take part in a chat
    Chat(chat::Arguments),
    /// A guided tour of the chat: every message, and what to notice
    Demo(tour::Arguments),
    /// Put a server under load, and measure it
    Stress(stress::Arguments),
    /// Stand between a client and a server, and show every byte
    Xray(xray::Arguments),
    /// Stand between a client and a server, and make faults on demand
    Chaos(Box<chaos::Arguments>),
    /// Make certificates for wss:// on this machine, or explain one
    Certs(certs::Arguments),
    /// Print what makes a shell complete this command
    Completions(completions::Arguments),
    /// Print the manual of this command
    Man(man::Arguments),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Certs(arguments) => certs::run(&arguments),
        Command::Connect(arguments) => connect::run(&arguments),
        Command::Xray(arguments) => xray::run(&arguments),
        Command::Chaos(arguments) => chaos::run(&arguments),
        Command::Stress(arguments) => stress::run(&arguments),
        Command::Demo(arguments) => tour::run(&arguments),
        Command::Chat(arguments) => chat::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments, Arguments::command()),
        Command::Man(arguments) => man::run(&arguments, Arguments::command()),
    }
}
