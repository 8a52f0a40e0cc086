//! A reader's position in a log.
//!
//! A cursor is a number: the position of the entry to read next. (Kafka calls this number a
//! consumer's offset.) So a slow reader needs no more memory than a fast reader. A reader that
//! reconnects needs only this number, too: the new cursor starts where the old cursor stopped.
//!
//! If the log has evicted the next entry, the cursor reports the positions that were missed.
//!
//! A cursor that has read everything stores its waker in the log, so that the next message wakes
//! the reader's task. To check for a new entry, the cursor loads one atomic number and needs no
//! lock.

use std::{
    future::poll_fn,
    task::{Poll, Waker},
};

use tokio::time::Instant;

use crate::{
    clients::registry::ClientId,
    hub::log::{Hub, Reader},
    protocol::{framed::Framed, message::Message},
};

/// What a cursor reads from the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The message at this position.
    Message {
        /// The message's position in the log. Positions start at 0 and increase by 1.
        position: u64,
        /// The message.
        message: Message,
    },
    /// The log evicted entries that this cursor had not read.
    Gap {
        /// The first position that was missed.
        from: u64,
        /// The last position that was missed.
        to: u64,
    },
}

/// The space left in a batch, shared by a connection's cursors.
pub(crate) struct BatchSpace {
    entries: usize,
    bytes: usize,
}

impl BatchSpace {
    /// The space of an empty batch. The limit on bytes keeps the buffer of a connection small.
    pub(crate) const ALL: BatchSpace = BatchSpace {
        entries: 64,
        bytes: 64 * 1024,
    };

    pub(crate) fn is_used_up(&self) -> bool {
        self.entries == 0 || self.bytes == 0
    }

    /// Uses space for a message. Returns false if the message does not fit. Then the batch is full.
    /// A message of any size fits into an empty batch.
    fn fits(&mut self, message: &Message) -> bool {
        let fits = message.len() <= self.bytes || self.entries == BatchSpace::ALL.entries;
        match fits {
            true => self.subtract(message),
            false => self.bytes = 0,
        }
        fits
    }

    pub(crate) fn subtract(&mut self, message: &Message) {
        self.entries = self.entries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(message.len());
    }
}

/// The result of `Cursor::read_into`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The cursor has read everything, and its waker is stored in the log.
    CaughtUp,
    /// The log may have more entries to read.
    More,
    /// The cursor has skipped evicted entries. The values are the first and the last missed
    /// position.
    Missed(u64, u64),
}

impl Hub {
    /// A cursor at the end of the log: it reads the messages that are broadcast from now on.
    #[must_use]
    pub fn cursor(&self, owner: ClientId) -> Cursor {
        self.cursor_at(owner, u64::MAX)
    }

    /// A cursor at `position`, to continue where an earlier cursor stopped. Evicted positions are
    /// reported as a gap. If `position` is after the end of the log, the cursor starts at the
    /// end.
    #[must_use]
    pub fn cursor_at(&self, owner: ClientId, position: u64) -> Cursor {
        let mut log = self.lock();
        let waker = None;
        // Many logs have only one reader, such as the inbox of a chat user. So start with space
        // for one reader.
        if log.cursors.len() == log.cursors.capacity() {
            let more = log.cursors.len().max(1);
            log.cursors.reserve_exact(more);
        }
        let next = position.min(log.end());
        let history = log.end() - next;
        Cursor {
            key: log.cursors.insert(Reader { owner, waker }),
            next,
            history: u32::try_from(history).unwrap_or(u32::MAX),
            hub: self.clone(),
            owner,
            asleep: false,
        }
    }
}

/// One reader's position in a log. Dropping the cursor ends the subscription.
pub struct Cursor {
    hub: Hub,
    key: usize,
    owner: ClientId,
    next: u64,
    /// The number of unread entries that were appended before this cursor existed.
    history: u32,
    /// Whether the waker was stored in the log. The next message removes the waker and calls it.
    asleep: bool,
}

