//! Judges what a peer does with the frames of a case.
//!
//! While a judge waits, it skips what is allowed at any time: pings, pongs that nobody asked for,
//! and messages that the peer pushes. Three ends are three answers: a Close frame, the bare end
//! of the connection, and a connection that is still open. To be sure of the last one, the judge
//! asks with a ping before it says so.

use tokio::time::Instant;
use zcomm_core::xray::{BrokenRule, Event, EventKind};

use super::{
    bytes::{Frames, PING},
    case::{Setting, Talk, Want},
    link::{End, Link, Next},
    reading::{close_is, close_is_legal, closed, frame, message, place, place_of},
    verdict::{Seen, Verdict, passed},
};

/// The payload of the ping that asks whether a connection is open.
const ASK: &[u8] = b"still open?";

/// Waits for the reaction to the frames of a case.
pub(super) async fn judge(
    link: &mut Link,
    want: &Want,
    frames: &Frames,
    setting: &Setting,
) -> Verdict {
    let mut judge = Judge {
        link,
        frames,
        setting,
        last: None,
    };
    match want {
        Want::Fails(codes) => judge.fails(codes, true, false).await,
        Want::CloseWith(codes) => judge.fails(codes, false, false).await,
        Want::FailsOrReads => {
            judge
                .fails(&[1002, 1003, 1007, 1008, 1009], true, true)
                .await
        }
        Want::FailsLegally => judge.closes(true).await,
        Want::Close => judge.closes(false).await,
        Want::End => judge.ends().await,
        Want::Pong(payload) => judge.pong(payload).await,
        Want::Silence => judge.silence().await,
        Want::Echo(opcode, payload) => judge.message(*opcode, &payload()).await,
        Want::Reply => judge.message(1, frames.text.as_bytes()).await,
        Want::Keeps(rule) => judge.keeps(*rule).await,
    }
}

struct Judge<'a> {
    link: &'a mut Link,
    frames: &'a Frames,
    setting: &'a Setting,
    /// The last frame that a report shows.
    last: Option<Box<Event>>,
}

/// What a judge has to look at.
enum Step {
    Frame(Box<Event>),
    Ended(End),
    Late,
}

