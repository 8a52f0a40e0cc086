//! `zcomm listen`: a WebSocket server at the terminal.
//!
//! Each line of the input is sent to every client, and each message of a client is printed on its
//! own line. So users of `zcomm listen` and `zcomm connect` can write to each other.
//!
//! `zcomm listen` runs the server of the lessons, with the same settings and limits. The log of
//! the server goes to stderr, because stdout is only for the messages.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod arguments;
mod audience;

mod output;

mod process;
mod setup;

mod client;

use std::{
    future::pending,
    io::{self, ErrorKind, IsTerminal},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};
use zcomm_core::{Logs, Message, Server, StopSignals, log_to};

pub(crate) use self::arguments::Arguments;
use self::{
    audience::Audience,
    client::{Reply, Service},
    output::{Notes, Output},
    process::Exec,
    setup::{Setup, cannot_listen},
};
use crate::shared::{
    console::Console,
    failure::Failure,
    input::{Input, Reading},
    run::INTERRUPTED,
};

const PROMPT: &str = "> ";
/// The limit for one line of the input (bytes).
const MAX_LINE: usize = 16 * 1024 * 1024;
/// The time limit to send the last lines to the clients, before the server stops.
const LAST_LINES: Duration = Duration::from_secs(3);
/// The time limit to close the connections, after the last lines. Both limits together are the 5 s
/// of every server of the course.
const STOP: Duration = Duration::from_secs(2);
/// The time limit to print the last messages.
const LAST_MESSAGES: Duration = Duration::from_secs(1);

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut console = console(arguments);
    let notes = Notes(console.printer());
    let _logs = log(&notes);
    let done = serve(arguments, &mut console, notes).await;
    console.close().await;
    done
}

/// Starts the log of the server. The log goes to stderr, because stdout is only for the
/// messages.
fn log(notes: &Notes) -> Logs {
    let terminal = io::stderr().is_terminal();
    match &notes.0 {
        Some(printer) if terminal => log_to(printer.clone(), true),
        _ => log_to(io::stderr(), terminal),
    }
}

async fn serve(
    arguments: &Arguments,
    console: &mut Console<Message>,
    notes: Notes,
) -> Result<ExitCode, Failure> {
    let mut signals = StopSignals::new()?;
    let mut setup = Setup::read(arguments, &notes)?;
    setup.config.stop_timeout = STOP;
    // A server of this course sends only messages of at most this size (bytes).
    let max_message = 64 * 1024 + 2 * setup.config.max_message_bytes;
    let reply = reply(arguments, max_message);
    let server = Server::bind(setup.config.clone()).await;
    let server = server.map_err(|error| cannot_listen(error, arguments))?;
    setup.announce(&server, &notes);
    let (out, mut failed) = Output::start(arguments, console.printer());
    out.listening(&server.url()).await;
    let audience = Audience::new();
    let service = Arc::new(Service {
        audience,
        out,
        notes,
        reply,
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let handler = {
        let service = Arc::clone(&service);
        move |connection| Arc::clone(&service).serve(connection)
    };
    let running = tokio::spawn(server.run(handler, async { drop(stopped.await) }));
    let ended = tokio::select! {
        code = signals.next() => Ok(ExitCode::from(code)),
        fed = feed(&service, console, max_message) => fed,
        Some(error) = failed.recv() => output_failed(error),
    };
    let stopped = async {
        // Ignore a timeout: the clients that keep up have all lines.
        timeout(LAST_LINES, service.audience.end()).await.ok();
        drop(stop);
        // Ignore an error: it can only be a panic, and the panic has printed its message.
        running.await.ok();
    };
    tokio::select! {
        () = stopped => {}
        // After a second signal, do not wait for the clients.
        _ = signals.next() => {}
    }
    drop(service);
    // The channel closes when the last message is printed.
    match timeout(LAST_MESSAGES, failed.recv()).await {
        Ok(Some(error)) if ended.is_ok() => output_failed(error),
        _ => ended,
    }
}

/// Opens the input. With --binary, the whole input from a pipe is one message.
fn console(arguments: &Arguments) -> Console<Message> {
    let reading = Reading {
        make: match arguments.binary {
            true => |bytes| Some(Message::Binary(bytes.into())),
            false => |bytes| Some(client::message(bytes)),
        },
        whole: arguments.binary && !io::stdin().is_terminal(),
        limit: MAX_LINE,
        if_not_text: "",
        if_too_long: "send it in parts",
    };
    Console::open(reading, None)
}

fn reply(arguments: &Arguments, max_message: usize) -> Reply {
    let Some(command) = &arguments.exec else {
        return match (arguments.echo, arguments.broadcast) {
            (true, _) => Reply::Echo,
            (_, true) => Reply::Broadcast,
            _ => Reply::Nothing,
        };
    };
    Reply::Exec(Exec::new(command, arguments.max_processes, max_message))
}

/// Sends each line of the input to all clients. Returns the exit code when the server must stop.
async fn feed(
    service: &Service,
    console: &mut Console<Message>,
    max_message: usize,
) -> Result<ExitCode, Failure> {
    let terminal = io::stdin().is_terminal();
    loop {
        console.ready(PROMPT);
        match console.input().await {
            Input::Item(message) if message.len() > max_message => service.notes.note(&format!(
                "a message of {} bytes was not sent: at most {max_message} bytes; \
                 WEBSOCKET_MAX_MESSAGE_BYTES sets a larger limit",
                message.len()
            )),
            Input::Item(message) if terminal => {
                if !service.audience.send(message).await {
                    let line = "no client is connected: the line was not sent";
                    service.notes.note(line);
                }
            }
            Input::Item(message) => service.audience.send_to_someone(message).await,
            Input::Refused(error) if terminal => service.notes.note(&error.with_help()),
            Input::Refused(error) | Input::Failed(error) => return Err(error.into()),
            Input::Interrupted => return Ok(ExitCode::from(INTERRUPTED)),
            Input::End => break,
        }
    }
    if terminal {
        return Ok(ExitCode::SUCCESS);
    }
    let line = "the input has ended; the server keeps running, Ctrl-C stops it";
    service.notes.note(line);
    pending().await
}

/// Returns the result of the command if stdout cannot be written. It is not an error if the next
/// program in the pipe has ended.
fn output_failed(error: io::Error) -> Result<ExitCode, Failure> {
    match error.kind() {
        ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        _ => Err(error.into()),
    }
}
