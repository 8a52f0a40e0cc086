//! Finds where frames begin and end in the bytes of one direction.
//!
//! A fault changes a frame, but a read may return a part of a frame or several frames. So this
//! code splits the bytes into pieces: a frame's header, a part of its payload, or other bytes.
//! This code stores no payload, and returns every byte.
//!
//! The first bytes of a direction are HTTP. Frames follow only after the server's 101 response,
//! which accepts the WebSocket. Both directions share the flag `upgraded`, which becomes true
//! with the 101 response. Without this response, all bytes are [`Piece::Raw`].

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use zcomm_core::xray::{self, Direction, FrameHeader, HeadEnd, Splitter};

/// The finder stores at most this number of bytes of an HTTP head. These first bytes contain
/// the status code.
const MAX_STATUS: usize = 64;

/// A part of the bytes that arrived.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// HTTP, or bytes that are not part of a known frame.
    Raw(&'a [u8]),
    /// The complete header of a frame.
    Begin(FrameHeader),
    /// Some bytes of the current frame's payload.
    Payload(&'a [u8]),
}

/// Finds the frames of one direction.
pub(super) struct FrameFinder {
    direction: Direction,
    state: State,
}

enum State {
    /// The next bytes are HTTP, until the head of the request or response ends. `start` contains
    /// the first bytes of this head.
    Head {
        start: Vec<u8>,
        end: HeadEnd,
    },
    /// The client's request has ended. The next bytes are frames only if the server has sent 101.
    Waiting,
    Frames(Splitter),
    Raw,
}

impl FrameFinder {
    pub(super) fn new(direction: Direction) -> FrameFinder {
        let state = State::head();
        FrameFinder { direction, state }
    }

    /// Whether a frame has begun and has not ended.
    pub(super) fn inside(&self) -> bool {
        matches!(&self.state, State::Frames(frames) if frames.in_frame())
    }

    /// Removes the next piece from the start of `bytes`, and returns it. Returns `None` if more
    /// bytes are needed.
    pub(super) fn next<'a>(
        &mut self,
        bytes: &mut &'a [u8],
        upgraded: &AtomicBool,
    ) -> Option<Piece<'a>> {
        if bytes.is_empty() {
            return None;
        }
        match &mut self.state {
            State::Head { start, end } => {
                let found = end.find(bytes);
                let head = bytes.split_off(..found.unwrap_or(bytes.len()))?;
                let space = MAX_STATUS - start.len();
                start.extend(head.iter().take(space));
                if found.is_some() {
                    self.state = State::after(self.direction, start, upgraded);
                }
                Some(Piece::Raw(head))
            }
            State::Waiting => {
                self.state = match upgraded.load(Relaxed) {
                    true => State::Frames(Splitter::default()),
                    // These bytes are more HTTP, or frames that came before the server's 101.
                    false => State::Raw,
                };
                self.next(bytes, upgraded)
            }
            State::Frames(frames) => match frames.next(bytes)? {
                xray::Piece::Header(header) => {
                    if !header.has_valid_length() {
                        self.state = State::Raw;
                    }
                    Some(Piece::Begin(header))
                }
                xray::Piece::Payload(payload) => Some(Piece::Payload(payload)),
            },
            State::Raw => Some(Piece::Raw(std::mem::take(bytes))),
        }
    }
}

impl State {
    fn head() -> State {
        State::Head {
            start: Vec::new(),
            end: HeadEnd::default(),
        }
    }

