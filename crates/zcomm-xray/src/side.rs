//! Decodes the bytes of one sender: HTTP first, and then frames.
//!
//! A stage is a part of the connection, such as a head or the frames. Each stage reads only its
//! own bytes and leaves later bytes to the next stage. So the network may divide the bytes
//! anywhere. `decoder` chooses the stage after a head, because this choice depends on both
//! directions.

use std::mem;

use crate::{
    event::EventKind,
    frames::FrameReader,
    head::RawHead,
    rules::Direction,
    secrets::{start_of_words, without_secrets},
    sink::Sink,
    splitter::HeadEnd,
};

/// The maximum length of a head (bytes). The server has the same limit.
pub(crate) const MAX_HEAD: usize = 16 * 1024;
/// The default of [`Side::keep`].
pub(crate) const KEEP: usize = 4 * 1024;
/// The maximum number of bytes to show if data is neither HTTP nor a frame. The limit is small,
/// so that the token of a broken request is not shown.
const RAW_SHOWN: usize = 8;

/// The decoder of the bytes of one sender.
pub(crate) struct Side {
    from: Direction,
    stage: Stage,
    /// The number of bytes that have arrived.
    pub(crate) bytes: u64,
    /// The maximum number of bytes to store of each payload and of each fragmented message.
    pub(crate) keep: usize,
}

/// The part of the connection that the next byte belongs to.
enum Stage {
    Head(PartialHead),
    /// The client's bytes after an upgrade request, before the response. These bytes may be
    /// frames, or another request that contains a secret.
    Waiting(Vec<u8>),
    Body(Body),
    Frames(Box<FrameReader>),
    /// Bytes that are neither HTTP nor frames. The number counts the bytes that were not shown.
    Raw(u64),
}

/// A head whose end has not arrived.
#[derive(Default)]
struct PartialHead {
    bytes: Vec<u8>,
    end: HeadEnd,
}

struct Body {
    /// The number of bytes that have not arrived; `None` if the body ends with the connection.
    left: Option<u64>,
    arrived: u64,
}

impl Side {
    pub(crate) fn new(from: Direction) -> Side {
        Side {
            from,
            stage: Stage::Head(PartialHead::default()),
            bytes: 0,
            keep: KEEP,
        }
    }

