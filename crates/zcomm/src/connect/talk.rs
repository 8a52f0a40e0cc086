//! Runs one connection: sends the lines of the input, and prints the messages from the server.
//! Then closes the connection.

use std::{
    io::{self, ErrorKind},
    process::ExitCode,
    time::Duration,
};

use tokio::time::Instant;
use zcomm_core::{ClientSocket, Error, Message, Received, Result, StopSignals};

use super::{arguments::Arguments, output::Output};
use crate::shared::{lines, run::until};

/// The payload of the ping that is sent after the last line.
const LAST: &[u8] = b"last";
/// After the pong to the last ping, the client closes when no message arrives for this time.
const QUIET: Duration = Duration::from_millis(300);
/// The longest wait for answers after the end of the input. After this time, the client closes
/// the connection, even if the pong has not arrived.
const ANSWERS: Duration = Duration::from_secs(5);

pub(super) struct Talk<'a> {
    arguments: &'a Arguments,
    socket: ClientSocket,
    out: Output<'a>,
    /// Whether lines of the input are still read and sent.
    reading: bool,
    /// Whether messages are still printed.
    printing: bool,
    /// The latest time to close the connection. Set at the end of the input.
    latest: Option<Instant>,
    /// The time to close the connection. Set when the pong to [`LAST`] arrives. Each message
    /// after this pong sets a later time.
    quiet: Option<Instant>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(arguments: &'a Arguments, socket: ClientSocket) -> Talk<'a> {
        let out = Output::new(arguments);
        out.connected(socket.opening());
        Talk {
            arguments,
            socket,
            out,
            reading: true,
            printing: true,
            latest: None,
            quiet: None,
        }
    }

    /// Runs until the connection has ended. Fails if the connection did not end with a normal
    /// close.
    pub(super) async fn run(mut self) -> Result<ExitCode> {
        let ended = self.until_the_end().await;
        if let Ok(Some(code)) = ended {
            return Ok(ExitCode::from(code));
        }
        let Arguments { close, reason, .. } = self.arguments;
        let closed = self.socket.close(*close, reason).await;
        // If both calls fail, report the first error, because it is the cause of the second error.
        ended.and(closed).map(|_| ExitCode::SUCCESS)
    }

    /// Runs until the connection has ended. If a signal arrived, returns the signal's exit code.
    async fn until_the_end(&mut self) -> Result<Option<u8>> {
        let mut lines = lines::input(|line| line);
        let mut signals = StopSignals::new()?;
        let interval = self.arguments.ping;
        let mut next_ping = interval.map(|interval| Instant::now() + interval);
        let mut stopped = None;
        loop {
            let latest = self.latest;
            let close_at =
                latest.map(|latest| self.quiet.map_or(latest, |quiet| quiet.min(latest)));
            tokio::select! {
                received = self.socket.recv_any() => match received {
                    Some(received) => self.received(&received)?,
                    None => break,
                },
                line = lines.recv(), if self.reading => match line {
                    Some(line) => self.send(line?).await?,
                    None => self.end_of_input().await,
                },
                () = until(close_at) => self.start_close(),
                () = until(next_ping) => {
                    self.ping(b"zcomm").await;
                    next_ping = interval.map(|interval| Instant::now() + interval);
                }
                code = signals.next() => {
                    // After a second signal, do not wait for the server's Close frame.
                    if stopped.replace(code).is_some() {
                        return Ok(stopped);
                    }
                    self.start_close();
                }
            }
        }
        self.out.ended(self.socket.end());
        Ok(stopped)
    }

    fn received(&mut self, received: &Received) -> io::Result<()> {
        let message = matches!(received, Received::Message(_));
        let ours = *received == Received::Pong(LAST.into());
        if ours || (message && self.quiet.is_some()) {
            self.quiet = Some(Instant::now() + QUIET);
        }
        // JSON must not contain the pong to the last ping: the user did not ask for this ping.
        let shown = match self.printing && !(ours && self.arguments.json) {
            true => self.out.received(received),
            false => Ok(()),
        };
        let reader_is_gone = match shown {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => true,
            // After any other error, such as a full disk, the output is not complete.
            Err(error) => return Err(error),
            Ok(()) => false,
        };
        if reader_is_gone || (self.arguments.one && message) {
            self.printing = false;
            self.start_close();
        }
        Ok(())
    }

    async fn send(&mut self, line: Vec<u8>) -> Result<()> {
        let message = match self.arguments.binary {
            true => Message::Binary(line.into()),
            false => Message::from(String::from_utf8(line).map_err(|_| {
                io::Error::other("a line of the input is not UTF-8 text: send it with --binary")
            })?),
        };
        match self.socket.send(message).await {
            // Ignore that the connection is closed, because `recv_any` reports how it ended.
            Ok(()) | Err(Error::Closed) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Stops reading the input. Without `--stay` and `--one`, also sends the last ping, and sets
    /// the latest time to close the connection.
    async fn end_of_input(&mut self) {
        self.reading = false;
        if !self.arguments.stay && !self.arguments.one {
            self.ping(LAST).await;
            self.latest = Some(Instant::now() + ANSWERS);
        }
    }

    async fn ping(&mut self, payload: &[u8]) {
        // Ignore an error: it means that the connection has ended, and `recv_any` reports the end.
        self.socket.ping(payload).await.ok();
        self.out.control_frame("> ping", payload);
    }

    fn start_close(&mut self) {
        (self.reading, self.latest) = (false, None);
        let Arguments { close, reason, .. } = self.arguments;
        self.socket.start_close(*close, reason);
    }
}
