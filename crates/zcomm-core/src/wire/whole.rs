//! Reads a message that has arrived as one whole frame.
//!
//! Almost all messages are short: one frame carries the whole message, and one read gets the
//! whole frame. This file reads these messages without the codec: it copies the payload from the
//! read buffer, removes the mask, and checks the UTF-8 of a text.
//!
//! The codec reads everything else: parts of messages, parts of frames, control frames, and all
//! frames that break a rule. So only the codec must choose the error for a broken rule.

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::Role;
use zcomm_xray::WholeFrame;

use crate::{
    protocol::{
        framed::{BINARY, TEXT},
        message::{Message, Text},
    },
    wire::spare::Kind,
};

/// Returns the message in a frame. `None` if the codec must read the frame.
pub(crate) fn message(frame: &WholeFrame<'_>, kind: Kind) -> Option<Message> {
    // A client masks its frames, and a server does not (RFC 6455 section 5.1).
    let right_mask = frame.mask.is_some() == (kind.role == Role::Server);
    if !right_mask || frame.payload.len() > kind.max_message {
        return None;
    }
    let payload = || unmasked(frame.payload, frame.mask.unwrap_or_default());
    match frame.first_byte {
        TEXT => Some(Message::Text(Text(payload().try_into().ok()?))),
        BINARY => Some(Message::Binary(payload())),
        _ => None,
    }
}

/// A copy of a payload without its mask (RFC 6455 section 5.3).
fn unmasked(payload: &[u8], mask: [u8; 4]) -> Bytes {
    let mut copy = payload.to_vec();
    // Four bytes at once: the compiler turns this loop into vector instructions.
    let (words, rest) = copy.as_chunks_mut();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
    copy.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;
    use tokio_tungstenite::tungstenite::{self, WebSocket, protocol::WebSocketConfig};

    proptest! {
        /// This file and the codec read the same message from a frame.
        #[test]
        fn the_codec_reads_the_same_message(
            role in prop::sample::select(vec![Role::Server, Role::Client]),
            first in prop_oneof![any::<u8>(), Just(0x81_u8), Just(0x82)],
            mask: Option<[u8; 4]>,
            text in ".{0,100}",
            bytes in prop_oneof![Just(vec![]), prop::collection::vec(any::<u8>(), 0..50)],
            length in prop_oneof![Just(0_usize), 120..130_usize, 65530..65540_usize],
            missing in 0..3_usize,
        ) {
            let kind = Kind { role, max_message: 65_536 };
            let payload = [text.as_bytes(), &bytes, &vec![b'x'; length][..]].concat();
            let size = payload.len() as u64;
            let mut frame = vec![first, 127];
            frame.extend(size.to_be_bytes());
            if let Some(mask) = mask {
                frame[1] |= 0x80;
                frame.extend(mask);
            }
            let mask = mask.unwrap_or_default();
            frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
            let end = frame.len();
            frame.extend(b"next");
            let whole = WholeFrame::find(&frame[..end - missing]);
            prop_assert_eq!(whole.is_some(), missing == 0);
            let Some(whole) = whole else { return Ok(()) };
            prop_assert_eq!(whole.size, end);
            let config = WebSocketConfig::default().max_message_size(Some(kind.max_message));
            let mut codec = WebSocket::from_raw_socket(Cursor::new(frame.clone()), role, Some(config));
            let read = codec.read();
            match message(&whole, kind) {
                Some(message) => prop_assert_eq!(tungstenite::Message::from(message), read.unwrap()),
                None => prop_assert!(!matches!(read, Ok(message) if message.is_text() || message.is_binary())),
            }
        }
    }
}
