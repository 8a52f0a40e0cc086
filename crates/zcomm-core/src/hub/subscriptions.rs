//! The logs that one connection reads.
//!
//! Every connection reads the log of the server. A connection may read more logs, such as the
//! rooms of a chat. For each log, the connection needs a cursor, but no task, no queue and no
//! copies of messages. All cursors fill one batch, so one flush sends the new entries of all logs.
//!
//! A connection reads the entries of one log in their order. The entries of two logs have no
//! order: an order would need one lock for both logs.
//!
//! When one log fills a batch, the next batch begins with the next log. So a busy log does not
//! delay the other logs.

use std::task::Waker;

use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    hub::{
        cursor::{BatchSpace, Cursor, Progress},
        log::Hub,
    },
    protocol::framed::{Framed, Joined},
};

/// The cursors of one connection.
pub(crate) struct Subscriptions {
    /// The cursor on the server's own log. Most connections have no other cursor.
    first: Cursor,
    more: Vec<Cursor>,
    /// The cursor to read next: 0 is `first`, 1 is the first cursor in `more`.
    turn: usize,
}

/// Log entries that one write sends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The frames of all messages.
    pub(crate) frames: Bytes,
    /// Whether the batch was full before all logs were read to the end.
    pub(crate) more: bool,
    /// The number of log entries in the batch. Messages about gaps do not count.
    pub(crate) entries: usize,
    /// The number of messages about gaps in a log.
    pub(crate) gaps: usize,
    /// The size of all messages, without the headers of their frames.
    pub(crate) bytes: usize,
    /// The earliest append time of the entries; `None` if no entry has a time.
    pub(crate) oldest: Option<Instant>,
}

impl Batch {
    /// The number of entries and messages about gaps.
    pub(crate) fn messages(&self) -> usize {
        self.entries + self.gaps
    }
}

impl Subscriptions {
    pub(crate) fn new(first: Cursor) -> Subscriptions {
        Subscriptions {
            first,
            more: Vec::new(),
            turn: 0,
        }
    }

    /// Adds a cursor. The new cursor replaces an older cursor on the same log.
    pub(crate) fn add(&mut self, cursor: Cursor) {
        let known = self.all().find(|known| known.hub().is(cursor.hub()));
        if let Some(known) = known {
            *known = cursor;
            return;
        }
        // A connection subscribes to few logs, so reserve memory for one more cursor only.
        self.more.reserve_exact(1);
        self.more.push(cursor);
    }

    /// Removes the cursor on a log. The cursor on the server's own log stays.
    pub(crate) fn remove(&mut self, hub: &Hub) {
        self.more.retain(|cursor| !cursor.hub().is(hub));
    }

    /// Reads the next entries of all logs, until the batch is full. If a log has no more entries,
    /// the next message of this log calls `waker`.
    pub(crate) fn next_batch(&mut self, waker: &Waker) -> Batch {
        let mut batch = Batch::default();
        let mut frames = Joined::default();
        let mut space = BatchSpace::ALL;
        let cursors = 1 + self.more.len();
        let mut caught_up = 0;
        while caught_up < cursors && !space.is_used_up() {
            let cursor = match self.turn.checked_sub(1) {
                Some(at) if at < self.more.len() => &mut self.more[at],
                _ => &mut self.first,
            };
            let put = |_, entry: &Framed, appended| {
                frames.add(&entry.frame);
                batch.bytes += entry.message.len();
                batch.entries += 1;
                batch.oldest = earlier(batch.oldest, appended);
            };
            match cursor.read_into(&mut space, waker, put) {
                Progress::CaughtUp => caught_up += 1,
                Progress::More => caught_up = 0,
                Progress::Missed(from, to) => {
                    let gap = Framed::copy_of(cursor.hub().gap_message(from, to));
                    space.subtract(&gap.message);
                    frames.add(&gap.frame);
                    batch.bytes += gap.message.len();
                    batch.gaps += 1;
                    // Continue with the same cursor, which reads the entries after the gap.
                    caught_up = 0;
                    continue;
                }
            }
            self.turn = (self.turn + 1) % cursors;
        }
        batch.frames = frames.into();
        batch.more = caught_up < cursors;
        batch
    }

    /// The number of messages in all logs that this connection has not read.
    pub(crate) fn unread(&mut self) -> usize {
        self.all().map(|cursor| cursor.unread()).sum()
    }

    /// Closes all logs that this connection reads: see [`Hub::close`].
    pub(crate) fn close(&mut self) {
        self.all().for_each(|cursor| cursor.hub().close());
    }

    /// Makes every cursor store the waker at the next read. Call this when the task has a new
    /// waker.
    pub(crate) fn forget_waker(&mut self) {
        self.all().for_each(Cursor::forget_waker);
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Cursor> {
        std::iter::once(&mut self.first).chain(&mut self.more)
    }
}

/// Returns the earlier of two times. If only one time is known, returns this time. If no time is
/// known, returns `None`.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clients::registry::ClientId, hub::log::HubLimits, protocol::message::Message};

    fn id() -> ClientId {
        ClientId::from(1)
    }