    /// Reads the bytes of one stage, and returns their number. If these bytes complete a head,
    /// returns the head, too. The caller then decides what follows the head.
    pub(crate) fn take(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> (usize, Option<RawHead>) {
        // If the code below sets no new stage, all later bytes are only counted.
        let taken = match mem::replace(&mut self.stage, Stage::Raw(0)) {
            Stage::Head(head) => return self.take_head(head, bytes, sink),
            Stage::Waiting(waiting) => self.take_waiting(waiting, bytes, sink),
            Stage::Body(body) => self.take_body(body, bytes, sink),
            Stage::Frames(frames) => self.take_frames(frames, bytes, sink),
            Stage::Raw(count) => {
                sink.record(self.from, &[], bytes.len());
                self.stage = Stage::Raw(count + bytes.len() as u64);
                bytes.len()
            }
        };
        (taken, None)
    }

    fn take_head(
        &mut self,
        mut head: PartialHead,
        bytes: &[u8],
        sink: &mut Sink<'_>,
    ) -> (usize, Option<RawHead>) {
        let here = &bytes[..bytes.len().min(MAX_HEAD - head.bytes.len())];
        let end = head.end.find(here);
        let taken = end.unwrap_or(here.len());
        head.bytes.extend_from_slice(&bytes[..taken]);
        let too_long = end.is_none() && head.bytes.len() == MAX_HEAD;
        if too_long || !begins_like_http(self.from, &head.bytes) {
            self.give_up(&head.bytes, sink);
        } else if end.is_none() {
            self.stage = Stage::Head(head);
        } else {
            // The event and the recording use the same bytes, so a replay makes the same event.
            let head = without_secrets(&head.bytes);
            sink.record(self.from, &head, 0);
            return (taken, Some(RawHead::parse(&head)));
        }
        (taken, None)
    }

    fn take_waiting(&mut self, mut waiting: Vec<u8>, bytes: &[u8], sink: &mut Sink<'_>) -> usize {
        let taken = bytes.len().min(MAX_HEAD - waiting.len());
        waiting.extend_from_slice(&bytes[..taken]);
        match taken == bytes.len() {
            true => self.stage = Stage::Waiting(waiting),
            false => self.give_up(&waiting, sink),
        }
        taken
    }

    fn take_body(&mut self, mut body: Body, bytes: &[u8], sink: &mut Sink<'_>) -> usize {
        let left = body.left.unwrap_or(u64::MAX);
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        sink.record(self.from, &[], taken);
        body.left = body.left.map(|left| left - taken as u64);
        body.arrived += taken as u64;
        match body.left {
            Some(0) => {
                self.show_body(&body, sink);
                self.expect_head();
            }
            _ => self.stage = Stage::Body(body),
        }
        taken
    }

    fn take_frames(
        &mut self,
        mut frames: Box<FrameReader>,
        bytes: &[u8],
        sink: &mut Sink<'_>,
    ) -> usize {
        let show = sink.on_event.is_some();
        let (frame, rest) = frames.next(bytes, show, &mut sink.hidden);
        let taken = bytes.len() - rest.len();
        sink.record(self.from, &bytes[..taken], 0);
        if let Some((frame, errors)) = frame {
            sink.event(Some(self.from), EventKind::Frame(frame), errors);
        }
        if !frames.lost {
            self.stage = Stage::Frames(frames);
        }
        taken
    }

    /// Sets the next stage: a head.
    pub(crate) fn expect_head(&mut self) {
        self.stage = Stage::Head(PartialHead::default());
    }

    /// Sets the next stage: a body. A body without a length ends with the connection.
    pub(crate) fn expect_body(&mut self, length: Option<u64>) {
        match length {
            Some(0) => self.expect_head(),
            left => self.stage = Stage::Body(Body { left, arrived: 0 }),
        }
    }

    /// Sets the next stage: frames. `extended`: whether the handshake agreed on extensions.
    pub(crate) fn expect_frames(&mut self, extended: bool) {
        let frames = FrameReader::new(self.from, self.keep, extended);
        self.stage = Stage::Frames(Box::new(frames));
    }

    /// Sets the next stage: storing bytes until a response shows whether they are frames.
    pub(crate) fn wait(&mut self) {
        self.stage = Stage::Waiting(Vec::new());
    }

    /// Ends the wait for a response. Returns the bytes that arrived during the wait, or `None`
    /// if there was no wait.
    pub(crate) fn end_wait(&mut self) -> Option<Vec<u8>> {
        match &mut self.stage {
            Stage::Waiting(waiting) => Some(mem::take(waiting)),
            _ => None,
        }
    }

    /// Shows the start of data that is neither HTTP nor frames. Later bytes are only counted.
    fn give_up(&mut self, bytes: &[u8], sink: &mut Sink<'_>) {
        let (first, omitted) = bytes.split_at(bytes.len().min(RAW_SHOWN));
        let first = start_of_words(first);
        sink.record(self.from, &first, omitted.len());
        self.show_raw(bytes.len() as u64, &first, sink);
        self.stage = Stage::Raw(0);
    }

    fn show_body(&self, body: &Body, sink: &mut Sink<'_>) {
        let bytes = body.arrived;
        sink.event(Some(self.from), EventKind::Body { bytes }, Vec::new());
    }

    fn show_raw(&self, bytes: u64, first: &[u8], sink: &mut Sink<'_>) {
        if bytes > 0 {
            let first = first[..first.len().min(RAW_SHOWN)].to_vec();
            let raw = EventKind::Raw { bytes, first };
            sink.event(Some(self.from), raw, Vec::new());
        }
    }

    /// Makes events for incomplete data, because the connection has ended.
    pub(crate) fn finish(&mut self, sink: &mut Sink<'_>) {
        match mem::replace(&mut self.stage, Stage::Raw(0)) {
            Stage::Head(PartialHead { bytes, .. }) | Stage::Waiting(bytes) => {
                if !bytes.is_empty() {
                    self.give_up(&bytes, sink);
                }
            }
            Stage::Body(body) => self.show_body(&body, sink),
            Stage::Frames(mut frames) => {
                if let Some((frame, errors)) = frames.rest() {
                    sink.event(Some(self.from), EventKind::Frame(frame), errors);
                }
                let header = frames.splitter.partial_header();
                self.show_raw(header.len() as u64, header, sink);
            }
            Stage::Raw(count) => self.show_raw(count, &[], sink),
        }
    }
}

/// Whether these bytes can begin a request (from the client) or a response (from the server).
fn begins_like_http(from: Direction, head: &[u8]) -> bool {
    let response = b"HTTP/";
    let known = head.len().min(response.len());
    match from {
        Direction::ClientToServer => head.first().is_none_or(u8::is_ascii_uppercase),
        Direction::ServerToClient => head[..known] == response[..known],
    }
}

#[cfg(test)]
impl Side {
    /// The memory that stores bytes of the peer.
    pub(crate) fn held(&self) -> usize {
        match &self.stage {
            Stage::Head(PartialHead { bytes, .. }) | Stage::Waiting(bytes) => bytes.capacity(),
            Stage::Frames(frames) => frames.held(),
            Stage::Body(_) | Stage::Raw(_) => 0,
        }
    }
}
