//! Prints switched faults, events of connections, and the bytes of the X-ray.
//!
//! A terminal is slower than a network, and Ctrl-S stops it. No connection may wait for it, so
//! lines go through a bounded queue to a thread that writes them. Lines that do not fit, or are
//! more than a user can read, are dropped, and their number is printed.
//!
//! Switched faults are always shown, in a form that can be read from the back row.

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use zcomm_core::xray::Event;

use crate::shared::text::{BAD, FAINT, NOTE};

/// The largest number of lines that wait.
const QUEUE: usize = 1000;
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

/// Prints lines in a thread.
pub(super) struct Teller {
    queue: SyncSender<Line>,
    missed: Arc<AtomicU64>,
    written: Mutex<Receiver<()>>,
}

impl Teller {
    pub(super) fn new() -> Teller {
        let (queue, lines) = sync_channel(QUEUE);
        let (done, written) = sync_channel(1);
        let missed = Arc::new(AtomicU64::new(0));
        let missing = Arc::clone(&missed);
        thread::spawn(move || {
            // An error means that stdout is closed; the faults go on.
            write_all(&lines, &missing).ok();
            drop(done);
        });
        Teller {
            queue,
            missed,
            written: Mutex::new(written),
        }
    }

    /// Queues a line, or counts it as missed; never waits.
    pub(super) fn tell(&self, line: Line) {
        if self.queue.try_send(line).is_err() {
            self.missed.fetch_add(1, Relaxed);
        }
    }

    /// Waits until all lines are written, at most a second: a terminal may have stopped.
    pub(super) fn close(self) {
        drop(self.queue);
        let written = self.written.into_inner();
        let written = written.unwrap_or_else(PoisonError::into_inner);
        written.recv_timeout(SECOND).ok();
    }
}

fn write_all(lines: &Receiver<Line>, missed: &AtomicU64) -> io::Result<()> {
    let (mut since, mut shown) = (Instant::now(), 0);
    loop {
        let line = lines.recv_timeout(SECOND);
        if since.elapsed() >= SECOND || line.is_err() {
            (since, shown) = (Instant::now(), 0);
            let missing = missed.swap(0, Relaxed);
            if missing > 0 {
                write(&format!(
                    "{FAINT}... and {missing} more lines, not shown{FAINT:#}"
                ))?;
            }
        }
        match line {
            Ok(Line::Status(line)) => write(&format!("{NOTE}==> {line}{NOTE:#}"))?,
            Ok(_) if shown >= SHOWN => {
                missed.fetch_add(1, Relaxed);
            }
            Ok(Line::Event { number, event }) => {
                shown += 1;
                write(&format!("{BAD}#{number}{BAD:#} {event}"))?;
            }
            Ok(Line::Wire(label, seen)) => {
                shown += 1;
                write(&format!("{label}{}", seen.to_text(true).trim_end()))?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

fn write(line: &str) -> io::Result<()> {
    writeln!(anstream::stdout(), "{line}")
}
