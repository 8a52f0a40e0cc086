//! Reads the frames of one direction (RFC 6455 section 5.2).
//!
//! Most WebSocket libraries stop at the first broken rule and do not show the frame. This
//! reader continues until a length is invalid. For each shown frame, the reader stores the
//! header, the start of the payload and the broken rules. Other frames are only counted.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::{
    event::Frame,
    message::{OpenMessage, close, keep_start, unmasked},
    rules::{BrokenRule, Direction, MAX_CONTROL, broken_by},
    splitter::{FrameHeader, Piece, Splitter},
    utf8::{Utf8, text_at_start},
};

/// A frame, and the rules that the frame breaks.
pub(crate) type CheckedFrame = (Box<Frame>, Vec<BrokenRule>);

pub(crate) struct FrameReader {
    from: Direction,
    /// The maximum number of bytes to store of each payload and of each fragmented message.
    keep: usize,
    pub(crate) splitter: Splitter,
    /// The frame that is arriving, if it will be shown.
    current: Option<CheckedFrame>,
    message: Option<OpenMessage>,
    /// Whether the handshake agreed on extensions. Extensions can use the reserved bits.
    extended: bool,
    /// Whether a Close frame has arrived.
    closed: bool,
    /// Whether a length was invalid. Then the ends of this frame and all later frames are unknown.
    pub(crate) lost: bool,
}

impl FrameReader {
    pub(crate) fn new(from: Direction, keep: usize, extended: bool) -> FrameReader {
        FrameReader {
            from,
            keep,
            splitter: Splitter::default(),
            current: None,
            message: None,
            extended,
            closed: false,
            lost: false,
        }
    }

