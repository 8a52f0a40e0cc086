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

use std::{
    future::{Future, poll_fn},
    io::{self, Read, Write},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::unconstrained,
};

use crate::{
    protocol::rate::{Budget, Rate},
    wire::{boundaries::Frames, transport::Transport},
};

/// A connection with a budget for the bytes that it receives.
pub(crate) struct Meter {
    pub(crate) stream: Transport,
    waker: Waker,
    pub(crate) budget: Budget,
    pub(crate) frames: Frames,
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
            stream,
            waker: Waker::noop().clone(),
            budget: Budget::new(rate),
            frames: Frames::new(max_frame),
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
}

impl Read for Meter {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(header) = self.frames.next_fragment(buffer) {
            return Ok(header);
        }
        loop {
            let known = self.frames.partial_header().len();
            let end = buffer.len().min(known + self.frames.limit());
            let count = self.receive(&mut buffer[known..end])?;
            if count == 0 {
                return Ok(0);
            }
            buffer[..known].copy_from_slice(self.frames.partial_header());
            let passed = self.frames.follow(&mut buffer[..known + count]);
            if passed > 0 {
                return Ok(passed);
            }
        }
    }
}

impl Write for Meter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut context = Context::from_waker(&self.waker);
        // tokio limits how many reads and writes a task may do in one turn. If a client floods
        // us, our reads use up this limit. Without `unconstrained`, this write would then
        // return `WouldBlock`, as if the network were full.
        let write = poll_fn(|context| Pin::new(&mut self.stream).poll_write(context, bytes));
        would_block(pin!(unconstrained(write)).poll(&mut context))
    }

    /// TLS keeps the bytes that the network did not accept, and writes them here.
    fn flush(&mut self) -> io::Result<()> {
        let mut context = Context::from_waker(&self.waker);
        let flush = poll_fn(|context| Pin::new(&mut self.stream).poll_flush(context));
        would_block(pin!(unconstrained(flush)).poll(&mut context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::counted_tcp::CountedTcp;
    use tokio::{
        io::AsyncWriteExt,
        net::{TcpListener, TcpStream},
    };

    #[tokio::test]
    async fn the_read_that_exceeds_the_budget_is_the_last() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (accepted, client) = tokio::join!(listener.accept(), client);
        client.unwrap().write_all(&[0; 100]).await.unwrap();
        let transport = Transport::Plain(CountedTcp::new(accepted.unwrap().0));
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
}
