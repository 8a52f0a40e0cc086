//! A case: what it sends, what it accepts, and what the standard says.
//!
//! A case is data. The tables in `cases` read as the specification, and the functions that play
//! and judge a case are in `play` and `judge`. The id of a case is the section of the standard
//! and a number. An id never changes, so a script or a lesson can name it.

use std::time::Duration;

use regex_lite::Regex;
use zcomm_core::xray::BrokenRule;

use super::{bytes::Frames, request::Request, response::Response};

pub(super) struct Case {
    /// `ws/`, the section of RFC 6455, and a number.
    pub(super) id: &'static str,
    pub(super) level: Level,
    pub(super) of: Of,
    /// What the case does.
    pub(super) does: &'static str,
    /// The requirement, quoted from RFC 6455.
    pub(super) rule: &'static str,
    /// What to change in a program that fails.
    pub(super) fix: &'static str,
    pub(super) play: Play,
}

/// The side that a case tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Both,
    Server,
    Client,
    /// A server, with `--hostile` only.
    Hostile,
}

/// How strong a requirement is (RFC 2119).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Must,
    /// Tested with `--strict` only.
    Should,
}

impl Level {
    pub(super) fn word(self) -> &'static str {
        match self {
            Level::Must => "MUST",
            Level::Should => "SHOULD",
        }
    }
}

/// What a case does.
pub(super) enum Play {
    /// Sends an opening handshake with this change.
    Opening(fn(&mut Request), Answer),
    /// Attacks a server.
    Attack(Attack),
    /// Looks at the opening handshake of a client.
    Asks(Ask),
    /// Answers the opening handshake of a client with this change.
    Answering(fn(&mut Response), Reply),
    /// Opens a connection and sends these pieces.
    Frames(fn(&Frames) -> Vec<Vec<u8>>, Want),
}

/// An attack, of `--hostile`.
pub(super) enum Attack {
    /// Sends the beginning of a request, and then nothing.
    HalfARequest,
    /// Sends a header without end, a byte at a time.
    DrippedRequest,
    /// Sends a header of 16 MiB.
    LongRequest,
    /// Sends these bytes again and again, and reads nothing.
    Flood(fn(&Frames) -> Vec<u8>, Flood),
    /// Opens many connections and leaves them, with a reset or without a word.
    Crowd { resets: bool },
}

/// What a server must do with a flood.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flood {
    /// End the connection, or stop reading.
    Ends,
    /// Anything, if other clients are served and no answers pile up.
    Survives,
}

/// What the request of a client must have.
pub(super) enum Ask {
    /// The method GET, and HTTP/1.1.
    Line,
    /// Exactly one header with this name and a right value.
    Header(&'static str, HeaderRule),
    /// A header with the address of this server.
    Host,
    /// Another key than in an earlier connection.
    NewKey,
}

/// What a client does with an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// It goes on: it answers a ping.
    Opens,
    /// It ends the connection and sends no frame.
    Leaves,
}

/// The answer to an opening handshake.
pub(super) enum Answer {
    /// The WebSocket opens: 101.
    Opens,
    /// The WebSocket does not open: an HTTP status that is not 101, or the end of the connection.
    Refuses,
    /// The same, but HTTP only.
    RefusesInHttp,
    /// The answer is 101 and has exactly one header with this name and a right value.
    Has(&'static str, HeaderRule),
    /// The answer to another version lists version 13.
    ListsVersion13,
}

/// What a header of the answer must be.
#[derive(Clone, Copy)]
pub(super) enum HeaderRule {
    /// This value, in upper or lower case.
    Is(&'static str),
    /// A list with this word.
    Lists(&'static str),
    /// The hash of the key.
    FitsTheKey,
    /// 16 bytes in base64.
    SixteenBytes,
    /// One of these words, or no header.
    OneOf(&'static [&'static str]),
}

/// What the peer must do with the frames of a case.
pub(super) enum Want {
    /// A Close frame with one of these codes, or the end of the connection.
    Fails(&'static [u16]),
    /// A Close frame with one of these codes. The end alone is not enough.
    CloseWith(&'static [u16]),
    /// The connection ends, or a Close frame with a code that may be sent.
    FailsLegally,
    /// As `Fails`, or the frame is read as it was meant: then a ping behind it is answered.
    FailsOrReads,
    /// A pong with these bytes.
    Pong(&'static [u8]),
    /// Nothing but the pong for a ping behind the frames.
    Silence,
    /// A Close frame.
    Close,
    /// The end of the TCP connection.
    End,
    /// The message with this opcode and these bytes, from a server that sends all messages back.
    Echo(u8, fn() -> Vec<u8>),
    /// The answer to the text of `--send`; of an echo server, the same text.
    Reply,
    /// At least two frames, each with a masking key of its own.
    NewKeys,
    /// No frame of the peer breaks this rule.
    Keeps(BrokenRule),
}

/// What the peer does with messages.
#[derive(Clone)]
pub(super) enum Talk {
    /// Unknown: only the handshake, errors and control frames are tested.
    Unknown,
    /// It sends each message back.
    Echo,
    /// It answers a text with a text that matches.
    Answers(String, Regex),
}

impl Talk {
    /// The text of a message for the peer.
    pub(super) fn text(&self) -> &str {
        match self {
            Talk::Answers(text, _) => text,
            _ => "Hello",
        }
    }
}

/// What all cases of a run share.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) talk: Talk,
    /// How long a case waits for an answer.
    pub(super) limit: Duration,
}

impl Case {
    /// A requirement with MUST, for both sides.
    pub(super) const fn must(
        id: &'static str,
        does: &'static str,
        rule: &'static str,
        fix: &'static str,
        play: Play,
    ) -> Case {
        Case {
            id,
            level: Level::Must,
            of: Of::Both,
            does,
            rule,
            fix,
            play,
        }
    }

    /// The section of RFC 6455.
    pub(super) fn section(&self) -> &'static str {
        self.id.split('/').nth(1).unwrap_or_default()
    }

    /// The number of the case in its section.
    pub(super) fn number(&self) -> usize {
        let number = self.id.rsplit('/').next().unwrap_or_default();
        number.parse().unwrap_or(usize::MAX)
    }

    /// Returns what the user must add to run this case, or `None` if the case can run.
    pub(super) fn needs(&self, talk: &Talk) -> Option<&'static str> {
        let Play::Frames(_, want) = &self.play else {
            return None;
        };
        match (want, talk) {
            (Want::Echo(..), Talk::Unknown | Talk::Answers(..)) => Some("--echo"),
            (Want::Reply, Talk::Unknown) => Some("--echo or --send"),
            _ => None,
        }
    }
}
