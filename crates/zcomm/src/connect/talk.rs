//! Runs one connection: sends the input, and prints the messages from the server. Then closes
//! the connection.

use std::{
    io::{self, ErrorKind},
    process::ExitCode,
};

use tokio::time::Instant;
use zcomm_core::{
    ClientSocket, CloseReason, End, Error, Message, Received, Result, Step, StopSignals,
};

use super::{arguments::Arguments, output::Output, pings::Pings};
use crate::shared::{
    answers::{Answers, MISSING, Patience},
    console::Console,
    input::Input,
    run::{INTERRUPTED, until},
    text::counted,
};

/// The payload of the ping that is sent after the last line.
const LAST: &[u8] = b"last";
const PROMPT: &str = "> ";

pub(super) struct Talk<'a> {
    arguments: &'a Arguments,
    socket: ClientSocket,
    console: Console<Message>,
    out: Output<'a>,
    answers: Answers,
    pings: Pings,
    /// A message that the network does not accept yet.
    unsent: Option<Message>,
    /// Whether the program still reads the input.
    reading: bool,
    /// Whether messages are still printed.
    printing: bool,
    /// The content of our Close frame, if it was sent.
    closed: Option<CloseReason>,
    /// The error that ended the input.
    failed: Option<Error>,
    /// The exit code, if a signal has stopped the program.
    stopped: Option<u8>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(
        arguments: &'a Arguments,
        socket: ClientSocket,
        console: Console<Message>,
        out: Output<'a>,
    ) -> Talk<'a> {
        let patience = match (arguments.wait, arguments.stay || arguments.one) {
            (Some(time), _) => Patience::Exactly(time),
            (None, true) => Patience::Forever,
            (None, false) => Patience::Answers,
        };
        Talk {
            arguments,
            socket,
            console,
            out,
            answers: Answers::new(patience),
            pings: Pings::default(),
            unsent: None,
            reading: true,
            printing: true,
            closed: None,
            failed: None,
            stopped: None,
        }
    }

    /// Runs until the connection has ended. Fails if the connection did not end with a normal
    /// close.
    pub(super) async fn run(mut self) -> Result<ExitCode> {
        self.out.connected(self.socket.opening());
        let ended = self.until_the_end().await;
        let closed = match self.stopped {
            Some(_) if ended.is_ok() => Ok(()),
            _ => self.close().await,
        };
        self.console.close().await;
        // If several of these steps failed, report the first error, because it is the cause.
        ended?;
        self.failed.map_or(Ok(()), Err)?;
        closed?;
        Ok(self.stopped.map_or(ExitCode::SUCCESS, ExitCode::from))
    }

    /// Closes the connection if it is open. Fails if the connection did not end with a normal
    /// close.
    async fn close(&mut self) -> Result<()> {
        let Arguments { close, reason, .. } = self.arguments;
        let closed = self.socket.close(*close, reason).await;
        let help = match self.socket.end() {
            Some(End::ByUs(why)) if why.code() == CloseReason::TOO_BIG => {
                "the server sent a larger message: --max-message sets a larger limit"
            }
            Some(End::Broken(_)) if self.closed.is_some() && self.answers.missing() > 0 => {
                "the server may still work on an answer: --wait 30s waits longer"
            }
            _ => return closed.map(drop),
        };
        match closed {
            Err(Error::Ended { what, .. }) => Err(Error::Ended {
                what,
                help: Some(help),
            }),
            closed => closed.map(drop),
        }
    }

    /// Runs until the connection has ended, or until the second signal.
    async fn until_the_end(&mut self) -> Result<()> {
        // Catch signals before the editor changes the terminal. Otherwise a signal could end the
        // process before the settings of the terminal are restored.
        let mut signals = StopSignals::new()?;
        self.console.ready(PROMPT);
        let interval = self.arguments.ping;
        let mut next_ping = interval.map(|interval| Instant::now() + interval);
        loop {
            self.send_unsent()?;
            let close_at = self.answers.close_at().filter(|_| self.closed.is_none());
            tokio::select! {
                step = self.socket.step() => match step {
                    Some(Step::Received(received)) => self.received(&received)?,
                    Some(Step::Pinged) => self.out.control_frame("> ping", &[]),
                    Some(Step::Writable) => {}
                    None => break,
                },
                input = self.console.input(), if self.reading && self.unsent.is_none() => {
                    self.input(input);
                }
                () = until(close_at) => {
                    self.report_missing();
                    self.start_close();
                }
                () = until(next_ping) => {
                    let payload = self.pings.next();
                    self.ping(payload.as_bytes());
                    next_ping = interval.map(|interval| Instant::now() + interval);
                }
                code = signals.next() => match self.stopped {
                    None => self.stop(code),
                    // After a second signal, do not wait for the server's Close frame.
                    Some(_) => return Ok(()),
                },
            }
        }
        if let Some(end) = self.socket.end() {
            self.out.ended(end, self.closed.as_ref());
        }
        Ok(())
    }
}

