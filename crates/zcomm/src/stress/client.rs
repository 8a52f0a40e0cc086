//! One connection of the load: its socket and its counters.
//!
//! Each connection is a task that stays on one thread, so its counters need no lock. It starts
//! to read as soon as it is open. Otherwise it would not answer the server's pings.

use std::{cell::RefCell, ops::Range, rc::Rc, sync::Arc};

use zcomm_core::{ClientSocket, CloseReason, Message};

use super::{
    marker::Marker,
    run::{Phase, Run},
    sender::Sender,
    tally::Tally,
};

/// One connection of the load.
pub(super) struct Client {
    pub(super) run: Arc<Run>,
    pub(super) number: usize,
    pub(super) socket: ClientSocket,
    pub(super) tally: Rc<RefCell<Tally>>,
    /// The last message that was received before the load started.
    pub(super) first: Option<Message>,
    /// The position of the marker in the last message.
    pub(super) place: usize,
}

impl Client {
    /// Waits until the load starts. Returns `false` if the connection ends before that.
    pub(super) async fn until_start(&mut self) -> bool {
        loop {
            tokio::select! {
                biased;
                () = self.run.reached(Phase::Load) => return true,
                received = self.socket.recv() => {
                    // A greeting is not counted. But this may already be a message of the load:
                    // a publisher on another thread may start before this task.
                    self.first = received;
                    if self.first.is_none() { return false }
                }
            }
        }
    }

    /// Receives the next message; `None` once the connection has ended. Cancel-safe.
    pub(super) async fn recv(&mut self) -> Option<Message> {
        match self.first.take() {
            Some(first) => Some(first),
            None => self.socket.recv().await,
        }
    }

    /// Sends every message that may leave now. Returns their numbers.
    pub(super) fn send(&mut self, sender: &mut Sender, now: u64) -> Range<u64> {
        let first = sender.next;
        while let Some(due) = sender.due(&self.run, now)
            && self.feed(sender.next, due, now)
        {
            sender.next += 1;
        }
        first..sender.next
    }

    /// Gives a message to the codec. The codec sends it when this task waits next. Returns
    /// `false` if the codec is full, or the connection has ended.
    fn feed(&mut self, number: u64, intended: u64, now: u64) -> bool {
        if let Some(deliveries) = self.run.deliveries.get(self.number) {
            deliveries.start(number);
        }
        let message = self.run.messages.make(Marker {
            // This fits: there are at most a million connections.
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

    /// Finds the marker in a message. A message without a marker is counted in `other`.
    pub(super) fn find(&mut self, message: &Message) -> Option<Marker> {
        let found = self.run.messages.find(message, &mut self.place);
        if found.is_none() {
            self.tally.borrow_mut().other += 1;
        }
        found
    }

    /// Waits for the end of the run, then closes the connection. Counts a failure if the
    /// connection ends before the run.
    pub(super) async fn leave(&mut self) {
        tokio::select! {
            () = self.run.reached(Phase::Over) => {}
            () = async { while self.socket.recv().await.is_some() {} } => {}
        }
        match self.socket.end() {
            Some(end) => self.tally.borrow_mut().failures.ended(end),
            // The measurement is over, so a failure to close does not change a number.
            None => drop(self.socket.close(CloseReason::NORMAL, "").await),
        }
    }
}
