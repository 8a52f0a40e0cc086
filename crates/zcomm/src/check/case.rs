//! A case: what it sends, what it accepts, and what the standard says.
//!
//! A case is data: an entry of the tables in `cases`, which read like the specification. `run` and
//! `client` play a case, and `judge` judges the answer.
//!
//! The id of a case is a section of the standard and a number, such as `ws/5.1/1`. An id never
//! changes, so a script or a lesson can use an id.

use std::time::Duration;

use regex_lite::Regex;
use zcomm_core::xray::BrokenRule;

use super::{bytes::Frames, request::Request, response::Response};

pub(super) struct Case {
    /// `ws/`, the section of RFC 6455, `/` and a number.
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
    /// A server under attack. These cases run only with `--hostile`.
    Hostile,
}

/// How strong a requirement is (RFC 2119).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Must,
    /// Tested only with `--strict` or `--hostile`.
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

/// What a case sends, and what it accepts.
pub(super) enum Play {
    /// Sends an opening handshake with this change.
    Opening(fn(&mut Request), Answer),
    /// Attacks a server.
    Attack(Attack),
    /// Looks at the opening handshake of a client.
    Asks(Ask),
    /// Answers the opening handshake of a client with this change.
    Answering(fn(&mut Response), Reply),
    /// Opens a WebSocket and sends these bytes, with one write for each piece.
    Frames(fn(&Frames) -> Vec<Vec<u8>>, Want),
}

/// An attack on a server.
pub(super) enum Attack {
    /// Sends the beginning of a request, and then nothing.
    HalfARequest,
    /// Sends a header without end, a byte at a time.
    DrippedRequest,
    /// Sends a header of 16 MiB.
    LongRequest,
    /// Sends these bytes again and again, without reading.
    Flood(fn(&Frames) -> Vec<u8>, Flood),
    /// Opens many connections. Then resets them, or keeps them open and sends nothing.
    Crowd { resets: bool },
}

/// What a server must do with a flood.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flood {
    /// End the connection, or stop reading.
    Ends,
    /// Serve other clients, and not store many answers in memory.
    Survives,
}

/// What the request of a client must have.
pub(super) enum Ask {
    /// The method GET, a path that begins with `/`, and HTTP/1.1.
    Line,
    /// The header with this name must follow this rule.
    Header(&'static str, HeaderRule),
    /// One header `Host` with the address of this server.
    Host,
    /// A key that differs from the key of the first connection.
    NewKey,
}

/// What a client must do after an answer to its handshake.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// The client opens the WebSocket: it answers a ping.
    Opens,
    /// The client ends the connection. Before the end, it may send only a Close frame.
    Leaves,
}

/// The accepted answer to an opening handshake.
pub(super) enum Answer {
    /// The WebSocket opens: 101.
    Opens,
    /// The WebSocket does not open: an HTTP status that is not 101, or the end of the connection.
    Refuses,
    /// The WebSocket does not open: an HTTP status of 400 or more.
    RefusesInHttp,
    /// The WebSocket opens, and the header with this name follows this rule.
    Has(&'static str, HeaderRule),
    /// The WebSocket does not open, and `Sec-WebSocket-Version` lists version 13.
    ListsVersion13,
}

/// A rule for all headers of one name.
#[derive(Clone, Copy)]
pub(super) enum HeaderRule {
    /// Exactly one header with this value, in upper or lower case.
    Is(&'static str),
    /// A list with this word, in one or more headers.
    Lists(&'static str),
    /// Exactly one header with the hash of the request's key.
    FitsTheKey,
    /// Exactly one header with 16 bytes in base64.
    SixteenBytes,
    /// Exactly one header with one of these words, or no header.
    OneOf(&'static [&'static str]),
}

/// What the peer must do with the frames of a case.
pub(super) enum Want {
    /// A Close frame with one of these codes or without a code, or the end of the connection.
    Fails(&'static [u16]),
    /// A Close frame with one of these codes or without a code. The end of the connection alone is
    /// not enough.
    CloseWith(&'static [u16]),
    /// A Close frame with a code that may be sent or without a code, or the end of the connection.
    FailsLegally,
    /// As `Fails`, or a pong: the peer has read the frame, and answers the ping that follows it.
    FailsOrReads,
    /// A pong with these bytes.
    Pong(&'static [u8]),
    /// No answer to the frames, but a pong for the ping that follows the frames.
    Silence,
    /// A Close frame.
    Close,
    /// The end of the TCP connection.
    End,
    /// The message with this opcode and these bytes, from a peer that sends each message back.
    Echo(u8, fn() -> Vec<u8>),
    /// The answer to the text of `--send`. With `--echo`, the same text.
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
    /// The peer sends each message back.
    Echo,
    /// The peer answers this text with a text that matches the expression.
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
    /// A case for both sides. Its requirement is a MUST.
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