impl Talk<'_> {
    fn received(&mut self, received: &Received) -> io::Result<()> {
        let message = matches!(received, Received::Message(_));
        if message {
            self.answers.received();
        }
        let (mut last, mut round_trip) = (false, None);
        if let Received::Pong(payload) = received {
            last = payload == LAST;
            round_trip = self.pings.round_trip(payload);
        }
        if last {
            self.answers.active();
        }
        // The user did not ask for the ping `LAST`, so JSON must not contain the pong.
        let shown = match self.printing && !(last && self.arguments.json) {
            true => self.out.received(received, round_trip),
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

    fn input(&mut self, input: Input<Message>) {
        match input {
            Input::Item(message) => {
                self.unsent = Some(message);
                self.answers.sent();
                self.console.ready(PROMPT);
            }
            Input::Refused(error) if self.console.printer().is_some() => {
                self.out.note(format!("! {}", error.with_help()));
                self.console.ready(PROMPT);
            }
            Input::End => self.end_of_input(),
            Input::Interrupted => self.stop(INTERRUPTED),
            Input::Refused(error) | Input::Failed(error) => {
                self.out.failed(&error);
                self.failed = Some(error);
                self.end_of_input();
            }
        }
    }

    /// Sends the message that waits for the network, if the network accepts it now.
    fn send_unsent(&mut self) -> Result<()> {
        let Some(message) = self.unsent.take() else {
            return Ok(());
        };
        match self.socket.feed(message.clone()) {
            // Ignore a closed connection: `step` reports how the connection ended.
            Ok(true) | Err(Error::Closed) => {}
            Ok(false) => self.unsent = Some(message),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Stops reading the input, and starts to wait for the answers.
    fn end_of_input(&mut self) {
        self.reading = false;
        let waits = self.arguments.wait.is_some() || self.arguments.stay;
        if self.console.printer().is_some() && !waits {
            // Do not wait: the user has already seen the answers at the prompt.
            return self.start_close();
        }
        self.answers.input_ended(self.failed.is_some());
        if self.answers.close_at().is_some() {
            self.ping(LAST);
        }
    }

    /// If the wait ends before each sent message has an answer, prints how to wait longer.
    fn report_missing(&self) {
        let missing = self.answers.missing();
        if missing > 0 {
            let (messages, waited) = (counted(missing, "message"), MISSING.as_secs());
            self.out.note(format!(
                "note: no answer to {messages} after {waited} s; --wait 30s waits longer, --wait 0s not at all"
            ));
        }
    }

    fn ping(&mut self, payload: &[u8]) {
        // Ignore an error: it means that the connection has ended, and `step` reports the end.
        if self.socket.feed_ping(payload).is_ok() {
            self.out.control_frame("> ping", payload);
        }
    }

    /// Closes the connection after a signal. `code` is the exit code.
    fn stop(&mut self, code: u8) {
        self.stopped = Some(code);
        self.start_close();
    }

    fn start_close(&mut self) {
        self.reading = false;
        if self.closed.is_some() {
            return;
        }
        let Arguments { close, reason, .. } = self.arguments;
        self.socket.start_close(*close, reason);
        let ours = CloseReason::new(*close, reason);
        self.out.control("> close", &ours);
        self.closed = Some(ours);
    }
}