impl Cursor {
    /// The log that this cursor reads.
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The position that this cursor reads next.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Waits for the next entry, and returns a batch. A batch ends at 64 entries or at 64 KiB.
    /// Cancel-safe: dropping this call loses no entry.
    pub async fn take(&mut self) -> Vec<Delivery> {
        let mut batch = Vec::new();
        poll_fn(|context| {
            let mut space = BatchSpace::ALL;
            self.forget_waker();
            loop {
                let put = |position, entry: &Framed, _| {
                    let message = entry.message.clone();
                    batch.push(Delivery::Message { position, message });
                };
                match self.read_into(&mut space, context.waker(), put) {
                    Progress::Missed(from, to) => batch.push(Delivery::Gap { from, to }),
                    Progress::CaughtUp if batch.is_empty() => return Poll::Pending,
                    Progress::More if !space.is_used_up() => {}
                    Progress::CaughtUp | Progress::More => return Poll::Ready(()),
                }
            }
        })
        .await;
        batch
    }

    /// Calls `put` for the next entries, while there is space. `put` gets the position, the
    /// message and the append time, from which the delivery delay is measured. The append time is
    /// `None` if the entry has no stored time, or was in the log before this cursor existed.
    ///
    /// At the end of the log, the cursor stores `waker` in the log. The log stays locked between
    /// the last read and this store, so the cursor misses no entry.
    pub(crate) fn read_into(
        &mut self,
        space: &mut BatchSpace,
        waker: &Waker,
        mut put: impl FnMut(u64, &Framed, Option<Instant>),
    ) -> Progress {
        if self.asleep && self.hub.position() == self.next {
            return Progress::CaughtUp;
        }
        let mut log = self.hub.lock();
        if self.next < log.oldest {
            let (from, to) = (self.next, log.oldest - 1);
            let missed = u32::try_from(to - from + 1).unwrap_or(u32::MAX);
            self.history = self.history.saturating_sub(missed);
            self.next = log.oldest;
            return Progress::Missed(from, to);
        }
        let seen = (self.next - log.oldest) as usize;
        for entry in log.entries.range(seen..).take(space.entries) {
            let is_for_us = entry.except != Some(self.owner);
            if is_for_us && !space.fits(&entry.framed.message) {
                break;
            }
            if is_for_us {
                let stamp = entry.stamp.filter(|_| self.history == 0);
                put(self.next, &entry.framed, stamp);
            }
            self.next += 1;
            self.history = self.history.saturating_sub(1);
        }
        self.asleep = self.next == log.end();
        if !self.asleep {
            return Progress::More;
        }
        log.keep_waker(self.key, waker);
        Progress::CaughtUp
    }

    /// The number of messages for this cursor that the cursor has not read. Evicted messages
    /// count too.
    pub(crate) fn unread(&self) -> usize {
        let log = self.hub.lock();
        let evicted = log.oldest.saturating_sub(self.next);
        let seen = (self.next + evicted - log.oldest) as usize;
        let waiting = log.entries.range(seen..);
        let ours = waiting.filter(|entry| entry.except != Some(self.owner));
        evicted as usize + ours.count()
    }

    /// Makes the next read store the waker. Call this when the task has a new waker.
    pub(crate) fn forget_waker(&mut self) {
        self.asleep = false;
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.hub.lock().cursors.remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Error, hub::log::HubLimits};
    use futures_util::FutureExt;
    use proptest::prelude::*;
    use std::{
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        task::{Context, Wake},
    };

    fn id(n: u64) -> ClientId {
        ClientId::from(n)
    }

    fn hub(entries: usize) -> Hub {
        Hub::new(HubLimits {
            entries,
            ..HubLimits::default()
        })
    }

    /// Reads everything up to the end of the log, without waiting.
    fn drain(cursor: &mut Cursor) -> Vec<Delivery> {
        std::iter::from_fn(|| cursor.take().now_or_never())
            .flatten()
            .collect()
    }

    fn texts(cursor: &mut Cursor) -> Vec<String> {
        let text = |delivery| match delivery {
            Delivery::Message {
                message: Message::Text(text),
                ..
            } => text.to_string(),
            other => format!("{other:?}"),
        };
        drain(cursor).into_iter().map(text).collect()
    }

    #[test]
    fn all_get_a_broadcast_except_the_sender_and_the_number_of_recipients_is_right() {
        let hub = Hub::default();
        let (mut a, mut b) = (hub.cursor(id(1)), hub.cursor(id(2)));
        assert_eq!(hub.broadcast_except("hello", id(1)).unwrap(), 1);
        assert_eq!(hub.broadcast("all").unwrap(), 2);
        assert_eq!(texts(&mut a), ["all"]);
        assert_eq!(texts(&mut b), ["hello", "all"]);
        drop(b);
        assert_eq!(hub.broadcast_except("no reader", id(1)).unwrap(), 0);
    }

