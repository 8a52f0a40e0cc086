//! Applies faults to the frames of one direction: reads bytes and returns effects.
//!
//! This code does not use the network, so a test can check each fault alone. The code handles
//! a frame's parts as they arrive, and does not store the frame. Only a frame of at most 1 MiB
//! can be sent twice, and only this frame is copied.
//!
//! The `duplicate` fault imitates a relay that delivers a *message* twice. So control frames and
//! fragments are never sent twice: a repeated fragment would break the protocol.

use std::sync::atomic::AtomicBool;

use zcomm_core::xray::{Direction, FrameHeader};

use super::{
    delay_queue::Abort,
    faults::{Fault, Faults, sender},
    frames::{FrameFinder, Piece},
};

/// The limit for a frame that is sent twice (bytes).
const MAX_COPY: u64 = 1024 * 1024;

/// What the proxy must do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Send these bytes. If `begins` is true, the proxy chooses a new random delay (jitter)
    /// for these bytes. If `begins` is false, the bytes are payload and have the delay of the
    /// frame's header.
    Send { bytes: Vec<u8>, begins: bool },
    /// End the connection.
    Abort(Abort),
    /// Print what happened.
    Report(String),
}

pub(super) struct Disturber {
    direction: Direction,
    finder: FrameFinder,
    /// The number of data frames that have begun.
    count: u64,
    fate: Fate,
    /// Whether to reset the connection after the current frame.
    reset: bool,
    /// Set by the `cut` command: cut the next data frame, even if no fault is on.
    pub(super) cut: bool,
    /// The effects of the current call of [`feed`](Disturber::feed) so far.
    effects: Vec<Effect>,
}

/// What happens to the current frame.
enum Fate {
    Pass,
    Drop,
    /// Pass the frame on, then send this copy of it.
    Copy(FrameHeader, Vec<u8>),
    /// Flip a bit of the frame's next payload byte.
    Corrupt,
    /// End the connection after this number of bytes of the frame.
    Cut(u64),
    /// The connection has ended: pass on no more bytes.
    Ended,
}

impl Disturber {
    pub(super) fn new(direction: Direction) -> Disturber {
        Disturber {
            direction,
            finder: FrameFinder::new(direction),
            count: 0,
            fate: Fate::Pass,
            reset: false,
            cut: false,
            effects: Vec::new(),
        }
    }

