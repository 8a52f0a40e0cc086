//! The events of a connection, as plain data. An event describes one thing, such as a frame.
//!
//! The decoder makes the events. All outputs show the same events: text on a terminal, JSON with
//! one object per line, and a web page.
//!
//! ```json
//! {"t":0.0123,"conn":1,"from":"client","frame":{"fin":true,"rsv":[false,false,false],
//!  "opcode":"text","code":1,"mask":"37fa213d","form":7,"length":5,"header":"818537fa213d",
//!  "payload":"7f9f4d5158","unmasked":"48656c6c6f","text":"Hello"}}
//! ```
//!
//! Bytes are in hexadecimal. Many fields, such as `errors`, are left out when they are empty.

use std::{net::SocketAddr, time::Duration};

use data_encoding::HEXLOWER;
use serde::{Serialize, Serializer};

use crate::{
    rules::{BrokenRule, Direction},
    visible::is_visible,
};

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// The time since the X-ray was started. In JSON, the unit is the second.
    #[serde(rename = "t", serialize_with = "seconds")]
    pub time: Duration,
    /// The number of the connection; 0 for an event about all connections.
    pub conn: u64,
    /// The sender of the bytes; `None` for an event without a sender, such as [`EventKind::End`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Direction>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
    /// The rules of RFC 6455 that were broken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<BrokenRule>,
}

/// What can happen on a connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The connection was opened. No byte has arrived yet.
    Open {
        /// The network address of the peer.
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<SocketAddr>,
        /// Whether the bytes were decrypted from TLS.
        tls: bool,
    },
    /// The head of an HTTP request.
    Request(Head),
    /// The head of an HTTP response.
    Response(Head),
    /// The body of an HTTP message. Only its length is shown.
    Body {
        /// The length (bytes).
        bytes: u64,
    },
    /// A complete frame, or the part of a frame that arrived before the connection ended.
    Frame(Box<Frame>),
    /// Bytes that are neither HTTP nor frames.
    Raw {
        /// The number of bytes.
        bytes: u64,
        /// The first bytes: at most eight, because an address with a token may follow.
        #[serde(serialize_with = "hex")]
        first: Vec<u8>,
    },
    /// Frames or heads were not shown. There were too many to read, or the output was too slow.
    NotShown {
        /// The number of frames and heads.
        frames: u64,
    },
    /// This connection sends the X-ray to a web page, so its later bytes are not shown.
    Viewer {},
    /// The connection has ended.
    End {
        /// The number of bytes from the client.
        client_bytes: u64,
        /// The number of bytes from the server.
        server_bytes: u64,
    },
}

/// The head of a request or response. Secrets in it are replaced by `***`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The request line or status line.
    pub line: String,
    /// The header lines.
    pub headers: Vec<Header>,
    /// The length of the head, including the empty line at its end (bytes).
    pub bytes: u64,
    /// The check of `Sec-WebSocket-Accept`, for a response with status 101. The right value
    /// proves that the server has read the client's request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<Accept>,
    /// Remarks about the whole head.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// A header line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// The name, as the sender wrote it.
    pub name: String,
    /// The value, with `***` in place of each secret.
    pub value: String,
    /// A remark, such as what the header means in a WebSocket handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<&'static str>,
}

/// How `Sec-WebSocket-Accept` is computed (RFC 6455 section 4.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Accept {
    /// The `Sec-WebSocket-Key` of the request.
    pub key: String,
    /// The fixed text from RFC 6455 that is appended to the key.
    pub guid: &'static str,
    /// The SHA-1 hash of `key` followed by `guid`, as hexadecimal digits.
    pub sha1: String,
    /// The SHA-1 hash in base64: the value that the response must contain.
    pub sum: String,
    /// The value that the response contains.
    pub sent: String,
    /// Whether `sum` and `sent` are equal.
    pub right: bool,
}

