//! The registry of connected clients.
//!
//! If a connection had to call a `leave` function, an early return could skip this call. Then the
//! registry would list a client that is gone. So each connection owns a [`Membership`], and
//! dropping the membership removes the client.
//!
//! Each client has a task in the server, and only this task uses the client's socket. So each
//! client has a mailbox: other tasks put messages for the client, or an order to close, into the
//! mailbox. The number of messages is limited, so a client that does not read cannot fill the
//! memory.
//!
//! A `std` mutex protects the registry. A task locks this mutex for a few instructions only, and
//! never while it waits at an `.await`.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Wake, Waker},
    time::Duration,
};

use tokio::time::Instant;

pub use crate::clients::id::ClientId;
use crate::{
    clients::tally::{Sums, Tally},
    error::{Error, Result},
    protocol::{close_reason::CloseReason, message::Message},
};

/// The maximum number of direct messages that wait for one client.
const MAILBOX: usize = 32;

/// The number before the first number of a registry that is [beside](Clients::beside) another.
const BESIDE: u64 = 1_000_000;

/// A connected client: its number, its address, and when it connected.
#[derive(Clone, Debug)]
pub struct ClientInfo {
    /// The client's number. A log line shows this number as `conn`.
    pub id: ClientId,
    /// The address from which the client connected.
    pub peer_addr: SocketAddr,
    /// The time at which the client connected, on the monotonic clock.
    pub since: Instant,
}

/// One client in the registry. Each delivery to the client uses the first three fields, so
/// `repr(C)` keeps them together in memory.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Entry {
    /// Whether the mailbox contains a message or an order to close. While this is false, the
    /// client's task does not lock the mailbox.
    mail: AtomicBool,
    /// Whether the timer of the client's task has fired.
    alarm: AtomicBool,
    pub(crate) tally: Tally,
    pub(crate) info: ClientInfo,
    mailbox: Mutex<Mailbox>,
}

#[derive(Debug)]
struct Mailbox {
    messages: VecDeque<Message>,
    close: Option<CloseReason>,
    waker: Waker,
}

impl Entry {
    /// Removes the next message from the mailbox and returns the message. Returns `None` if the
    /// mailbox is empty, or while the network is `blocked`.
    ///
    /// # Errors
    /// The reason to close, if another task has ordered the client to close. While the network is
    /// `blocked`, returns this error at once. Otherwise returns all messages in the mailbox first.
    pub(crate) fn next_mail(&self, blocked: bool) -> Result<Option<Message>, CloseReason> {
        match self.mail.load(Ordering::Acquire) {
            true => self.take_mail(blocked),
            false => Ok(None),
        }
    }

    #[cold]
    fn take_mail(&self, blocked: bool) -> Result<Option<Message>, CloseReason> {
        let mut mailbox = lock(&self.mailbox);
        let message = if blocked {
            None
        } else {
            mailbox.messages.pop_front()
        };
        let close = match message {
            Some(_) => None,
            None => mailbox.close.take(),
        };
        let empty = mailbox.messages.is_empty() && mailbox.close.is_none();
        self.mail.store(!empty, Ordering::Release);
        close.map_or(Ok(message), Err)
    }

    /// The number of messages in the mailbox.
    pub(crate) fn waiting_mail(&self) -> usize {
        lock(&self.mailbox).messages.len()
    }

    /// Whether the timer has fired since the last call. While this is false, the client's task
    /// does not read its timer.
    pub(crate) fn take_alarm(&self) -> bool {
        self.alarm.load(Ordering::Acquire) && self.alarm.swap(false, Ordering::AcqRel)
    }

    /// Stores the waker of the client's task. Each new message, each order to close and the timer
    /// use this waker.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        lock(&self.mailbox).waker = waker.clone();
    }

    fn deliver(&self, put: impl FnOnce(&mut Mailbox) -> Result<()>) -> Result<()> {
        let mut mailbox = lock(&self.mailbox);
        put(&mut mailbox)?;
        self.mail.store(true, Ordering::Release);
        mailbox.waker.wake_by_ref();
        Ok(())
    }
}

/// The waker of the timer: it wakes the client's task.
impl Wake for Entry {
    fn wake(self: Arc<Self>) {
        self.alarm.store(true, Ordering::Release);
        lock(&self.mailbox).waker.wake_by_ref();
    }
}

/// The clients of a server. Clones share one registry.
#[derive(Clone)]
pub struct Clients {
    max_send_bytes: usize,
    last_id: Arc<AtomicU64>,
    list: Arc<Mutex<List>>,
    /// Set once the server stops.
    stopping: Arc<OnceLock<Stop>>,
}

/// The stop of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    /// The reason to close.
    pub(crate) why: CloseReason,
    /// The time at which every connection must have ended.
    pub(crate) until: Instant,
}

impl Stop {
    /// A stop that begins now and takes at most `limit`.
    pub(crate) fn within(limit: Duration) -> Stop {
        Stop {
            why: CloseReason::new(CloseReason::GOING_AWAY, "Server shutting down"),
            until: Instant::now() + limit,
        }
    }
}

