//! Several logs, one connection.
//!
//! Every connection reads its server's log. A connection may read more of them — the rooms
//! it is in, an inbox of its own — and each is one more cursor, nothing else: no task, no
//! queue, no copy. All of them fill the same batch, so whatever has come on all logs leaves
//! with one flush.
//!
//! Within one log the order is exact. Between two there is none: that would need one lock
//! around both. The cursors take turns, so that a busy log does not keep the others waiting.
//!
//! Production that reads thousands of logs per connection keeps a list of those with news,
//! instead of asking each.

use std::task::Waker;

use tokio::time::Instant;

use crate::{
    hub::{
        cursor::{Cursor, Progress, Room},
        log::Hub,
    },
    protocol::message::Message,
};

/// The cursors of one connection.
pub(crate) struct Subscriptions {
    /// On the server's own log: most connections have no other, and need no list.
    first: Cursor,
    more: Vec<Cursor>,
    /// Whose turn it is: 0 is the first, then the others.
    turn: usize,
}

/// What was taken from all logs together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// There may be more.
    pub(crate) more: bool,
    /// Entries, words about gaps not counted.
    pub(crate) entries: usize,
    /// Gaps that were told.
    pub(crate) gaps: u64,
    /// When the oldest of those entries was appended that know it and are no history.
    pub(crate) oldest: Option<Instant>,
}

impl Subscriptions {
    pub(crate) fn new(first: Cursor) -> Subscriptions {
        Subscriptions {
            first,
            more: Vec::new(),
            turn: 0,
        }
    }

    /// Adds a cursor, in the place of another on the same log.
    pub(crate) fn add(&mut self, cursor: Cursor) {
        let known = self.all().find(|known| known.hub().is(cursor.hub()));
        if let Some(known) = known {
            *known = cursor;
            return;
        }
        // Few come and they stay: no room is kept for more.
        self.more.reserve_exact(1);
        self.more.push(cursor);
    }

    /// Ends the reading of a log. The server's own stays: whoever is connected reads it.
    pub(crate) fn remove(&mut self, hub: &Hub) {
        self.more.retain(|cursor| !cursor.hub().is(hub));
    }

    /// Takes one batch from all logs together.
    pub(crate) fn take_into(&mut self, batch: &mut Vec<Message>, waker: &Waker) -> Taken {
        let mut taken = Taken::default();
        let mut room = Room::default();
        let cursors = 1 + self.more.len();
        let mut caught_up = 0;
        while caught_up < cursors && !room.is_full() {
            let cursor = match self.turn.checked_sub(1) {
                Some(at) if at < self.more.len() => &mut self.more[at],
                _ => &mut self.first,
            };
            let put = |_, message, stamp| {
                batch.push(message);
                taken.entries += 1;
                taken.oldest = earlier(taken.oldest, stamp);
            };
            match cursor.take_into(&mut room, waker, put) {
                Progress::CaughtUp => caught_up += 1,
                Progress::More => caught_up = 0,
                Progress::Missed(from, to) => {
                    let words = cursor.hub().gap_words(from, to);
                    room.fill(&words);
                    batch.push(words);
                    taken.gaps += 1;
                    // What comes after the gap comes next.
                    caught_up = 0;
                    continue;
                }
            }
            self.turn = (self.turn + 1) % cursors;
        }
        taken.more = caught_up < cursors;
        taken
    }

    /// Another waker will be used from now on.
    pub(crate) fn forget_waker(&mut self) {
        self.all().for_each(Cursor::forget_waker);
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Cursor> {
        std::iter::once(&mut self.first).chain(&mut self.more)
    }
}

/// The earlier of two times, as far as they are known.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clients::registry::ClientId, hub::log::HubLimits};

    fn id() -> ClientId {
        ClientId::from(1)
    }

    fn take(subscriptions: &mut Subscriptions) -> (Vec<String>, bool) {
        let mut batch = Vec::new();
        let taken = subscriptions.take_into(&mut batch, Waker::noop());
        let text = |message| match message {
            Message::Text(text) => text.to_string(),
            Message::Binary(_) => panic!("nobody sent bytes"),
        };
        (batch.into_iter().map(text).collect(), !taken.more)
    }

    #[test]
    fn what_is_new_on_all_logs_comes_in_one_batch() {
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
    async fn it_is_known_how_much_was_taken_and_since_when_the_oldest_waits() {
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
        let mut take = || all.take_into(&mut Vec::new(), Waker::noop());
        let taken = take();
        assert_eq!((taken.entries, taken.gaps, taken.more), (17, 0, false));
        assert_eq!(taken.oldest, Some(began));
        assert_eq!(take(), Taken::default());
        hub.broadcast("not the sixteenth").unwrap();
        assert_eq!(take().oldest, None);
        for _ in 18..50 {
            hub.broadcast("x").unwrap();
        }
        let taken = take();
        assert_eq!((taken.entries, taken.gaps), (20, 1), "words are no entry");
        assert_eq!(taken.oldest, Some(Instant::now()));
    }

    /// Somebody who comes back after an hour is shown that hour, and nobody was slow.
    #[tokio::test(start_paused = true)]
    async fn history_is_no_delay() {
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
            let mut take = || all.take_into(&mut Vec::new(), Waker::noop()).oldest;
            assert_eq!(take(), None, "after {seen}");
            let now = Instant::now();
            for _ in 0..16 {
                hub.broadcast("new").unwrap();
            }
            assert_eq!(take(), Some(now), "after {seen}");
        }
    }

    #[test]
    fn a_busy_log_does_not_keep_the_others_waiting() {
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
    fn a_log_is_read_once_and_anew_from_where_it_is_asked() {
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
    fn a_gap_on_any_log_is_told_in_that_logs_words() {
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
