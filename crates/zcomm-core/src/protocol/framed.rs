//! A message together with the frame that carries it.
//!
//! A server does not mask its frames (RFC 6455 section 5.1). So the frame of a broadcast has the
//! same bytes for every client. The log makes these bytes once, and every connection sends them.

use std::io;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::{Utf8Bytes, protocol::frame::FrameHeader};

use crate::protocol::message::{Message, Text};

/// The first byte of a frame that carries a whole text: the FIN bit, and opcode 1.
pub(crate) const TEXT: u8 = 0x81;
/// The first byte of a frame that carries a whole binary message: the FIN bit, and opcode 2.
pub(crate) const BINARY: u8 = 0x82;
/// The longest header of a frame without a mask (bytes).
const MAX_HEADER: usize = 10;

/// Appends the frame of a message, as a server sends it.
pub(crate) fn append_frame(message: &Message, output: &mut Vec<u8>) {
    let (first, payload) = match message {
        Message::Text(text) => (TEXT, text.as_bytes()),
        Message::Binary(bytes) => (BINARY, &bytes[..]),
    };
    let length = payload.len();
    output.reserve(MAX_HEADER + length);
    // The length has 7, 16 or 64 bits. 126 and 127 announce the longer forms.
    match length {
        0..=125 => output.extend_from_slice(&[first, length as u8]),
        126..=0xffff => {
            output.extend_from_slice(&[first, 126]);
            output.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            output.extend_from_slice(&[first, 127]);
            output.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    output.extend_from_slice(payload);
}

/// The size of the first of these frames: its header and its payload. If the bytes do not begin
/// with a frame, returns the number of all bytes.
pub(crate) fn frame_size(frames: &[u8]) -> usize {
    let mut rest = io::Cursor::new(frames);
    match FrameHeader::parse(&mut rest) {
        Ok(Some((_, payload))) => frames.len().min((rest.position() + payload) as usize),
        _ => frames.len(),
    }
}

/// A message and its frame. Both use the same memory.
pub(crate) struct Framed {
    /// The header and the payload, as a server sends them.
    pub(crate) frame: Bytes,
    /// The payload alone: a slice of the frame.
    pub(crate) message: Message,
}

impl Framed {
    /// Copies a message into a new frame. The message in the result is a slice of this frame.
    pub(crate) fn copy_of(message: Message) -> Framed {
        let mut frame = Vec::new();
        append_frame(&message, &mut frame);
        let frame = Bytes::from(frame);
        let payload = frame.slice(frame.len() - message.len()..);
        let message = match message {
            Message::Binary(_) => Message::Binary(payload),
            // The payload of a text is UTF-8, so this conversion does not fail.
            Message::Text(text) => Message::Text(Utf8Bytes::try_from(payload).map_or(text, Text)),
        };
        Framed { frame, message }
    }
}

/// Frames that one write sends.
#[derive(Default)]
pub(crate) enum Joined {
    #[default]
    Nothing,
    /// One frame, in the memory of the log.
    One(Bytes),
    /// A copy of several frames. For short frames, the copy takes less time than a vectored
    /// write (one write of several buffers). A batch of the log has at most 64 KiB, or one
    /// longer frame.
    Copy(Vec<u8>),
}

impl Joined {
    pub(crate) fn add(&mut self, frame: &Bytes) {
        match self {
            Joined::Nothing => *self = Joined::One(frame.clone()),
            Joined::One(first) => {
                // Reserve space for 16 short frames, so that the vector seldom grows.
                let mut frames = Vec::with_capacity(16 * first.len().min(4096));
                frames.extend_from_slice(first);
                frames.extend_from_slice(frame);
                *self = Joined::Copy(frames);
            }
            Joined::Copy(frames) => frames.extend_from_slice(frame),
        }
    }
}

impl From<Joined> for Bytes {
    fn from(frames: Joined) -> Bytes {
        match frames {
            Joined::Nothing => Bytes::new(),
            Joined::One(frame) => frame,
            Joined::Copy(frames) => frames.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;
    use tokio_tungstenite::tungstenite::{WebSocket, protocol::Role};

    /// The bytes that tungstenite writes for this message.
    fn written(message: Message) -> Vec<u8> {
        let stream = Cursor::new(Vec::new());
        let mut server = WebSocket::from_raw_socket(stream, Role::Server, None);
        server.send(message.into()).unwrap();
        server.get_ref().get_ref().clone()
    }

    fn check(message: Message) {
        let framed = Framed::copy_of(message.clone());
        assert!(framed.message == message);
        assert!(framed.frame == written(message));
        let payload = match &framed.message {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        };
        let frame = framed.frame.as_ptr_range();
        assert_eq!(payload.as_ptr_range().end, frame.end, "one memory");
    }

    /// A header has 2 bytes for a payload of up to 125 bytes, 4 bytes for a payload of up to
    /// 65,535 bytes, and 10 bytes for a longer payload.
    #[test]
    fn a_frame_is_what_the_codec_writes_at_each_limit_of_its_length() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
            check(Message::from("x".repeat(length)));
            check(Message::Binary(vec![0xff; length].into()));
        }
    }

    proptest! {
        #[test]
        fn a_frame_is_what_the_codec_writes(text in ".{0,300}", bytes: Vec<u8>, large in 0..200_000_usize) {
            check(Message::from(text));
            check(Message::Binary(bytes.into()));
            check(Message::Binary(vec![7; large].into()));
        }
    }
}
