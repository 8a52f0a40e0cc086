//! `zcomm connect`: one WebSocket, from the terminal.
//!
//! Lines that are typed go out, messages that come are printed, a line each: so it works at
//! a prompt and in a pipe. What is printed for a person cannot control the terminal; what
//! goes into a pipe or a file is exactly what came.
//!
//! At the end of the input it waits for the answers, then closes: `echo hi | zcomm connect …`
//! prints the answer. A Close frame at once would lose it, for many a server answers nothing
//! more when it has one. So a ping goes out behind the last line; its pong says that all has
//! arrived, and a moment without any message that all is answered. Ctrl-C says goodbye, too.
//!
//! Production keeps such a tool for looking; what has to run every day is a program.

use std::{io, pin::pin, process::ExitCode, time::Duration};

use tokio::time::Instant;
use zcomm_core::{
    ClientSocket, CloseReason, ConnectOptions, Error, Message, Received, Result, report,
    xray::{Form, Xray},
};

use crate::{
    handshake::Handshake,
    lines,
    output::{self, Output},
    program::{INTERRUPTED, block_on, until},
};

/// The ping behind the last line.
const LAST: &[u8] = b"last";
/// A server that says nothing for so long after its pong has answered everything …
const QUIET: Duration = Duration::from_millis(300);
/// … and one that goes on and on is left after so long.
const ANSWERS: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm connect ws://127.0.0.1:8765/
                              talk to lesson 2
  echo hi | zcomm connect ws://127.0.0.1:8765/
                              one question, its answer, the end
  zcomm connect wss://localhost:8765/ --ca certs/ca.pem
                              over TLS, with your own authority
  zcomm connect ws://127.0.0.1:8765/ -v --show-control
                              what is said besides the messages
  zcomm connect ws://127.0.0.1:8765/ --xray
                              every byte of it, explained

Exit code: 0 after a goodbye, 1 when it failed or was refused, 130 after Ctrl-C.")]
pub(crate) struct Arguments {
    /// Where to, e.g. wss://example.com/chat
    url: String,

    #[command(flatten)]
    handshake: Handshake,

    /// Send lines as binary messages, and write binary messages as they are
    #[arg(long, conflicts_with = "json")]
    binary: bool,

    /// Print one JSON object a line for everything that happens
    #[arg(long)]
    json: bool,

    /// Leave after the first message
    #[arg(long)]
    one: bool,

    /// Stay after the end of the input, until the server closes
    #[arg(long)]
    stay: bool,

    /// Tell on stderr of pings, pongs and the Close frame
    #[arg(long)]
    show_control: bool,

    /// Send a ping every so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    ping: Option<Duration>,

    /// Close with this code, e.g. 3001
    #[arg(long, value_name = "CODE", value_parser = code, default_value_t = CloseReason::NORMAL)]
    close: u16,

    /// Close with this reason, of at most 123 bytes
    #[arg(long, value_name = "TEXT", value_parser = reason, default_value = "", hide_default_value = true)]
    reason: String,

    /// Print the handshake, both ways, on stderr
    #[arg(short, long)]
    verbose: bool,

    /// Show every byte that passes, TLS taken off, on stderr; =json for programs
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true,
        default_missing_value = "on", value_parser = xray)]
    xray: Option<Form>,
}

fn xray(text: &str) -> Result<Form, &'static str> {
    match text {
        "on" => Ok(Form::Text),
        "json" => Ok(Form::Json),
        _ => Err("expected --xray or --xray=json"),
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    match text.parse() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected seconds from 0.1 to 3600"),
    }
}

/// RFC 6455 section 7.4: others must not be sent.
fn code(text: &str) -> Result<u16, &'static str> {
    let code = text.parse().ok();
    let code = code.filter(|code| matches!(code, 1000..=1003 | 1007..=1013 | 3000..=4999));
    code.ok_or("expected 1000 to 1003, 1007 to 1013 or 3000 to 4999")
}

/// RFC 6455 section 5.5: a control frame has 125 bytes, and the code takes two.
fn reason(text: &str) -> Result<String, &'static str> {
    match text.len() {
        0..=123 => Ok(text.to_owned()),
        _ => Err("expected at most 123 bytes"),
    }
}

