//! A broadcast is a log, a connection is a cursor.
//!
//! The obvious broadcast walks over all clients and sends to each; then one slow client
//! holds up the rest. The next idea is a queue per client; then every message is stored as
//! often as there are clients, and a slow one fills the memory. Here a message is stored
//! *once*, in a log that everybody reads at their own pace:
//!
//! ```text
//!  broadcast ──append──▶  … 41 42 43 44 45 ▏ a ring: the oldest entry makes room
//!                              ▲     ▲    ▲
//!                   slow cursor┘     │    └ a cursor that has seen everything
//!                                    └ another one, two entries behind
//! ```
//!
//! A reader that is behind takes many entries at a time, so load makes batches. One that
//! falls behind the whole ring is told the gap: nothing is ever missed in silence. And to
//! *resume* after a broken connection is nothing new: it is a cursor that starts at an
//! older position.
//!
//! The order is the same for everybody, because there is one log. A ring in one process is
//! gone when the process is; production feeds it from a shared log (Redis Streams, Kafka)
//! with one reader per process, and the cursors here do not change.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, Waker},
};

use slab::Slab;

use crate::{
    clients::ClientId,
    error::{Error, Result},
    message::Message,
};

/// A cursor takes at most so many entries at a time …
const BATCH_ENTRIES: usize = 64;
/// … and stops after so many bytes, so that what a connection buffers is bounded.
const BATCH_BYTES: usize = 64 * 1024;

/// How much a hub keeps: whatever comes first.
#[derive(Clone, Copy, Debug)]
pub struct HubLimits {
    /// Entries in the ring.
    pub entries: usize,
    /// Bytes of payload in the ring.
    pub bytes: usize,
    /// Bytes of one message.
    pub message_bytes: usize,
}

impl Default for HubLimits {
    /// 1,024 entries, 4 MiB, 128 KiB a message. A server's own hub takes messages of 64 KiB
    /// and twice its limit for what comes in.
    fn default() -> HubLimits {
        HubLimits {
            entries: 1024,
            bytes: 4 * 1024 * 1024,
            message_bytes: 128 * 1024,
        }
    }
}

/// A log of messages that many read. Clones share one log.
#[derive(Clone, Default)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    /// The position that the next message will get: written under the lock, read without
    /// it by a cursor that only wants to know whether there is anything new.
    end: AtomicU64,
}

#[derive(Default)]
struct Log {
    limits: HubLimits,
    entries: VecDeque<Entry>,
    /// The position of the oldest entry that is still there.
    oldest: u64,
    bytes: usize,
    cursors: Slab<Reader>,
}

struct Entry {
    message: Message,
    except: Option<ClientId>,
}

struct Reader {
    owner: ClientId,
    /// Set while the reader has seen everything and sleeps.
    waker: Option<Waker>,
}

/// What a cursor finds next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The message at this position.
    Message {
        /// Its position in the log, from 0 up without holes.
        position: u64,
        /// The message.
        message: Message,
    },
    /// The ring went on without this cursor: these positions were missed.
    Gap {
        /// The first position that was missed.
        from: u64,
        /// The last position that was missed.
        to: u64,
    },
}

impl Delivery {
    /// What a client reads. A gap is told in words, never left out; some of what was missed
    /// can be the client's own, which it would not have got back.
    pub(crate) fn into_message(self) -> Message {
        match self {
            Delivery::Message { message, .. } => message,
            Delivery::Gap { from, to } => Message::from(format!(
                "(up to {} messages were missed: they came faster than you read)",
                to - from + 1
            )),
        }
    }
}

impl Hub {
    /// A hub that keeps no more than `limits`.
    #[must_use]
    pub fn new(limits: HubLimits) -> Hub {
        let log = Log {
            limits,
            ..Log::default()
        };
        Hub {
            shared: Arc::new(Shared {
                log: Mutex::new(log),
                end: AtomicU64::new(0),
            }),
        }
    }

    /// Appends a message for everybody and wakes whoever waits. Returns how many clients
    /// it is on its way to. Never waits for any of them.
    ///
    /// # Errors
    /// [`Error::MessageTooLarge`] when it is over [`HubLimits::message_bytes`].
    pub fn broadcast(&self, message: impl Into<Message>) -> Result<usize> {
        self.append(message.into(), None)
    }

    /// Like [`broadcast`](Hub::broadcast), for everybody but `sender`.
    ///
    /// # Errors
    /// [`Error::MessageTooLarge`] when it is over [`HubLimits::message_bytes`].
    pub fn broadcast_except(&self, message: impl Into<Message>, sender: ClientId) -> Result<usize> {
        self.append(message.into(), Some(sender))
    }

    /// A cursor that sees what comes from now on.
    #[must_use]
    pub fn cursor(&self, owner: ClientId) -> Cursor {
        let mut log = self.lock();
        let next = log.end();
        self.open(&mut log, owner, next)
    }

    /// A cursor that starts at `position`, to resume where an earlier one stopped. What the
    /// ring no longer holds is told as a gap; a position from the future starts at now.
    #[must_use]
    pub fn cursor_at(&self, owner: ClientId, position: u64) -> Cursor {
        let mut log = self.lock();
        let next = position.min(log.end());
        self.open(&mut log, owner, next)
    }

