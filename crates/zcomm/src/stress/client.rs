//! One connection of the load: its socket and its counters.
//!
//! Each connection is a task that stays on one thread, so its counters need no lock. A
//! connection starts to read as soon as it is open, because it must answer the server's pings.

use std::{cell::RefCell, ops::Range, rc::Rc, sync::Arc};

use zcomm_core::{ClientSocket, CloseReason, Message};

use super::{
    marker::Marker,
    run::{Phase, Run},
    sender::Sender,
    tally::Tally,
};

pub(super) struct Client {
    pub(super) run: Arc<Run>,
    pub(super) number: usize,
    pub(super) socket: ClientSocket,
    pub(super) tally: Rc<RefCell<Tally>>,
    /// The last message that was received before the load started. [`Self::recv`] returns this
    /// message first.
    pub(super) first: Option<Message>,
    /// The position of the marker in the last received message (bytes).
    pub(super) place: usize,
}

impl Client {
    /// Waits until the load starts. Returns `false` if the connection ends before the load.
    pub(super) async fn until_start(&mut self) -> bool {
        loop {
            tokio::select! {
                biased;
                () = self.run.reached(Phase::Load) => return true,
                received = self.socket.recv() => {
                    // Keep only the last message. Usually it is a greeting. But it may be a
                    // message of the load, because a publisher may start before this task.
                    self.first = received;
                    if self.first.is_none() { return false }
                }
            }
        }
    }

    /// Receives the next message. Returns `None` when the connection has ended. Cancel-safe.
    pub(super) async fn recv(&mut self) -> Option<Message> {
        match self.first.take() {
            Some(first) => Some(first),
            None => self.socket.recv().await,
        }
    }

    /// Sends every message that may leave now. Returns the numbers of the sent messages.
    pub(super) fn send(&mut self, sender: &mut Sender, now: u64) -> Range<u64> {
        let first = sender.next;
        while let Some(due) = sender.due(&self.run, now)
            && self.feed(sender.next, due, now)
        {
            sender.next += 1;
        }
        first..sender.next
    }

    /// Puts a message into the socket's queue. The socket sends the queue when this task waits
    /// next. Returns `false` if the queue is full, or if the connection has ended.
    fn feed(&mut self, number: u64, intended: u64, now: u64) -> bool {
        if let Some(deliveries) = self.run.deliveries.get(self.number) {
            deliveries.start(number);
        }
        let message = self.run.messages.make(Marker {
            // The number fits in 32 bits, because there are at most a million connections.
            sender: self.number as u32,
            number,
            intended,
        });
        let bytes = message.len();
        let fed = self.socket.feed(message).unwrap_or(false);
        if fed {
            let mut tally = self.tally.borrow_mut();
            tally.sent(self.run.span(), intended, now, bytes);
        }
        fed
    }

    /// Finds the marker in a message. If the message has no marker of this run, counts it in
    /// [`Tally::other`], and returns `None`.
    pub(super) fn find(&mut self, message: &Message) -> Option<Marker> {
        let found = self.run.messages.find(message, &mut self.place);
        if found.is_none() {
            self.tally.borrow_mut().other += 1;
        }
        found
    }

    /// Waits for the end of the run, then closes the connection. Counts a failure if the
    /// connection ends before the run ends.
    pub(super) async fn leave(&mut self) {
        tokio::select! {
            () = self.run.reached(Phase::Over) => {}
            () = async { while self.socket.recv().await.is_some() {} } => {}
        }
        match self.socket.end() {
            Some(end) => self.tally.borrow_mut().failures.ended(end),
            // Ignore a failure to close: the measurement is over, so no number changes.
            None => drop(self.socket.close(CloseReason::NORMAL, "").await),
        }
    }
}
