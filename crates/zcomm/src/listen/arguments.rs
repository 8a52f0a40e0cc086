//! The options of `zcomm listen`.

use std::path::PathBuf;

use crate::shared::{handshake::token, values::port};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm listen 9000                   send lines to clients, print messages
  zcomm listen 9000 --echo            send each message back to its sender
  zcomm listen 9000 --broadcast       send each message to all other clients
  zcomm listen 9000 --exec 'bc -l'    start a program for each client
  tail -f app.log | zcomm listen 9000
                                      send the lines of a file as they appear
  zcomm certs && zcomm listen 9000 --tls
                                      serve wss://

Each line of the input goes to every client: as text, or as a binary message if
it is not UTF-8. On a terminal, Ctrl-D and Ctrl-C stop the server. In a pipe,
lines wait until a client is connected, and the server keeps running after the
last line.

Messages go to stdout, all else to stderr. On a terminal, each message begins
with the number of its client. A pipe gets the message alone, or the number with
--json.

With --exec, a line of more than WEBSOCKET_MAX_MESSAGE_BYTES is sent in parts.

A line waits until every client has space for it. A client that takes less than
64 KiB in 5 s is closed. A stop first sends the lines that wait, for at most
3 s. The settings of the lessons apply, and an option wins
over its setting: WEBSOCKET_RATE_LIMIT, WEBSOCKET_MAX_MESSAGE_BYTES,
WEBSOCKET_ALLOWED_ORIGINS and the others. Clients connect to / or /ws.

Exit code: 0 after Ctrl-D, 130 after Ctrl-C, 143 after SIGTERM, 1 if the port is
in use, 2 for a wrong option, 78 for a wrong setting.")]
pub(crate) struct Arguments {
    /// The port, 0 for any free port [default: WEBSOCKET_PORT or 8765]
    #[arg(value_parser = port)]
    pub(super) port: Option<u16>,

    /// The address to listen at; 0.0.0.0 lets other machines connect [default:
    /// WEBSOCKET_HOST or 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) host: Option<String>,

    /// Send each message back to its sender
    #[arg(long, conflicts_with_all = ["broadcast", "exec"])]
    pub(super) echo: bool,

    /// Send each message to all other clients
    #[arg(long, conflicts_with = "exec")]
    pub(super) broadcast: bool,

    /// Run this shell command for each client: messages are the lines of its stdin, and the
    /// lines of its stdout are messages
    #[arg(long, value_name = "COMMAND")]
    pub(super) exec: Option<String>,

    /// With --exec: refuse a client when this many processes run
    #[arg(long, value_name = "N", default_value_t = 16, requires = "exec",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1000))]
    pub(super) max_processes: usize,

    /// Clients must send this token; it stays in your shell's history
    #[arg(long, value_parser = token, conflicts_with = "token_file")]
    pub(super) token: Option<String>,

    /// Clients must send the token in the first line of this file
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,

    /// Serve wss:// with the certificate of zcomm certs in this folder
    #[arg(long)]
    pub(super) tls: bool,

    /// Serve wss:// with this certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(super) cert: Option<PathBuf>,

    /// The private key of --cert (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(super) key: Option<PathBuf>,

    /// Send the whole input as one binary message (at a prompt, each line), and print messages
    /// to a pipe as raw bytes
    #[arg(long, conflicts_with = "json")]
    pub(super) binary: bool,

    /// Print each event as one JSON object on its own line
    #[arg(long)]
    pub(super) json: bool,
}
