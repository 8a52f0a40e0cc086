//! A broadcast appends a message to a log. Each connection reads the log with its own cursor.
//!
//! The simplest broadcast is a loop that sends to each client. But in a loop, one slow client
//! delays all others. The next idea is a queue for each client. But with queues, every message
//! is stored once for each client, and a slow client fills the memory. So this hub stores a
//! message *once*, in a log that each client reads at its own speed:
//!
//! ```text
//!  broadcast ──append──▶  … 41 42 43 44 45 ▏ a ring: a new entry evicts the oldest
//!                              ▲     ▲    ▲
//!                   slow cursor┘     │    └ a cursor that has read everything
//!                                    └ a cursor that is two entries behind
//! ```
//!
//! A client that is behind gets many entries at once, so under load a connection writes large
//! batches. If the log has evicted the client's next entry, the client gets a message about the
//! gap. A client can *resume* after a broken connection: it gets a new cursor that starts where
//! its old cursor stopped.
//!
//! All clients read the messages in the same order, because there is one log.
//!
//! The ring is in memory, so the ring is lost when the process ends. Several servers can share an
//! external log, e.g. in Redis. Each server copies the external log into its own ring: see
//! `publish`. The code of the cursors does not change.

use std::{
    collections::VecDeque,
    ops::Range,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
};

use slab::Slab;
use tokio::time::Instant;

use crate::{
    clients::registry::ClientId,
    error::{Error, Result},
    protocol::{framed::Framed, message::Message},
};

/// The limits of a hub. If the ring has more than `entries` or `bytes`, the hub evicts the oldest
/// entries.
#[derive(Clone, Copy, Debug)]
pub struct HubLimits {
    /// The maximum number of entries in the ring.
    pub entries: usize,
    /// The maximum size of all messages in the ring, in bytes.
    pub bytes: usize,
    /// The maximum size of one message, in bytes.
    pub message_bytes: usize,
}

impl Default for HubLimits {
    /// The defaults: 1,024 entries, 4 MiB in total, 128 KiB for one message. A server's own hub
    /// allows messages of 64 KiB plus twice
    /// [`max_message_bytes`](crate::Config::max_message_bytes).
    fn default() -> HubLimits {
        HubLimits {
            entries: 1024,
            bytes: 4 * 1024 * 1024,
            message_bytes: 128 * 1024,
        }
    }
}

/// Every 16th entry stores its append time, to measure the delivery delay. Reading the clock for
/// every entry would take more time.
const STAMPED: u64 = 16;

/// A function that makes the message about a gap. The arguments are the first and the last missed
/// position.
type GapMessage = dyn Fn(u64, u64) -> Message + Send + Sync;

/// A function that gives a message to all servers of a service: see [`Hub::publish`]. The
/// arguments are the message and the sender.
pub(crate) type Relay = dyn Fn(Message, ClientId) -> Relayed + Send + Sync;

/// A future that is ready when this server's ring has the message. The result is the number of
/// this server's readers that get the message.
pub(crate) type Relayed = Pin<Box<dyn Future<Output = Result<usize>> + Send>>;

/// A log of messages with many readers. Clones share one log.
#[derive(Clone, Default)]
pub struct Hub {
    pub(crate) shared: Arc<Shared>,
}

/// A weak reference to a hub. The hub can be freed while this reference exists.
pub(crate) struct WeakHub(Weak<Shared>);

impl WeakHub {
    pub(crate) fn upgrade(&self) -> Option<Hub> {
        let shared = self.0.upgrade()?;
        Some(Hub { shared })
    }
}

#[derive(Default)]
pub(crate) struct Shared {
    log: Mutex<Log>,
    /// The position of the next message. A broadcast changes this number under the lock. A
    /// cursor reads the number without the lock, to check for new messages.
    pub(crate) end: AtomicU64,
    gap_message: Option<Box<GapMessage>>,
    /// Set if this log is a copy of a log that several servers share: see [`Hub::publish`].
    pub(crate) relay: OnceLock<Box<Relay>>,
}

#[derive(Default)]
pub(crate) struct Log {
    pub(crate) limits: HubLimits,
    pub(crate) entries: VecDeque<Entry>,
    /// The position of the oldest entry in the ring.
    pub(crate) oldest: u64,
    bytes: usize,
    /// Whether the log accepts no more messages.
    closed: bool,
    pub(crate) cursors: Slab<Reader>,
}

pub(crate) struct Entry {
    pub(crate) framed: Framed,
    pub(crate) except: Option<ClientId>,
    /// The time at which the entry was appended. Only every 16th entry stores this time.
    pub(crate) stamp: Option<Instant>,
}

pub(crate) struct Reader {
    pub(crate) owner: ClientId,
    /// Set while the reader waits for the next entry.
    pub(crate) waker: Option<Waker>,
}

/// The position and the number of recipients of a new message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The message's position in the log. Positions start at 0 and increase by 1.
    pub position: u64,
    /// The number of readers of the log that will get the message.
    pub recipients: usize,
}

impl Hub {
    /// A hub with these limits. A reader that missed messages gets an English sentence.
    #[must_use]
    pub fn new(limits: HubLimits) -> Hub {
        Hub::build(limits, None)
    }

