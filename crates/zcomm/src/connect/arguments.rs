//! The options of `zcomm connect`.

use std::{path::PathBuf, time::Duration};

use zcomm_core::{CloseReason, xray::Form};

use crate::shared::handshake::{Handshake, time_limit, wait};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm connect ws://127.0.0.1:8765/
                              talk to lesson 2
  echo hi | zcomm connect ws://127.0.0.1:8765/
                              send one message, print the answer, close
  zcomm connect ws://127.0.0.1:8765/ --whole < many-lines.json
                              send the whole input as one message
  zcomm connect ws://127.0.0.1:8765/ --binary < picture.png
                              send bytes, unchanged, as one message
  zcomm connect wss://localhost:8765/ --ca certs/ca.pem
                              use TLS with your own authority
  zcomm connect ws://127.0.0.1:8765/ -v --show-control
                              show the handshake and the control frames
  zcomm connect ws://127.0.0.1:8765/ --xray
                              show every byte, explained

After the end of the input, the command waits for answers: up to 5 s for each
one that is missing (one for each sent message), then until no message has
arrived for 1 s, at most 5 s. At a prompt, Ctrl-D closes at once.

Exit code: 0 after a normal close, 1 after a failure or a refusal, 2 for a wrong
option, address or file, 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.")]
pub(crate) struct Arguments {
    /// The server's address, e.g. wss://example.com/chat
    pub(super) url: String,

    #[command(flatten)]
    pub(super) handshake: Handshake,

    /// Send the whole input as one binary message (at a prompt, each line), and print messages
    /// as raw bytes, but not on a terminal
    #[arg(long, conflicts_with = "json")]
    pub(super) binary: bool,

    /// Send the whole input as one message, with its line ends
    #[arg(long)]
    pub(super) whole: bool,

    /// Send this file as one message, and do not read stdin
    #[arg(long, value_name = "FILE", conflicts_with = "whole")]
    pub(super) file: Option<PathBuf>,

    /// The largest message to send or to receive, in bytes, KiB or MiB, up to 1024MiB
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "16MiB")]
    pub(super) max_message: usize,

    /// Print each event as one JSON object on its own line
    #[arg(long)]
    pub(super) json: bool,

    /// Close after the first message
    #[arg(long)]
    pub(super) one: bool,

    /// After the end of the input, stay connected until the server closes
    #[arg(long)]
    pub(super) stay: bool,

    /// After the end of the input, stay connected for this time, e.g. 500ms, 10s or 2m
    #[arg(long, value_name = "TIME", value_parser = wait, conflicts_with = "stay")]
    pub(super) wait: Option<Duration>,

    /// Print pings, pongs and Close frames on stderr
    #[arg(long)]
    pub(super) show_control: bool,

    /// Send a ping at this interval, e.g. 500ms or 20s, and print its round trip on stderr
    #[arg(long, value_name = "TIME", value_parser = time_limit)]
    pub(super) ping: Option<Duration>,

    /// Close with this code, e.g. 3001
    #[arg(long, value_name = "CODE", value_parser = code, default_value_t = CloseReason::NORMAL)]
    pub(super) close: u16,

    /// Close with this reason, at most 123 bytes
    #[arg(long, value_name = "TEXT", value_parser = reason, default_value = "", hide_default_value = true)]
    pub(super) reason: String,

    /// Print the handshake's request and response on stderr
    #[arg(short, long)]
    pub(super) verbose: bool,

    /// Show every byte on stderr, decrypted; --xray=json for programs
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true,
        default_missing_value = "on", value_parser = xray)]
    pub(super) xray: Option<Form>,
}

fn xray(text: &str) -> Result<Form, &'static str> {
    match text {
        "on" => Ok(Form::Text),
        "json" => Ok(Form::Json),
        _ => Err("expected --xray or --xray=json"),
    }
}

fn size(text: &str) -> Result<usize, &'static str> {
    let wrong = "expected a size from 1 to 1024MiB: 65536, 64KiB or 16MiB";
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "" | "B" => 1,
        "KiB" | "K" => 1024,
        "MiB" | "M" => 1024 * 1024,
        _ => return Err(wrong),
    };
    let bytes = number
        .parse()
        .ok()
        .and_then(|number: usize| number.checked_mul(factor));
    let bytes = bytes.filter(|bytes| (1..=1024 * 1024 * 1024).contains(bytes));
    bytes.ok_or(wrong)
}

/// Parses a close code. Accepts only codes that a client may send in a Close frame (RFC 6455
/// section 7.4).
fn code(text: &str) -> Result<u16, &'static str> {
    let code = text.parse().ok();
    let code = code.filter(|code| matches!(code, 1000..=1003 | 1007..=1013 | 3000..=4999));
    code.ok_or("expected 1000 to 1003, 1007 to 1013 or 3000 to 4999")
}

/// Checks that a reason fits in a Close frame. The frame's payload has at most 125 bytes (RFC
/// 6455 section 5.5), and the close code needs two of these bytes.
fn reason(text: &str) -> Result<String, &'static str> {
    match text.len() {
        0..=123 => Ok(text.to_owned()),
        _ => Err("expected at most 123 bytes"),
    }
}
