//! The frames of one direction, taken apart byte by byte (RFC 6455 section 5.2).
//!
//! ```text
//!  FIN RSV opcode │ MASK length │ longer length    │ masking key │ payload …
//!      1 byte     │   1 byte    │ 0, 2 or 8 bytes  │ 0 or 4      │ length bytes
//! ```
//!
//! The header is read by the codec's own parser, so the two cannot disagree about where a
//! frame ends. The rest differs on purpose: a codec stops at the first mistake and forgets
//! the header; this goes on as long as lengths make sense, and keeps what there is to show.
//!
//! Of each payload only the beginning is kept, and a frame that shall not be shown is
//! followed without being kept at all: what a stranger sends never decides how much memory
//! that takes. Production has this in a tool beside the server.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

use crate::{
    event::Frame,
    message::{Begun, close, keep_start, unmasked},
    rules::{BrokenRule, Direction, MAX_CONTROL, broken_by},
};

/// The longest header: two bytes, eight of length, four of key.
const MAX_HEADER: usize = 14;

/// A frame that has passed, and what was wrong with it.
pub(crate) type Passed = (Box<Frame>, Vec<BrokenRule>);

/// Follows the frames of one direction.
pub(crate) struct FrameReader {
    from: Direction,
    /// Kept of a payload, and of a message (bytes).
    keep: usize,
    header: [u8; MAX_HEADER],
    known: usize,
    current: Option<Current>,
    message: Option<Begun>,
    /// Extensions were agreed: what the reserved bits mean is their business.
    extended: bool,
    closed: bool,
    /// A length made no sense: from there on nobody can tell where a frame begins.
    pub(crate) lost: bool,
}

/// A frame whose header is known.
struct Current {
    /// Shown to nobody: only its length counts.
    hidden: bool,
    opcode: OpCode,
    mask: [u8; 4],
    /// Payload bytes that have come.
    came: u64,
    frame: Box<Frame>,
    errors: Vec<BrokenRule>,
}

impl FrameReader {
    pub(crate) fn new(from: Direction, keep: usize, extended: bool) -> FrameReader {
        FrameReader {
            from,
            keep,
            header: [0; MAX_HEADER],
            known: 0,
            current: None,
            message: None,
            extended,
            closed: false,
            lost: false,
        }
    }

