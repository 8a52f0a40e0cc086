//! The arguments of `zcomm stress`.

use std::path::PathBuf;

use super::plan::Plan;
use crate::shared::handshake::Handshake;

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

A closed loop (--window) measures throughput: a slow server is sent less. An
open loop (--rate) measures latency: messages leave by the clock, as from real
users, and each is timed from when it should have left.

The servers of this course limit each client. To measure one, build it with
--release and start it with WEBSOCKET_RATE_LIMIT=off RUST_LOG=warn; for more
than 1,000 connections, also with WEBSOCKET_MAX_CONNECTIONS=20000.

Exit code: 0 when no connection failed and every message arrived once, else 1;
2 for a wrong option, address or file.
Ctrl-C, SIGTERM and SIGHUP end the run early. The report is printed and marked
as partial, and the exit code is 130, 143 or 129.")]
pub(crate) struct Arguments {
    /// The server's address, e.g. ws://127.0.0.1:8765/
    pub(super) url: String,

    #[command(flatten)]
    pub(super) plan: Plan,

    /// Print the report as one JSON object
    #[arg(long)]
    pub(super) json: bool,

    /// Append the report to this file, as one row of a table
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,

    /// Write the report to this file as a page with charts
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,

    /// Allow a server outside this machine and private networks
    #[arg(long)]
    pub(super) i_own_this_server: bool,

    #[command(flatten)]
    pub(super) handshake: Handshake,
}
