//! The options of `zcomm check`.

use std::{num::NonZeroU16, path::PathBuf, time::Duration};

use regex_lite::Regex;

use crate::shared::handshake::{Handshake, time_limit};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm check ws://127.0.0.1:8765/
                              test the handshake, errors and control frames
  zcomm check ws://127.0.0.1:8765/ --echo
                              the server sends each message back: test messages
  zcomm check ws://127.0.0.1:8765/ --send hi --expect '^Echo: hi$'
                              the server answers this text with a matching text
  zcomm check ws://127.0.0.1:8765/ --only ws/5.1 -v
                              the cases of one section, each with its result
  zcomm check ws://127.0.0.1:8765/ --hostile
                              attack it: about 15 s, or a minute if it is weak
  zcomm check --client --exec 'node my.js {url}' --echo
                              test a client: it opens the address, sends
                              messages back, and ends with the connection

A case is named after its section of RFC 6455: ws/5.1/1. The names never change.
A failed case shows the requirement, what was expected, the bytes that came,
what to change, and the command that repeats it.

The time limit of an answer is 20 round trips, but at least --timeout.

Exit code: 0 if all cases passed, 1 if a case failed, 2 if the peer could not
be tested or no case ran.")]
pub(crate) struct Arguments {
    /// The server, e.g. ws://127.0.0.1:8765/
    #[arg(required_unless_present = "client")]
    pub(super) url: Option<String>,

    /// Test a client instead of a server: be the server, and run --exec for each case
    #[arg(long, requires = "exec", conflicts_with = "url")]
    pub(super) client: bool,

    /// The command of the client; {url} stands for the address to open
    #[arg(long, value_name = "COMMAND", requires = "client")]
    pub(super) exec: Option<String>,

    /// The server (or client) sends each message back unchanged
    #[arg(long, conflicts_with = "send")]
    pub(super) echo: bool,

    /// The server (or client) answers this text
    #[arg(long, value_name = "TEXT", requires = "expect")]
    pub(super) send: Option<String>,

    /// The answer matches this regular expression
    #[arg(long, value_name = "REGEX", requires = "send", value_parser = Regex::new)]
    pub(super) expect: Option<Regex>,

    /// Play only the cases with this name, e.g. ws/5.1 or ws/5.1/1; repeat the option for more
    #[arg(long, value_name = "NAME")]
    pub(super) only: Vec<String>,

    /// Also test what the standard says with SHOULD
    #[arg(long)]
    pub(super) strict: bool,

    /// Attack the server instead, as slow, endless and foreign clients do
    #[arg(long, conflicts_with = "client")]
    pub(super) hostile: bool,

    /// Attack a server that is not on this machine or on a private network
    #[arg(long, requires = "hostile")]
    pub(super) i_own_this_server: bool,

    /// Print each case with its result
    #[arg(short, long)]
    pub(super) verbose: bool,

    /// Print each case as one JSON object per line
    #[arg(long, conflicts_with = "verbose")]
    pub(super) json: bool,

    /// Also write the results to this file, in the format of JUnit
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,

    /// Wait at least this time for an answer, e.g. 500ms or 10s
    #[arg(long, value_name = "TIME", value_parser = time_limit, default_value = "2s")]
    pub(super) timeout: Duration,

    /// Play this many cases at a time [default: 16 with a server, 4 with a client]
    #[arg(long, value_name = "N")]
    pub(super) jobs: Option<NonZeroU16>,

    #[command(flatten)]
    pub(super) handshake: Handshake,
}