    /// Reads bytes up to the end of the next shown frame. Returns this frame and the bytes
    /// after it. Without a complete frame, reads all bytes and returns `None`. Adds 1 to
    /// `hidden` for each frame that is not shown. After an invalid length, later bytes are not
    /// read: the reader is [`lost`](FrameReader::lost).
    pub(crate) fn next<'a>(
        &mut self,
        mut bytes: &'a [u8],
        show: bool,
        hidden: &mut u64,
    ) -> (Option<CheckedFrame>, &'a [u8]) {
        while let Some(piece) = self.splitter.next(&mut bytes) {
            match piece {
                Piece::Header(header) => {
                    self.begin(&header, show);
                    self.lost = !header.has_valid_length();
                    if self.lost {
                        return (self.rest(), bytes);
                    }
                }
                Piece::Payload(payload) => self.payload(payload),
            }
            if self.splitter.in_frame() {
                continue;
            }
            let ended = self.current.take().map(|frame| self.end(frame));
            if ended.is_some() && show {
                return (ended, bytes);
            }
            *hidden += 1;
        }
        (None, bytes)
    }

    /// Returns an incomplete frame whose other bytes cannot be read. Returns `None` if there is
    /// no incomplete frame, or if it is not shown.
    pub(crate) fn rest(&mut self) -> Option<CheckedFrame> {
        let (mut frame, errors) = self.current.take()?;
        frame.missing = self.splitter.left;
        frame.complete_payload();
        Some((frame, errors))
    }

    fn begin(&mut self, header: &FrameHeader, show: bool) {
        let mut errors = Vec::new();
        if show {
            errors = broken_by(header, self.from, self.extended);
            // After a Close, the sender may answer pings, but must not send data (section 5.5.1).
            if self.closed && !header.is_control() {
                errors.push(BrokenRule::AFTER_CLOSE);
            }
        }
        self.closed |= header.opcode() == OpCode::Control(Control::Close);
        let mut compressed = self.extended && header.rsv()[0];
        let mut part = None;
        if header.is_data() {
            self.continue_message(header, compressed, &mut errors);
            if let Some(message) = &mut self.message {
                message.add(header.length(), !show);
                compressed |= message.compressed;
                // If a message has only one frame, this frame has no part number.
                part = (message.frames > 1 || !header.fin()).then_some(message.frames);
            }
            if header.fin() && !show {
                self.message = None;
            }
        }
        self.current = show.then(|| {
            let frame = Frame::begun(header, part, compressed);
            (Box::new(frame), errors)
        });
    }

    /// Begins a new message with a text or binary frame. Adds an error if the frames are in the
    /// wrong order.
    fn continue_message(
        &mut self,
        header: &FrameHeader,
        compressed: bool,
        errors: &mut Vec<BrokenRule>,
    ) {
        let opcode = header.opcode();
        match (opcode, &self.message) {
            (OpCode::Data(Data::Continue), Some(_)) => return,
            (OpCode::Data(Data::Continue), None) => return errors.push(BrokenRule::NOTHING_BEGUN),
            (_, Some(_)) => errors.push(BrokenRule::UNFINISHED),
            (_, None) => {}
        }
        let text = opcode == OpCode::Data(Data::Text) && !compressed;
        self.message = Some(OpenMessage {
            opcode: header.opcode_name(),
            text: text.then(Utf8::default),
            compressed,
            ..OpenMessage::default()
        });
    }

    fn payload(&mut self, bytes: &[u8]) {
        let Some((frame, errors)) = &mut self.current else {
            return;
        };
        let keep = match frame.is_control() {
            true => self.keep.max(MAX_CONTROL),
            false => self.keep,
        };
        keep_start(&mut frame.payload, bytes, keep);
        let message = self.message.as_mut();
        let Some(message) = message.filter(|message| frame.is_data() && !message.hidden) else {
            return;
        };
        let offset = frame.length - self.splitter.left - bytes.len() as u64;
        let kept = if frame.part.is_some() { keep } else { 0 };
        if message.take(bytes, frame.mask, offset, kept) {
            errors.push(BrokenRule::NOT_TEXT);
        }
    }

    /// Completes a frame whose last byte has arrived.
    fn end(&mut self, (mut frame, mut errors): CheckedFrame) -> CheckedFrame {
        frame.complete_payload();
        if frame.is_data() {
            let message = self.message.as_ref();
            let text = message.is_some_and(|message| message.text.is_some());
            frame.text = text.then(|| text_at_start(&frame.unmasked).to_owned());
        }
        let ended = self.message.take_if(|_| frame.is_data() && frame.fin);
        if let Some(message) = ended.filter(|message| !message.hidden) {
            if message.ends_in_half() {
                errors.push(BrokenRule::NOT_TEXT);
            }
            frame.message = (message.frames > 1).then(|| message.joined());
        }
        if OpCode::from(frame.code) == OpCode::Control(Control::Close) {
            frame.close = close(&frame.unmasked, frame.length, &mut errors);
        }
        (frame, errors)
    }
}

impl Frame {
    /// Makes a frame from its header, with an empty payload.
    fn begun(header: &FrameHeader, part: Option<u64>, compressed: bool) -> Frame {
        Frame {
            fin: header.fin(),
            rsv: header.rsv(),
            opcode: header.opcode_name(),
            code: header.opcode().into(),
            mask: header.mask(),
            form: header.length_bits(),
            length: header.length(),
            header: header.as_bytes().to_vec(),
            part,
            compressed,
            ..Frame::default()
        }
    }

    /// Sets the fields that depend on the whole payload.
    fn complete_payload(&mut self) {
        self.unmasked = unmasked(&self.payload, self.mask, 0);
        self.cut = self.length - self.missing - self.payload.len() as u64;
    }

    fn is_data(&self) -> bool {
        self.code <= 2
    }
}

#[cfg(test)]
impl FrameReader {
    /// The memory that stores payloads (bytes).
    pub(crate) fn held(&self) -> usize {
        let current = self.current.as_ref();
        let message = self.message.as_ref();
        current.map_or(0, |(frame, _)| frame.payload.capacity())
            + message.map_or(0, |begun| begun.kept.capacity())
    }
}
