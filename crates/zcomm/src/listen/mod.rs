//! `zcomm listen`: a WebSocket server at the terminal.
//!
//! Each line of the input goes to every client, and each message of a client is printed on its
//! own line. So `zcomm listen` and `zcomm connect` are the two ends of one conversation.
//!
//! The server is the one of the lessons, with the same settings and limits. The log of the
//! server goes to stderr, because stdout is only for the messages.

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
use zcomm_core::{Config, Message, Server, StopSignals, log_to};

pub(crate) use self::arguments::Arguments;
use self::{
    audience::Audience,
    client::{Reply, Service},
    output::{Notes, Output},
    process::Exec,
    setup::{Setup, cannot_listen},
};
use crate::shared::{failure::Failure, lines};

/// The time limit for the last lines to reach the clients, after Ctrl-D.
const LAST_LINES: Duration = Duration::from_secs(5);
/// The time limit to print the last messages.
const LAST_MESSAGES: Duration = Duration::from_secs(1);

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut signals = StopSignals::new()?;
    let notes = Notes;
    let _logs = log_to(io::stderr(), io::stderr().is_terminal());
    let setup = Setup::read(arguments, &notes)?;
    let config = setup.config.clone();
    let reply = reply(arguments, &config);
    let server = Server::bind(config).await.map_err(cannot_listen)?;
    setup.announce(&server, &notes);
    let (out, mut failed) = Output::start(arguments);
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
    let mut running = tokio::spawn(server.run(handler, async { drop(stopped.await) }));
    let ended = tokio::select! {
        code = signals.next() => Ok(ExitCode::from(code)),
        fed = feed(&service, arguments.binary) => fed.map(|()| ExitCode::SUCCESS),
        Some(error) = failed.recv() => output_failed(error),
    };
    drop(stop);
    tokio::select! {
        // Ignore an error: the task is never aborted, and a panic has printed its message.
        _ = &mut running => {}
        // After a second signal, do not wait for the clients.
        _ = signals.next() => {}
    }
    drop(service);
    // Wait until the last message is printed. The channel ends then.
    match timeout(LAST_MESSAGES, failed.recv()).await {
        Ok(Some(error)) if ended.is_ok() => output_failed(error),
        _ => ended,
    }
}

fn reply(arguments: &Arguments, config: &Config) -> Reply {
    let Some(command) = &arguments.exec else {
        return match (arguments.echo, arguments.broadcast) {
            (true, _) => Reply::Echo,
            (_, true) => Reply::Broadcast,
            _ => Reply::Nothing,
        };
    };
    // The size of the largest message that a server of this course sends.
    let max_line = 64 * 1024 + 2 * config.max_message_bytes;
    Reply::Exec(Exec::new(command, arguments.max_processes, max_line))
}

/// Sends each line of the input to all clients. Returns when the server must stop.
async fn feed(service: &Service, binary: bool) -> Result<(), Failure> {
    let Service {
        audience, notes, ..
    } = service;
    let terminal = io::stdin().is_terminal();
    let mut lines = lines::input(|line| line);
    let mut number = 0;
    while let Some(line) = lines.recv().await {
        number += 1;
        let Some(message) = message(line?, binary) else {
            notes.note(&format!(
                "line {number} is not UTF-8 text and was not sent: --binary sends any bytes"
            ));
            continue;
        };
        if terminal {
            if !audience.send(message).await {
                notes.note("no client is connected: the line was not sent");
            }
            continue;
        }
        audience.someone().await;
        while !audience.send(message.clone()).await {
            audience.someone().await;
        }
    }
    if terminal {
        // Ignore a timeout: the server closes the other clients.
        timeout(LAST_LINES, audience.end()).await.ok();
        return Ok(());
    }
    notes.note("the input has ended; the server keeps running, Ctrl-C stops it");
    pending().await
}

/// Makes a message of a line. Returns `None` if the line is not text and must be text.
fn message(line: Vec<u8>, binary: bool) -> Option<Message> {
    match binary {
        true => Some(Message::Binary(line.into())),
        false => String::from_utf8(line).ok().map(Message::from),
    }
}

/// The result of a server whose stdout cannot be written. It is not an error if the next program
/// in the pipe has ended.
fn output_failed(error: io::Error) -> Result<ExitCode, Failure> {
    match error.kind() {
        ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        _ => Err(error.into()),
    }
}
