//! Prints status lines, events of connections, and the X-ray's lines.
//!
//! A terminal is slower than a network, and Ctrl-S stops a terminal. A connection must not wait
//! for the terminal, so a [`BackgroundWriter`] prints the lines. A line is dropped if the queue is
//! full, or if there are more lines in a second than a user can read. The writer prints how many
//! lines were dropped.
//!
//! A status line begins with `==>`, and reports a change, such as a fault that is now on. The
//! limit of lines per second does not apply to status lines.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use zcomm_core::{BackgroundWriter, WriterStep, xray::Event};

use crate::shared::text::{BAD, FAINT, NOTE};

/// At most this number of lines are printed in one second. Status lines do not count.
const SHOWN: u32 = 200;
const SECOND: Duration = Duration::from_secs(1);

pub(super) enum Line {
    /// A status line: a switched fault, or a reply to the user.
    Status(String),
    /// An event of a connection.
    Event { number: u64, event: String },
    /// An X-ray event. Its label says whether the bytes are from before or after the faults.
    Wire(&'static str, Box<Event>),
}

/// Prints lines in a thread. Dropping the teller waits up to a second for unprinted lines.
pub(super) struct Teller {
    writer: BackgroundWriter<Line>,
    /// The time at which the current second began, and the number of lines in this second.
    second: Mutex<(Instant, u32)>,
}

impl Teller {
    pub(super) fn new() -> Teller {
        Teller {
            // If stdout is closed, printing ends, but the faults still work.
            writer: BackgroundWriter::start(print),
            second: Mutex::new((Instant::now(), 0)),
        }
    }

    /// Queues a line, or counts it as dropped. Never waits.
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

    /// Counts a line. Returns `false` if this second has more lines than a user can read.
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
