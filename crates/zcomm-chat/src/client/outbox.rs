//! What a client has said and nobody has acknowledged yet.
//!
//! A connection that breaks says nothing about what it carried last: it may have arrived or
//! not. So what is said is kept until the server has said that it is in its log, and sent
//! again on the next connection *with the same id*, by which the server knows it again.
//! Without the id it would be there twice; without the outbox it could be lost.
//!
//! One message is under way at a time. That keeps the order over any number of broken
//! connections, and a long queue breaks no rate limit.
//!
//! Production that talks faster keeps several under way, and numbers them.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::envelope::ClientMessage;

/// Messages that wait.
const MOST: usize = 100;
/// For an ack. To ask again does no harm, since the server knows the id.
const PATIENCE: Duration = Duration::from_secs(15);

/// Messages that were said, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<(String, ClientMessage)>,
    under_way: Option<(String, Instant)>,
    paused: Option<Instant>,
}

impl Outbox {
    /// Keeps a message with this id. `false` when as many wait as may.
    pub(crate) fn put(&mut self, id: String, message: ClientMessage) -> bool {
        let kept = !self.is_full();
        if kept {
            self.waiting.push_back((id, message));
        }
        kept
    }

    /// Takes a message out, for good. `None` when it is not there.
    pub(crate) fn take(&mut self, id: &str) -> Option<ClientMessage> {
        self.under_way.take_if(|(under_way, _)| under_way == id);
        let at = self.waiting.iter().position(|(other, _)| other == id)?;
        self.waiting.remove(at).map(|(_, message)| message)
    }

    /// Takes out those of which this is true, and returns their ids.
    pub(crate) fn take_all(&mut self, which: impl Fn(&ClientMessage) -> bool) -> Vec<String> {
        let waiting = self.waiting.iter();
        let ids: Vec<_> = waiting
            .filter(|(_, message)| which(message))
            .map(|(id, _)| id.clone())
            .collect();
        for id in &ids {
            self.take(id);
        }
        ids
    }

    /// The message with this id, which stays.
    pub(crate) fn get(&self, id: &str) -> Option<&ClientMessage> {
        let (_, message) = self.waiting.iter().find(|(other, _)| other == id)?;
        Some(message)
    }

    /// The oldest message that may be sent now, to be sent now.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        may: impl Fn(&ClientMessage) -> bool,
    ) -> Option<ClientMessage> {
        self.paused.take_if(|until| *until <= now);
        self.under_way
            .take_if(|(_, since)| *since + PATIENCE <= now);
        if self.paused.is_some() || self.under_way.is_some() {
            return None;
        }
        let (id, message) = self.waiting.iter().find(|(_, message)| may(message))?;
        self.under_way = Some((id.clone(), now));
        Some(message.clone())
    }

    /// The id of the message that is under way.
    pub(crate) fn under_way(&self) -> Option<&str> {
        self.under_way.as_ref().map(|(id, _)| id.as_str())
    }

    /// What was under way is to be sent again, at the earliest at this time.
    pub(crate) fn again(&mut self, not_before: Option<Instant>) {
        self.under_way = None;
        self.paused = not_before;
    }

    /// When [`send`](Outbox::send) may find something that it does not find now.
    pub(crate) fn due(&self) -> Option<Instant> {
        let asked = self.under_way.as_ref().map(|(_, since)| *since + PATIENCE);
        self.paused.or(asked)
    }

    /// Whether no more can be kept.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= MOST
    }

    /// How many wait, the one under way among them.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> ClientMessage {
        ClientMessage::Broadcast {
            text: text.into(),
            id: Some(text.into()),
        }
    }

    fn filled(ids: &[&str]) -> Outbox {
        let mut outbox = Outbox::default();
        for id in ids {
            assert!(outbox.put((*id).into(), text(id)));
        }
        outbox
    }

    fn any(_: &ClientMessage) -> bool {
        true
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_leaves_when_the_one_before_is_taken() {
        let mut outbox = filled(&["a", "b"]);
        let now = Instant::now();
        assert_eq!(outbox.send(now, any), Some(text("a")));
        assert_eq!(outbox.send(now, any), None);
        assert_eq!(outbox.take("a"), Some(text("a")));
        assert_eq!(outbox.take("a"), None);
        assert_eq!(outbox.send(now, any), Some(text("b")));
        assert_eq!((outbox.under_way(), outbox.len()), (Some("b"), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_acknowledged_is_sent_again() {
        let mut outbox = filled(&["a"]);
        let now = Instant::now();
        assert!(outbox.send(now, any).is_some());
        assert_eq!(outbox.due(), Some(now + PATIENCE));
        assert_eq!(outbox.send(now + PATIENCE / 2, any), None);
        assert_eq!(outbox.send(now + PATIENCE, any), Some(text("a")));
        outbox.again(None);
        assert_eq!(outbox.send(now + PATIENCE, any), Some(text("a")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_kept() {
        let mut outbox = filled(&["a"]);
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        outbox.again(Some(now + second));
        assert_eq!(outbox.send(now, any), None);
        assert_eq!(outbox.due(), Some(now + second));
        assert_eq!(outbox.send(now + second, any), Some(text("a")));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_may_not_be_sent_yet_holds_no_other_back() {
        let mut outbox = filled(&["a", "b"]);
        let now = Instant::now();
        assert_eq!(outbox.send(now, |m| *m == text("b")), Some(text("b")));
        assert_eq!(outbox.take_all(|m| *m == text("a")), ["a"]);
        assert_eq!(outbox.len(), 1);
    }

    #[test]
    fn it_is_bounded() {
        let mut outbox = Outbox::default();
        for number in 0..MOST {
            assert!(outbox.put(number.to_string(), text("x")));
        }
        assert!(!outbox.put("one more".into(), text("x")));
        assert_eq!(outbox.len(), MOST);
    }
}
