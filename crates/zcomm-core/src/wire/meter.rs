//! Counts the bytes of one connection, below the codec.
//!
//! A limit on messages counts only complete messages. A client can send frames that never
//! complete a message: fragments of one byte, or empty continuation frames. Fourteen million
//! such frames a second keep a CPU core busy, but the application receives nothing. So the
//! meter also limits the bytes per second, and counts them below the codec.
//!
//! The meter also adapts tokio to the codec. The codec calls `read` and `write`, and expects
//! `WouldBlock` when the network is not ready. For this case, tokio also needs a waker, which
//! runs the task again later. One task owns the socket, so one stored waker is enough.
//!
//! The frames of broadcasts are ready to be sent, so they do not pass through the codec. They
//! wait in [`output`](Meter::output), and every write and every flush sends them first.

use std::{
    future::{Future, poll_fn},
    io::{self, Read, Write},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::unconstrained,
};

use crate::{
    protocol::rate::{Budget, Rate},
    wire::{boundaries::Frames, transport::Transport},
};

/// A connection with a budget for the bytes that it receives. `repr(C)`: the fields that each
/// delivery uses come first.
#[repr(C)]
pub(crate) struct Meter {
    waker: Waker,
    pub(crate) stream: Transport,
    /// The frames that are sent before the next bytes of the codec. Set this only when the codec
    /// has no output: otherwise the frames could come in the middle of another frame.
    pub(crate) output: Bytes,
    pub(crate) budget: Budget,
    pub(crate) input: Frames,
    /// Bytes that arrived with the handshake, and that the codec has not seen.
    early: Vec<u8>,
    /// Whether the client has exceeded the budget. Then every read returns `WouldBlock`.
    pub(crate) overdrawn: bool,
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
            stream,
            output: Bytes::new(),
            budget: Budget::new(rate),
            input: Frames::new(max_frame),
            early,
            overdrawn: false,
            arrived: false,
        }
    }

    /// Sets the waker to call when the network is ready. Returns whether the waker has changed.
    pub(crate) fn set_waker(&mut self, waker: &Waker) -> bool {
        let changed = !self.waker.will_wake(waker);
        if changed {
            self.waker = waker.clone();
        }
        changed
    }
}

fn would_block<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl Meter {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.overdrawn {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if !self.early.is_empty() {
            let count = buffer.len().min(self.early.len());
            buffer[..count].copy_from_slice(&self.early[..count]);
            self.early = self.early.split_off(count);
            return Ok(count);
        }
        let mut buffer = ReadBuf::new(buffer);
        let mut context = Context::from_waker(&self.waker);
        let read = Pin::new(&mut self.stream).poll_read(&mut context, &mut buffer);
        // TLS can receive bytes that contain no data for the codec, so count after every read.
        let received = self.stream.drain_received();
        if received > 0 {
            self.arrived = true;
            self.overdrawn = self.budget.spend(received.into()).is_err();
        }
        would_block(read).map(|()| buffer.filled().len())
    }

    /// Calls a write or a flush of the stream. `operation` gets the [`output`](Meter::output), too.
    ///
    /// tokio limits how many reads and writes a task may do in one turn. If a client floods us,
    /// our reads use up this limit. Without `unconstrained`, a write would then return
    /// `WouldBlock`, as if the network were full.
    fn send<T>(
        &mut self,
        mut operation: impl FnMut(Pin<&mut Transport>, &mut Context<'_>, &[u8]) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        let once = poll_fn(|context| operation(Pin::new(&mut self.stream), context, &self.output));
        would_block(pin!(unconstrained(once)).poll(&mut Context::from_waker(&self.waker)))
    }

    /// Writes the frames of broadcasts.
    fn send_frames(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.send(|stream, context, frames| stream.poll_write(context, frames))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count if count < self.output.len() => self.output.advance(count),
                _ => self.output = Bytes::new(),
            }
        }
        Ok(())
    }
}

impl Read for Meter {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(header) = self.input.next_fragment(buffer) {
            return Ok(header);
        }
        loop {
            let known = self.input.partial_header().len();
            let end = buffer.len().min(known + self.input.limit());
            let count = self.receive(&mut buffer[known..end])?;
            if count == 0 {
                return Ok(0);
            }
            buffer[..known].copy_from_slice(self.input.partial_header());
            let passed = self.input.follow(&mut buffer[..known + count]);
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
        client.write_all(&[0; 100]).await.unwrap();
        transport.tcp().readable().await.unwrap();
        let rate = Rate {
            per_second: 1.0,
            burst: 10.0,
        };
        let mut meter = Meter::new(transport, Vec::new(), 1024, Some(rate));
        let mut buffer = [0; 8];
        assert_eq!(meter.read(&mut buffer).unwrap(), 8);
        assert!(!meter.overdrawn);
        assert_eq!(meter.read(&mut buffer).unwrap(), 8);
        assert!(meter.overdrawn);
        assert_eq!(
            meter.read(&mut buffer).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
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
                        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
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
