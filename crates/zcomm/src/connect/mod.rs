//! `zcomm connect`: opens one WebSocket, from the terminal or in a pipe.
//!
//! Each line of the input is sent as a message, and each message that arrives is printed on
//! its own line.
//!
//! At the end of the input, the client waits for the answers before it closes the connection.
//! Without this wait, `echo hi | zcomm connect …` would lose the answer, because many servers do
//! not send messages after they receive a Close frame.
//!
//! The client also sends a ping after the last line. The pong shows that the server has read every
//! line.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod arguments;
mod ending;
mod pings;

mod output;

mod talk;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use zcomm_core::{
    ClientSocket, ConnectOptions, Message, Result,
    xray::{Form, Xray},
};

use crate::shared::{console::Console, failure::Failure, input::Reading};
pub(crate) use arguments::Arguments;
use output::Output;
use talk::Talk;

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let console = console(arguments).map_err(Failure::misuse);
    let console = console.inspect_err(|failure| Output::new(arguments, None).misused(failure))?;
    let out = Output::new(arguments, console.printer());
    let options = options(arguments, &console);
    let options = options.inspect_err(|failure| out.misused(failure))?;
    let socket = ClientSocket::connect_with(&options).await;
    let socket = socket.inspect_err(|error| out.failed(error))?;
    Ok(Talk::new(arguments, socket, console, out).run().await?)
}

/// Returns the input: the file, or stdin.
fn console(arguments: &Arguments) -> Result<Console<Message>> {
    let reading = Reading {
        make: match arguments.binary {
            true => |bytes| Some(Message::Binary(bytes.into())),
            false => |bytes| String::from_utf8(bytes).ok().map(Message::from),
        },
        whole: arguments.whole || (arguments.binary && !io::stdin().is_terminal()),
        limit: arguments.max_message,
        if_not_text: "send bytes with --binary",
        if_too_long: "--max-message sets a larger limit",
    };
    Ok(match &arguments.file {
        Some(file) => Console::of(reading.file(file)?),
        None => Console::open(reading, None),
    })
}

fn options(arguments: &Arguments, console: &Console<Message>) -> Result<ConnectOptions, Failure> {
    Ok(ConnectOptions {
        xray: arguments.xray.map(|form| xray(form, console)),
        max_message_bytes: arguments.max_message,
        ..arguments.handshake.options(&arguments.url)?
    })
}

/// Returns an X-ray that prints on stderr, because stdout is only for the messages. On a
/// terminal, the X-ray prints above the line that the user types.
fn xray(form: Form, console: &Console<Message>) -> Xray {
    match console.printer() {
        Some(printer) if io::stderr().is_terminal() => Xray::write_to(printer, form, true),
        _ => Xray::stderr(form),
    }
}
