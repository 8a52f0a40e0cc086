//! Judges what a peer does with the frames of a case.
//!
//! While a judge waits, it skips frames that are allowed at any time: pings, pongs that answer no
//! ping, and messages that the peer sends without a request.
//!
//! After a wrong frame, three results are possible: a Close frame, the end of the connection
//! without a Close frame, or a connection that is still open. A judge says "still open" only after
//! the peer has answered a ping.

use super::{
    bytes::Frames,
    case::{Setting, Talk, Want},
    link::{End, Link},
    reading::{close_is, close_is_legal, closed, frame, message, place},
    verdict::{Seen, Verdict, passed},
    waiter::{ASK, Step, Waiter},
};

/// Waits for the reaction to the frames of a case.
pub(super) async fn judge(
    link: &mut Link,
    want: &Want,
    frames: &Frames,
    setting: &Setting,
) -> Verdict {
    let mut judge = Waiter {
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
        Want::NewKeys => judge.new_keys().await,
        Want::Keeps(rule) => judge.keeps(*rule).await,
    }
}

const STILL_OPEN: &str = "the connection is still open: a ping is answered";

impl Waiter<'_> {
    /// Waits for a Close frame with one of these codes. `bare` also accepts the end of the
    /// connection without a Close frame, and a Close frame without a code. `reads` also accepts an
    /// open connection.
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
                        return close_is(&event, close, codes, bare);
                    }
                    Some(pong) if asked && pong.opcode == "pong" && pong.unmasked == ASK => {
                        return match reads {
                            true => passed("the next ping is answered"),
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

    /// Waits for a Close frame. With `legally`, the frame must have no code, or a code that may be
    /// sent. `legally` also accepts the end of the connection without a Close frame.
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
                        return passed("no answer; the next ping is answered");
                    }
                    Some(pong) if pong.opcode == "pong" => {
                        let seen = Seen::new("a pong was answered with a pong");
                        return seen.with(Some(&event), Some(0)).failed();
                    }
                    Some(close) if close.opcode == "close" => return closed(&event),
                    _ => {}
                },
                Step::Ended(end) => return self.ended(end),
                Step::Late => return self.late("no pong for the next ping"),
            }
        }
    }

    async fn message(&mut self, opcode: u8, expected: &[u8]) -> Verdict {
        let (until, mut wrong, mut prefix) = (self.until(), None, None);
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
                        prefix = text_before(bytes, expected);
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
                Step::Late => return self.missing("message", wrong).with_prefix(prefix),
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
}

/// Returns the text before the expected message, if the answer ends with this message.
fn text_before(answer: &[u8], expected: &[u8]) -> Option<String> {
    let before = answer.strip_suffix(expected)?;
    let text = std::str::from_utf8(before).ok()?;
    (!expected.is_empty()).then(|| text.to_owned())
}