impl Judge<'_> {
    fn until(&self) -> Instant {
        Instant::now() + self.setting.limit
    }

    /// Returns the next complete frame.
    async fn step(&mut self, until: Instant) -> Step {
        loop {
            match self.link.next(until).await {
                Next::Event(event) => match &event.kind {
                    EventKind::Frame(frame) if frame.missing == 0 => return Step::Frame(event),
                    _ => self.last = Some(event),
                },
                Next::Ended(end) => return Step::Ended(end),
                Next::Late => return Step::Late,
            }
        }
    }

    async fn ask(&mut self) {
        let ping = self.frames.frame(PING, ASK);
        self.link.send(&[ping], self.setting.limit).await;
    }

    fn seen(&self, what: impl Into<String>) -> Seen {
        Seen::new(what).with(self.last.as_deref(), None)
    }

    fn late(&self, what: &str) -> Verdict {
        let limit = self.setting.limit.as_secs_f64();
        let seen = self.seen(format!("{what} within {limit:.1} s"));
        seen.late().failed()
    }

    /// The peer sent nothing, or something else: `wrong` is the place of its first wrong byte.
    fn missing(&self, what: &str, wrong: Option<usize>) -> Verdict {
        let (limit, last) = (self.setting.limit.as_secs_f64(), self.last.as_deref());
        let other = if wrong.is_some() { "another" } else { "no" };
        let seen = Seen::new(format!("{other} {what} within {limit:.1} s"));
        seen.with(last, wrong).late().failed()
    }

    fn ended(&self, end: End) -> Verdict {
        self.seen(end.words()).failed()
    }

    /// Waits for a Close with one of these codes. `bare`: the end of the connection is enough.
    /// `reads`: an open connection is accepted, too.
    async fn fails(&mut self, codes: &[u16], bare: bool, reads: bool) -> Verdict {
        let mut asked = reads;
        if reads {
            self.ask().await;
        }
        let mut until = self.until();
        loop {
            match self.step(until).await {
                Step::Frame(event) => match frame(&event) {
                    Some(close) if close.opcode == "close" => {
                        return close_is(&event, close, codes);
                    }
                    Some(pong) if asked && pong.opcode == "pong" && pong.unmasked == ASK => {
                        return match reads {
                            true => passed("the ping behind it is answered"),
                            false => self.seen(STILL_OPEN).failed(),
                        };
                    }
                    Some(other) if !other.is_control() => self.last = Some(event),
                    _ => {}
                },
                Step::Ended(end) if bare => return passed(end.words()),
                Step::Ended(end) => return self.ended(end),
                Step::Late if asked => return self.late("neither a Close frame nor the end"),
                Step::Late => {
                    asked = true;
                    self.ask().await;
                    until = self.until();
                }
            }
        }
    }

    /// Waits for a Close frame. `legally`: its code must be one that may be sent; the end of the
    /// connection is enough.
    async fn closes(&mut self, legally: bool) -> Verdict {
        let until = self.until();
        loop {
            match self.step(until).await {
                Step::Frame(event) => match frame(&event) {
                    Some(close) if close.opcode == "close" => {
                        return close_is_legal(&event, close, legally);
                    }
                    Some(other) if !other.is_control() => self.last = Some(event),
                    _ => {}
                },
                Step::Ended(end) if legally => return passed(end.words()),
                Step::Ended(end) => return self.ended(end),
                Step::Late => return self.late("no Close frame"),
            }
        }
    }

    async fn ends(&mut self) -> Verdict {
        let until = self.until();
        loop {
            match self.step(until).await {
                Step::Frame(event) => self.last = Some(event),
                Step::Ended(End::Closed) => return passed("the end of the TCP connection"),
                Step::Ended(End::Reset) => return passed("the end of the TCP connection (RST)"),
                Step::Late => return self.late("the TCP connection did not end"),
            }
        }
    }

    async fn pong(&mut self, payload: &[u8]) -> Verdict {
        let (until, mut wrong) = (self.until(), None);
        loop {
            match self.step(until).await {
                Step::Frame(event) => match frame(&event) {
                    Some(pong) if pong.opcode == "pong" => {
                        if pong.unmasked == payload {
                            return passed("the pong");
                        }
                        wrong = Some(place(pong, payload));
                        self.last = Some(event);
                    }
                    Some(close) if close.opcode == "close" => return closed(&event),
                    _ => {}
                },
                Step::Ended(end) => return self.ended(end),
                Step::Late => return self.missing("pong", wrong),
            }
        }
    }

    async fn silence(&mut self) -> Verdict {
        self.ask().await;
        let until = self.until();
        loop {
            match self.step(until).await {
                Step::Frame(event) => match frame(&event) {
                    Some(pong) if pong.opcode == "pong" && pong.unmasked == ASK => {
                        return passed("no answer; a ping behind it is answered");
                    }
                    Some(pong) if pong.opcode == "pong" => {
                        let seen = Seen::new("a pong was answered with a pong");
                        return seen.with(Some(&event), Some(0)).failed();
                    }
                    Some(close) if close.opcode == "close" => return closed(&event),
                    _ => {}
                },
                Step::Ended(end) => return self.ended(end),
                Step::Late => return self.late("no pong for the ping behind it"),
            }
        }
    }

    async fn message(&mut self, opcode: u8, expected: &[u8]) -> Verdict {
        let (until, mut wrong) = (self.until(), None);
        loop {
            match self.step(until).await {
                Step::Frame(event) => match frame(&event) {
                    Some(close) if close.opcode == "close" => return closed(&event),
                    Some(data) if !data.is_control() => {
                        let Some((kind, bytes)) = message(data) else {
                            continue;
                        };
                        if self.fits(opcode, kind, bytes, expected) {
                            return passed("the message");
                        }
                        wrong = Some(if kind == opcode {
                            place(data, expected)
                        } else {
                            0
                        });
                        self.last = Some(event);
                    }
                    _ => {}
                },
                Step::Ended(end) => return self.ended(end),
                Step::Late => return self.missing("message", wrong),
            }
        }
    }

    fn fits(&self, opcode: u8, kind: u8, bytes: &[u8], expected: &[u8]) -> bool {
        match &self.setting.talk {
            Talk::Answers(_, regex) => {
                kind == 1 && std::str::from_utf8(bytes).is_ok_and(|text| regex.is_match(text))
            }
            _ => kind == opcode && bytes == expected,
        }
    }

    /// Looks at every frame until the connection ends, or until the time is over.
    async fn keeps(&mut self, rule: BrokenRule) -> Verdict {
        let (until, mut count) = (self.until(), 0_u64);
        loop {
            match self.step(until).await {
                Step::Frame(event) => {
                    count += 1;
                    if event.errors.contains(&rule) {
                        let at = frame(&event).map(|frame| place_of(rule, frame));
                        return Seen::new(rule.what).with(Some(&event), at).failed();
                    }
                }
                Step::Ended(_) | Step::Late if count == 0 => {
                    return Verdict::Skipped("the peer sent no frame".into());
                }
                Step::Ended(_) | Step::Late => return passed(format!("in {count} frames")),
            }
        }
    }
}

const STILL_OPEN: &str = "the connection is still open: a ping is answered";