/// A frame (RFC 6455 section 5.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// The three reserved bits.
    pub rsv: [bool; 3],
    /// The name of the opcode: continuation, text, binary, close, ping, pong or reserved.
    pub opcode: &'static str,
    /// The opcode as a number.
    pub code: u8,
    /// The masking key, if the payload is masked.
    #[serde(serialize_with = "hex_option")]
    pub mask: Option<[u8; 4]>,
    /// The number of bits that the header uses for the length: 7, 16 or 64.
    pub form: u8,
    /// The length of the payload, as the header says (bytes).
    pub length: u64,
    /// The bytes of the header.
    #[serde(serialize_with = "hex")]
    pub header: Vec<u8>,
    /// The payload as it arrived, or its first bytes.
    #[serde(serialize_with = "hex")]
    pub payload: Vec<u8>,
    /// The bytes in `payload`, unmasked.
    #[serde(serialize_with = "hex")]
    pub unmasked: Vec<u8>,
    /// The text in `unmasked`, up to the first byte that is not UTF-8. `None` if the frame is
    /// incomplete, compressed or not text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The number of payload bytes that arrived but are not in `payload`.
    #[serde(skip_serializing_if = "is_default")]
    pub cut: u64,
    /// The number of payload bytes that never arrived, because the connection ended.
    #[serde(skip_serializing_if = "is_default")]
    pub missing: u64,
    /// The number of this frame in its message. The first frame has the number 1. `None` if the
    /// frame is not in a fragmented message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<u64>,
    /// The whole message, if this is the last frame of a fragmented message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Joined>,
    /// The code and reason, if this is a Close frame with a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<Close>,
    /// Whether the payload is compressed, as agreed in the handshake. If it is, `payload`,
    /// `unmasked` and `message` contain compressed bytes.
    #[serde(skip_serializing_if = "is_default")]
    pub compressed: bool,
}

/// A message that arrived in several frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Joined {
    /// `text` or `binary`.
    pub opcode: &'static str,
    /// The number of frames.
    pub frames: u64,
    /// The length of the message (bytes).
    pub length: u64,
    /// The unmasked bytes of the message, or only the first bytes of a long message.
    #[serde(serialize_with = "hex")]
    pub unmasked: Vec<u8>,
    /// The text in `unmasked`, up to the first byte that is not UTF-8. `None` if the message is
    /// compressed or not text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The payload of a Close frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Close {
    /// The code.
    pub code: u16,
    /// The reason, up to the first byte that is not UTF-8.
    pub reason: String,
}

impl Head {
    /// Calls `replace` with each text.
    fn texts(&mut self, replace: &mut impl FnMut(&mut String)) {
        replace(&mut self.line);
        for header in &mut self.headers {
            replace(&mut header.name);
            replace(&mut header.value);
        }
        if let Some(accept) = &mut self.accept {
            replace(&mut accept.key);
            replace(&mut accept.sent);
        }
        self.remarks.iter_mut().for_each(replace);
    }
}

impl Frame {
    /// Whether this is a control frame, such as a Close or a ping (RFC 6455 section 5.5).
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.code & 0x8 != 0
    }
}

impl Event {
    /// Makes an event without a sender and without broken rules.
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

    /// Calls `replace` with each text of a peer: the lines of a head, the text of a message, the
    /// reason of a Close frame. The bytes of a payload stay as they are.
    ///
    /// Hide secrets before an output cuts a text. After a cut, the first half of a secret is not
    /// recognised any more.
    pub fn replace_texts(&mut self, mut replace: impl FnMut(&mut String)) {
        match &mut self.kind {
            EventKind::Request(head) | EventKind::Response(head) => head.texts(&mut replace),
            EventKind::Frame(frame) => {
                let message = frame.message.as_mut();
                let message = message.and_then(|message| message.text.as_mut());
                let reason = frame.close.as_mut().map(|close| &mut close.reason);
                let texts = [frame.text.as_mut(), message, reason];
                texts.into_iter().flatten().for_each(replace);
            }
            _ => {}
        }
    }

    /// An estimate of the memory that the event uses (bytes).
    #[must_use]
    pub fn size(&self) -> usize {
        let more = match &self.kind {
            EventKind::Frame(frame) => {
                let message = frame.message.as_ref();
                let message = message.map_or(0, |message| 2 * message.unmasked.len());
                3 * frame.payload.len() + message + size_of::<Frame>()
            }
            // A `Header` may need more memory than the text of its line, so both count.
            EventKind::Request(head) | EventKind::Response(head) => {
                head.bytes as usize + head.headers.len() * size_of::<Header>()
            }
            _ => 0,
        };
        size_of::<Event>() + more
    }

    /// Returns the event as one JSON object, without a line end. Characters that control a
    /// terminal are escaped.
    #[must_use]
    pub fn to_json(&self) -> String {
        // This cannot fail: serde_json rejects only some maps, and an event contains no map.
        let json = serde_json::to_string(self).unwrap_or_default();
        let mut escaped = String::with_capacity(json.len());
        for c in json.chars() {
            if is_visible(c) {
                escaped.push(c);
                continue;
            }
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped += &format!("\\u{unit:04x}");
            }
        }
        escaped
    }
}

/// Returns the JSON line for a viewer that was too slow to read the events from `first` to
/// `last`. The viewer gets this line instead of these events.
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
    bytes.map(|bytes| HEXLOWER.encode(&bytes)).serialize(to)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
