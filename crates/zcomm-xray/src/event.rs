//! What an X-ray has seen: one event for each thing that passed, as plain data.
//!
//! The decoder makes these, and everything else shows them: as text on a terminal, as one
//! JSON object a line, in a page. So what there is to say about a frame is written down once.
//!
//! ```json
//! {"t":0.0123,"conn":1,"from":"client","frame":{"fin":true,"rsv":[false,false,false],
//!  "opcode":"text","code":1,"mask":"37fa213d","form":7,"length":5,"header":"818537fa213d",
//!  "payload":"7f9f4d5158","unmasked":"48656c6c6f","text":"Hello"}}
//! ```
//!
//! Bytes are hexadecimal. What is there only sometimes is left out when it is not, and
//! `errors` is one of those. Production has the same list, and calls it a schema.

use std::{net::SocketAddr, time::Duration};

use data_encoding::HEXLOWER;
use serde::{Serialize, Serializer};

use crate::{
    rules::{BrokenRule, Direction},
    utf8::text_at_start,
    visible::is_visible,
};

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Since the start of whoever watches; in JSON as seconds.
    #[serde(rename = "t", serialize_with = "seconds")]
    pub time: Duration,
    /// The number of the connection, counted by whoever watches; 0 for all of them.
    pub conn: u64,
    /// Who sent it, where that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Direction>,
    /// What it was.
    #[serde(flatten)]
    pub kind: EventKind,
    /// The rules it broke.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<BrokenRule>,
}

/// What can pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A connection was opened, before the first byte.
    Open(Open),
    /// The head of an HTTP request.
    Request(Head),
    /// The head of an HTTP response.
    Response(Head),
    /// The body of an HTTP message, which is counted and not kept.
    Body {
        /// Its bytes.
        bytes: u64,
    },
    /// A frame, the last byte of which has come.
    Frame(Box<Frame>),
    /// Bytes that are neither HTTP nor frames.
    Raw(Raw),
    /// Something passed that could not be shown: there was more than can be read, or nobody
    /// took what was shown.
    NotShown {
        /// Frames, and heads, that are missing here.
        frames: u64,
    },
    /// This connection shows an X-ray, which is not shown in turn.
    Viewer {},
    /// The connection has ended.
    End(End),
}

/// The beginning of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Open {
    /// The other side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketAddr>,
    /// Whether what is seen here was encrypted on its way.
    pub tls: bool,
}

/// The end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct End {
    /// All bytes that the client sent.
    pub client_bytes: u64,
    /// All bytes that the server sent.
    pub server_bytes: u64,
}

/// The head of a request or response. Secrets in it are replaced by `***`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The request line or status line.
    pub line: String,
    /// The header lines.
    pub headers: Vec<Header>,
    /// All bytes of it, the empty line at its end included.
    pub bytes: u64,
    /// The sum that proves that the server has read this very request; in a 101.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<Accept>,
    /// What else there is to say about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// A header line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Its name, as it was written.
    pub name: String,
    /// Its value; `***` for a secret.
    pub value: String,
    /// What it is for, where it matters to a WebSocket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<&'static str>,
}

/// How `Sec-WebSocket-Accept` is made (RFC 6455 section 4.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Accept {
    /// `Sec-WebSocket-Key` of the request.
    pub key: String,
    /// What is put behind it: the same for everybody, for ever.
    pub guid: &'static str,
    /// SHA-1 of both, as hexadecimal digits.
    pub sha1: String,
    /// The same as base64: what has to be in the answer.
    pub sum: String,
    /// What is in the answer.
    pub sent: String,
    /// Whether they are equal.
    pub right: bool,
}

