//! What is printed: what was switched, what struck, and the bytes on both sides of it.
//!
//! A terminal is slower than a network, and may stop altogether (Ctrl-S). No connection may
//! wait for it: lines go through a bounded queue to a thread that writes them, and what finds
//! no room, or is more than can be read, is counted and told.
//!
//! What is switched is always shown, and set off from the rest, so that it can be read from
//! the back row.
//!
//! Production counts faults, and draws them over the same time as the latency.

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

use crate::paint::{BAD, FAINT, NOTE};

/// What may wait to be written.
const QUEUE: usize = 1000;
/// Shown in a second, beside what is switched: more than can be read.
const SHOWN: u32 = 200;
const SECOND: Duration = Duration::from_secs(1);

/// Something to print.
pub(super) enum Line {
    /// What is switched on, or is to be known: always shown.
    Status(String),
    /// What happened to a connection.
    Struck { number: u64, words: String },
    /// What came and went, with a word for which of the two.
    Seen(&'static str, Box<Event>),
}

/// Prints, in a thread of its own.
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
            // An error says that nobody reads any more; the faults go on.
            write_all(&lines, &missing).ok();
            drop(done);
        });
        Teller {
            queue,
            missed,
            written: Mutex::new(written),
        }
    }

    /// Never waits.
    pub(super) fn tell(&self, line: Line) {
        if self.queue.try_send(line).is_err() {
            self.missed.fetch_add(1, Relaxed);
        }
    }

    /// Waits until all is written, but not for a terminal that has stopped.
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
                    "{FAINT}... and {missing} more that are not shown{FAINT:#}"
                ))?;
            }
        }
        match line {
            Ok(Line::Status(words)) => write(&format!("{NOTE}==> {words}{NOTE:#}"))?,
            Ok(_) if shown >= SHOWN => {
                missed.fetch_add(1, Relaxed);
            }
            Ok(Line::Struck { number, words }) => {
                shown += 1;
                write(&format!("{BAD}#{number}{BAD:#} {words}"))?;
            }
            Ok(Line::Seen(word, seen)) => {
                shown += 1;
                write(&format!("{word}{}", seen.to_text(true).trim_end()))?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

fn write(line: &str) -> io::Result<()> {
    writeln!(anstream::stdout(), "{line}")
}
