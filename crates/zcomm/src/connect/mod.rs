//! `zcomm connect`: opens one WebSocket, from the terminal or in a pipe.
//!
//! Each line of the input is sent as a message, and each message that arrives is printed on
//! its own line.
//!
//! At the end of the input, the client waits for the answers before it closes the connection.
//! Without this wait, `echo hi | zcomm connect …` would lose the answer, because many servers
//! do not send messages after they receive a Close frame.
//!
//! To end the wait, the client sends a ping after the last line. The pong shows that the server
//! has read every line. After the pong, the client waits until no message has arrived for 300 ms.
//! The client then assumes that it has received all answers.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod arguments;
mod output;

mod talk;

use std::process::ExitCode;

use zcomm_core::{ClientSocket, ConnectOptions, xray::Xray};

use crate::shared::failure::Failure;
pub(crate) use arguments::Arguments;
use talk::Talk;

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let options = ConnectOptions {
        // The X-ray is printed on stderr, because stdout is only for the messages.
        xray: arguments.xray.map(Xray::stderr),
        ..arguments.handshake.options(&arguments.url)?
    };
    let socket = ClientSocket::connect_with(&options).await;
    let socket = socket.inspect_err(|error| arguments.show_refused(error))?;
    Ok(Talk::new(arguments, socket).run().await?)
}