    fn take(subscriptions: &mut Subscriptions) -> (Vec<String>, bool) {
        let mut batch = subscriptions.next_batch(Waker::noop());
        let mut texts = Vec::new();
        while !batch.frames.is_empty() {
            // The header of a short frame has 2 bytes. The second byte is the length.
            let mut frame = batch.frames.split_to(2 + usize::from(batch.frames[1]));
            texts.push(String::from_utf8(frame.split_off(2).to_vec()).unwrap());
        }
        assert_eq!(batch.bytes, texts.concat().len());
        (texts, !batch.more)
    }

    #[test]
    fn the_new_entries_of_all_logs_are_one_batch() {
        let [own, lobby, inbox] = [(); 3].map(|()| Hub::default());
        let mut all = Subscriptions::new(own.cursor(id()));
        lobby.broadcast("missed").unwrap();
        all.add(lobby.cursor(id()));
        all.add(inbox.cursor(id()));
        assert_eq!(take(&mut all), (vec![], true));
        for (hub, text) in [(&inbox, "1"), (&lobby, "2"), (&own, "3"), (&lobby, "4")] {
            hub.broadcast(text).unwrap();
        }
        let (mut texts, caught_up) = take(&mut all);
        texts.sort();
        assert_eq!(
            (texts, caught_up),
            (["1", "2", "3", "4"].map(String::from).to_vec(), true)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_has_its_number_of_entries_and_the_time_of_the_oldest() {
        let limits = HubLimits {
            entries: 20,
            ..HubLimits::default()
        };
        let hub = Hub::new(limits);
        let mut all = Subscriptions::new(hub.cursor(id()));
        let began = Instant::now();
        for _ in 0..17 {
            hub.broadcast("x").unwrap();
            tokio::time::advance(std::time::Duration::from_secs(1)).await;
        }
        let mut next = || all.next_batch(Waker::noop());
        let batch = next();
        assert_eq!((batch.entries, batch.gaps, batch.more), (17, 0, false));
        assert_eq!(batch.oldest, Some(began));
        assert_eq!(next(), Batch::default());
        hub.broadcast("not the sixteenth").unwrap();
        assert_eq!(next().oldest, None);
        for _ in 18..50 {
            hub.broadcast("x").unwrap();
        }
        let batch = next();
        assert_eq!(
            (batch.entries, batch.gaps),
            (20, 1),
            "a gap is not an entry"
        );
        assert_eq!(batch.oldest, Some(Instant::now()));
    }

    /// A client that reconnects reads old messages. The age of an old message must not count as a
    /// delivery delay.
    #[tokio::test(start_paused = true)]
    async fn history_does_not_count_as_a_delay() {
        let limits = HubLimits {
            entries: 20,
            ..HubLimits::default()
        };
        let hub = Hub::new(limits);
        for _ in 0..32 {
            hub.broadcast("old").unwrap();
        }
        for seen in [0, 16, 31, 32] {
            let mut all = Subscriptions::new(hub.cursor_at(id(), seen));
            tokio::time::advance(std::time::Duration::from_secs(3600)).await;
            let mut oldest = || all.next_batch(Waker::noop()).oldest;
            assert_eq!(oldest(), None, "after {seen}");
            let now = Instant::now();
            for _ in 0..16 {
                hub.broadcast("new").unwrap();
            }
            assert_eq!(oldest(), Some(now), "after {seen}");
        }
    }

    #[test]
    fn a_busy_log_does_not_delay_the_others() {
        let [own, busy] = [(); 2].map(|()| Hub::default());
        let mut all = Subscriptions::new(own.cursor(id()));
        all.add(busy.cursor(id()));
        for _ in 0..200 {
            busy.broadcast("busy").unwrap();
        }
        let (texts, caught_up) = take(&mut all);
        assert_eq!((texts.len(), caught_up), (64, false));
        own.broadcast("own").unwrap();
        let (texts, _) = take(&mut all);
        assert_eq!(texts[0], "own");
        assert_eq!(texts.len(), 64);
    }

    #[test]
    fn a_second_cursor_on_a_log_replaces_the_first() {
        let [own, lobby] = [(); 2].map(|()| Hub::default());
        for text in ["a", "b"] {
            own.broadcast(text).unwrap();
            lobby.broadcast(text).unwrap();
        }
        let mut all = Subscriptions::new(own.cursor(id()));
        all.add(lobby.cursor_at(id(), 1));
        all.add(lobby.cursor_at(id(), 0));
        assert_eq!(take(&mut all).0, ["a", "b"]);
        all.add(own.cursor_at(id(), 1));
        assert_eq!(take(&mut all).0, ["b"]);
        assert_eq!(own.broadcast("c").unwrap(), 1);
        all.remove(&lobby);
        assert_eq!(lobby.broadcast("c").unwrap(), 0);
        assert_eq!(take(&mut all).0, ["c"]);
    }

    #[test]
    fn each_log_has_its_own_message_about_a_gap() {
        let limits = HubLimits {
            entries: 1,
            ..HubLimits::default()
        };
        let lobby = Hub::with_gap_words(limits, |from, to| Message::from(format!("{from}-{to}")));
        let mut all = Subscriptions::new(Hub::default().cursor(id()));
        all.add(lobby.cursor(id()));
        for text in ["a", "b", "c"] {
            lobby.broadcast(text).unwrap();
        }
        assert_eq!(
            take(&mut all),
            (vec!["0-1".to_owned(), "c".to_owned()], true)
        );
    }
}
