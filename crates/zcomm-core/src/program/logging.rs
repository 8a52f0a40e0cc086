//! The log. It is on by default, with one line for each event.
//!
//! A lesson that prints nothing looks broken, so the default level is `info` and needs no
//! environment variable. `RUST_LOG=debug` shows more lines, and `RUST_LOG=warn` shows only
//! problems. Each line begins with the seconds since the start, so the students of a class can
//! see how much time a step needs.
//!
//! `RUST_LOG` never hides the address of the server and the link to its page, because a user
//! needs them to reach the server. The link may contain a token that was made for this run.
//!
//! Some libraries stay at `info`, even if `RUST_LOG` asks for more. At `trace`, they would print
//! every frame and the address of every request. An address can contain a token.
//!
//! Every line passes through [`hidden`], which replaces the tokens of this process with `***`.
//! A token that was made for this run is not replaced in the first lines, because the user
//! needs this token.
//!
//! The lines wait in a queue, and a separate thread writes them. So a terminal that accepts no
//! output cannot stop the server. Lines above a rate limit, and lines that do not fit into the
//! queue, are dropped and counted.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
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
    text::{
        hidden::hidden,
        secrets::HIDDEN,
        writer::{BackgroundWriter, WriterStep},
    },
    xray::Form,
};

/// Libraries that could print what a client sent. They never log more than `info`.
const QUIET: [&str; 4] = ["hyper", "hyper_util", "tungstenite", "tokio_tungstenite"];

/// The target of the lines that the log always shows, whatever `RUST_LOG` says.
pub(crate) const ALWAYS: &str = "zcomm_core::address";

/// The limit of lines per second: a client that reconnects without pause must not fill the disk.
const LINES: Rate = Rate {
    per_second: 1000.0,
    burst: 10_000.0,
};

/// Starts logging for the whole program. The log goes to stdout, or to stderr when an X-ray
/// writes JSON to stdout for another program. Call this function once, before everything else: a
/// second call changes nothing. Keep the returned value until the end of `main`.
pub(crate) fn init() -> Logs {
    // Ignore a broken `.zEnv` here: `Config::from_env`, which runs next, reports it.
    let settings = Settings::readable();
    let form = settings.get("WEBSOCKET_XRAY").map(xray);
    let (to, terminal): (Box<dyn Write + Send>, bool) = match form {
        Some(Ok(Some(Form::Json))) => (Box::new(io::stderr()), io::stderr().is_terminal()),
        _ => (Box::new(io::stdout()), io::stdout().is_terminal()),
    };
    start(&settings, to, terminal)
}

/// Starts the log of a program that writes its data to stdout. The log is written to `to`. The
/// log has colours if `terminal` is true and `NO_COLOR` is not set. A separate thread writes
/// the log: if `to` blocks, only this thread waits. Call this function once, before everything
/// else: a second call changes nothing.
pub fn log_to(to: impl Write + Send + 'static, terminal: bool) -> Logs {
    start(&Settings::readable(), to, terminal)
}

fn start(settings: &Settings, to: impl Write + Send + 'static, terminal: bool) -> Logs {
    let lines = Arc::new(Lines {
        writer: BackgroundWriter::start(write_to(to)),
        budget: Mutex::new(Budget::new(Some(LINES))),
    });
    let wanted = settings.get("RUST_LOG").unwrap_or_default();
    let filter = filter(wanted);
    let understood = filter.is_some() || wanted.is_empty();
    let filter = filter.unwrap_or_else(|| Targets::new().with_default(Level::INFO));
    let filter = filter.and(FilterFn::new(may_be_shown));
    let always = FilterFn::new(|event| event.target() == ALWAYS);
    let layer = fmt::layer()
        .with_target(false)
        .with_timer(SinceStart(Instant::now()))
        .with_ansi(terminal && !no_color())
        .log_internal_errors(false)
        .with_writer(Arc::clone(&lines))
        .with_filter(filter.or(always));
    let first = tracing::subscriber::set_global_default(registry().with(layer)).is_ok();
    if first && !understood {
        let wanted = match settings.is_secret("RUST_LOG", wanted) {
            true => HIDDEN,
            false => wanted,
        };
        tracing::warn!(
            "RUST_LOG={wanted:?} is not understood: showing info; try RUST_LOG=debug, or error, warn, \
             info, trace"
        );
    }
    Logs(lines)
}

/// Parses the value of `RUST_LOG`; `None` if the value is not a filter.
fn filter(wanted: &str) -> Option<Targets> {
    // `Targets` reads a single word that is not a level as the name of a target. With this
    // filter, the log would show nothing, so do not accept a single word.
    let lone_word = !wanted.contains(['=', ',']) && wanted.parse::<LevelFilter>().is_err();
    let targets = wanted.parse().ok();
    targets.filter(|_| !wanted.is_empty() && !lone_word)
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

/// The running log. Dropping this value writes the last lines, which takes at most a second.
#[must_use = "keep it until the end of main, or the last lines may be lost"]
pub struct Logs(Arc<Lines>);

impl Drop for Logs {
    fn drop(&mut self) {
        // Close the writer here, because `Lines` is never dropped: the subscriber owns a
        // reference to `Lines` until the process ends.
        self.0.writer.close();
    }
}

/// Receives each line from `tracing`.
struct Lines {
    writer: BackgroundWriter<Vec<u8>>,
    budget: Mutex<Budget>,
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let paid = budget.spend(1.0);
        drop(budget);
        match paid {
            Ok(()) => {
                let line = String::from_utf8_lossy(line);
                self.writer
                    .send(hidden(&line).as_bytes().to_vec(), line.len());
            }
            Err(_) => self.writer.count_dropped(1),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns a function that writes lines to `to`. The function reports the first error on stderr
/// and continues, because a full disk may have space again later.
fn write_to(mut to: impl Write) -> impl FnMut(WriterStep<Vec<u8>>) -> io::Result<()> {
    let mut reported = false;
    move |step| {
        let written = match step {
            WriterStep::Item(line) => to.write_all(&line),
            WriterStep::Dropped(count) => writeln!(
                to,
                "({count} log lines were dropped: more than 1000 per second, or the terminal \
                 accepted no output)"
            ),
            WriterStep::Idle => to.flush(),
        };
        if let Err(error) = written
            && !std::mem::replace(&mut reported, true)
        {
            // If stderr fails too, there is no other place for this error.
            writeln!(io::stderr(), "log lines are lost: {error}").ok();
        }
        Ok(())
    }
}
