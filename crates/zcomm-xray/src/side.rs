//! One direction of a connection: first HTTP, then frames, or neither.
//!
//! What the next byte belongs to depends on all before it, and on the other direction: after
//! a request for a WebSocket the client sends frames, unless the answer says no. Each stage
//! takes its bytes and leaves the rest to the next, so nothing depends on how the network
//! cut the bytes up.
//!
//! Production has HTTP and WebSocket in two programs, and sees the seam between them less
//! clearly.

use crate::{
    event::{EventKind, Raw},
    frames::FrameReader,
    head::{Lines, end_of_head},
    rules::Direction,
    secrets::without_secrets,
    sink::Sink,
};

/// The longest head that is understood (bytes), as for our server.
pub(crate) const MAX_HEAD: usize = 16 * 1024;
/// Kept of a payload, and of a message that came in several frames (bytes).
pub(crate) const KEEP: usize = 4 * 1024;
/// Shown of bytes that nobody understands: too few for the token of a broken request.
const RAW_SHOWN: usize = 8;

/// One direction.
pub(crate) struct Side {
    from: Direction,
    stage: Stage,
    /// All that have come.
    pub(crate) bytes: u64,
    /// Kept of a payload (bytes).
    pub(crate) keep: usize,
}

/// What the next byte belongs to.
enum Stage {
    Head(Vec<u8>),
    /// It came before the answer to the wish for a WebSocket: whether it is a frame, or
    /// another request with a secret in it, is not known yet.
    Waiting(Vec<u8>),
    /// What is still to come of it, where that is known, and what has come.
    Body(Option<u64>, u64),
    Frames(Box<FrameReader>),
    /// Bytes that were counted and not shown.
    Raw(u64),
}

impl Side {
    pub(crate) fn new(from: Direction) -> Side {
        Side {
            from,
            stage: Stage::Head(Vec::new()),
            bytes: 0,
            keep: KEEP,
        }
    }

