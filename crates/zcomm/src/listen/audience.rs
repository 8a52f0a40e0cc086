//! The clients that get the lines of the input.
//!
//! Each client has a queue for a few lines, and a task that sends the lines of this queue. A line
//! of the input waits until every queue has space, so no line is lost when the network is slow.
//! The wait has a limit, because the server closes the connection of a client that does not read.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{mpsc, watch};
use zcomm_core::{ClientId, Message};

/// At most this number of lines wait for one client.
const LINES: usize = 16;

/// The queues of all clients; `None` after the end of the input.
type Queues = Option<BTreeMap<ClientId, mpsc::Sender<Message>>>;

pub(super) struct Audience {
    queues: Mutex<Queues>,
    /// The number of clients.
    count: watch::Sender<usize>,
}

impl Audience {
    pub(super) fn new() -> Arc<Audience> {
        Arc::new(Audience {
            queues: Mutex::new(Some(BTreeMap::new())),
            count: watch::Sender::new(0),
        })
    }

    /// Adds a client. Dropping the returned seat removes the client.
    pub(super) fn join(self: &Arc<Audience>, id: ClientId) -> Seat {
        let (queue, lines) = mpsc::channel(LINES);
        if let Some(queues) = &mut *self.queues() {
            queues.insert(id, queue);
        }
        self.count.send_modify(|count| *count += 1);
        let audience = Arc::clone(self);
        Seat {
            audience,
            id,
            lines,
        }
    }

    /// Puts a message into the queue of each client. Waits until every queue has space. Returns
    /// whether at least one client gets the message.
    pub(super) async fn send(&self, message: Message) -> bool {
        let queues: Vec<_> = self.queues().iter().flatten().map(clone).collect();
        let mut sent = false;
        for queue in queues {
            // Sending fails if the client has left.
            sent |= queue.send(message.clone()).await.is_ok();
        }
        sent
    }

    /// Sends a message to all clients. If no client is connected, first waits for a client.
    pub(super) async fn send_to_someone(&self, message: Message) {
        let mut count = self.count.subscribe();
        loop {
            // Waiting cannot fail, because the sender is in `self`.
            count.wait_for(|count| *count > 0).await.ok();
            if self.send(message.clone()).await {
                return;
            }
        }
    }

    /// Closes the queues, but the clients still get the waiting lines. Waits until every client
    /// has left or has all lines.
    pub(super) async fn end(&self) {
        *self.queues() = None;
        self.count
            .subscribe()
            .wait_for(|count| *count == 0)
            .await
            .ok();
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn clone((_, queue): (&ClientId, &mpsc::Sender<Message>)) -> mpsc::Sender<Message> {
    queue.clone()
}

/// The queue of one client.
pub(super) struct Seat {
    audience: Arc<Audience>,
    id: ClientId,
    lines: mpsc::Receiver<Message>,
}

impl Seat {
    /// Waits for the next line. Returns `None` after the end of the input.
    pub(super) async fn next(&mut self) -> Option<Message> {
        self.lines.recv().await
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(queues) = &mut *self.audience.queues() {
            queues.remove(&self.id);
        }
        self.audience.count.send_modify(|count| *count -= 1);
    }
}
