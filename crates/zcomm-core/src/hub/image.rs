//! A copy of a log, to continue the log in another process.
//!
//! A cursor is a position. So a client can go on at another server only if the same message has
//! the same position there. A new log starts at position 0. A restored log starts where the copy
//! starts.

use std::sync::atomic::Ordering;

use crate::{
    hub::log::{Entry, Hub},
    protocol::{framed::Framed, message::Message},
};

impl Hub {
    /// The message at this position. `None` if the ring does not have it.
    #[must_use]
    pub fn message(&self, position: u64) -> Option<Message> {
        let log = self.lock();
        let at = position.checked_sub(log.oldest)?;
        let entry = log.entries.get(usize::try_from(at).ok()?)?;
        Some(entry.framed.message.clone())
    }

    /// Copies the newest messages, at most `bytes` in total. Returns the position of the first
    /// copied message, and the messages.
    #[must_use]
    pub fn newest(&self, bytes: usize) -> (u64, Vec<Message>) {
        let log = self.lock();
        let (mut left, mut count) = (bytes, 0);
        for entry in log.entries.iter().rev() {
            let Some(rest) = left.checked_sub(entry.framed.message.len()) else {
                break;
            };
            (left, count) = (rest, count + 1);
        }
        let skipped = log.entries.len() - count;
        let newest = log.entries.iter().skip(skipped);
        let messages = newest.map(|entry| entry.framed.message.clone());
        (log.oldest + skipped as u64, messages.collect())
    }

    /// Fills a log that has never had a message. The first of the messages gets the position
    /// `first`. Does nothing if the log has had a message.
    pub fn restore(&self, first: u64, messages: impl IntoIterator<Item = Message>) {
        let mut log = self.lock();
        if log.end() > 0 {
            return;
        }
        log.oldest = first;
        for message in messages {
            log.push(Entry {
                framed: Framed::copy_of(message),
                except: None,
                stamp: None,
            });
        }
        self.shared.end.store(log.end(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_log_continues_at_the_same_positions() {
        let hub = Hub::default();
        for text in ["first", "second", "third"] {
            hub.broadcast(text).unwrap();
        }
        assert_eq!(hub.message(2), Some("third".into()));
        assert_eq!(hub.message(3), None);
        let (first, messages) = hub.newest(11);
        assert_eq!((first, messages.len()), (1, 2));
        let copy = Hub::default();
        copy.restore(first, messages);
        assert_eq!((copy.held(), copy.position()), (1..3, 3));
        assert_eq!(copy.message(0), None);
        assert_eq!(copy.message(1), Some("second".into()));
        let appended = copy.broadcast_at(|_| "fourth".into()).unwrap();
        assert_eq!(appended.position, 3);
        copy.restore(9, ["late".into()]);
        assert_eq!(copy.held(), 1..4);
        assert_eq!(hub.newest(4), (3, Vec::new()));
        let empty = Hub::default();
        empty.restore(7, Vec::new());
        assert_eq!(empty.held(), 7..7);
    }
}
