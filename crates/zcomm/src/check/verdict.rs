//! The result of a case, and what was seen.

use zcomm_core::xray::{BrokenRule, Event, EventKind, Frame, Head};

use crate::shared::text::{cut, visible};

/// The number of bytes of a frame that a report shows.
const SHOWN: usize = 24;
/// The number of headers of an HTTP head that a report shows.
const LINES: usize = 10;

#[derive(Debug)]
pub(super) enum Verdict {
    /// The peer did what is accepted. The text says what it did.
    Passed(String),
    Failed(Box<Seen>),
    /// The case did not run, or has no result. The text says why.
    Skipped(String),
}

impl Verdict {
    /// Adds the text that an echo server has put before the message.
    pub(super) fn with_prefix(mut self, prefix: Option<String>) -> Verdict {
        if let Verdict::Failed(seen) = &mut self {
            seen.prefix = prefix;
        }
        self
    }
}

/// What a peer did in a failed case.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What was wrong, in a few words.
    pub(super) what: String,
    /// The wrong frame or HTTP head, in words.
    pub(super) lines: Vec<String>,
    /// Bytes of the frame: the first bytes, or the bytes around a wrong byte.
    pub(super) bytes: Vec<u8>,
    /// The place of the first wrong byte in `bytes`.
    pub(super) wrong: Option<usize>,
    /// Whether the peer did not act in time.
    pub(super) late: bool,
    /// Whether the case could not connect: the server has stopped.
    pub(super) gone: bool,
    /// The text that an echo server has put before the message.
    pub(super) prefix: Option<String>,
}

impl Seen {
    pub(super) fn new(what: impl Into<String>) -> Seen {
        Seen {
            what: what.into(),
            ..Seen::default()
        }
    }

    /// Adds the last event of the peer. `wrong` is the place of the first wrong byte in the frame.
    pub(super) fn with(mut self, event: Option<&Event>, wrong: Option<usize>) -> Seen {
        let Some(event) = event else { return self };
        self.lines = lines(event);
        if let EventKind::Frame(frame) = &event.kind {
            self.bytes = frame.header.clone();
            self.bytes.extend(&frame.payload);
            // If the wrong byte is far from the start, show the bytes around the wrong byte.
            let wrong = wrong.filter(|at| *at < self.bytes.len());
            let skipped = wrong.map_or(0, |at| at.saturating_sub(SHOWN - 4));
            self.bytes.drain(..skipped);
            self.bytes.truncate(SHOWN);
            self.wrong = wrong.map(|at| at - skipped);
        }
        self
    }

    pub(super) fn late(mut self) -> Seen {
        self.late = true;
        self
    }

    pub(super) fn failed(self) -> Verdict {
        Verdict::Failed(Box::new(self))
    }
}

pub(super) fn passed(what: impl Into<String>) -> Verdict {
    Verdict::Passed(what.into())
}

/// Describes an event in lines, with one line for each rule that the event breaks.
pub(super) fn lines(event: &Event) -> Vec<String> {
    let mut lines = match &event.kind {
        EventKind::Request(head) | EventKind::Response(head) => head_lines(head),
        EventKind::Frame(frame) => vec![frame_line(event, frame)],
        _ => vec![event.summary()],
    };
    let rules = event.errors.iter().map(rule_line);
    lines.extend(rules);
    lines
}

pub(super) fn rule_line(rule: &BrokenRule) -> String {
    format!("! RFC 6455, {}: {}", rule.section, rule.what)
}

fn head_lines(head: &Head) -> Vec<String> {
    let headers = head.headers.iter().take(LINES);
    let headers = headers.map(|header| format!("{}: {}", header.name, header.value));
    let lines = [head.line.clone()].into_iter().chain(headers);
    lines.map(|line| cut(&visible(&line))).collect()
}

fn frame_line(event: &Event, frame: &Frame) -> String {
    let mut line = event.summary();
    if let Some(close) = &frame.close {
        line += &format!(", code {}", close.code);
        if !close.reason.is_empty() {
            line += &format!(", reason {:?}", cut(&visible(&close.reason)));
        }
    } else if let Some(text) = frame.text.as_ref().filter(|text| !text.is_empty()) {
        line += &format!(": {:?}", cut(&visible(text)));
    }
    line
}
