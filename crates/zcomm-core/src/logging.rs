//! Logs that can be read from the back row: on by default, one line per event.
//!
//! A silent terminal is a bug in a lesson, so the default level is `info` and needs no
//! environment variable; `RUST_LOG=debug` shows more, `RUST_LOG=warn` only trouble. The
//! time is seconds since the start: a class asks "how long after", never "which day".
//!
//! The libraries under us stay at `info` whatever `RUST_LOG` says: at `trace` they print
//! every frame and the address of every request, and an address can carry a token.
//!
//! Production writes JSON with the wall-clock time and ships it elsewhere; that is another
//! `tracing` layer, and no log call changes.

use std::{
    io::{self, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    Layer,
    filter::{FilterExt, FilterFn, Targets},
    fmt::{self, format::Writer, time::FormatTime},
    layer::SubscriberExt,
    registry,
};

use crate::zenv::Settings;

/// Libraries that could print what a client sent.
const QUIET: [&str; 4] = ["hyper", "hyper_util", "tungstenite", "tokio_tungstenite"];

/// Starts logging to stdout for the whole program. Call it first, once; a second call
/// changes nothing.
pub fn init() {
    // A broken `.zEnv` is reported by `Config::from_env`, which comes next.
    let settings = Settings::load().unwrap_or_default();
    let wanted = settings.get("RUST_LOG").unwrap_or_default();
    let (filter, problem) = match wanted.parse::<Targets>() {
        _ if wanted.is_empty() => (Targets::new().with_default(Level::INFO), None),
        Ok(filter) => (filter, None),
        Err(error) => (Targets::new().with_default(Level::INFO), Some(error)),
    };
    let no_color = settings
        .get("NO_COLOR")
        .is_some_and(|value| !value.is_empty());
    let lines = fmt::layer()
        .with_target(false)
        .with_timer(SinceStart(Instant::now()))
        .with_ansi(io::stdout().is_terminal() && !no_color)
        .log_internal_errors(false)
        .with_writer(|| Stdout)
        .with_filter(filter.and(FilterFn::new(may_be_shown)));
    let first = tracing::subscriber::set_global_default(registry().with(lines)).is_ok();
    if let (true, Some(error)) = (first, problem) {
        tracing::warn!(
            "RUST_LOG={wanted:?} is not understood ({error}); showing info. Try RUST_LOG=debug"
        );
    }
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

/// Standard output that outlives a full disk: what cannot be written is dropped, and
/// stderr hears of it once.
struct Stdout;

impl Write for Stdout {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        static REPORTED: AtomicBool = AtomicBool::new(false);
        if let Err(error) = io::stdout().write_all(line)
            && !REPORTED.swap(true, Ordering::Relaxed)
        {
            // If stderr is gone too, nobody is left to tell.
            writeln!(io::stderr(), "log lines are lost: {error}").ok();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}
