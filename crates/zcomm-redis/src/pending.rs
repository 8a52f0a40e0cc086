//! The senders that wait until this server has read their entry from Redis.

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// If the list has this many senders, remove those that have stopped waiting.
const MANY: usize = 1024;

/// The senders by the number of their request. All clones share one list.
pub(crate) struct Pending<O>(Arc<Mutex<HashMap<u64, oneshot::Sender<O>>>>);

impl<O> Clone for Pending<O> {
    fn clone(&self) -> Pending<O> {
        Pending(Arc::clone(&self.0))
    }
}

impl<O> Pending<O> {
    pub(crate) fn new() -> Pending<O> {
        Pending(Arc::default())
    }

    pub(crate) fn add(&self, number: u64, sender: oneshot::Sender<O>) {
        let mut pending = self.lock();
        if pending.len() >= MANY {
            pending.retain(|_, sender| !sender.is_closed());
        }
        pending.insert(number, sender);
    }

    /// Gives the outcome to the sender of this request, because the entry has come back.
    pub(crate) fn resolve(&self, number: u64, outcome: O) {
        let sender = self.lock().remove(&number);
        if let Some(sender) = sender {
            // Ignores an error: the sender has stopped waiting.
            sender.send(outcome).ok();
        }
    }

    /// Tells the senders of these requests that their entries will not come back.
    pub(crate) fn fail(&self, numbers: RangeInclusive<u64>) {
        let mut pending = self.lock();
        for number in numbers {
            pending.remove(&number);
        }
    }

    /// Tells all senders that their entries will not come back.
    pub(crate) fn fail_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<O>>> {
        // After a panic in another task, the list is valid: each change is one insert or remove.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