    /// The position that the next message will get: how many there were so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.shared.end.load(Ordering::Acquire)
    }

    fn open(&self, log: &mut Log, owner: ClientId, next: u64) -> Cursor {
        let waker = None;
        Cursor {
            key: log.cursors.insert(Reader { owner, waker }),
            hub: self.clone(),
            owner,
            next,
            asleep: false,
        }
    }

    fn append(&self, message: Message, except: Option<ClientId>) -> Result<usize> {
        let mut log = self.lock();
        let (size, limit) = (message.len(), log.limits.message_bytes);
        if size > limit {
            return Err(Error::MessageTooLarge { size, limit });
        }
        // A message that came in is a slice of a large read buffer, and would keep all of
        // it; the log keeps its own copy, so that its bound on bytes is one.
        let message = message.compact();
        log.push(Entry { message, except });
        self.shared.end.store(log.end(), Ordering::Release);
        let mut recipients = log.cursors.len();
        let mut asleep = Vec::with_capacity(recipients);
        for (_, reader) in &mut log.cursors {
            recipients -= usize::from(Some(reader.owner) == except);
            asleep.extend(reader.waker.take());
        }
        // Whoever wakes will want this lock.
        drop(log);
        asleep.into_iter().for_each(Waker::wake);
        Ok(recipients)
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        // A std mutex: held for some instructions, never across an await. Nothing that
        // can panic runs under it, so a poisoned lock still guards a whole log.
        self.shared
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn end(&self) -> u64 {
        self.oldest + self.entries.len() as u64
    }

    fn push(&mut self, entry: Entry) {
        self.bytes += entry.message.len();
        self.entries.push_back(entry);
        while self.entries.len() > self.limits.entries || self.bytes > self.limits.bytes {
            let Some(gone) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= gone.message.len();
            self.oldest += 1;
        }
    }
}

/// One reader's place in the log. Dropping it ends the subscription.
pub struct Cursor {
    hub: Hub,
    key: usize,
    owner: ClientId,
    next: u64,
    /// Our waker is in the log, and stays there until the next message.
    asleep: bool,
}

impl Cursor {
    /// The position that this cursor will look at next.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Waits until there is something, and takes up to 64 entries or 64 KiB, whatever comes
    /// first. Cancel-safe: what is not returned is not taken.
    pub async fn take(&mut self) -> Vec<Delivery> {
        let mut batch = Vec::new();
        poll_fn(|context| {
            while batch.is_empty() {
                self.forget_waker();
                if self.take_into(&mut batch, context.waker()) && batch.is_empty() {
                    return Poll::Pending;
                }
            }
            Poll::Ready(())
        })
        .await;
        batch
    }

    /// Takes what is there now. True when that was everything; then, and under the same
    /// lock, so that nothing falls between, `waker` is kept for the next entry.
    pub(crate) fn take_into(&mut self, batch: &mut Vec<Delivery>, waker: &Waker) -> bool {
        if self.asleep && self.hub.position() == self.next {
            return true;
        }
        let mut log = self.hub.lock();
        if self.next < log.oldest {
            let (from, to) = (self.next, log.oldest - 1);
            batch.push(Delivery::Gap { from, to });
            self.next = log.oldest;
        }
        let mut room = BATCH_BYTES;
        let seen = (self.next - log.oldest) as usize;
        for entry in log.entries.range(seen..).take(BATCH_ENTRIES) {
            let position = self.next;
            self.next += 1;
            if entry.except != Some(self.owner) {
                let message = entry.message.clone();
                room = room.saturating_sub(message.len());
                batch.push(Delivery::Message { position, message });
                if room == 0 {
                    break;
                }
            }
        }
        self.asleep = self.next == log.end();
        if self.asleep {
            let known = &mut log.cursors[self.key].waker;
            if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
                *known = Some(waker.clone());
            }
        }
        self.asleep
    }

    /// Another waker will be used from now on.
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
    use futures_util::FutureExt;
    use proptest::prelude::*;

    fn id(n: u64) -> ClientId {
        ClientId::from(n)
    }

    fn hub(entries: usize) -> Hub {
        Hub::new(HubLimits {
            entries,
            ..HubLimits::default()
        })
    }

    /// What is there now, without waiting.
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
    fn everybody_hears_it_but_the_sender_and_the_number_reached_is_right() {
        let hub = Hub::default();
        let (mut a, mut b) = (hub.cursor(id(1)), hub.cursor(id(2)));
        assert_eq!(hub.broadcast_except("hello", id(1)).unwrap(), 1);
        assert_eq!(hub.broadcast("all").unwrap(), 2);
        assert_eq!(texts(&mut a), ["all"]);
        assert_eq!(texts(&mut b), ["hello", "all"]);
        drop(b);
        assert_eq!(hub.broadcast_except("nobody", id(1)).unwrap(), 0);
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
    fn whoever_is_lapped_is_told_exactly_what_was_missed() {
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
        for _ in 0..3 {
            hub.broadcast("x".repeat(40 * 1024)).unwrap();
        }
        assert_eq!(cursor.take().now_or_never().unwrap().len(), 2);
        assert_eq!(cursor.take().now_or_never().unwrap().len(), 1);
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

    /// What a test does to a hub with three readers.
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
        /// Random stalls, reconnects and laps of a small ring: after every read, each
        /// position was delivered once, was the reader's own, or was told as missed.
        #[test]
        fn no_cursor_misses_an_entry_in_silence_and_none_sees_one_twice(steps in steps(), ring in 1..50usize) {
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
