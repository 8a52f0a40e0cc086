//! The buffer into which a connection reads from the network.
//!
//! One read should get everything that has arrived, so the buffer is large. But most connections
//! are idle, and a buffer for each of them would need gigabytes. So the buffer belongs to the
//! thread. A connection takes it before a read, and gives it back when all bytes are used.

use std::cell::Cell;

use crate::wire::fragments::FRAGMENT;

/// The longest frame that the codec gets, with its header (bytes).
const SIZE: usize = FRAGMENT as usize + 14;

thread_local! {
    static SPARE: Cell<Option<Box<ReadBuffer>>> = const { Cell::new(None) };
}

/// Bytes that have arrived, and that neither the codec nor the handler has seen.
pub(crate) struct ReadBuffer {
    /// Filled with zeros only once: a new read overwrites the bytes of the last one.
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl ReadBuffer {
    /// Returns the spare buffer of this thread, or a new buffer.
    pub(crate) fn take() -> Box<ReadBuffer> {
        SPARE.take().unwrap_or_else(|| {
            Box::new(ReadBuffer {
                bytes: vec![0; SIZE].into(),
                start: 0,
                end: 0,
            })
        })
    }

    /// Keeps this buffer for the next connection of this thread.
    pub(crate) fn keep(mut self: Box<Self>) {
        (self.start, self.end) = (0, 0);
        SPARE.set(Some(self));
    }

    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Removes bytes from the front.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
    }

    /// The space for the next read. Moves the unread bytes to the front first.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        &mut self.bytes[self.end..]
    }

    /// Adds the bytes that a read has put into the [`space`](ReadBuffer::space).
    pub(crate) fn add(&mut self, count: usize) {
        self.end += count;
    }
}