    /// Takes in bytes up to the end of a frame, and returns it with the bytes after it. While
    /// `show` is false what passes is counted in `hidden` instead. Bytes are left over with
    /// no frame only when the reader is [`lost`](FrameReader::lost).
    pub(crate) fn next<'a>(
        &mut self,
        mut bytes: &'a [u8],
        show: bool,
        hidden: &mut u64,
    ) -> (Option<Passed>, &'a [u8]) {
        while !self.lost {
            if self.current.is_none() {
                let taken = bytes.len().min(MAX_HEADER - self.known);
                self.header[self.known..self.known + taken].copy_from_slice(&bytes[..taken]);
                let Some((header, length, size)) = self.parse(self.known + taken) else {
                    self.known += taken;
                    return (None, &bytes[taken..]);
                };
                bytes = &bytes[size - self.known..];
                self.known = 0;
                self.begin(&header, length, size, show);
                if self.lost {
                    return (self.rest(), bytes);
                }
            }
            let Some(current) = &mut self.current else {
                continue;
            };
            let left = current.frame.length - current.came;
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            current.take(&bytes[..here], self.message.as_mut(), self.keep);
            bytes = &bytes[here..];
            if current.came < current.frame.length {
                return (None, bytes);
            }
            match self.end() {
                Some(passed) if show => return (Some(passed), bytes),
                _ => *hidden += 1,
            }
            if bytes.is_empty() {
                break;
            }
        }
        (None, bytes)
    }

    /// What has come of a frame that will not be finished any more.
    pub(crate) fn rest(&mut self) -> Option<Passed> {
        let current = self.current.take().filter(|current| !current.hidden)?;
        let mut frame = current.frame;
        frame.missing = frame.length - current.came;
        frame.cut = current.came - frame.payload.len() as u64;
        frame.unmasked = unmasked(&frame.payload, current.mask);
        Some((frame, current.errors))
    }

    /// Bytes of a header that is not whole.
    pub(crate) fn header_begun(&self) -> &[u8] {
        &self.header[..self.known]
    }

    /// The header, once all of it is there, and how long it is.
    fn parse(&self, known: usize) -> Option<(FrameHeader, u64, usize)> {
        // The codec's parser stops at a reserved opcode without telling the length: it is
        // shown another one in its place.
        let mut header = self.header;
        header[0] &= 0xf0;
        let mut cursor = Cursor::new(&header[..known]);
        let (mut parsed, length) = FrameHeader::parse(&mut cursor).ok()??;
        parsed.opcode = OpCode::from(self.header[0] & 0x0f);
        Some((parsed, length, usize::try_from(cursor.position()).ok()?))
    }

    fn begin(&mut self, header: &FrameHeader, length: u64, size: usize, show: bool) {
        let form = match self.header[1] & 0x7f {
            126 => 16,
            127 => 64,
            _ => 7,
        };
        let opcode = header.opcode;
        let compressed = self.extended && header.rsv1;
        let mut frame = Box::new(Frame {
            fin: header.is_final,
            rsv: [header.rsv1, header.rsv2, header.rsv3],
            opcode: name(opcode),
            code: opcode.into(),
            mask: header.mask,
            form,
            length,
            header: Vec::new(),
            payload: Vec::new(),
            unmasked: Vec::new(),
            text: None,
            cut: 0,
            missing: 0,
            part: None,
            message: None,
            close: None,
            compressed,
        });
        let mut errors = Vec::new();
        if show {
            frame.header.extend_from_slice(&self.header[..size]);
            errors = broken_by(header, length, form, self.from, self.extended);
            // A ping that came before the other Close has still to be answered (section 5.5.2).
            if self.closed && matches!(opcode, OpCode::Data(_)) {
                errors.push(BrokenRule::AFTER_CLOSE);
            }
        }
        if carries_data(opcode) {
            self.continue_message(opcode, compressed, !show, &mut errors);
            if let Some(message) = &mut self.message {
                message.frames += 1;
                message.length = message.length.saturating_add(length);
                message.hidden |= !show;
                frame.compressed |= message.compressed;
                // A message of one frame has no parts.
                frame.part = (message.frames > 1 || !header.is_final).then_some(message.frames);
            }
        }
        self.lost = length >> 63 == 1;
        self.closed |= opcode == OpCode::Control(Control::Close);
        self.current = Some(Current {
            hidden: !show,
            opcode,
            mask: header.mask.unwrap_or_default(),
            came: 0,
            frame,
            errors,
        });
    }

    fn continue_message(
        &mut self,
        opcode: OpCode,
        compressed: bool,
        hidden: bool,
        errors: &mut Vec<BrokenRule>,
    ) {
        match (opcode, &self.message) {
            (OpCode::Data(Data::Continue), Some(_)) => return,
            (OpCode::Data(Data::Continue), None) => return errors.push(BrokenRule::NOTHING_BEGUN),
            (_, Some(_)) => errors.push(BrokenRule::UNFINISHED),
            (_, None) => {}
        }
        let text = opcode == OpCode::Data(Data::Text) && !compressed;
        let begun = Begun::new(name(opcode), text, compressed, hidden);
        self.message = Some(begun);
    }

    /// The current frame is whole.
    fn end(&mut self) -> Option<Passed> {
        let mut current = self.current.take()?;
        let frame = &mut current.frame;
        let ended = match frame.fin && carries_data(current.opcode) {
            true => self.message.take(),
            false => None,
        };
        if current.hidden {
            return None;
        }
        frame.unmasked = unmasked(&frame.payload, current.mask);
        frame.cut = frame.length - frame.payload.len() as u64;
        if carries_data(current.opcode) {
            let message = ended.as_ref().or(self.message.as_ref());
            let text = message.is_some_and(|message| message.text.is_some());
            frame.text = text.then(|| frame.as_text().to_owned());
        }
        if let Some(message) = ended.filter(|message| !message.hidden) {
            if message.ends_in_half() {
                current.errors.push(BrokenRule::NOT_TEXT);
            }
            frame.message = (message.frames > 1).then(|| message.joined());
        }
        if current.opcode == OpCode::Control(Control::Close) {
            frame.close = close(&frame.unmasked, frame.length, &mut current.errors);
        }
        Some((current.frame, current.errors))
    }
}

impl Current {
    /// The next bytes of the payload.
    fn take(&mut self, bytes: &[u8], message: Option<&mut Begun>, keep: usize) {
        let offset = self.came;
        self.came += bytes.len() as u64;
        if self.hidden {
            return;
        }
        let keep = match self.opcode {
            OpCode::Control(_) => keep.max(MAX_CONTROL),
            OpCode::Data(_) => keep,
        };
        keep_start(&mut self.frame.payload, bytes, keep);
        let data = carries_data(self.opcode);
        let Some(message) = message.filter(|message| data && !message.hidden) else {
            return;
        };
        let kept = if self.frame.part.is_some() { keep } else { 0 };
        if message.take(bytes, self.mask, offset, kept) {
            self.errors.push(BrokenRule::NOT_TEXT);
        }
    }
}

/// Whether a frame is, or continues, a message.
fn carries_data(opcode: OpCode) -> bool {
    matches!(
        opcode,
        OpCode::Data(Data::Continue | Data::Text | Data::Binary)
    )
}

fn name(opcode: OpCode) -> &'static str {
    match opcode {
        OpCode::Data(Data::Continue) => "continuation",
        OpCode::Data(Data::Text) => "text",
        OpCode::Data(Data::Binary) => "binary",
        OpCode::Control(Control::Close) => "close",
        OpCode::Control(Control::Ping) => "ping",
        OpCode::Control(Control::Pong) => "pong",
        OpCode::Data(Data::Reserved(_)) | OpCode::Control(Control::Reserved(_)) => "reserved",
    }
}

#[cfg(test)]
impl FrameReader {
    /// The memory it holds for what strangers have sent.
    pub(crate) fn held(&self) -> usize {
        let current = self.current.as_ref();
        let message = self.message.as_ref();
        current.map_or(0, |current| current.frame.payload.capacity())
            + message.map_or(0, |begun| begun.kept.capacity())
    }
}