    /// A hub whose message about a gap comes from the function `words`. The arguments of `words`
    /// are the first and the last position that a reader missed. The task of this reader calls
    /// `words`.
    #[must_use]
    pub fn with_gap_words(
        limits: HubLimits,
        words: impl Fn(u64, u64) -> Message + Send + Sync + 'static,
    ) -> Hub {
        Hub::build(limits, Some(Box::new(words)))
    }

    fn build(limits: HubLimits, gap_message: Option<Box<GapMessage>>) -> Hub {
        let log = Log {
            limits,
            ..Log::default()
        };
        Hub {
            shared: Arc::new(Shared {
                log: Mutex::new(log),
                end: AtomicU64::new(0),
                gap_message,
                relay: OnceLock::new(),
            }),
        }
    }

    /// Appends a message for all readers of this process and wakes the waiting readers. Returns the
    /// number of readers. This call never waits. To reach the clients of other servers too, call
    /// [`publish`](Hub::publish).
    ///
    /// # Errors
    /// [`Error::MessageTooLarge`] when the message is over [`HubLimits::message_bytes`].
    /// [`Error::Closed`] if a server is stopping, and its clients get this log.
    pub fn broadcast(&self, message: impl Into<Message>) -> Result<usize> {
        let message = message.into();
        let appended = self.append(None, |_| message)?;
        Ok(appended.recipients)
    }

    /// Works like [`broadcast`](Hub::broadcast), but `sender` does not get the message and is not
    /// counted.
    ///
    /// # Errors
    /// [`Error::MessageTooLarge`] when the message is over [`HubLimits::message_bytes`].
    /// [`Error::Closed`] if a server is stopping, and its clients get this log.
    pub fn broadcast_except(&self, message: impl Into<Message>, sender: ClientId) -> Result<usize> {
        let message = message.into();
        let appended = self.append(Some(sender), |_| message)?;
        Ok(appended.recipients)
    }

    /// Appends a message that contains its own position. The function `write` gets the position
    /// and returns the message. The hub is locked while `write` runs, so no other message can
    /// have this position. So `write` must be fast and must not use this hub.
    ///
    /// # Errors
    /// [`Error::MessageTooLarge`] when the message is over [`HubLimits::message_bytes`].
    /// [`Error::Closed`] if a server is stopping, and its clients get this log.
    pub fn broadcast_at(&self, write: impl FnOnce(u64) -> Message) -> Result<Appended> {
        self.append(None, write)
    }

    /// The position of the next message, which is the number of messages so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.shared.end.load(Ordering::Acquire)
    }

    /// The positions of the entries in the ring.
    #[must_use]
    pub fn held(&self) -> Range<u64> {
        let log = self.lock();
        log.oldest..log.end()
    }

    /// The message for a reader that missed the positions `from` to `to`. The number in the
    /// message is an upper limit: it may include the reader's own messages, which
    /// `broadcast_except` does not send to the reader.
    pub(crate) fn gap_message(&self, from: u64, to: u64) -> Message {
        match &self.shared.gap_message {
            Some(message) => message(from, to),
            None => Message::from(format!(
                "(up to {} messages were missed: they arrived faster than you read them)",
                to - from + 1
            )),
        }
    }

    /// Closes the log: it accepts no more messages. Its readers still get all earlier messages.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Whether `other` is the same log.
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
        if log.closed {
            return Err(Error::Closed);
        }
        let position = log.end();
        let message = write(position);
        let (size, limit) = (message.len(), log.limits.message_bytes);
        if size > limit {
            return Err(Error::MessageTooLarge { size, limit });
        }
        // A received message may be a slice of a larger buffer. In the log, the slice would keep
        // the whole buffer in memory, and the limit on bytes would not count the buffer. So copy
        // the message.
        let framed = Framed::copy_of(message);
        let stamp = position.is_multiple_of(STAMPED).then(Instant::now);
        log.push(Entry {
            framed,
            except,
            stamp,
        });
        self.shared.end.store(log.end(), Ordering::Release);
        let mut recipients = log.cursors.len();
        let mut wakers = Vec::with_capacity(recipients);
        for (_, reader) in &mut log.cursors {
            recipients -= usize::from(Some(reader.owner) == except);
            wakers.extend(reader.waker.take());
        }
        // Release the lock first: every woken reader takes it.
        drop(log);
        wakers.into_iter().for_each(Waker::wake);
        Ok(Appended {
            position,
            recipients,
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Log> {
        // Ignore a panic of another task that had the lock. Code that can panic runs before the
        // first change of the log, so the log is still valid.
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

    /// Stores the waker of a reader. The next message calls this waker.
    pub(crate) fn keep_waker(&mut self, key: usize, waker: &Waker) {
        let known = &mut self.cursors[key].waker;
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.bytes += entry.framed.message.len();
        self.entries.push_back(entry);
        while self.entries.len() > self.limits.entries || self.bytes > self.limits.bytes {
            let Some(evicted) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= evicted.framed.message.len();
            self.oldest += 1;
        }
    }
}
