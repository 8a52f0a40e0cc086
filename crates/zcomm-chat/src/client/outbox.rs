//! Stores the messages that the server has not acknowledged yet.
//!
//! When a connection breaks, the client cannot know whether its last message arrived. So the
//! client keeps each message until the server acknowledges the message. On the next connection,
//! the client sends the message again *with the same id*, and the server recognises the id.
//! Without the id, a message could be in the log twice. Without the outbox, a message could be
//! lost.
//!
//! The client sends one message at a time and waits for its ack. So the messages stay in order
//! when a connection breaks. The client also stays below the rate limit.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::envelope::ClientMessage;

/// The maximum number of messages in an outbox.
const MAX_WAITING: usize = 100;
/// The time to wait for an ack before the client sends the message again. Sending again is safe,
/// because the server recognises the id.
const ACK_TIMEOUT: Duration = Duration::from_secs(15);

/// The messages without an ack, the oldest first. Each message has an id.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<ClientMessage>,
    /// The id of the message that was sent and has no ack yet, and the time to send it again.
    under_way: Option<(String, Instant)>,
    paused_until: Option<Instant>,
}

impl Outbox {
    /// Adds a message. Returns `false` when the outbox is full.
    pub(crate) fn put(&mut self, message: ClientMessage) -> bool {
        let has_space = !self.is_full();
        if has_space {
            self.waiting.push_back(message);
        }
        has_space
    }

    /// Removes a message. Returns `false` when the message is not in the outbox.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let removed = self.remove_all(|message| message.id() == Some(id));
        !removed.is_empty()
    }

    /// Removes the messages for which `which` returns true, and returns their ids.
    pub(crate) fn remove_all(&mut self, which: impl Fn(&ClientMessage) -> bool) -> Vec<String> {
        let removed = self.waiting.iter().filter(|message| which(message));
        let ids = removed.filter_map(|message| message.id().map(str::to_owned));
        let ids: Vec<_> = ids.collect();
        self.waiting.retain(|message| !which(message));
        self.under_way.take_if(|(id, _)| ids.contains(id));
        ids
    }

    pub(crate) fn get(&self, id: &str) -> Option<&ClientMessage> {
        self.waiting.iter().find(|message| message.id() == Some(id))
    }

    /// Returns the message to send now: the oldest message for which `may` returns true. Returns
    /// `None` during a pause, and while the client waits for an ack.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        may: impl Fn(&ClientMessage) -> bool,
    ) -> Option<ClientMessage> {
        self.paused_until.take_if(|until| *until <= now);
        self.under_way.take_if(|(_, ack_due)| *ack_due <= now);
        if self.paused_until.is_some() || self.under_way.is_some() {
            return None;
        }
        let message = self.waiting.iter().find(|message| may(message))?;
        self.under_way = Some((message.id()?.to_owned(), now + ACK_TIMEOUT));
        Some(message.clone())
    }

    /// The id of the message that was sent and has no ack yet.
    pub(crate) fn under_way(&self) -> Option<&str> {
        self.under_way.as_ref().map(|(id, _)| id.as_str())
    }

    /// Lets `send` return the last message again. Until the time `not_before`, `send` returns no
    /// message.
    pub(crate) fn send_again(&mut self, not_before: Option<Instant>) {
        self.under_way = None;
        self.paused_until = not_before;
    }

    /// When to call [`send`](Outbox::send) next: at the end of a pause, or when an ack is too
    /// late. `None` if there is no pause and no ack is awaited.
    pub(crate) fn due(&self) -> Option<Instant> {
        let ack_due = self.under_way.as_ref().map(|(_, ack_due)| *ack_due);
        self.paused_until.or(ack_due)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING
    }

    /// The number of messages, including the sent message without an ack.
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
            assert!(outbox.put(text(id)));
        }
        outbox
    }

    fn any(_: &ClientMessage) -> bool {
        true
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_sent_when_the_one_before_is_acknowledged() {
        let mut outbox = filled(&["a", "b"]);
        let now = Instant::now();
        assert_eq!(outbox.send(now, any), Some(text("a")));
        assert_eq!(outbox.send(now, any), None);
        assert!(outbox.remove("a"));
        assert!(!outbox.remove("a"));
        assert_eq!(outbox.send(now, any), Some(text("b")));
        assert_eq!((outbox.under_way(), outbox.len()), (Some("b"), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_without_an_ack_is_sent_again() {
        let mut outbox = filled(&["a"]);
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(15));
        assert!(outbox.send(now, any).is_some());
        assert_eq!(outbox.due(), Some(later));
        assert_eq!(outbox.send(later - Duration::from_millis(1), any), None);
        assert_eq!(outbox.send(later, any), Some(text("a")));
        outbox.send_again(None);
        assert_eq!(outbox.send(later, any), Some(text("a")));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_sent_during_a_pause() {
        let mut outbox = filled(&["a"]);
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        outbox.send_again(Some(now + second));
        assert_eq!(outbox.send(now, any), None);
        assert_eq!(outbox.due(), Some(now + second));
        assert_eq!(outbox.send(now + second, any), Some(text("a")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_may_not_be_sent_yet_does_not_block_others() {
        let mut outbox = filled(&["a", "b"]);
        let now = Instant::now();
        assert_eq!(outbox.send(now, |m| *m == text("b")), Some(text("b")));
        assert_eq!(outbox.remove_all(|m| *m == text("a")), ["a"]);
        assert_eq!(outbox.len(), 1);
    }

    #[test]
    fn an_outbox_is_bounded() {
        let mut outbox = Outbox::default();
        for number in 0..100 {
            assert!(outbox.put(text(&number.to_string())));
        }
        assert!(!outbox.put(text("one more")));
        assert_eq!(outbox.len(), 100);
    }
}
