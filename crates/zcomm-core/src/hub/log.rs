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
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
};

use slab::Slab;
use tokio::time::Instant;

use crate::{
    clients::registry::ClientId,
    error::{Error, Result},
    protocol::message::Message,
};

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

/// Every so many entries, one carries the time at which it was appended: enough to know how
/// long they take to reach everybody, and cheap.
const STAMPED: u64 = 16;

/// What a reader is told instead of the messages at these positions, first and last.
type GapWords = dyn Fn(u64, u64) -> Message + Send + Sync;

/// A log of messages that many read. Clones share one log.
#[derive(Clone, Default)]
pub struct Hub {
    shared: Arc<Shared>,
}

/// A hub that others keep: it is there as long as one of them, or a cursor.
pub(crate) struct WeakHub(Weak<Shared>);

impl WeakHub {
    pub(crate) fn upgrade(&self) -> Option<Hub> {
        let shared = self.0.upgrade()?;
        Some(Hub { shared })
    }
}

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    /// The position that the next message will get: written under the lock, read without
    /// it by a cursor that only wants to know whether there is anything new.
    end: AtomicU64,
    gap_words: Option<Box<GapWords>>,
}

#[derive(Default)]
pub(crate) struct Log {
    limits: HubLimits,
    pub(crate) entries: VecDeque<Entry>,
    /// The position of the oldest entry that is still there.
    pub(crate) oldest: u64,
    bytes: usize,
    pub(crate) cursors: Slab<Reader>,
}

pub(crate) struct Entry {
    pub(crate) message: Message,
    pub(crate) except: Option<ClientId>,
    /// When it was appended, for every sixteenth.
    pub(crate) stamp: Option<Instant>,
}

pub(crate) struct Reader {
    pub(crate) owner: ClientId,
    /// Set while the reader has seen everything and sleeps.
    pub(crate) waker: Option<Waker>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its position in the log, from 0 up without holes.
    pub position: u64,
    /// The clients it is on its way to.
    pub recipients: usize,
}

impl Hub {
    /// A hub that keeps no more than `limits`. It tells a gap in plain words.
    #[must_use]
    pub fn new(limits: HubLimits) -> Hub {
        Hub::build(limits, None)
    }

    /// A hub that tells a gap in words of its own: `words` makes a message from the first
    /// and the last position that a reader missed. It is called in the reader's task.
    #[must_use]
    pub fn with_gap_words(
        limits: HubLimits,
        words: impl Fn(u64, u64) -> Message + Send + Sync + 'static,
    ) -> Hub {
        Hub::build(limits, Some(Box::new(words)))
    }

    fn build(limits: HubLimits, gap_words: Option<Box<GapWords>>) -> Hub {
        let log = Log {
            limits,
            ..Log::default()
        };
        Hub {
            shared: Arc::new(Shared {
                log: Mutex::new(log),
                end: AtomicU64::new(0),
                gap_words,
            }),
        }
    }

    /// Appends a message for everybody and wakes whoever waits. Returns how many clients
    /// it is on its way to. Never waits for any of them.
    ///
    /// # Errors
    /// [`Error::MessageTooLarge`] when it is over [`HubLimits::message_bytes`].
    pub fn broadcast(&self, message: impl Into<Message>) -> Result<usize> {
        let message = message.into();
        let appended = self.append(None, |_| message)?;
        Ok(appended.recipients)
    }

    /// Like [`broadcast`](Hub::broadcast), for everybody but `sender`.
    ///
    /// # Errors
    /// [`Error::MessageTooLarge`] when it is over [`HubLimits::message_bytes`].
    pub fn broadcast_except(&self, message: impl Into<Message>, sender: ClientId) -> Result<usize> {
        let message = message.into();
        let appended = self.append(Some(sender), |_| message)?;
        Ok(appended.recipients)
    }

    /// Like [`broadcast`](Hub::broadcast), for a message in which its own position stands:
    /// `write` gets the position and makes the message. It runs under the log's lock, or two
    /// messages could swap places; so it must be short, and must not use this hub.
    ///
    /// # Errors
    /// [`Error::MessageTooLarge`] when it is over [`HubLimits::message_bytes`].
    pub fn broadcast_at(&self, write: impl FnOnce(u64) -> Message) -> Result<Appended> {
        self.append(None, write)
    }

    /// The position that the next message will get: how many there were so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.shared.end.load(Ordering::Acquire)
    }

    /// The positions that the ring still holds.
    #[must_use]
    pub fn held(&self) -> Range<u64> {
        let log = self.lock();
        log.oldest..log.end()
    }

    /// What a reader is told that missed these positions. A gap is told in words, never
    /// left out; some of what was missed can be the client's own, which it would not have
    /// got back.
    pub(crate) fn gap_words(&self, from: u64, to: u64) -> Message {
        match &self.shared.gap_words {
            Some(words) => words(from, to),
            None => Message::from(format!(
                "(up to {} messages were missed: they came faster than you read)",
                to - from + 1
            )),
        }
    }

    /// Whether both are the same log.
    pub(crate) fn is(&self, other: &Hub) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    pub(crate) fn downgrade(&self) -> WeakHub {
        WeakHub(Arc::downgrade(&self.shared))
    }

    fn append(
        &self,
        except: Option<ClientId>,
        write: impl FnOnce(u64) -> Message,
    ) -> Result<Appended> {
        let mut log = self.lock();
        let position = log.end();
        let message = write(position);
        let (size, limit) = (message.len(), log.limits.message_bytes);
        if size > limit {
            return Err(Error::MessageTooLarge { size, limit });
        }
        // A message that came in is a slice of a large read buffer, and would keep all of
        // it; the log keeps its own copy, so that its bound on bytes is one.
        let message = message.compact();
        let stamp = position.is_multiple_of(STAMPED).then(Instant::now);
        log.push(Entry {
            message,
            except,
            stamp,
        });
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
        Ok(Appended {
            position,
            recipients,
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Log> {
        // A std mutex: held for some instructions, never across an await. What can panic
        // under it comes before the first change, so a poisoned lock guards a whole log.
        self.shared
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    pub(crate) fn end(&self) -> u64 {
        self.oldest + self.entries.len() as u64
    }

    /// Notes whom to wake with the next message.
    pub(crate) fn keep_waker(&mut self, key: usize, waker: &Waker) {
        let known = &mut self.cursors[key].waker;
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
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