pub(crate) fn run(arguments: Arguments) -> ExitCode {
    block_on(talk(arguments)).unwrap_or_else(|error| report(&error))
}

async fn talk(arguments: Arguments) -> Result<ExitCode> {
    let (code, reason) = (arguments.close, &arguments.reason);
    let options = ConnectOptions {
        // stdout carries the messages.
        xray: arguments.xray.map(Xray::stderr),
        ..arguments.handshake.options(&arguments.url)?
    };
    let mut socket = ClientSocket::connect_with(&options).await?;
    let form = match (arguments.json, arguments.binary) {
        (true, _) => output::Form::Json,
        (false, true) => output::Form::Bytes,
        (false, false) => output::Form::Lines,
    };
    let mut out = Output::new(form, arguments.show_control);
    out.connected(socket.opening());
    if arguments.verbose {
        out.handshake(socket.opening());
    }
    let mut lines = lines::input(|line| line);
    let mut next_ping = arguments.ping.map(|every| Instant::now() + every);
    // Once for all the loop: what is waited for anew each time is missed in between.
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    let mut interrupted = false;
    // Taken away once there is nothing more to wait for.
    let mut asking = true;
    // When to leave, and when at the latest.
    let (mut leave, mut latest) = (None, None);
    let mut arrived = false;
    // Somebody wants what comes.
    let mut wanted = true;
    loop {
        tokio::select! {
            received = socket.recv_any() => {
                let Some(received) = received else { break };
                let message = matches!(received, Received::Message(_));
                let ours = received == Received::Pong(LAST.into());
                arrived |= ours;
                if ours || (arrived && message) {
                    leave = latest.map(|latest: Instant| latest.min(Instant::now() + QUIET));
                }
                // A program that reads our JSON did not ask for it.
                let shown = match wanted && !(ours && arguments.json) {
                    true => out.received(&received),
                    false => Ok(()),
                };
                let gone = match shown {
                    Ok(()) => false,
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => true,
                    // A disk that is full: what is there is not what came.
                    Err(error) => {
                        socket.close(code, reason).await.ok();
                        return Err(error.into());
                    }
                };
                if gone || (arguments.one && message) {
                    // Whoever read our output has hung up, or has what it wanted.
                    socket.start_close(code, reason);
                    (asking, wanted) = (false, false);
                }
            }
            () = until(leave) => {
                socket.start_close(code, reason);
                (leave, latest) = (None, None);
            }
            line = lines.recv(), if asking => match line {
                Some(Ok(line)) => send(&mut socket, line, arguments.binary).await?,
                Some(Err(error)) => {
                    socket.close(code, reason).await.ok();
                    return Err(error.into());
                }
                None => {
                    asking = false;
                    if !arguments.stay && !arguments.one {
                        // When this fails, the connection has ended.
                        socket.ping(LAST).await.ok();
                        out.sent_ping(LAST);
                        latest = Some(Instant::now() + ANSWERS);
                        leave = latest;
                    }
                }
            },
            () = until(next_ping) => {
                socket.ping(b"zcomm").await.ok();
                out.sent_ping(b"zcomm");
                next_ping = arguments.ping.map(|every| Instant::now() + every);
            }
            _ = &mut interrupt => {
                if interrupted {
                    return Ok(ExitCode::from(INTERRUPTED));
                }
                interrupt.set(tokio::signal::ctrl_c());
                interrupted = true;
                asking = false;
                socket.start_close(CloseReason::NORMAL, "");
            }
        }
    }
    out.ended(socket.end());
    if interrupted {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    // Says what a program has to know: whether this was a goodbye.
    socket.close(code, reason).await?;
    Ok(ExitCode::SUCCESS)
}

async fn send(socket: &mut ClientSocket, line: Vec<u8>, binary: bool) -> Result<()> {
    let message = match binary {
        true => Message::Binary(line.into()),
        false => {
            let text = String::from_utf8(line);
            let text = text.map_err(|_| {
                io::Error::other(
                    "a line of the input is not UTF-8 text: --binary sends it as it is",
                )
            })?;
            Message::from(text)
        }
    };
    match socket.send(message).await {
        // The end is told by `recv_any`, with its reason.
        Ok(()) | Err(Error::Closed) => Ok(()),
        Err(error) => Err(error),
    }
}
