//! The faults that are made to frames: bytes of one direction in, what goes on out.
//!
//! It is a plain function of bytes, so each fault can be tried without a network. A frame is
//! dealt with as its parts come, and nothing of it is kept; only what shall arrive twice is
//! copied, up to 1 MiB.
//!
//! A part of a message is never sent twice and a control frame neither: that would break the
//! protocol, and the fault to show is another one, a relay that delivers a *message* twice.
//!
//! Production has all of them at once, and no list of what happened.

use std::sync::atomic::AtomicBool;

use zcomm_core::xray::{Direction, FrameHeader};

use super::{
    faults::{Fault, Faults, sender},
    frames::{FrameFinder, Piece},
};

/// The largest frame that can arrive twice (bytes).
const MAX_COPY: u64 = 1024 * 1024;

/// What goes on, in this order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Out {
    /// These bytes; `begins` is a new frame, which has a delay of its own.
    Send { bytes: Vec<u8>, begins: bool },
    /// The end, in the middle of a frame.
    Cut,
    /// TCP's word for "broken".
    Reset,
    /// Words for whoever watches.
    Tell(String),
}

/// One direction that is disturbed.
pub(super) struct Disturbed {
    way: Direction,
    finder: FrameFinder,
    /// Data frames that have begun.
    count: u64,
    fate: Fate,
    /// A reset follows the frame that is under way.
    reset: bool,
    /// The next data frame is to be cut.
    cut: bool,
}

/// What happens to the frame that is under way.
enum Fate {
    Pass,
    Swallowed,
    Copied(FrameHeader, Vec<u8>),
    /// Its next byte is changed.
    Corrupted,
    /// It ends after so many bytes.
    Cut(u64),
    /// It has ended; nothing goes on.
    Over,
}

impl Disturbed {
    pub(super) fn new(way: Direction) -> Disturbed {
        Disturbed {
            way,
            finder: FrameFinder::new(way),
            count: 0,
            fate: Fate::Pass,
            reset: false,
            cut: false,
        }
    }

    /// The next data frame is cut, whatever else is switched on.
    pub(super) fn cut_next(&mut self) {
        self.cut = true;
    }

    /// Takes in bytes. `may_strike` is asked before something that ends or spoils a
    /// connection, once each.
    pub(super) fn take(
        &mut self,
        mut bytes: &[u8],
        upgraded: &AtomicBool,
        faults: &Faults,
        may_strike: &mut dyn FnMut() -> bool,
        out: &mut Vec<Out>,
    ) {
        while !matches!(self.fate, Fate::Over) {
            let Some(piece) = self.finder.next(&mut bytes, upgraded) else {
                return;
            };
            match piece {
                Piece::Raw(bytes) => self.pass(bytes.to_vec(), true, out),
                Piece::Begin(header) => {
                    self.begin(&header, faults, may_strike, out);
                    self.pass(header.as_bytes().to_vec(), true, out);
                }
                Piece::Payload(bytes) => self.pass(bytes.to_vec(), false, out),
            }
            if !self.finder.inside() {
                self.end(out);
            }
        }
    }

    /// Decides what happens to a frame.
    fn begin(
        &mut self,
        frame: &FrameHeader,
        faults: &Faults,
        may_strike: &mut dyn FnMut() -> bool,
        out: &mut Vec<Out>,
    ) {
        let from = sender(self.way);
        if frame.is_pong() && faults.has(self.way, Fault::DropPongs) {
            self.fate = Fate::Swallowed;
            return out.push(Out::Tell(format!("swallowed a pong {from}")));
        }
        if !frame.is_data() {
            return;
        }
        self.count += 1;
        let number = self.count;
        let cut = faults.has(self.way, Fault::CutMidFrame(number));
        let corrupt = faults.has(self.way, Fault::Corrupt(number));
        let reset = faults.has(self.way, Fault::ResetAfterFrames(number));
        let every = faults.of(self.way, |fault| match fault {
            Fault::Duplicate(every) => Some(*every),
            _ => None,
        });
        let twice = every.is_some_and(|every| number.is_multiple_of(every));
        let told = |what: &str| Out::Tell(format!("{what} frame {number} ({frame}) {from}"));
        if std::mem::take(&mut self.cut) || (cut && may_strike()) {
            self.fate = Fate::Cut((frame.frame_size() / 2).max(1));
            out.push(told("cut in the middle of"));
        } else if corrupt && frame.length() > 0 && may_strike() {
            self.fate = Fate::Corrupted;
            out.push(told("turned one bit over in"));
        } else if twice && frame.is_message() && frame.frame_size() <= MAX_COPY {
            self.fate = Fate::Copied(*frame, Vec::new());
        }
        if reset && may_strike() {
            self.reset = true;
            out.push(told("reset behind"));
        }
    }

