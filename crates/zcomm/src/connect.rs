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

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    block_on(talk(arguments)).unwrap_or_else(|error| report(&error))
}

async fn talk(arguments: &Arguments) -> Result<ExitCode> {
    let options = ConnectOptions {
        // stdout carries the messages.
        xray: arguments.xray.map(Xray::stderr),
        ..arguments.handshake.options(&arguments.url)?
    };
    let socket = ClientSocket::connect_with(&options).await?;
    let form = match (arguments.json, arguments.binary) {
        (true, _) => output::Form::Json,
        (false, true) => output::Form::Bytes,
        (false, false) => output::Form::Lines,
    };
    let out = Output::new(form, arguments.show_control);
    out.connected(socket.opening());
    if arguments.verbose {
        out.handshake(socket.opening());
    }
    let mut talk = Talk {
        arguments,
        socket,
        out,
        asking: true,
        wanted: true,
        latest: None,
        quiet: None,
    };
    match talk.until_the_end().await {
        Ok(true) => Ok(ExitCode::from(INTERRUPTED)),
        // Says what a program has to know: whether this was a goodbye.
        Ok(false) => talk.close().await.map(|_| ExitCode::SUCCESS),
        Err(error) => {
            talk.close().await.ok();
            Err(error)
        }
    }
}

/// A conversation, and what is left to wait for in it.
struct Talk<'a> {
    arguments: &'a Arguments,
    socket: ClientSocket,
    out: Output,
    /// Lines are read and sent.
    asking: bool,
    /// Somebody wants what comes.
    wanted: bool,
    /// After the last ping: when to leave at the latest …
    latest: Option<Instant>,
    /// … and, once it is answered, when nothing has come for a moment.
    quiet: Option<Instant>,
}

impl Talk<'_> {
    /// Until the connection has ended; `true` after Ctrl-C.
    async fn until_the_end(&mut self) -> Result<bool> {
        let mut lines = lines::input(|line| line);
        let every = self.arguments.ping;
        let mut next_ping = every.map(|every| Instant::now() + every);
        // Once for all the loop: what is waited for anew each time is missed in between.
        let mut interrupt = pin!(tokio::signal::ctrl_c());
        let mut interrupted = false;
        loop {
            let latest = self.latest;
            let leave = latest.map(|latest| self.quiet.map_or(latest, |quiet| quiet.min(latest)));
            tokio::select! {
                received = self.socket.recv_any() => match received {
                    Some(received) => self.received(&received)?,
                    None => break,
                },
                line = lines.recv(), if self.asking => match line {
                    Some(line) => self.send(line?).await?,
                    None => self.end_of_input().await,
                },
                () = until(leave) => {
                    self.latest = None;
                    self.start_close();
                }
                () = until(next_ping) => {
                    self.ping(b"zcomm").await;
                    next_ping = every.map(|every| Instant::now() + every);
                }
                // Twice means now.
                _ = &mut interrupt => match interrupted {
                    true => return Ok(true),
                    false => {
                        interrupt.set(tokio::signal::ctrl_c());
                        interrupted = true;
                        self.asking = false;
                        self.socket.start_close(CloseReason::NORMAL, "");
                    }
                },
            }
        }
        self.out.ended(self.socket.end());
        Ok(interrupted)
    }

    fn received(&mut self, received: &Received) -> io::Result<()> {
        let message = matches!(received, Received::Message(_));
        let ours = *received == Received::Pong(LAST.into());
        if ours || (message && self.quiet.is_some()) {
            self.quiet = Some(Instant::now() + QUIET);
        }
        // A program that reads our JSON did not ask for it.
        let shown = match self.wanted && !(ours && self.arguments.json) {
            true => self.out.received(received),
            false => Ok(()),
        };
        let gone = match shown {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => true,
            // A disk that is full: what is there is not what came.
            Err(error) => return Err(error),
            Ok(()) => false,
        };
        if gone || (self.arguments.one && message) {
            // Whoever read our output has hung up, or has what it wanted.
            (self.asking, self.wanted) = (false, false);
            self.start_close();
        }
        Ok(())
    }

    async fn send(&mut self, line: Vec<u8>) -> Result<()> {
        let message = match self.arguments.binary {
            true => Message::Binary(line.into()),
            false => {
                let text = String::from_utf8(line).map_err(|_| {
                    let why = "a line of the input is not UTF-8 text: --binary sends it as it is";
                    io::Error::other(why)
                })?;
                Message::from(text)
            }
        };
        match self.socket.send(message).await {
            // The end is told by `recv_any`, with its reason.
            Ok(()) | Err(Error::Closed) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks for all answers, where somebody waits for them.
    async fn end_of_input(&mut self) {
        self.asking = false;
        if !self.arguments.stay && !self.arguments.one {
            self.ping(LAST).await;
            self.latest = Some(Instant::now() + ANSWERS);
        }
    }

    async fn ping(&mut self, payload: &[u8]) {
        // When this fails, the connection has ended.
        self.socket.ping(payload).await.ok();
        self.out.sent_ping(payload);
    }

    fn start_close(&mut self) {
        let Arguments { close, reason, .. } = self.arguments;
        self.socket.start_close(*close, reason);
    }

    async fn close(&mut self) -> Result<CloseReason> {
        let Arguments { close, reason, .. } = self.arguments;
        self.socket.close(*close, reason).await
    }
}
