//! `zcomm demo`: the chat, told step by step.
//!
//! A protocol is learned fastest by watching it. Here two people, Ada and Ben, say every
//! message that a client of `chat_app` can say, and hear every one that a server can; each
//! line is what is on the wire, and beside it stands what to notice.
//!
//! The story is data (`story`), and one small interpreter plays it (`play`) through the
//! people's sockets (`visitor`). Every line that is heard is an expectation, so the tour is
//! also a test of the server: when something does not come, it says what, and exits with 1.
//!
//! Production has the same thing without the words: a probe that walks through the protocol
//! every minute, from outside.

mod memory;
mod narrator;
mod own;
mod play;
mod script;
mod stopped;
mod story;
mod visitor;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use crate::{
    handshake::Handshake,
    program::{INTERRUPTED, block_on},
};
use narrator::Narrator;
use play::Play;
use stopped::Stopped;

#[derive(clap::Args)]
#[command(mut_group("Handshake", |options| options.requires("url")))]
#[command(after_help = "\
Examples:
  zcomm demo
                              with a chat of its own
  zcomm demo ws://127.0.0.1:8765/ --token TOKEN
                              with a chat_app that runs
  zcomm demo wss://localhost:8765/ --ca certs/ca.pem
                              the same, over TLS

The token stands in the link that chat_app prints, behind #token=. On a server
that others use the tour stays in a room of its own; everybody hears one
broadcast.

Exit code: 0 when all came as expected, 1 when not, 130 after Ctrl-C.")]
pub(crate) struct Arguments {
    /// Where a chat_app runs; without it, the tour starts one for itself
    url: Option<String>,

    #[command(flatten)]
    handshake: Handshake,

    /// Wait for Enter after each step: what it does at a terminal
    #[arg(long, conflicts_with = "no_pause")]
    pause: bool,

    /// Do not wait
    #[arg(long)]
    no_pause: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    // One thread: the tour and the server of its own take turns.
    block_on(tell(arguments)).unwrap_or_else(|stopped| stopped.report())
}

async fn tell(arguments: &Arguments) -> Result<ExitCode, Stopped> {
    let at_a_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let pause = arguments.pause || (at_a_terminal && !arguments.no_pause);
    let own = arguments.url.is_none();
    let options = match &arguments.url {
        Some(url) => arguments.handshake.options(url)?,
        None => own::start().await?,
    };
    let mut play = Play::new(options, own, Narrator::new(pause))?;
    tokio::select! {
        played = play.all() => played.map(|()| ExitCode::SUCCESS),
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(INTERRUPTED)),
    }
}