/// A frame (RFC 6455 section 5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// Whether it is the last frame of its message.
    pub fin: bool,
    /// The three reserved bits.
    pub rsv: [bool; 3],
    /// The name of its opcode: continuation, text, binary, close, ping, pong or reserved.
    pub opcode: &'static str,
    /// Its opcode.
    pub code: u8,
    /// The masking key, where there is one.
    #[serde(serialize_with = "hex_option")]
    pub mask: Option<[u8; 4]>,
    /// How the length is written: with 7, 16 or 64 bits.
    pub form: u8,
    /// The length of the payload, as the header has it.
    pub length: u64,
    /// The bytes before the payload.
    #[serde(serialize_with = "hex")]
    pub header: Vec<u8>,
    /// The payload as it came, or the beginning of it.
    #[serde(serialize_with = "hex")]
    pub payload: Vec<u8>,
    /// The same with the masking key taken off.
    #[serde(serialize_with = "hex")]
    pub unmasked: Vec<u8>,
    /// The same as text, where it is part of one; up to the first byte that is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Bytes of payload that came and were not kept.
    #[serde(skip_serializing_if = "is_zero")]
    pub cut: u64,
    /// Bytes of payload that never came: the connection ended before.
    #[serde(skip_serializing_if = "is_zero")]
    pub missing: u64,
    /// Which frame of a fragmented message it is, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<u64>,
    /// The whole message, at the last frame of a fragmented one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Joined>,
    /// Code and reason of a Close frame; of one that has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<Close>,
    /// Its payload is compressed, as was agreed in the handshake, and not looked into.
    #[serde(skip_serializing_if = "is_false")]
    pub compressed: bool,
}

/// A message that came in several frames, put together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Joined {
    /// `text` or `binary`.
    pub opcode: &'static str,
    /// In how many frames it came.
    pub frames: u64,
    /// Its bytes.
    pub length: u64,
    /// Its bytes, or the first of them, without any masking key.
    #[serde(serialize_with = "hex")]
    pub unmasked: Vec<u8>,
    /// The same as text, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What a Close frame says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Close {
    /// The code.
    pub code: u16,
    /// The reason, up to the first byte that is no UTF-8.
    pub reason: String,
}

/// Bytes that are neither HTTP nor frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Raw {
    /// How many.
    pub bytes: u64,
    /// The first of them: at most eight, because an address with a token could follow.
    #[serde(serialize_with = "hex")]
    pub first: Vec<u8>,
}

impl Frame {
    /// Whether it is a Close, a ping or a pong (RFC 6455 section 5.5).
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.code & 0x8 != 0
    }

    /// The payload without its key as text, as far as it is one.
    pub(crate) fn as_text(&self) -> &str {
        text_at_start(&self.unmasked)
    }
}

impl Event {
    /// What nobody sent, and what breaks no rule.
    #[must_use]
    pub fn of(time: Duration, conn: u64, kind: EventKind) -> Event {
        Event {
            time,
            conn,
            from: None,
            kind,
            errors: Vec::new(),
        }
    }

    /// About so many bytes of memory.
    #[must_use]
    pub fn size(&self) -> usize {
        let more = match &self.kind {
            EventKind::Frame(frame) => {
                let message = frame.message.as_ref();
                let message = message.map_or(0, |message| 2 * message.unmasked.len());
                3 * frame.payload.len() + message + size_of::<Frame>()
            }
            // Every header line may be a short one.
            EventKind::Request(head) | EventKind::Response(head) => {
                head.bytes as usize + head.headers.len() * size_of::<Header>()
            }
            _ => 0,
        };
        size_of::<Event>() + more
    }

    /// One JSON object, without a line end. What would control a terminal is escaped, so
    /// that it may be looked at there.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Nothing in here can fail: no map has a key that is not text.
        let json = serde_json::to_string(self).unwrap_or_default();
        if json.chars().all(is_visible) {
            return json;
        }
        let mut escaped = String::with_capacity(json.len() + 16);
        for c in json.chars() {
            match is_visible(c) {
                true => escaped.push(c),
                false => {
                    let units = c.encode_utf16(&mut [0; 2]).to_vec();
                    escaped.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
                }
            }
        }
        escaped
    }
}

/// What stands in place of the events between these two, for who reads a log of events in
/// JSON and was too slow for it.
#[must_use]
pub fn gap(first: u64, last: u64) -> String {
    format!("{{\"gap\":{}}}", last - first + 1)
}

fn seconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(time.as_micros() as f64 / 1e6)
}

fn hex<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&HEXLOWER.encode(bytes))
}

fn hex_option<S: Serializer>(bytes: &Option<[u8; 4]>, to: S) -> Result<S::Ok, S::Error> {
    match bytes {
        Some(bytes) => hex(bytes, to),
        None => to.serialize_none(),
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}