    /// Returns the effects of these bytes. A fault that breaks or corrupts the connection happens
    /// only if `may_break` returns `true`. Each such fault calls `may_break` once.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        upgraded: &AtomicBool,
        faults: &Faults,
        may_break: &mut dyn FnMut() -> bool,
    ) -> Vec<Effect> {
        while !matches!(self.fate, Fate::Ended) {
            let Some(piece) = self.finder.next(&mut bytes, upgraded) else {
                break;
            };
            match piece {
                Piece::Raw(bytes) => self.pass(bytes.to_vec(), true),
                Piece::Begin(header) => {
                    self.begin(&header, faults, may_break);
                    self.pass(header.as_bytes().to_vec(), true);
                }
                Piece::Payload(bytes) => self.pass(bytes.to_vec(), false),
            }
            if !self.finder.inside() {
                self.end();
            }
        }
        std::mem::take(&mut self.effects)
    }

    /// Decides what happens to the frame with this header.
    fn begin(&mut self, frame: &FrameHeader, faults: &Faults, may_break: &mut dyn FnMut() -> bool) {
        let from = sender(self.direction);
        if frame.is_pong() && faults.value(Fault::DropPongs, self.direction).is_some() {
            self.fate = Fate::Drop;
            let event = format!("dropped a pong {from}");
            return self.effects.push(Effect::Report(event));
        }
        if !frame.is_data() {
            return;
        }
        self.count += 1;
        let number = self.count;
        let value = |fault| faults.number(fault, self.direction);
        let is_target = |fault| value(fault) == Some(number);
        let twice = value(Fault::Duplicate).is_some_and(|every| number.is_multiple_of(every));
        let report = |what: &str| Effect::Report(format!("{what} frame {number} ({frame}) {from}"));
        if std::mem::take(&mut self.cut) || (is_target(Fault::CutMidFrame) && may_break()) {
            self.fate = Fate::Cut((frame.frame_size() / 2).max(1));
            self.effects.push(report("cut in the middle of"));
        } else if is_target(Fault::Corrupt) && frame.length() > 0 && may_break() {
            self.fate = Fate::Corrupt;
            self.effects.push(report("flipped one bit of"));
        } else if twice && frame.is_message() && frame.frame_size() <= MAX_COPY {
            self.fate = Fate::Copy(*frame, Vec::new());
        }
        if is_target(Fault::ResetAfter) && may_break() {
            self.reset = true;
            self.effects.push(report("reset after"));
        }
    }

    /// Handles bytes of the current frame, or bytes outside of frames, according to `fate`.
    fn pass(&mut self, mut bytes: Vec<u8>, begins: bool) {
        let mut cut = false;
        match &mut self.fate {
            Fate::Pass | Fate::Ended => {}
            Fate::Drop => return,
            Fate::Copy(_, copy) => copy.extend_from_slice(&bytes),
            Fate::Corrupt if begins => {}
            Fate::Corrupt => {
                // Flip the highest bit of the first byte, so that a text is no longer valid UTF-8.
                if let Some(byte) = bytes.first_mut() {
                    *byte ^= 0x80;
                }
                self.fate = Fate::Pass;
            }
            Fate::Cut(left) => {
                cut = bytes.len() as u64 >= *left;
                bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= bytes.len() as u64;
            }
        }
        self.effects.push(Effect::Send { bytes, begins });
        if cut {
            self.abort(Abort::Cut);
        }
    }

    /// Handles the end of a frame: sends the frame's copy if there is a copy. Then resets the
    /// connection if necessary.
    fn end(&mut self) {
        if matches!(self.fate, Fate::Ended) {
            return;
        }
        if let Fate::Copy(frame, bytes) = std::mem::replace(&mut self.fate, Fate::Pass) {
            let (number, from) = (self.count, sender(self.direction));
            let event = format!("sent frame {number} ({frame}) {from} twice");
            self.effects.push(Effect::Report(event));
            let begins = true;
            self.effects.push(Effect::Send { bytes, begins });
        }
        if std::mem::take(&mut self.reset) {
            self.abort(Abort::Reset);
        }
    }

    fn abort(&mut self, abort: Abort) {
        self.effects.push(Effect::Abort(abort));
        self.fate = Fate::Ended;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::commands::Command;

    const AGREED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
    const ONE: &[u8] = b"\x81\x03one";
    const TWO: &[u8] = b"\x82\x03two";
    const PONG: &[u8] = b"\x8a\x02hi";

    /// Passes a handshake and these bytes to a [`Disturber`], in reads of `size` bytes. Returns the
    /// bytes to send, how the connection ends, and the reports.
    fn disturb(faults: &str, bytes: &[u8], size: usize) -> (Vec<u8>, Option<Effect>, Vec<String>) {
        let mut all = Faults::default();
        for line in faults.lines() {
            match Command::parse(line) {
                Ok(Command::On(active)) => all.put(active),
                other => panic!("{other:?}"),
            }
        }
        let mut disturber = Disturber::new(Direction::ServerToClient);
        let (upgraded, mut effects) = (AtomicBool::new(false), Vec::new());
        for piece in [AGREED, bytes].concat().chunks(size) {
            effects.extend(disturber.feed(piece, &upgraded, &all, &mut || true));
        }
        let (mut passed, mut end, mut told) = (Vec::new(), None, Vec::new());
        for effect in effects {
            assert_eq!(end, None, "an effect after the end");
            match effect {
                Effect::Send { bytes, .. } => passed.extend(bytes),
                Effect::Report(event) => told.push(event),
                last => end = Some(last),
            }
        }
        (passed.split_off(AGREED.len()), end, told)
    }

    /// Calls `disturb` with reads of several sizes, and checks that the results are equal.
    fn always(faults: &str, bytes: &[u8]) -> (Vec<u8>, Option<Effect>, Vec<String>) {
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
    fn a_cut_ends_the_frame_of_this_number_in_its_middle() {
        let bytes = [ONE, PONG, TWO, ONE].concat();
        let (passed, end, told) = always("cut-mid-frame 2", &bytes);
        assert_eq!(passed, [ONE, PONG, &TWO[..2]].concat());
        assert_eq!(end, Some(Effect::Abort(Abort::Cut)));
        assert_eq!(
            told,
            ["cut in the middle of frame 2 (binary, 3 bytes) from the server"]
        );
        // The shortest frame has two bytes. This frame is cut after the first byte.
        let (passed, end, _) = always("cut-mid-frame", b"\x81\x00");
        assert_eq!(
            (passed, end),
            (b"\x81".to_vec(), Some(Effect::Abort(Abort::Cut)))
        );
    }

    #[test]
    fn a_reset_follows_the_frame_of_this_number() {
        let bytes = [ONE, PONG, TWO, ONE].concat();
        let (passed, end, told) = always("reset-after 2 frames", &bytes);
        assert_eq!(
            (passed, end),
            ([ONE, PONG, TWO].concat(), Some(Effect::Abort(Abort::Reset)))
        );
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn only_pongs_are_dropped() {
        let bytes = [ONE, PONG, b"\x89\x00", PONG, TWO].concat();
        let (passed, _, told) = always("drop-pongs", &bytes);
        assert_eq!(passed, [ONE, b"\x89\x00", TWO].concat());
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn only_whole_messages_arrive_twice() {
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
    fn one_flipped_bit_makes_a_text_invalid() {
        let (passed, end, _) = always("corrupt 2", &[TWO, ONE].concat());
        assert_eq!(passed, [TWO, b"\x81\x03\xefne"].concat());
        assert_eq!(end, None);
        assert!(String::from_utf8(passed[7..].to_vec()).is_err());
    }

    #[test]
    fn a_frame_passes_when_times_is_used_up() {
        let mut faults = Faults::default();
        let Ok(Command::On(cut)) = Command::parse("cut-mid-frame") else {
            panic!();
        };
        faults.put(cut);
        let mut disturber = Disturber::new(Direction::ServerToClient);
        let upgraded = AtomicBool::new(false);
        let feed = |disturber: &mut Disturber, bytes: &[u8]| {
            disturber.feed(bytes, &upgraded, &faults, &mut || false)
        };
        let effects = feed(&mut disturber, &[AGREED, ONE].concat());
        assert!(!effects.contains(&Effect::Abort(Abort::Cut)));
        // The limit of `--times` does not apply to a cut by the user.
        disturber.cut = true;
        let effects = feed(&mut disturber, PONG);
        assert!(
            !effects.contains(&Effect::Abort(Abort::Cut)),
            "a pong is not data"
        );
        let effects = feed(&mut disturber, TWO);
        assert_eq!(effects.last(), Some(&Effect::Abort(Abort::Cut)));
    }
}