    /// Returns the state after a head that starts with these bytes.
    fn after(direction: Direction, start: &[u8], upgraded: &AtomicBool) -> State {
        if direction == Direction::ClientToServer {
            State::Waiting
        } else if start.starts_with(b"HTTP/1.1 101") {
            upgraded.store(true, Relaxed);
            State::Frames(Splitter::default())
        } else if start.starts_with(b"HTTP/1.1 1") {
            // A response such as 103: the final response comes later (RFC 9110, section 15.2).
            State::head()
        } else {
            State::Raw
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const AGREED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    /// "Hello", an empty ping, a pong of 2 bytes, and the header of a frame of 300 bytes.
    const FRAMES: &[u8] = b"\x81\x05Hello\x89\x00\x8a\x02hi\x82\x7e\x01\x2c";

    /// Splits bytes that arrive in reads of this size. Returns the frames and all bytes.
    fn split(
        finder: &mut FrameFinder,
        bytes: &[u8],
        size: usize,
        agreed: bool,
    ) -> (Vec<FrameHeader>, Vec<u8>) {
        let upgraded = AtomicBool::new(agreed);
        let (mut frames, mut out) = (Vec::new(), Vec::new());
        for mut piece in bytes.chunks(size) {
            while let Some(piece) = finder.next(&mut piece, &upgraded) {
                match piece {
                    Piece::Raw(bytes) | Piece::Payload(bytes) => out.extend_from_slice(bytes),
                    Piece::Begin(header) => {
                        out.extend_from_slice(header.as_bytes());
                        frames.push(header);
                    }
                }
            }
        }
        (frames, out)
    }

    #[test]
    fn frames_are_found_however_the_network_cuts() {
        let bytes = [AGREED, FRAMES, &[7; 300], b"\x81\x00"].concat();
        for size in [1, 2, 3, 7, 64, 1000] {
            let mut finder = FrameFinder::new(Direction::ServerToClient);
            let (frames, out) = split(&mut finder, &bytes, size, false);
            assert_eq!(out, bytes);
            let shown: Vec<_> = frames.iter().map(FrameHeader::to_string).collect();
            let expected = [
                "text, 5 bytes",
                "ping, 0 bytes",
                "pong, 2 bytes",
                "binary, 300 bytes",
                "text, 0 bytes",
            ];
            assert_eq!(shown, expected, "in pieces of {size}");
            assert!(!finder.inside());
        }
    }

    #[test]
    fn what_a_client_masks_is_found_too() {
        let bytes = [
            REQUEST,
            b"\x81\x85\x01\x02\x03\x04Hello\x8a\x80\x01\x02\x03\x04",
        ]
        .concat();
        for size in [1, 5, 1000] {
            let mut finder = FrameFinder::new(Direction::ClientToServer);
            let (frames, out) = split(&mut finder, &bytes, size, true);
            assert_eq!(out, bytes);
            assert_eq!((frames.len(), frames[0].frame_size()), (2, 11));
            assert!(frames[0].is_message() && frames[1].is_pong() && !frames[1].is_data());
        }
    }

    /// Bytes that look like frames are not frames if the server has not sent 101 before.
    #[test]
    fn what_is_no_frame_passes_as_it_is() {
        let page = [b"HTTP/1.1 200 OK\r\nX: a\r\n\r\n", FRAMES].concat();
        let mut finder = FrameFinder::new(Direction::ServerToClient);
        let (frames, out) = split(&mut finder, &page, 3, false);
        assert_eq!((frames.len(), out), (0, page));
        let early = [REQUEST, FRAMES].concat();
        let mut finder = FrameFinder::new(Direction::ClientToServer);
        let (frames, out) = split(&mut finder, &early, 1000, false);
        assert_eq!((frames.len(), out), (0, early));
        // After 103 (Early Hints), the 101 still starts the frames.
        let hints = b"HTTP/1.1 103 Early Hints\r\n\r\n";
        let late = [&hints[..], AGREED, b"\x81\x05Hello"].concat();
        let mut finder = FrameFinder::new(Direction::ServerToClient);
        assert_eq!(split(&mut finder, &late, 1, false).0.len(), 1);
    }

    #[test]
    fn a_frame_that_has_begun_is_inside_until_its_end() {
        let mut finder = FrameFinder::new(Direction::ServerToClient);
        split(&mut finder, &[AGREED, b"\x81"].concat(), 1000, false);
        assert!(finder.inside());
        split(&mut finder, b"\x05Hel", 1000, false);
        assert!(finder.inside());
        split(&mut finder, b"lo", 1000, false);
        assert!(!finder.inside());
    }

    /// A frame with a reserved opcode has a length, so the finder can find the next frame.
    #[test]
    fn a_reserved_opcode_and_an_impossible_length_pass() {
        let bytes = [AGREED, b"\x83\x01x\x81\x01y"].concat();
        let mut finder = FrameFinder::new(Direction::ServerToClient);
        let (frames, _) = split(&mut finder, &bytes, 1, false);
        assert_eq!(
            (frames.len(), frames[0].to_string()),
            (2, "reserved, 1 byte".into())
        );
        let bytes = [AGREED, b"\x81\x7f\xff\0\0\0\0\0\0\0\x81\x00"].concat();
        let mut finder = FrameFinder::new(Direction::ServerToClient);
        let (frames, out) = split(&mut finder, &bytes, 1, false);
        assert_eq!((frames.len(), out), (1, bytes));
    }
}
