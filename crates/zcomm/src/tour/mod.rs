//! `zcomm demo`: shows the messages of `chat_app`, step by step.
//!
//! Two people, Ada and Ben, send every message that a client of `chat_app` can send. They
//! receive every message that the server can send. Each message is shown as it is sent. Each
//! step ends with a note.
//!
//! The story is data: `story` contains the steps, and `script` defines the parts of a step.
//! `play` runs the story over the connections of Ada and Ben (`client`). The story lists the
//! messages that must arrive, so the tour also tests the server. If a listed message does not
//! arrive, the exit code is 1.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod client;
mod own_server;
mod script;

mod narrator;
mod stopped;
mod story;
mod variables;

mod play;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use zcomm_core::StopSignals;

use crate::shared::{handshake::Handshake, run::block_on};
use narrator::Narrator;
use play::Play;
use stopped::Stopped;

#[derive(clap::Args)]
#[command(mut_group("Handshake", |options| options.requires("url")))]
#[command(after_help = "\
Examples:
  zcomm demo
                              with its own chat server
  zcomm demo ws://127.0.0.1:8765/ --token TOKEN
                              with a running chat_app
  zcomm demo wss://localhost:8765/ --ca certs/ca.pem
                              with a running chat_app, over TLS

chat_app prints a link; the token is in the link, after #token=, or it is
WEBSOCKET_TOKEN in its settings. The tour uses its own room, but its one
broadcast reaches every client of the server.

Exit code: 0 when every message came as expected, else 1; 2 for a wrong option,
address or file, 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.")]
pub(crate) struct Arguments {
    /// The address of a chat_app; without it, the tour starts its own server
    url: Option<String>,

    #[command(flatten)]
    handshake: Handshake,

    /// Wait for Enter after each step (the default at a terminal)
    #[arg(long, conflicts_with = "no_pause")]
    pause: bool,

    /// Do not wait
    #[arg(long)]
    no_pause: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    block_on(tell(arguments)).unwrap_or_else(|stopped| stopped.report())
}

async fn tell(arguments: &Arguments) -> Result<ExitCode, Stopped> {
    let mut signals = StopSignals::new()?;
    let at_a_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let pause = arguments.pause || (at_a_terminal && !arguments.no_pause);
    let options = match &arguments.url {
        Some(url) => arguments.handshake.options(url)?,
        None => own_server::start().await?,
    };
    let mut play = Play::new(options, arguments.url.is_none(), Narrator::new(pause))?;
    let code = tokio::select! {
        played = play.all() => return played.map(|()| ExitCode::SUCCESS),
        code = signals.next() => code,
    };
    tokio::select! {
        () = play.leave() => {}
        // After a second signal, do not wait for the server's Close frames.
        _ = signals.next() => {}
    }
    Ok(ExitCode::from(code))
}
