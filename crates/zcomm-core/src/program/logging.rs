//! Logs that can be read from the back row: on by default, one line per event.
//!
//! A silent terminal is a bug in a lesson, so the default level is `info` and needs no
//! environment variable; `RUST_LOG=debug` shows more, `RUST_LOG=warn` only trouble. The
//! time is seconds since the start: a class asks "how long after", never "which day".
//!
//! The libraries under us stay at `info` whatever `RUST_LOG` says: at `trace` they print
//! every frame and the address of every request, and an address can carry a token.
//!
//! Lines are written by a thread of their own, from a bounded queue. A terminal can stop
//! taking output (Ctrl-S, a selection in a Windows console, a full disk), and a server must
//! not stop with it: then lines are dropped, and counted.
//!
//! Production writes JSON with the wall-clock time and ships it elsewhere; that is another
//! `tracing` layer, and no log call changes.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    Layer,
    filter::{FilterExt, FilterFn, LevelFilter, Targets},
    fmt::{self, format::Writer, time::FormatTime},
    layer::SubscriberExt,
    registry,
};

use crate::{
    protocol::rate::{Budget, Rate},
    settings::{
        parse::xray,
        zenv::{Settings, no_color},
    },
    xray::Form,
};

/// Libraries that could print what a client sent.
const QUIET: [&str; 4] = ["hyper", "hyper_util", "tungstenite", "tokio_tungstenite"];

/// Lines a second: whoever connects and leaves without pause must not fill the disk.
const LINES: Rate = Rate {
    per_second: 1000.0,
    burst: 10_000.0,
};
/// Lines that may wait for a terminal that takes none.
const QUEUE: usize = 4096;

/// Starts logging to stdout for the whole program, or to stderr when an X-ray writes JSON to
/// stdout: a program reads that. Call it first, once; a second call changes nothing. Keep what it returns until the end of `main`.
pub(crate) fn init() -> Logs {
    // A broken `.zEnv` is reported by `Config::from_env`, which comes next.
    let settings = Settings::load().unwrap_or_default();
    let xray = settings.get("WEBSOCKET_XRAY").map(xray);
    let to_stderr = matches!(xray, Some(Ok(Some(Form::Json))));
    let (sender, receiver) = sync_channel(QUEUE);
    thread::spawn(move || match to_stderr {
        true => write_lines(&receiver, &mut io::stderr()),
        false => write_lines(&receiver, &mut io::stdout()),
    });
    let queue = Queue {
        sender: sender.clone(),
        budget: Arc::new(Mutex::new(Budget::new(Some(LINES)))),
        dropped: Arc::default(),
    };
    let wanted = settings.get("RUST_LOG").unwrap_or_default();
    // A lone word that is no level would be taken for a target, and show nothing at all.
    let lone_word = !wanted.contains(['=', ',']) && wanted.parse::<LevelFilter>().is_err();
    let filter = match wanted.parse::<Targets>() {
        Ok(filter) if !wanted.is_empty() && !lone_word => Some(filter),
        _ => None,
    };
    let understood = filter.is_some() || wanted.is_empty();
    let filter = filter.unwrap_or_else(|| Targets::new().with_default(Level::INFO));
    let terminal = match to_stderr {
        true => io::stderr().is_terminal(),
        false => io::stdout().is_terminal(),
    };
    let lines = fmt::layer()
        .with_target(false)
        .with_timer(SinceStart(Instant::now()))
        .with_ansi(terminal && !no_color())
        .log_internal_errors(false)
        .with_writer(move || queue.clone())
        .with_filter(filter.and(FilterFn::new(may_be_shown)));
    let first = tracing::subscriber::set_global_default(registry().with(lines)).is_ok();
    if first && !understood {
        tracing::warn!(
            "RUST_LOG={wanted:?} is not understood: showing info; try RUST_LOG=debug, or error, warn, \
             info, trace"
        );
    }
    Logs(sender)
}

/// What is logged last is written when this is dropped, which takes at most a second.
#[must_use = "keep it until the end of main, or the last lines may be lost"]
pub(crate) struct Logs(SyncSender<Entry>);

impl Drop for Logs {
    fn drop(&mut self) {
        let (sender, written) = sync_channel(1);
        if self.0.try_send(Entry::Flush(sender)).is_ok() {
            // Nobody can be told any more when this fails.
            written.recv_timeout(Duration::from_secs(1)).ok();
        }
    }
}

enum Entry {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

fn may_be_shown(event: &Metadata<'_>) -> bool {
    let library = event.target().split("::").next().unwrap_or_default();
    *event.level() <= Level::INFO || !QUIET.contains(&library)
}

/// Seconds since the program started: `12.345s`.
struct SinceStart(Instant);

impl FormatTime for SinceStart {
    fn format_time(&self, line: &mut Writer<'_>) -> std::fmt::Result {
        write!(line, "{:7.3}s", self.0.elapsed().as_secs_f64())
    }
}

/// Where a log line goes: into the queue, or nowhere.
#[derive(Clone)]
struct Queue {
    sender: SyncSender<Entry>,
    budget: Arc<Mutex<Budget>>,
    dropped: Arc<AtomicU64>,
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let too_many = budget.spend(1.0).is_err();
        drop(budget);
        if too_many || self.sender.try_send(Entry::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return Ok(line.len());
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let note = format!(
                "({dropped} log lines were dropped: too many at a time, or nobody took them)\n"
            );
            self.sender.try_send(Entry::Line(note.into_bytes())).ok();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_lines(queue: &Receiver<Entry>, to: &mut dyn Write) {
    let mut reported = false;
    for entry in queue {
        match entry {
            Entry::Line(line) => {
                if let Err(error) = to.write_all(&line)
                    && !std::mem::replace(&mut reported, true)
                {
                    // If stderr is gone too, nobody is left to tell.
                    writeln!(io::stderr(), "log lines are lost: {error}").ok();
                }
            }
            Entry::Flush(written) => {
                to.flush().ok();
                written.send(()).ok();
            }
        }
    }
}
