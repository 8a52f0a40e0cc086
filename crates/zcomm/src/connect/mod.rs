//! `zcomm connect`: one WebSocket, from the terminal or in a pipe.
//!
//! Each line of the input is sent as a message, and each message that arrives is printed on
//! a line.
//!
//! At the end of the input it waits for the answers before it closes, so that
//! `echo hi | zcomm connect …` prints the answer. A Close frame sent at once would lose it:
//! many servers send no more messages after one. So it sends a ping behind the last line. The
//! pong shows that the server has read everything; 300 ms without a message show that the
//! server has answered everything.

// From the bottom up; blank lines keep rustfmt from sorting.
mod arguments;
mod output;

mod talk;

use std::process::ExitCode;

use zcomm_core::{ClientSocket, ConnectOptions, Result, xray::Xray};

pub(crate) use arguments::Arguments;
use talk::Talk;

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let options = ConnectOptions {
        // stdout carries the messages.
        xray: arguments.xray.map(Xray::stderr),
        ..arguments.handshake.options(&arguments.url)?
    };
    let socket = ClientSocket::connect_with(&options).await?;
    Talk::new(arguments, socket).run().await
}
