//! A meter on the wire: it counts the bytes of one client under the codec.
//!
//! A limit on messages sees only whole messages. A client can send frames that never
//! become one — fragments of one byte, continuation frames of none, fourteen million a
//! second — and keep a core busy without the application noticing. So the byte budget sits
//! below the code that understands frames, where nothing can pass unseen.
//!
//! The meter is also where the two worlds meet: the codec reads and writes as if the
//! socket were an ordinary file that sometimes has nothing yet (`WouldBlock`), while tokio
//! wants to know whom to wake. One task owns the socket, so one waker is all there is to
//! remember.
//!
//! Production meters here too, and exports the counters.

use std::{
    future::{Future, poll_fn},
    io::{self, Read, Write},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::unconstrained,
};

use crate::{
    protocol::rate::{Budget, Rate},
    wire::{boundaries::Frames, transport::Cost},
};

/// A stream with a budget on the bytes that come in.
pub(crate) struct Meter<S> {
    pub(crate) stream: S,
    waker: Waker,
    budget: Budget,
    frames: Frames,
    overdrawn: bool,
    sent: u64,
}

impl<S> Meter<S> {
    /// `early` is what the codec has got already; `rate` counts bytes, and `None` sets no
    /// budget.
    pub(crate) fn new(stream: S, early: &[u8], rate: Option<Rate>) -> Meter<S> {
        let mut frames = Frames::default();
        frames.follow(early);
        Meter {
            stream,
            waker: Waker::noop().clone(),
            budget: Budget::new(rate),
            frames,
            overdrawn: false,
            sent: 0,
        }
    }

    /// Sets whom to wake when the network is ready. True when that was somebody else.
    pub(crate) fn set_waker(&mut self, waker: &Waker) -> bool {
        let other = !self.waker.will_wake(waker);
        if other {
            self.waker = waker.clone();
        }
        other
    }

    /// Whether what was received so far ends in the middle of a message.
    pub(crate) fn in_message(&self) -> bool {
        self.frames.in_message()
    }

    /// Bytes that the network has taken so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// When half of the budget is spent: how long until there is half of it again.
    pub(crate) fn until_half(&self) -> Option<Duration> {
        self.budget.until_half()
    }

    /// Whether the budget was passed. From then on there is nothing more to read.
    pub(crate) fn overdrawn(&self) -> bool {
        self.overdrawn
    }
}

fn would_block<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl<S: AsyncRead + Cost + Unpin> Read for Meter<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.overdrawn {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut buffer = ReadBuf::new(buffer);
        let mut context = Context::from_waker(&self.waker);
        let read = Pin::new(&mut self.stream).poll_read(&mut context, &mut buffer);
        let bytes = buffer.filled().len();
        self.frames.follow(buffer.filled());
        let cost = self.stream.cost(bytes);
        if cost > 0 {
            self.overdrawn = self.budget.spend(cost as f64).is_err();
        }
        would_block(read).map(|()| bytes)
    }
}

impl<S: AsyncWrite + Unpin> Write for Meter<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut context = Context::from_waker(&self.waker);
        // tokio lets a task do only so much in one turn. A client that floods us uses that
        // up by being read, and it must not look then as if the network took nothing.
        let write = poll_fn(|context| Pin::new(&mut self.stream).poll_write(context, bytes));
        let sent = would_block(pin!(unconstrained(write)).poll(&mut context))?;
        self.sent += sent as u64;
        Ok(sent)
    }

    /// TLS keeps what the network did not take at once, and writes it here.
    fn flush(&mut self) -> io::Result<()> {
        let mut context = Context::from_waker(&self.waker);
        let flush = poll_fn(|context| Pin::new(&mut self.stream).poll_flush(context));
        would_block(pin!(unconstrained(flush)).poll(&mut context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Cost for &[u8] {}

    #[test]
    fn what_passes_the_budget_is_the_last_that_is_read() {
        let rate = Rate {
            per_second: 1.0,
            burst: 10.0,
        };
        let input: &[u8] = &[0; 100];
        let mut meter = Meter::new(input, &[], Some(rate));
        let mut buffer = [0; 8];
        assert_eq!(meter.read(&mut buffer).unwrap(), 8);
        assert!(!meter.overdrawn());
        assert_eq!(meter.read(&mut buffer).unwrap(), 8);
        assert!(meter.overdrawn());
        assert_eq!(
            meter.read(&mut buffer).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
    }
}
