//! The arguments of `zcomm stress`.

use std::path::PathBuf;

use super::plan::Plan;
use crate::shared::{handshake::Handshake, text::visible};

/// The number of characters of a label. A longer label has no place beside its curve.
const LONGEST: usize = 24;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm stress ws://127.0.0.1:8765/                    lesson 2, 100 clients
  zcomm stress ws://127.0.0.1:8765/ --window 32        throughput
  zcomm stress ws://127.0.0.1:8765/ -r 5000            latency at this rate
  zcomm stress ws://127.0.0.1:8765/ -c 1001 --fanout   open_broadcast to 1,000
  zcomm stress ws://127.0.0.1:8765/ -c 20 --fanout --token TOKEN \\
    --hello '{\"type\":\"join\",\"room\":\"load\"}' \\
    --template '{\"type\":\"chat\",\"room\":\"load\",\"text\":\"{payload}\"}'
  zcomm stress --csv runs.csv --svg curve.svg          a chart of its rows

A closed loop (--window) measures throughput: a slow server is sent less. An
open loop (--rate) measures latency: messages leave by the clock, as from real
users, and each is timed from when it should have left.

The servers of this course limit each client. To measure one, build it with
--release and start it with WEBSOCKET_RATE_LIMIT=off RUST_LOG=warn; for more
than 1,000 connections, also with WEBSOCKET_MAX_CONNECTIONS=20000.

A table (--csv) can also have rows of another load generator. Its first line
names the columns, at least connections and server_cpu_us_per_message; label
names the server, and mode, publishers, window, rate and size its load.

Exit code: 0 when no connection failed and every message arrived once, else 1;
2 for a wrong option, address or file.
Ctrl-C, SIGTERM and SIGHUP end the run early. The report is printed and marked
as partial, and the exit code is 130, 143 or 129.")]
pub(crate) struct Arguments {
    /// The server's address, e.g. ws://127.0.0.1:8765/
    #[arg(required_unless_present = "svg")]
    pub(super) url: Option<String>,

    #[command(flatten)]
    pub(super) plan: Plan,

    /// Print the report as one JSON object
    #[arg(long, requires = "url")]
    pub(super) json: bool,

    /// Append the report to this file, as one row of a table
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,

    /// With --csv: the name of this server or version in the table [default:
    /// the name of its program]
    #[arg(long, value_name = "NAME", value_parser = label, requires = "csv", requires = "url")]
    pub(super) label: Option<String>,

    /// Write the report to this file as a page with charts; with --csv, the
    /// page compares this run with earlier runs of the same load
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(super) html: Option<PathBuf>,

    /// With --csv: draw the server's CPU time per message as a curve over the
    /// connections, one for each label; without a URL, only draw
    #[arg(long, value_name = "FILE", requires = "csv")]
    pub(super) svg: Option<PathBuf>,

    /// Allow a server outside this machine and private networks
    #[arg(long)]
    pub(super) i_own_this_server: bool,

    #[command(flatten)]
    pub(super) handshake: Handshake,
}

fn label(text: &str) -> Result<String, String> {
    match text.trim() {
        name if (1..=LONGEST).contains(&name.chars().count()) => Ok(visible(name)),
        _ => Err(format!("expected a name of 1 to {LONGEST} characters")),
    }
}