#[derive(Default)]
struct List {
    clients: BTreeMap<ClientId, Arc<Entry>>,
    /// The number of clients that have joined since the start.
    joined: u64,
    /// The counters of the clients that have left.
    departed: Sums,
}

impl Clients {
    /// Makes an empty registry. `max_send_bytes` limits the size of a message to a client.
    pub(crate) fn new(max_send_bytes: usize) -> Clients {
        Clients {
            max_send_bytes,
            last_id: Arc::default(),
            list: Arc::default(),
            stopping: Arc::default(),
        }
    }

    /// Makes a second registry, which is empty. Its numbers are high, so that the numbers of this
    /// registry have no gaps: a learner who opens a viewer after client 1 expects client 2.
    pub(crate) fn beside(&self) -> Clients {
        let beside = Clients::new(self.max_send_bytes);
        beside.last_id.store(BESIDE, Ordering::Relaxed);
        beside
    }

    /// From now on, the number of each new client begins with these 20 bits, which name the
    /// server. So two servers do not give the same number.
    pub(crate) fn name_server(&self, server: u32) {
        self.last_id
            .store(ClientId::before_first(server), Ordering::Relaxed);
    }

    /// The number of connected clients.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.list).clients.len()
    }

    /// The connected clients, in the order in which they joined.
    #[must_use]
    pub fn list(&self) -> Vec<ClientInfo> {
        lock(&self.list)
            .clients
            .values()
            .map(|client| client.info.clone())
            .collect()
    }

    /// Whether a client with this number is connected.
    #[must_use]
    pub fn contains(&self, id: ClientId) -> bool {
        lock(&self.list).clients.contains_key(&id)
    }

    /// Orders every connection to close. A client that joins later is not closed.
    pub fn disconnect_present(&self, why: &CloseReason) {
        for client in self.list() {
            // This fails if the client has left in the meantime. Then there is nothing to close.
            self.disconnect(client.id, why.clone()).ok();
        }
    }

    /// Puts a message into the mailbox of one client. The client's own task sends the message.
    /// This call never waits.
    ///
    /// # Errors
    /// [`Error::Closed`] when no client has this number, or when the server stops.
    /// [`Error::Busy`] when 32 messages already wait for the client.
    /// [`Error::MessageTooLarge`] when the message is over the limit of
    /// [`Connection::send`](crate::Connection::send).
    pub fn send_to(&self, id: ClientId, message: impl Into<Message>) -> Result<()> {
        let message = message.into();
        self.check_size(&message)?;
        self.find(id)?.deliver(|mailbox| {
            // Check this while the mailbox is locked. Without the lock, a message could get into
            // the mailbox after the client's task has emptied it for the last time.
            if self.stopping.get().is_some() {
                return Err(Error::Closed);
            }
            if mailbox.messages.len() == MAILBOX {
                return Err(Error::Busy);
            }
            mailbox.messages.push_back(message);
            Ok(())
        })
    }

    /// Orders one connection to close. Messages in the client's mailbox are sent first, unless
    /// the client accepts no data.
    ///
    /// # Errors
    /// [`Error::Closed`] when no client has this number.
    pub fn disconnect(&self, id: ClientId, why: CloseReason) -> Result<()> {
        self.find(id)?.deliver(|mailbox| {
            mailbox.close.get_or_insert(why);
            Ok(())
        })
    }

    /// Adds a client. Dropping the returned membership removes the client.
    pub(crate) fn join(&self, peer_addr: SocketAddr) -> Membership {
        // `Relaxed` is enough, because this counter protects no other data.
        let id = ClientId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let since = Instant::now();
        let mut list = lock(&self.list);
        let client = Arc::new(Entry {
            mail: AtomicBool::new(false),
            alarm: AtomicBool::new(false),
            tally: Tally::default(),
            info: ClientInfo {
                id,
                peer_addr,
                since,
            },
            mailbox: Mutex::new(Mailbox {
                messages: VecDeque::new(),
                close: None,
                waker: Waker::noop().clone(),
            }),
        });
        list.joined += 1;
        list.clients.insert(id, Arc::clone(&client));
        Membership {
            client,
            clients: self.clone(),
        }
    }

    /// Tells every connection that the server stops. Each connection takes no more messages from
    /// its client, sends all messages that still wait for the client, and closes. A client that
    /// joins later is closed too.
    pub(crate) fn stop(&self, stop: Stop) {
        // Ignores a second stop: the first reason stays.
        self.stopping.set(stop).ok();
        let clients: Vec<_> = lock(&self.list).clients.values().cloned().collect();
        for client in clients {
            lock(&client.mailbox).waker.wake_by_ref();
        }
    }

    /// The number of clients that have joined since the start.
    pub(crate) fn accepted(&self) -> u64 {
        lock(&self.list).joined
    }

    /// The number of connected clients, and the sums of all counters since the start. The sums
    /// include the clients that have left.
    pub(crate) fn sums(&self) -> (usize, Sums) {
        let list = lock(&self.list);
        let mut sums = list.departed;
        for client in list.clients.values() {
            client.tally.add_to(&mut sums);
        }
        (list.clients.len(), sums)
    }

    /// Checks that a message is not too large to send to a client.
    ///
    /// # Errors
    /// [`Error::MessageTooLarge`] when the message is over the limit.
    pub(crate) fn check_size(&self, message: &Message) -> Result<()> {
        let (size, limit) = (message.len(), self.max_send_bytes);
        match size > limit {
            true => Err(Error::MessageTooLarge { size, limit }),
            false => Ok(()),
        }
    }

    fn find(&self, id: ClientId) -> Result<Arc<Entry>> {
        lock(&self.list)
            .clients
            .get(&id)
            .cloned()
            .ok_or(Error::Closed)
    }
}

