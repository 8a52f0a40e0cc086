//! The options of the command line that describe the load of a run.
//!
//! The defaults are a small load for a server of this course. Every number has a maximum, so
//! that a typing mistake does not become an attack.

use std::{ops::RangeInclusive, time::Duration};

use clap::builder::RangedU64ValueParser;
use zcomm_core::time;

use super::marker::SMALLEST;
use crate::shared::failure::Failure;

/// The limit for one message (bytes).
const LARGEST: u64 = 16 * 1024 * 1024;
/// In a fan-out, at most this number of messages are in flight, because each of these messages
/// needs memory.
const MAX_IN_FLIGHT: u64 = 1 << 20;

/// The load that a run makes.
#[derive(Clone, clap::Args)]
pub(super) struct Plan {
    /// Connections to open
    #[arg(short, long, value_name = "N", default_value_t = 100, value_parser = number(1..=1_000_000))]
    pub(super) connections: usize,

    /// Open loop: messages to send per second, by all connections together
    #[arg(short, long, value_name = "N", value_parser = rate, conflicts_with = "window")]
    pub(super) rate: Option<f64>,

    /// Closed loop: messages in flight for each sender
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=65_536))]
    pub(super) window: u64,

    /// Bytes of a message, at least 40, without the template
    #[arg(short, long, value_name = "BYTES", default_value_t = 64, value_parser = number(SMALLEST as u64..=LARGEST))]
    pub(super) size: usize,

    /// Time to measure, e.g. 500ms, 10s or 2m
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = |text: &str| span(text, 100))]
    pub(super) duration: Duration,

    /// Every connection sends, and expects its own messages back (the default)
    #[arg(long, conflicts_with = "fanout")]
    echo: bool,

    /// Some connections send, and all others expect every message
    #[arg(long)]
    pub(super) fanout: bool,

    /// With --fanout: connections that send
    #[arg(long, value_name = "N", default_value_t = 1, requires = "fanout", value_parser = number(1..=10_000))]
    pub(super) publishers: usize,

    /// Time over which to spread the handshakes
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = |text: &str| span(text, 0))]
    pub(super) ramp_up: Duration,

    /// The largest number of handshakes at the same time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = number(1..=10_000))]
    pub(super) handshakes: usize,

    /// Time of load before the measurement
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = |text: &str| span(text, 0))]
    pub(super) warm_up: Duration,

    /// A text that each connection sends first; {number} becomes its number
    #[arg(long, value_name = "TEXT")]
    pub(super) hello: Option<String>,

    /// The text around each message; {payload} becomes the message
    #[arg(long, value_name = "TEXT", value_parser = template)]
    pub(super) template: Option<String>,

    /// Threads for the load [default: half of the cores, at most 4]
    #[arg(long, value_name = "N", value_parser = number(1..=64))]
    threads: Option<usize>,
}

impl Plan {
    /// Rejects a fan-out without subscribers, or with too many messages in flight.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let (connections, publishers, window) = (self.connections, self.publishers, self.window);
        if self.fanout && publishers >= connections {
            return Err(Failure::usage(
                format!(
                    "--publishers {publishers} of {connections} connections: no connection is left to receive"
                ),
                format!("use more connections: -c {}", publishers + 1),
            ));
        }
        if window * publishers as u64 > MAX_IN_FLIGHT {
            return Err(Failure::usage(
                format!("{publishers} x {window} messages would be in flight"),
                format!("--publishers times --window may be at most {MAX_IN_FLIGHT}"),
            ));
        }
        Ok(())
    }

    /// Whether the connection with this number sends messages.
    pub(super) fn is_sender(&self, number: usize) -> bool {
        !self.fanout || number < self.publishers
    }

    /// The number of threads for the load. The default leaves cores for a server on this machine.
    pub(super) fn threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.unwrap_or((cores / 2).clamp(1, 4));
        threads.min(self.connections)
    }
}

fn number(range: RangeInclusive<u64>) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(range)
}

fn rate(text: &str) -> Result<f64, &'static str> {
    match text.parse() {
        Ok(rate) if (0.1..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected messages per second, from 0.1 to 10000000"),
    }
}

/// Reads a time of at least this number of milliseconds.
fn span(text: &str, least: u64) -> Result<Duration, String> {
    time(
        text,
        Duration::from_millis(least),
        Duration::from_secs(3600),
    )
}

fn template(text: &str) -> Result<String, &'static str> {
    match text.matches("{payload}").count() {
        1 => Ok(text.to_owned()),
        _ => Err("expected a text that contains {payload} once"),
    }
}
