//! Counts the bytes of one connection, below the codec.
//!
//! A limit on messages counts only complete messages. A client can send frames that never
//! complete a message: fragments of one byte, or empty continuation frames. Millions of such
//! frames per second keep a CPU core busy, but the application receives no message. So the
//! meter also limits the bytes per second, and counts them below the codec.
//!
//! The meter also adapts tokio to the codec. The codec calls `read` and `write`, and expects
//! `WouldBlock` when the network is not ready. For this case, tokio also needs a waker, which
//! runs the task again later. So the meter stores the waker of the task that owns the socket.
//!
//! One read gets as many bytes as the [`Buffers`] have space for. A message that has arrived
//! as one whole frame goes from the buffers to the handler. The codec gets all other bytes,
//! frame by frame.
//!
//! The frames of broadcasts are ready to be sent, so they do not pass through the codec. They
//! wait in [`output`](Meter::output), and every write and every flush sends them first. The frames
//! of a server's answers have no mask, so they do not need the codec either: see
//! [`put`](Meter::put).

use std::{
    io::{self, Read, Write},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zcomm_xray::WholeFrame;

use crate::{
    protocol::{
        framed::{append_frame, frame_size},
        message::Message,
        rate::{Budget, Rate},
    },
    wire::{
        boundaries::Frames,
        buffers::Buffers,
        readable::{Readable, spend_turn},
        spare::{Kind, WRITE_BUFFER},
        transport::Transport,
        whole::message,
    },
};

/// A connection with a budget for the bytes that it receives. `repr(C)` keeps the order of the
/// fields: the fields that each delivery uses come first.
#[repr(C)]
pub(crate) struct Meter {
    waker: Waker,
    readable: Readable,
    pub(crate) stream: Transport,
    /// The frames that are sent before the next bytes of the codec. Set this only when the codec
    /// has no output: otherwise the frames could come in the middle of another frame.
    pub(crate) output: Bytes,
    /// The number of bytes of `output` that the network has accepted.
    written: usize,
    /// Bytes that have arrived, and answers. `None` while no byte waits.
    buffers: Option<Box<Buffers>>,
    pub(crate) budget: Budget,
    pub(crate) input: Frames,
    /// Bytes that arrived with the handshake, and that are not in the buffers yet.
    early: Vec<u8>,
    /// Whether the client has exceeded the budget. Then every read returns `WouldBlock`.
    pub(crate) overdrawn: bool,
    /// Whether everything that has arrived was read since the last message. So bytes that come now
    /// have not waited for the handler.
    pub(crate) caught_up: bool,
    /// Whether bytes have arrived. `Wire::take_arrived` resets this flag.
    pub(crate) arrived: bool,
}

impl Meter {
    /// Makes a meter. `early` contains the bytes that have arrived already. `rate` is in bytes
    /// per second; `None` means no limit. The bytes of the handshake do not count.
    pub(crate) fn new(
        mut stream: Transport,
        early: Vec<u8>,
        max_frame: usize,
        rate: Option<Rate>,
    ) -> Meter {
        stream.drain_received();
        Meter {
            waker: Waker::noop().clone(),
            readable: Readable::default(),
            stream,
            output: Bytes::new(),
            written: 0,
            buffers: None,
            budget: Budget::new(rate),
            input: Frames::new(max_frame),
            early,
            overdrawn: false,
            caught_up: false,
            arrived: false,
        }
    }

    /// Sets the waker to call when the network is ready. Returns whether the waker has changed.
    pub(crate) fn set_waker(&mut self, waker: &Waker) -> bool {
        let changed = !self.waker.will_wake(waker);
        if changed {
            self.waker = waker.clone();
            self.readable.forget_waker();
        }
        changed
    }

    /// Whether TCP has new input. If not, tokio calls the waker when it has. Call this only after
    /// a read that found no data. After this read, TLS has no data left, so new data must come from
    /// TCP.
    pub(crate) fn is_readable(&mut self) -> bool {
        self.readable.check(self.stream.tcp(), &self.waker)
    }
}

pub(crate) fn is_blocked(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

fn would_block<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl Meter {
    /// Reads from the network into the buffer. Returns the number of new bytes; 0 at the end
    /// of the stream, or when the buffer is full.
    fn fill(&mut self) -> io::Result<usize> {
        if self.overdrawn {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let buffer = self.buffers.get_or_insert_with(Buffers::take);
        let space = buffer.space();
        if !self.early.is_empty() {
            let count = space.len().min(self.early.len());
            space[..count].copy_from_slice(&self.early[..count]);
            buffer.add(count);
            self.early = self.early.split_off(count);
            return Ok(count);
        }
        let mut space = ReadBuf::new(space);
        let mut context = Context::from_waker(&self.waker);
        let read = Pin::new(&mut self.stream).poll_read(&mut context, &mut space);
        let count = space.filled().len();
        buffer.add(count);
        spend_turn(count, &mut context);
        // TLS can receive bytes that contain no data for the codec, so count after every read.
        let received = self.stream.drain_received();
        if received > 0 {
            self.arrived = true;
            let paid = self.budget.spend_as(!self.caught_up, received.into());
            self.overdrawn = paid.is_err();
        }
        would_block(read).map(|()| count)
    }

    /// The bytes that have arrived, and that neither the codec nor the handler has seen.
    pub(crate) fn unread(&self) -> &[u8] {
        self.buffers.as_ref().map_or(&[], |buffer| buffer.unread())
    }

    fn consume(&mut self, count: usize) {
        if let Some(buffer) = &mut self.buffers {
            buffer.consume(count);
        }
    }

    /// Returns the next message, if it is in the buffer as one whole frame.
    pub(crate) fn buffered(&mut self, kind: Kind) -> Option<Message> {
        let frame = WholeFrame::find(self.unread())?;
        if self.input.in_message() {
            return None;
        }
        let (message, size) = (message(&frame, kind)?, frame.size);
        self.consume(size);
        Some(message)
    }

    /// Reads the next message, if it is one whole frame. `None` if the codec must read the next
    /// bytes.
    pub(crate) fn whole_message(&mut self, kind: Kind) -> io::Result<Option<Message>> {
        loop {
            if let Some(message) = self.buffered(kind) {
                return Ok(Some(message));
            }
            if self.input.in_message() || WholeFrame::find(self.unread()).is_some() {
                return Ok(None);
            }
            match self.fill() {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                // The codec reads the part of a frame that has arrived.
                Err(error) if is_blocked(&error) && !self.unread().is_empty() => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives the buffers to the thread if they are empty.
    pub(crate) fn rest(&mut self) {
        if let Some(buffers) = self.buffers.take_if(|buffers| buffers.are_empty()) {
            buffers.keep();
        }
    }

    /// Calls a write or a flush of the stream. `operation` gets the [`output`](Meter::output), too.
    fn send<T>(
        &mut self,
        operation: impl FnOnce(Pin<&mut Transport>, &mut Context<'_>, &[u8]) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        let frames = &self.output[self.written..];
        let mut context = Context::from_waker(&self.waker);
        would_block(operation(Pin::new(&mut self.stream), &mut context, frames))
    }

    /// Puts the frame of a message behind all other frames. Call this only when the codec has
    /// no output. If more than 64 KiB wait, writes all frames now. Otherwise the next flush
    /// writes them.
    pub(crate) fn put(&mut self, message: &Message) -> io::Result<()> {
        let buffers = self.buffers.get_or_insert_with(Buffers::take);
        append_frame(message, &mut buffers.answers);
        match buffers.answers.len() > WRITE_BUFFER {
            true => self.send_frames(),
            false => Ok(()),
        }
    }

    /// Writes all frames that do not come from the codec.
    pub(crate) fn send_frames(&mut self) -> io::Result<()> {
        self.send_broadcasts()?;
        let Some(mut buffers) = self.buffers.take() else {
            return Ok(());
        };
        let sent = self.send_answers(&mut buffers.answers);
        self.buffers = Some(buffers);
        sent
    }

    fn send_answers(&mut self, answers: &mut Vec<u8>) -> io::Result<()> {
        while !answers.is_empty() {
            match self.send(|stream, context, _| stream.poll_write(context, answers))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => drop(answers.drain(..count)),
            }
        }
        Ok(())
    }

    /// Writes the frames of broadcasts.
    fn send_broadcasts(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.send(|stream, context, frames| stream.poll_write(context, frames))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count if self.written + count < self.output.len() => self.written += count,
                _ => (self.output, self.written) = (Bytes::new(), 0),
            }
        }
        Ok(())
    }

    /// Drops the frames of broadcasts, except a frame of which a part is written. Returns the
    /// number of dropped frames.
    pub(crate) fn drop_broadcasts(&mut self) -> usize {
        let (mut keep, mut dropped, mut start) = (0, 0, 0);
        while start < self.output.len() {
            let end = start + frame_size(&self.output[start..]);
            match start < self.written {
                true => keep = end,
                false => dropped += 1,
            }
            start = end;
        }
        self.output.truncate(keep);
        if keep == self.written {
            (self.output, self.written) = (Bytes::new(), 0);
        }
        dropped
    }
}

impl Read for Meter {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(header) = self.input.next_fragment(buffer) {
            return Ok(header);
        }
        loop {
            if self.unread().is_empty() && self.fill()? == 0 {
                return Ok(0);
            }
            let mut unread = self
                .buffers
                .as_ref()
                .map_or(&[][..], |buffer| buffer.unread());
            let before = unread.len();
            let passed = self.input.pass(&mut unread, buffer);
            let count = before - unread.len();
            self.consume(count);
            if passed > 0 {
                return Ok(passed);
            }
        }
    }
}

impl Write for Meter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send_frames()?;
        self.send(|stream, context, _| stream.poll_write(context, bytes))
    }

    /// TLS keeps the bytes that the network did not accept, and writes them here.
    fn flush(&mut self) -> io::Result<()> {
        self.send_frames()?;
        self.send(|stream, context, _| stream.poll_flush(context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::counted_tcp::CountedTcp;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };
    use tokio_tungstenite::tungstenite::protocol::Role;

    async fn connection() -> (Transport, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (accepted, client) = tokio::join!(listener.accept(), client);
        let server = Transport::Plain(CountedTcp::new(accepted.unwrap().0));
        (server, client.unwrap())
    }

    #[tokio::test]
    async fn the_read_that_exceeds_the_budget_is_the_last() {
        let (transport, mut client) = connection().await;
        let rate = Rate {
            per_second: 1.0,
            burst: 10.0,
        };
        let mut meter = Meter::new(transport, Vec::new(), 1024, Some(rate));
        for exceeds in [false, true] {
            client.write_all(&[0; 8]).await.unwrap();
            meter.stream.tcp().readable().await.unwrap();
            assert_eq!(meter.fill().unwrap(), 8);
            assert_eq!(meter.overdrawn, exceeds);
        }
        client.write_all(&[0; 8]).await.unwrap();
        assert!(is_blocked(&meter.fill().unwrap_err()));
        assert_eq!(meter.unread(), [0; 16], "it may still be used");
    }

    /// The bytes that came with the handshake are the first ones.
    #[tokio::test]
    async fn frames_are_read_whole_or_piece_by_piece() {
        let (transport, mut client) = connection().await;
        let kind = Kind {
            role: Role::Server,
            max_message: 1024,
        };
        let early = b"\x81\x81\0\0\0\0a\x89\x81\0\0\0\0b".to_vec();
        let mut meter = Meter::new(transport, early, 1024, None);
        let text = meter.whole_message(kind).unwrap();
        assert_eq!(text, Some("a".into()));
        // The codec reads the ping, one piece of its frame at a time.
        assert_eq!(meter.whole_message(kind).unwrap(), None);
        let mut buffer = [0; 100];
        assert_eq!(meter.read(&mut buffer).unwrap(), 6);
        assert_eq!(meter.read(&mut buffer).unwrap(), 1);
        meter.rest();
        assert!(meter.buffers.is_none(), "an idle connection has no buffer");
        // The codec also reads a frame whose end has not arrived.
        client.write_all(b"\x81\x82\0\0\0\0c").await.unwrap();
        meter.stream.tcp().readable().await.unwrap();
        assert_eq!(meter.whole_message(kind).unwrap(), None);
        assert_eq!(meter.read(&mut buffer).unwrap(), 6);
        assert_eq!(meter.read(&mut buffer).unwrap(), 1);
        assert!(meter.whole_message(kind).unwrap().is_none());
        assert!(is_blocked(&meter.read(&mut buffer).unwrap_err()));
    }

    /// The network is full in the middle of a frame, again and again.
    #[tokio::test]
    async fn frames_are_sent_whole_and_before_the_bytes_of_the_codec() {
        let (transport, mut client) = connection().await;
        let mut meter = Meter::new(transport, Vec::new(), 1024, None);
        let frames: Vec<u8> = (0..64).flat_map(|n| vec![n; 100_000]).collect();
        meter.output = frames.clone().into();
        let mut codec: &[u8] = b"a pong";
        let send = async {
            while !codec.is_empty() {
                match meter.write(codec) {
                    Ok(count) => codec = &codec[count..],
                    Err(error) => {
                        assert!(is_blocked(&error));
                        meter.stream.tcp().writable().await.unwrap();
                    }
                }
            }
        };
        let expected = [&frames[..], b"a pong"].concat();
        let mut arrived = vec![0; expected.len()];
        let (_, read) = tokio::join!(send, client.read_exact(&mut arrived));
        read.unwrap();
        assert!(arrived == expected);
        assert!(meter.output.is_empty());
    }
}