    #[test]
    fn a_cursor_starts_at_now_or_where_an_earlier_one_stopped() {
        let hub = Hub::default();
        let mut first = hub.cursor(id(1));
        hub.broadcast("a").unwrap();
        assert_eq!(texts(&mut first), ["a"]);
        let position = first.position();
        drop(first);
        hub.broadcast("b").unwrap();
        assert_eq!(texts(&mut hub.cursor(id(1))), [""; 0]);
        assert_eq!(texts(&mut hub.cursor_at(id(1), position)), ["b"]);
        assert_eq!(texts(&mut hub.cursor_at(id(1), 99)), [""; 0]);
    }

    #[test]
    fn a_slow_cursor_learns_exactly_which_positions_it_missed() {
        let hub = hub(2);
        let mut slow = hub.cursor(id(1));
        for text in ["a", "b", "c", "d"] {
            hub.broadcast(text).unwrap();
        }
        assert_eq!(texts(&mut slow), ["Gap { from: 0, to: 1 }", "c", "d"]);
    }

    #[test]
    fn the_ring_is_bounded_by_bytes_too() {
        let hub = Hub::new(HubLimits {
            entries: 100,
            bytes: 10,
            message_bytes: 8,
        });
        let mut cursor = hub.cursor(id(1));
        for _ in 0..3 {
            hub.broadcast("12345678").unwrap();
        }
        assert_eq!(texts(&mut cursor), ["Gap { from: 0, to: 1 }", "12345678"]);
        assert!(matches!(
            hub.broadcast("123456789"),
            Err(Error::MessageTooLarge { size: 9, .. })
        ));
    }

    #[test]
    fn a_batch_stops_at_64_entries_or_64_kib() {
        let hub = Hub::default();
        let mut cursor = hub.cursor(id(1));
        for _ in 0..100 {
            hub.broadcast("x").unwrap();
        }
        assert_eq!(cursor.take().now_or_never().unwrap().len(), 64);
        assert_eq!(cursor.take().now_or_never().unwrap().len(), 36);
        for kib in [20, 30, 20, 100, 1] {
            hub.broadcast("x".repeat(kib * 1024)).unwrap();
        }
        for entries in [2, 1, 1, 1] {
            assert_eq!(cursor.take().now_or_never().unwrap().len(), entries);
        }
    }

    #[tokio::test]
    async fn a_sleeping_cursor_is_woken_by_the_next_message() {
        let hub = Hub::default();
        let mut cursor = hub.cursor(id(1));
        let reader = tokio::spawn(async move { cursor.take().await.len() });
        tokio::task::yield_now().await;
        hub.broadcast("wake up").unwrap();
        assert_eq!(reader.await.unwrap(), 1);
    }

    /// A message that evicts the oldest message wakes the readers, too.
    #[tokio::test]
    async fn a_sleeping_cursor_is_woken_when_the_log_is_full() {
        for limits in [
            HubLimits {
                entries: 1,
                ..HubLimits::default()
            },
            HubLimits {
                bytes: 10,
                ..HubLimits::default()
            },
        ] {
            let hub = Hub::new(limits);
            let mut cursor = hub.cursor(id(1));
            for text in ["the first", "evicts it"] {
                let mut taken = pin!(cursor.take());
                assert_eq!(taken.as_mut().now_or_never(), None);
                let woken = Arc::new(Woken::default());
                let waker = Waker::from(Arc::clone(&woken));
                let mut context = Context::from_waker(&waker);
                assert!(taken.as_mut().poll(&mut context).is_pending());
                hub.broadcast(text).unwrap();
                assert!(woken.0.load(Ordering::Relaxed), "{text}");
                assert_eq!(taken.now_or_never().unwrap().len(), 1);
            }
        }
    }

