//! Prints the output of `zcomm connect`: lines, raw bytes (`--binary`) or JSON (`--json`).
//!
//! Messages go to stdout, and all other output goes to stderr. In JSON mode, all events go to
//! stdout, one object per line. With a line editor, everything that goes to the terminal is
//! printed above the line that the user types.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use serde_json::{Value, json};
use zcomm_core::{CloseReason, End, Error, Message, Opening, Received};

use super::{arguments::Arguments, ending::Ending};
use crate::shared::{
    console::Printer,
    failure::Failure,
    print::{self, bytes, for_a_pipe, for_a_terminal, json_line},
};

/// At most this number of characters of a message are shown above the typed line.
const SHOWN: usize = 100_000;

/// Prints the events of one connection.
pub(super) struct Output<'a> {
    arguments: &'a Arguments,
    /// Whether stdout is a terminal.
    terminal: bool,
    /// Prints above the line that the user types. `None` without a line editor.
    printer: Option<Printer>,
}

impl<'a> Output<'a> {
    pub(super) fn new(arguments: &'a Arguments, printer: Option<Printer>) -> Output<'a> {
        Output {
            arguments,
            terminal: io::stdout().is_terminal(),
            printer,
        }
    }

    /// With a line editor, prints that the connection is open. With `--verbose`, also prints the
    /// request and the response of the handshake on stderr.
    pub(super) fn connected(&self, opening: &Opening) {
        if self.printer.is_some() {
            self.note(format!(
                "* connected to {}: each line is a message, Ctrl-D closes",
                opening.addr
            ));
        }
        self.handshake(&opening.request, &opening.response);
    }

    /// With `--verbose`, prints the lines of a handshake on stderr.
    fn handshake(&self, request: &[String], response: &[String]) {
        if !self.arguments.verbose {
            return;
        }
        for line in request {
            self.note(format!("> {line}"));
        }
        for line in response {
            self.note(format!("< {line}"));
        }
    }

    /// Prints a message, a ping or a pong. `round_trip` is the time between a ping of `--ping`
    /// and its pong. Fails if stdout cannot be written.
    pub(super) fn received(
        &self,
        received: &Received,
        round_trip: Option<Duration>,
    ) -> io::Result<()> {
        let ms = round_trip.map(|time| time.as_secs_f64() * 1000.0);
        if self.arguments.json {
            let mut event = print::received(received);
            if let Some(ms) = ms {
                event["ms"] = json!((ms * 1000.0).round() / 1000.0);
            }
            return self.event(&event);
        }
        match (received, ms) {
            (Received::Message(message), _) => return self.message(message),
            (Received::Ping(payload), _) => self.control_frame("< ping", payload),
            (Received::Pong(payload), None) => self.control_frame("< pong", payload),
            (Received::Pong(payload), Some(ms)) => {
                self.control_frame("< pong", payload);
                self.note(format!("* round trip: {ms:.2} ms"));
            }
        }
        Ok(())
    }

    fn message(&self, message: &Message) -> io::Result<()> {
        match &self.printer {
            Some(printer) => printer.print(format!("< {}", for_a_terminal(message, SHOWN))),
            None if self.terminal => write(for_a_terminal(message, usize::MAX) + "\n")?,
            None => write(for_a_pipe(message, self.arguments.binary))?,
        }
        Ok(())
    }

    /// Prints how the connection ended. `ours` is the content of our Close frame, if this side
    /// has sent one.
    pub(super) fn ended(&self, end: &End, ours: Option<&CloseReason>) {
        let ending = Ending::new(end, ours);
        if self.arguments.json {
            // If stdout is closed, ignore the error, because the exit code still reports the end.
            self.event(&ending.json()).ok();
            return;
        }
        match end {
            End::ByPeer(why) => self.control("< close", why),
            End::ByUs(why) => self.control("> close", why),
            End::Broken(_) => {}
        }
        let broken = matches!(end, End::Broken(_)) && self.arguments.show_control;
        if self.printer.is_some() || broken {
            self.note(format!("* {ending}"));
        }
    }

    /// In JSON mode, prints a mistake that the user made in the command line. In the other modes,
    /// the mistake is printed when the command ends.
    pub(super) fn misused(&self, failure: &Failure) {
        if self.arguments.json {
            // If stdout is closed, ignore the error, because stderr still gets this failure.
            self.event(&failure.json()).ok();
        }
    }

    /// In JSON mode, prints an error. In the other modes, the error is printed when the command
    /// ends. With `--verbose`, also prints the lines of a refused handshake.
    pub(super) fn failed(&self, error: &Error) {
        if let Error::Connect(error) = error
            && let Some(exchange) = error.exchange()
        {
            self.handshake(&exchange.request, &exchange.response);
        }
        if self.arguments.json {
            // If stdout is closed, ignore the error, because stderr still gets this error.
            self.event(&print::error(error)).ok();
        }
    }

    /// With `--show-control`, prints a ping or a pong on stderr. In JSON mode, prints nothing,
    /// because [`Self::received`] prints received pings and pongs on stdout.
    pub(super) fn control_frame(&self, kind: &str, payload: &[u8]) {
        self.control(kind, bytes(payload));
    }

    /// With `--show-control`, prints a control frame on stderr, but not in JSON mode.
    pub(super) fn control(&self, kind: &str, content: impl std::fmt::Display) {
        if self.arguments.show_control && !self.arguments.json {
            self.note(format!("{kind} {content}"));
        }
    }

    /// Prints a line that is not a message.
    pub(super) fn note(&self, line: String) {
        match &self.printer {
            Some(printer) if io::stderr().is_terminal() => printer.print(line),
            // When stderr is closed, the line is dropped.
            _ => drop(writeln!(io::stderr(), "{line}")),
        }
    }

    fn event(&self, event: &Value) -> io::Result<()> {
        let line = json_line(event, self.terminal);
        match &self.printer {
            Some(printer) => printer.print(line),
            None => write(line + "\n")?,
        }
        Ok(())
    }
}

/// Writes a message to stdout. Flushes stdout, so that the next program gets the message at once.
fn write(message: impl AsRef<[u8]>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(message.as_ref())?;
    out.flush()
}