    /// Bytes of the frame that is under way, or of none.
    fn pass(&mut self, mut bytes: Vec<u8>, header: bool, out: &mut Vec<Out>) {
        match &mut self.fate {
            Fate::Pass | Fate::Over => {}
            Fate::Swallowed => return,
            Fate::Copied(_, copy) => copy.extend_from_slice(&bytes),
            Fate::Corrupted if header => {}
            Fate::Corrupted => {
                // The highest: no text has such a byte at this place.
                if let Some(byte) = bytes.first_mut() {
                    *byte ^= 0x80;
                }
                self.fate = Fate::Pass;
            }
            Fate::Cut(left) => {
                let length = bytes.len() as u64;
                if length >= *left {
                    bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                    out.push(Out::Send {
                        bytes,
                        begins: header,
                    });
                    out.push(Out::Cut);
                    self.fate = Fate::Over;
                    return;
                }
                *left -= length;
            }
        }
        out.push(Out::Send {
            bytes,
            begins: header,
        });
    }

    /// A frame is whole, or there is none.
    fn end(&mut self, out: &mut Vec<Out>) {
        if matches!(self.fate, Fate::Over) {
            return;
        }
        if let Fate::Copied(frame, bytes) = std::mem::replace(&mut self.fate, Fate::Pass) {
            let (number, from) = (self.count, sender(self.way));
            out.push(Out::Tell(format!(
                "sent frame {number} ({frame}) {from} twice"
            )));
            out.push(Out::Send {
                bytes,
                begins: true,
            });
        }
        if std::mem::take(&mut self.reset) {
            out.push(Out::Reset);
            self.fate = Fate::Over;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::words::Change;

    const AGREED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
    const ONE: &[u8] = b"\x81\x03one";
    const TWO: &[u8] = b"\x82\x03two";
    const PONG: &[u8] = b"\x8a\x02hi";

    /// What goes on of these bytes behind a handshake, what ends it, and what is told.
    fn disturb(faults: &str, bytes: &[u8], size: usize) -> (Vec<u8>, Option<Out>, Vec<String>) {
        let mut all = Faults::default();
        for line in faults.lines() {
            match Change::parse(line) {
                Ok(Change::On(active)) => all.put(active),
                other => panic!("{other:?}"),
            }
        }
        let mut disturbed = Disturbed::new(Direction::ServerToClient);
        let (upgraded, mut out) = (AtomicBool::new(false), Vec::new());
        for piece in [AGREED, bytes].concat().chunks(size) {
            disturbed.take(piece, &upgraded, &all, &mut || true, &mut out);
        }
        let (mut passed, mut end, mut told) = (Vec::new(), None, Vec::new());
        for out in out {
            assert_eq!(end, None, "it goes on behind the end");
            match out {
                Out::Send { bytes, .. } => passed.extend(bytes),
                Out::Tell(words) => told.push(words),
                last => end = Some(last),
            }
        }
        (passed.split_off(AGREED.len()), end, told)
    }

    /// As above, in any pieces: the cuts of the network change nothing.
    fn always(faults: &str, bytes: &[u8]) -> (Vec<u8>, Option<Out>, Vec<String>) {
        let whole = disturb(faults, bytes, 1000);
        for size in [1, 2, 3, 5] {
            assert_eq!(disturb(faults, bytes, size), whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn without_a_fault_or_in_the_other_direction_every_byte_passes() {
        let bytes = [ONE, PONG, TWO].concat();
        let other_way = "cut-mid-frame 1 to-server\ndrop-pongs to-server\nduplicate to-server";
        for faults in [
            "",
            other_way,
            "cut-mid-frame 3",
            "duplicate 3",
            "latency 1s",
        ] {
            assert_eq!(
                always(faults, &bytes),
                (bytes.clone(), None, vec![]),
                "{faults}"
            );
        }
    }

    #[test]
    fn a_cut_ends_it_in_the_middle_of_the_frame_that_was_named() {
        let bytes = [ONE, PONG, TWO, ONE].concat();
        let (passed, end, told) = always("cut-mid-frame 2", &bytes);
        assert_eq!(passed, [ONE, PONG, &TWO[..2]].concat());
        assert_eq!(end, Some(Out::Cut));
        assert_eq!(
            told,
            ["cut in the middle of frame 2 (binary, 3 bytes) from the server"]
        );
        // The shortest frame has a middle, too.
        let (passed, end, _) = always("cut-mid-frame", b"\x81\x00");
        assert_eq!((passed, end), (b"\x81".to_vec(), Some(Out::Cut)));
    }

    #[test]
    fn a_reset_comes_behind_the_frame_that_was_named() {
        let bytes = [ONE, PONG, TWO, ONE].concat();
        let (passed, end, told) = always("reset-after 2 frames", &bytes);
        assert_eq!((passed, end), ([ONE, PONG, TWO].concat(), Some(Out::Reset)));
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn pongs_are_swallowed_and_nothing_else() {
        let bytes = [ONE, PONG, b"\x89\x00", PONG, TWO].concat();
        let (passed, _, told) = always("drop-pongs", &bytes);
        assert_eq!(passed, [ONE, b"\x89\x00", TWO].concat());
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn a_message_arrives_twice_and_no_part_or_pong_does() {
        let part = b"\x01\x02He\x80\x01y";
        let bytes = [ONE, PONG, TWO, part].concat();
        let (passed, _, told) = always("duplicate", &bytes);
        assert_eq!(passed, [ONE, ONE, PONG, TWO, TWO, part].concat());
        assert_eq!(
            told[0],
            "sent frame 1 (text, 3 bytes) from the server twice"
        );
        let (passed, ..) = always("duplicate 2", &bytes);
        assert_eq!(passed, [ONE, PONG, TWO, TWO, part].concat());
    }

    #[test]
    fn one_bit_is_enough_to_spoil_a_text() {
        let (passed, end, _) = always("corrupt 2", &[TWO, ONE].concat());
        assert_eq!(passed, [TWO, b"\x81\x03\xefne"].concat());
        assert_eq!(end, None);
        assert!(String::from_utf8(passed[7..].to_vec()).is_err());
    }

    #[test]
    fn what_has_no_strike_left_passes() {
        let mut faults = Faults::default();
        let Ok(Change::On(cut)) = Change::parse("cut-mid-frame") else {
            panic!();
        };
        faults.put(cut);
        let mut disturbed = Disturbed::new(Direction::ServerToClient);
        let (upgraded, mut out) = (AtomicBool::new(false), Vec::new());
        let bytes = [AGREED, ONE].concat();
        disturbed.take(&bytes, &upgraded, &faults, &mut || false, &mut out);
        assert!(!out.contains(&Out::Cut));
        // What was asked for by hand has no limit.
        disturbed.cut_next();
        disturbed.take(PONG, &upgraded, &faults, &mut || false, &mut out);
        assert!(!out.contains(&Out::Cut), "a pong is no data");
        disturbed.take(TWO, &upgraded, &faults, &mut || false, &mut out);
        assert_eq!(out.last(), Some(&Out::Cut));
    }
}
