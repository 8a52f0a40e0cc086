//! Fan-out in a closed loop: counts the subscribers that have received each message in flight.
//!
//! A message is in flight until every subscriber has received it. The publisher then sends its
//! next message. Each message in flight has an atomic counter. Each subscriber that receives the
//! message adds one to this counter, and the last subscriber wakes the publisher. So counting a
//! message does not need a lock or a channel.

use std::{
    ops::RangeInclusive,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Release},
    },
};

use tokio::sync::Notify;

use super::marker::NUMBER_BITS;

/// The number of bits of a slot that count subscribers. The slot's other bits contain the number
/// of the message.
const COUNT_BITS: u32 = u64::BITS - NUMBER_BITS;

/// The messages of one publisher that are in flight.
pub(super) struct Deliveries {
    /// One slot for each message in flight. A slot contains the message's number, and the count
    /// of subscribers that have received the message.
    slots: Vec<AtomicU64>,
    /// All messages below this number have reached every subscriber.
    finished: AtomicU64,
    /// Wakes the publisher when the value of `finished` has grown.
    pub(super) wake: Notify,
}

impl Deliveries {
    /// Makes slots for `window` messages in flight. An open loop does not wait for deliveries. So
    /// its window is 0, and no delivery is counted.
    pub(super) fn new(window: u64) -> Deliveries {
        Deliveries {
            slots: (0..window).map(|_| AtomicU64::new(u64::MAX)).collect(),
            finished: AtomicU64::new(0),
            wake: Notify::new(),
        }
    }

    /// Starts to count the subscribers that receive a message. Call this function before the
    /// message is sent, because a subscriber may receive the message at once.
    pub(super) fn start(&self, number: u64) {
        if let Some(slot) = self.slot(number) {
            slot.store(number << COUNT_BITS, Release);
        }
    }

    /// All messages below this number have reached every subscriber.
    pub(super) fn finished(&self) -> u64 {
        self.finished.load(Acquire)
    }

    /// Counts these messages for one subscriber. The subscriber has received the last message.
    /// It has missed the earlier messages, because a server sends messages in order. A missed
    /// message counts, too, so that the publisher does not wait for this message.
    pub(super) fn count(&self, numbers: RangeInclusive<u64>, subscribers: u64) {
        // Skip messages that have no slot any more, because newer messages use their slots.
        let oldest = (numbers.end() + 1).saturating_sub(self.slots.len() as u64);
        for number in oldest.max(*numbers.start())..=*numbers.end() {
            let Some(slot) = self.slot(number) else {
                return;
            };
            let counted = slot.fetch_update(AcqRel, Acquire, |word| {
                (word >> COUNT_BITS == number).then_some(word + 1)
            });
            let Ok(word) = counted else { continue };
            let count = (word + 1) & ((1 << COUNT_BITS) - 1);
            if count >= subscribers {
                self.finished.fetch_max(number + 1, Release);
                self.wake.notify_one();
            }
        }
    }

    fn slot(&self, number: u64) -> Option<&AtomicU64> {
        let index = number.checked_rem(self.slots.len() as u64)?;
        self.slots.get(index as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_finished_when_the_last_subscriber_has_it() {
        let deliveries = Deliveries::new(2);
        deliveries.start(0);
        deliveries.count(0..=0, 2);
        assert_eq!(deliveries.finished(), 0);
        deliveries.count(0..=0, 2);
        assert_eq!(deliveries.finished(), 1);
    }

    /// If one subscriber never gets a message, the publisher must not wait for ever.
    #[test]
    fn a_subscriber_that_has_a_later_message_is_not_waited_for() {
        let deliveries = Deliveries::new(2);
        deliveries.start(0);
        deliveries.start(1);
        deliveries.count(0..=0, 2);
        deliveries.count(1..=1, 2);
        assert_eq!(deliveries.finished(), 0);
        // The second subscriber missed the first message.
        deliveries.count(0..=1, 2);
        assert_eq!(deliveries.finished(), 2);
    }

    #[test]
    fn a_message_that_is_no_longer_in_flight_is_not_counted() {
        let deliveries = Deliveries::new(1);
        deliveries.start(5);
        deliveries.count(4..=4, 1);
        assert_eq!(deliveries.finished(), 0);
        deliveries.count(5..=5, 1);
        assert_eq!(deliveries.finished(), 6);
    }

    #[test]
    fn an_open_loop_counts_nothing() {
        let deliveries = Deliveries::new(0);
        deliveries.start(0);
        deliveries.count(0..=0, 1);
        assert_eq!(deliveries.finished(), 0);
    }
}