    /// Takes bytes of one stage, and returns those of the next.
    pub(crate) fn take<'a>(
        &mut self,
        bytes: &'a [u8],
        client: Option<&mut Side>,
        sink: &mut Sink<'_>,
        request: &mut Option<Lines>,
    ) -> &'a [u8] {
        match &mut self.stage {
            Stage::Head(head) => {
                let before = head.len();
                let room = MAX_HEAD - before;
                head.extend_from_slice(&bytes[..bytes.len().min(room)]);
                match end_of_head(head, before) {
                    _ if !begins_like_http(self.from, head) => self.give_up(sink),
                    Some(end) => {
                        if sink.keep.is_some() {
                            sink.keep(self.from, &without_secrets(&head[..end]), 0);
                        }
                        let lines = Lines::read(&head[..end]);
                        self.head(lines, client, sink, request);
                        return &bytes[end - before..];
                    }
                    None if head.len() == MAX_HEAD => self.give_up(sink),
                    None => return &[],
                }
                &bytes[bytes.len().min(room)..]
            }
            Stage::Waiting(waiting) => {
                let here = bytes.len().min(MAX_HEAD - waiting.len());
                waiting.extend_from_slice(&bytes[..here]);
                if here < bytes.len() {
                    self.give_up(sink);
                }
                &bytes[here..]
            }
            Stage::Body(Some(left), seen) => {
                let here = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                *left -= here as u64;
                *seen += here as u64;
                sink.keep(self.from, &[], here);
                if *left == 0 {
                    let body = EventKind::Body { bytes: *seen };
                    sink.see(Some(self.from), body, Vec::new());
                    self.stage = Stage::Head(Vec::new());
                }
                &bytes[here..]
            }
            Stage::Body(None, seen) | Stage::Raw(seen) => {
                *seen += bytes.len() as u64;
                sink.keep(self.from, &[], bytes.len());
                &[]
            }
            Stage::Frames(frames) => {
                let show = sink.see.is_some();
                let (passed, rest) = frames.next(bytes, show, &mut sink.hidden);
                let lost = frames.lost;
                sink.keep(self.from, &bytes[..bytes.len() - rest.len()], 0);
                if let Some(passed) = passed {
                    sink.frame(self.from, passed);
                }
                if lost {
                    self.stage = Stage::Raw(0);
                }
                rest
            }
        }
    }

    /// A head is whole: what comes after it?
    fn head(
        &mut self,
        lines: Lines,
        client: Option<&mut Side>,
        sink: &mut Sink<'_>,
        request: &mut Option<Lines>,
    ) {
        let from = Some(self.from);
        let length = lines.content_length();
        let Some(client) = client else {
            let (head, errors) = lines.request();
            sink.see(from, EventKind::Request(head), errors);
            match lines.asks_to_upgrade() {
                true => self.stage = Stage::Waiting(Vec::new()),
                false => self.body(length.or(Some(0))),
            }
            *request = Some(lines);
            return;
        };
        let (head, errors) = lines.response(request.as_ref());
        sink.see(from, EventKind::Response(head), errors);
        match lines.status() {
            Some(101) => {
                let extended = lines.value("sec-websocket-extensions").is_some();
                self.upgrade(extended);
                *request = None;
                client.decide(Some(extended), sink, request);
            }
            // RFC 9110 section 15.2: the answer itself is still to come.
            Some(100..200) => self.stage = Stage::Head(Vec::new()),
            status => {
                let bodiless = matches!(status, Some(204 | 304))
                    || request
                        .as_ref()
                        .is_some_and(|request| request.method() == "HEAD");
                self.body(if bodiless { Some(0) } else { length });
                client.decide(None, sink, request);
            }
        }
    }

    fn body(&mut self, length: Option<u64>) {
        self.stage = match length {
            Some(0) => Stage::Head(Vec::new()),
            length => Stage::Body(length, 0),
        };
    }

    pub(crate) fn upgrade(&mut self, extended: bool) {
        let frames = FrameReader::new(self.from, self.keep, extended);
        self.stage = Stage::Frames(Box::new(frames));
    }

    /// The answer to the wish for a WebSocket is known, and with it what came since.
    fn decide(&mut self, upgraded: Option<bool>, sink: &mut Sink<'_>, request: &mut Option<Lines>) {
        let Stage::Waiting(waiting) = &mut self.stage else {
            return;
        };
        let waiting = std::mem::take(waiting);
        match upgraded {
            Some(extended) => self.upgrade(extended),
            None => self.stage = Stage::Head(Vec::new()),
        }
        let mut bytes = &waiting[..];
        while !bytes.is_empty() {
            bytes = self.take(bytes, None, sink, request);
        }
    }

    /// Nobody can tell what this is.
    fn give_up(&mut self, sink: &mut Sink<'_>) {
        if let Stage::Head(bytes) | Stage::Waiting(bytes) = &self.stage {
            let (first, untold) = bytes.split_at(bytes.len().min(RAW_SHOWN));
            sink.keep(self.from, first, untold.len());
            let raw = Raw {
                bytes: bytes.len() as u64,
                first: first.to_vec(),
            };
            sink.see(Some(self.from), EventKind::Raw(raw), Vec::new());
            self.stage = Stage::Raw(0);
        }
    }

    /// The connection has ended: shows what was not finished.
    pub(crate) fn finish(&mut self, sink: &mut Sink<'_>) {
        match &mut self.stage {
            Stage::Head(bytes) | Stage::Waiting(bytes) if !bytes.is_empty() => self.give_up(sink),
            Stage::Body(_, bytes) => {
                let body = EventKind::Body { bytes: *bytes };
                sink.see(Some(self.from), body, Vec::new());
            }
            Stage::Frames(frames) => {
                if let Some(passed) = frames.rest() {
                    sink.frame(self.from, passed);
                }
                self.raw(sink);
            }
            Stage::Raw(_) => self.raw(sink),
            Stage::Head(_) | Stage::Waiting(_) => {}
        }
    }

    /// What was counted and not shown.
    fn raw(&self, sink: &mut Sink<'_>) {
        let (bytes, first) = match &self.stage {
            Stage::Frames(frames) => {
                let begun = frames.partial_header();
                let shown = begun.len().min(RAW_SHOWN);
                (begun.len() as u64, begun[..shown].to_vec())
            }
            Stage::Raw(bytes) => (*bytes, Vec::new()),
            _ => (0, Vec::new()),
        };
        if bytes > 0 {
            let raw = EventKind::Raw(Raw { bytes, first });
            sink.see(Some(self.from), raw, Vec::new());
        }
    }
}

/// Whether these may be the first bytes of a request, or of a response.
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
    /// The memory it holds for what strangers have sent.
    pub(crate) fn held(&self) -> usize {
        match &self.stage {
            Stage::Head(bytes) | Stage::Waiting(bytes) => bytes.capacity(),
            Stage::Frames(frames) => frames.held(),
            Stage::Body(..) | Stage::Raw(_) => 0,
        }
    }
}
