//! The buffers for reading from the network, and for writing answers.
//!
//! One read should get everything that has arrived, so the buffers are large. But most connections
//! are idle, and buffers for every connection could need gigabytes. So the buffers belong to the
//! thread. A connection takes the buffers before a read or a write, and gives empty buffers back.

use std::cell::Cell;

use crate::wire::{fragments::FRAGMENT, spare::WRITE_BUFFER};

/// The size of the read buffer (bytes): the longest frame that the codec gets, with its
/// header.
const SIZE: usize = FRAGMENT as usize + 14;

thread_local! {
    static SPARE: Cell<Option<Box<Buffers>>> = const { Cell::new(None) };
}

/// The buffers of one connection that is not idle.
pub(crate) struct Buffers {
    /// Bytes that have arrived. The buffer is filled with zeros only once, because each read
    /// overwrites older bytes.
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    /// Frames that still wait for the network. A broadcast is never in this buffer.
    pub(crate) answers: Vec<u8>,
}

impl Buffers {
    /// Returns the spare buffers of this thread, or new buffers.
    pub(crate) fn take() -> Box<Buffers> {
        SPARE.take().unwrap_or_else(|| {
            Box::new(Buffers {
                bytes: vec![0; SIZE].into(),
                start: 0,
                end: 0,
                answers: Vec::new(),
            })
        })
    }

    /// Whether no byte waits in the buffers.
    pub(crate) fn are_empty(&self) -> bool {
        self.unread().is_empty() && self.answers.is_empty()
    }

    /// Keeps empty buffers for the next connection of this thread.
    pub(crate) fn keep(mut self: Box<Self>) {
        // Free the memory that a very long answer needed.
        self.answers.shrink_to(2 * WRITE_BUFFER);
        SPARE.set(Some(self));
    }

    /// The bytes that have arrived, and that neither the codec nor the handler has seen.
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

    /// Adds the bytes that a read has put into the [`space`](Buffers::space).
    pub(crate) fn add(&mut self, count: usize) {
        self.end += count;
    }
}