    /// A waker that stores whether it was called.
    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_message_may_hold_its_own_position() {
        let hub = hub(2);
        let mut reader = hub.cursor(id(1));
        for n in 0..3 {
            let appended = hub.broadcast_at(|position| Message::from(format!("no. {position}")));
            let appended = appended.unwrap();
            assert_eq!((appended.position, appended.recipients), (n, 1));
        }
        assert_eq!(
            texts(&mut reader),
            ["Gap { from: 0, to: 0 }", "no. 1", "no. 2"]
        );
        assert_eq!(hub.held(), 1..3);
    }

    #[test]
    fn a_hub_has_its_own_message_about_a_gap() {
        let plain = Hub::default().gap_message(3, 5);
        assert!(matches!(plain, Message::Text(text) if text.contains("up to 3 messages")));
        let words = |from, to| Message::from(format!("{from}-{to}"));
        let hub = Hub::with_gap_words(HubLimits::default(), words);
        assert_eq!(hub.gap_message(3, 5), Message::from("3-5"));
    }

    #[test]
    fn cursors_that_share_a_batch_share_its_space() {
        let (a, b) = (Hub::default(), Hub::default());
        let mut cursors = [a.cursor(id(1)), b.cursor(id(1))];
        for _ in 0..50 {
            a.broadcast("a").unwrap();
            b.broadcast("b").unwrap();
        }
        let (mut space, mut count) = (BatchSpace::ALL, 0);
        let mut read =
            |cursor: &mut Cursor| cursor.read_into(&mut space, Waker::noop(), |_, _, _| count += 1);
        assert_eq!(read(&mut cursors[0]), Progress::CaughtUp);
        assert_eq!(read(&mut cursors[1]), Progress::More);
        assert_eq!(count, 64);
    }

    /// One step of a test with a hub and three readers.
    #[derive(Clone, Debug)]
    enum Step {
        Broadcast { count: u8, except: Option<u64> },
        Read { reader: u64 },
        Reconnect { reader: u64 },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let reader = 0..3u64;
        let step = prop_oneof![
            3 => (1..40u8, proptest::option::of(reader.clone()))
                .prop_map(|(count, except)| Step::Broadcast { count, except }),
            3 => reader.clone().prop_map(|reader| Step::Read { reader }),
            1 => reader.prop_map(|reader| Step::Reconnect { reader }),
        ];
        proptest::collection::vec(step, 1..60)
    }

    proptest! {
        /// Runs random broadcasts, reads and reconnects. After each read, the test checks every
        /// position: it was delivered once, was the reader's own message, or was reported as
        /// missed.
        #[test]
        fn a_cursor_reads_each_entry_once_or_learns_that_it_missed_it(steps in steps(), ring in 1..50usize) {
            let hub = hub(ring);
            let mut senders: Vec<Option<u64>> = Vec::new();
            let mut cursors: Vec<Cursor> = (0..3).map(|n| hub.cursor(id(n))).collect();
            let mut accounted = [0u64; 3];
            let all_read = (0..3).map(|reader| Step::Read { reader });
            for step in steps.into_iter().chain(all_read) {
                match step {
                    Step::Broadcast { count, except } => for _ in 0..count {
                        let text = senders.len().to_string();
                        match except {
                            Some(sender) => hub.broadcast_except(text, id(sender)).unwrap(),
                            None => hub.broadcast(text).unwrap(),
                        };
                        senders.push(except);
                    },
                    Step::Reconnect { reader } => {
                        let position = cursors[reader as usize].position();
                        cursors[reader as usize] = hub.cursor_at(id(reader), position);
                    }
                    Step::Read { reader } => {
                        let next = &mut accounted[reader as usize];
                        for delivery in drain(&mut cursors[reader as usize]) {
                            let own = |at: &u64| senders[*at as usize] == Some(reader);
                            match delivery {
                                Delivery::Message { position, message } => {
                                    while *next < position && own(next) { *next += 1; }
                                    prop_assert_eq!(*next, position);
                                    prop_assert_eq!(message, Message::from(position.to_string()));
                                    *next = position + 1;
                                }
                                Delivery::Gap { from, to } => {
                                    while *next < from && own(next) { *next += 1; }
                                    prop_assert_eq!(*next, from);
                                    prop_assert!(to >= from);
                                    *next = to + 1;
                                }
                            }
                        }
                        while *next < hub.position() && senders[*next as usize] == Some(reader) { *next += 1; }
                        prop_assert_eq!(*next, hub.position());
                    }
                }
            }
        }
    }
}