/// A client's place in the registry. Dropping the membership removes the client.
pub(crate) struct Membership {
    pub(crate) client: Arc<Entry>,
    clients: Clients,
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut list = lock(&self.clients.list);
        list.clients.remove(&self.client.info.id);
        // The list is still locked. If it were unlocked here, a call of `sums` could miss the
        // counters of this client.
        self.client.tally.add_to(&mut list.departed);
    }
}

impl Membership {
    /// The stop of the server, once the server stops.
    pub(crate) fn stopping(&self) -> Option<&Stop> {
        self.clients.stopping.get()
    }
}

/// Locks the mutex, even if a task panicked while it had the lock. Each change is a single
/// insert or remove, so the data is valid even after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(clients: &Clients) -> Membership {
        clients.join(([127, 0, 0, 1], 1).into())
    }

    #[test]
    fn the_drop_of_a_membership_removes_the_client() {
        let clients = Clients::new(100);
        let (a, b) = (join(&clients), join(&clients));
        assert_eq!(clients.count(), 2);
        drop(a);
        let ids: Vec<_> = clients
            .list()
            .iter()
            .map(|info| info.id.to_string())
            .collect();
        assert_eq!(ids, ["2"]);
        assert!(matches!(
            clients.send_to(ClientId(1), "late"),
            Err(Error::Closed)
        ));
        drop(b);
        assert_eq!((clients.count(), clients.accepted()), (0, 2));
    }

    #[test]
    fn the_counters_of_a_client_stay_when_it_has_left() {
        let clients = Clients::new(100);
        let (a, b) = (join(&clients), join(&clients));
        a.client.tally.received(&Message::from("hello"));
        b.client.tally.sent(2, 7);
        let (count, sums) = clients.sums();
        assert_eq!((count, sums.texts, sums.bytes_received), (2, 1, 5));
        drop(a);
        let (count, after) = clients.sums();
        assert_eq!((count, after), (1, sums));
        b.client.tally.sent(1, 1);
        drop(b);
        let (count, after) = clients.sums();
        assert_eq!((count, after.texts, after.sent), (0, 1, 3));
        assert_eq!(after.bytes_sent, 8);
    }

    #[test]
    fn a_mailbox_is_bounded_and_keeps_its_order() {
        let clients = Clients::new(100);
        let member = join(&clients);
        let id = member.client.info.id;
        assert_eq!(member.client.next_mail(false), Ok(None));
        for n in 0..32 {
            clients.send_to(id, n.to_string()).unwrap();
        }
        assert!(matches!(clients.send_to(id, "one more"), Err(Error::Busy)));
        let large = clients.send_to(id, "x".repeat(101));
        assert!(matches!(large, Err(Error::MessageTooLarge { .. })));
        clients
            .disconnect(id, CloseReason::new(1008, "first"))
            .unwrap();
        clients
            .disconnect(id, CloseReason::new(1000, "second"))
            .unwrap();
        for n in 0..32 {
            let message = Message::from(n.to_string());
            assert_eq!(member.client.next_mail(false), Ok(Some(message)));
        }
        let close = CloseReason::new(1008, "first");
        assert_eq!(member.client.next_mail(false), Err(close));
        assert_eq!(member.client.next_mail(false), Ok(None));
    }

    #[test]
    fn a_blocked_client_gets_the_order_to_close_before_its_messages() {
        let clients = Clients::new(100);
        let member = join(&clients);
        let id = member.client.info.id;
        clients.send_to(id, "waits").unwrap();
        clients.disconnect(id, CloseReason::new(1001, "")).unwrap();
        assert!(member.client.next_mail(true).is_err());
        assert_eq!(member.client.next_mail(true), Ok(None));
    }

    #[test]
    fn a_client_that_joins_while_the_server_stops_is_closed_too() {
        let clients = Clients::new(100);
        let early = join(&clients);
        assert_eq!(early.stopping(), None);
        let stop = Stop {
            why: CloseReason::new(1001, "Server shutting down"),
            until: Instant::now(),
        };
        clients.stop(stop.clone());
        let late = join(&clients);
        for member in [early, late] {
            assert_eq!(member.stopping(), Some(&stop));
            let id = member.client.info.id;
            assert!(matches!(clients.send_to(id, "late"), Err(Error::Closed)));
        }
    }
}
