//! Prints switched faults, events of connections, and the bytes of the X-ray.
//!
//! A terminal is slower than a network, and Ctrl-S stops it. No connection may wait for it, so
//! a [`BackgroundWriter`] prints. Lines that do not fit into its queue, or are more than a user
//! can read, are dropped, and their number is printed.
//!
//! Switched faults are always shown, in a form that can be read from the back row.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use zcomm_core::{BackgroundWriter, WriterStep, xray::Event};

use crate::shared::text::{BAD, FAINT, NOTE};

/// The largest number of lines in a second, apart from status lines.
const SHOWN: u32 = 200;
const SECOND: Duration = Duration::from_secs(1);

/// A line to print.
pub(super) enum Line {
    /// Switched faults, and answers to the user: always shown.
    Status(String),
    /// An event of a connection.
    Event { number: u64, event: String },
    /// An X-ray event, with the label of its view.
    Wire(&'static str, Box<Event>),
}

/// Prints lines in a thread. Dropping it waits until all lines are printed, at most a second.
pub(super) struct Teller {
    writer: BackgroundWriter<Line>,
    /// When the current second began, and the number of lines in it.
    second: Mutex<(Instant, u32)>,
}

impl Teller {
    pub(super) fn new() -> Teller {
        Teller {
            // An error means that stdout is closed; the faults go on.
            writer: BackgroundWriter::start(print),
            second: Mutex::new((Instant::now(), 0)),
        }
    }

    /// Queues a line, or counts it as dropped; never waits.
    pub(super) fn tell(&self, line: Line) {
        let (bytes, always) = match &line {
            Line::Status(text) => (text.len(), true),
            Line::Event { event, .. } => (event.len(), false),
            Line::Wire(_, event) => (event.size(), false),
        };
        match always || self.can_be_read() {
            true => self.writer.send(line, bytes),
            false => self.writer.count_dropped(1),
        }
    }

    /// Counts a line; returns whether a user can still read it in this second.
    fn can_be_read(&self) -> bool {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, lines) = &mut *second;
        if since.elapsed() >= SECOND {
            (*since, *lines) = (Instant::now(), 0);
        }
        *lines += 1;
        *lines <= SHOWN
    }
}

fn print(step: WriterStep<Line>) -> io::Result<()> {
    let mut out = anstream::stdout();
    match step {
        WriterStep::Item(Line::Status(line)) => writeln!(out, "{NOTE}==> {line}{NOTE:#}"),
        WriterStep::Item(Line::Event { number, event }) => {
            writeln!(out, "{BAD}#{number}{BAD:#} {event}")
        }
        WriterStep::Item(Line::Wire(label, event)) => {
            writeln!(out, "{label}{}", event.to_text(true).trim_end())
        }
        WriterStep::Dropped(lines) => {
            writeln!(out, "{FAINT}... and {lines} more lines, not shown{FAINT:#}")
        }
        WriterStep::Idle => Ok(()),
    }
}
