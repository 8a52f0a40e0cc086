//! What `zcomm stress` can be asked for.
//!
//! The defaults are a small, friendly load on a server of this course. Every number has a
//! largest value: a typing mistake must not become an attack.

use std::{path::PathBuf, time::Duration};

use super::marker::SMALLEST;
use crate::handshake::Handshake;

/// The largest message (bytes).
const LARGEST: u64 = 16 * 1024 * 1024;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm stress ws://127.0.0.1:8765/                    lesson 2, 100 clients
  zcomm stress ws://127.0.0.1:8765/ --window 32        how much it takes
  zcomm stress ws://127.0.0.1:8765/ -r 5000            how long it takes
  zcomm stress ws://127.0.0.1:8765/ -c 1001 --fanout   open_broadcast to 1,000
  zcomm stress ws://127.0.0.1:8765/ -c 20 --fanout --token TOKEN \\
    --hello '{\"type\":\"join\",\"room\":\"load\"}' \\
    --template '{\"type\":\"chat\",\"room\":\"load\",\"text\":\"{payload}\"}'

A closed loop (--window) asks how much: a slow server is sent less. An open loop
(--rate) asks how long: messages leave by the clock, as users come, and each is
timed from when it should have left.

Servers of this course limit each client. To measure one, build it with
--release and start it with WEBSOCKET_RATE_LIMIT=off RUST_LOG=warn, and with
WEBSOCKET_MAX_CONNECTIONS=20000 where there are many.

Exit code: 0 when nothing failed, was lost or came twice, else 1; 130 after
Ctrl-C, which ends the run early and still reports.")]
pub(crate) struct Arguments {
    /// Where to, e.g. ws://127.0.0.1:8765/
    pub(super) url: String,

    /// Connections to open
    #[arg(short, long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) connections: u32,

    /// Open loop: messages to send in a second, all connections together
    #[arg(short, long, value_name = "N", value_parser = rate, conflicts_with = "window")]
    pub(super) rate: Option<f64>,

    /// Closed loop: messages in flight, for each sender [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(super) window: Option<u32>,

    /// Bytes of a message, at least 40, without the template
    #[arg(short, long, value_name = "BYTES", default_value_t = 64, value_parser = clap::value_parser!(u64).range(SMALLEST as u64..=LARGEST))]
    pub(super) size: u64,

    /// Seconds to measure
    #[arg(short, long, value_name = "SECONDS", default_value = "10", value_parser = measured)]
    pub(super) duration: Duration,

    /// All send, and expect their own messages back (the default)
    #[arg(long, conflicts_with = "fanout")]
    echo: bool,

    /// Some send, all others expect every message
    #[arg(long)]
    pub(super) fanout: bool,

    /// With --fanout: connections that send
    #[arg(long, value_name = "N", default_value_t = 1, requires = "fanout", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) publishers: u32,

    /// Seconds over which to spread the handshakes
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    pub(super) ramp_up: Duration,

    /// Handshakes at the same time, at most
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) handshakes: u32,

    /// Seconds of load before, which do not count
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(super) warm_up: Duration,

    /// A text that each connection sends first; {number} becomes its number
    #[arg(long, value_name = "TEXT")]
    pub(super) hello: Option<String>,

    /// What to send around a message; {payload} is where it stands
    #[arg(long, value_name = "TEXT", value_parser = template)]
    pub(super) template: Option<String>,

    /// Threads for the load [default: half of the cores, at most 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(super) threads: Option<u32>,

    /// Print the report as one JSON object
    #[arg(long)]
    pub(super) json: bool,

    /// Append the report to this file, as one row of a table
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,

    /// Write the report to this file as a page with charts
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,

    /// Aim beyond this machine and private networks
    #[arg(long)]
    pub(super) i_own_this_server: bool,

    #[command(flatten)]
    pub(super) handshake: Handshake,
}

fn rate(text: &str) -> Result<f64, &'static str> {
    match text.parse() {
        Ok(rate) if (0.1..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected messages a second from 0.1 to 10000000"),
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    match text.parse() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected seconds from 0 to 3600"),
    }
}

fn measured(text: &str) -> Result<Duration, &'static str> {
    match seconds(text) {
        Ok(duration) if duration >= Duration::from_millis(100) => Ok(duration),
        _ => Err("expected seconds from 0.1 to 3600"),
    }
}

fn template(text: &str) -> Result<String, &'static str> {
    match text.matches("{payload}").count() {
        1 => Ok(text.to_owned()),
        _ => Err("expected a text with {payload} in it, once"),
    }
}
