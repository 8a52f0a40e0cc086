//! Decides how long to wait for answers after the end of the input.
//!
//! The client cannot know how many answers a server will send. Most servers send one answer to
//! each message. So the client first waits until it has one answer for each sent message. Then it
//! waits until no message has arrived for one second. `--wait` sets an exact time instead.

use std::time::Duration;

use tokio::time::Instant;

/// While an answer is missing, the client waits this long for the next message. When no answer is
/// missing any more, the client closes after this time at the latest.
pub(crate) const MISSING: Duration = Duration::from_secs(5);
/// When no answer is missing, the client closes after this time without a message.
pub(crate) const QUIET: Duration = Duration::from_secs(1);

/// When to stop waiting after the end of the input.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    /// Wait until each sent message has an answer, and then until no message arrives for a
    /// second.
    Answers,
    Exactly(Duration),
    Forever,
}

/// Counts the sent messages and the answers of one connection.
#[derive(Debug)]
pub(crate) struct Answers {
    patience: Patience,
    sent: u64,
    received: u64,
    /// The time of the end of the input.
    ended: Option<Instant>,
    /// The time of the last sign that the server works on the input: a message, or the pong to
    /// the ping after the last line. Before the first sign, this is the end of the input.
    active: Instant,
    /// The time when the last missing answer arrived, or when the input ended.
    complete: Instant,
}

impl Answers {
    pub(crate) fn new(patience: Patience) -> Answers {
        let now = Instant::now();
        Answers {
            patience,
            sent: 0,
            received: 0,
            ended: None,
            active: now,
            complete: now,
        }
    }

    /// Counts a message that this client has sent.
    pub(crate) fn sent(&mut self) {
        self.sent += 1;
    }

    /// Counts an answer from the server.
    pub(crate) fn received(&mut self) {
        self.received += 1;
        self.active();
        if self.received <= self.sent {
            self.complete = self.active;
        }
    }

    /// Stores the time of a sign that the server works on the input.
    pub(crate) fn active(&mut self) {
        self.active = Instant::now();
    }

    /// Starts the wait. If the input ended with an error, [`Patience::Forever`] becomes
    /// [`Patience::Answers`].
    pub(crate) fn input_ended(&mut self, failed: bool) {
        if let (Patience::Forever, true) = (self.patience, failed) {
            self.patience = Patience::Answers;
        }
        let now = Instant::now();
        (self.active, self.complete, self.ended) = (now, now, Some(now));
    }

    /// Returns the number of answers that have not arrived. Returns 0 for
    /// [`Patience::Exactly`] and [`Patience::Forever`], because the client then does not wait
    /// for answers.
    pub(crate) fn missing(&self) -> u64 {
        match self.patience {
            Patience::Answers => self.sent.saturating_sub(self.received),
            Patience::Exactly(_) | Patience::Forever => 0,
        }
    }

    /// Returns the time to close the connection. Returns `None` before the end of the input, and
    /// for [`Patience::Forever`].
    pub(crate) fn close_at(&self) -> Option<Instant> {
        let ended = self.ended?;
        match self.patience {
            Patience::Forever => None,
            Patience::Exactly(time) => Some(ended + time),
            Patience::Answers if self.received < self.sent => Some(self.active + MISSING),
            // If the server never stops sending, `MISSING` ends the wait.
            Patience::Answers => Some((self.active + QUIET).min(self.complete + MISSING)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    /// Returns the state after this number of sent messages and the end of the input.
    fn waiting(patience: Patience, sent: usize) -> Answers {
        let mut answers = Answers::new(patience);
        (0..sent).for_each(|_| answers.sent());
        assert_eq!(answers.close_at(), None);
        answers.input_ended(false);
        answers
    }

    fn left(answers: &Answers) -> Duration {
        answers.close_at().unwrap() - Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_answer_is_awaited_and_a_quiet_second_ends_the_wait() {
        let mut answers = waiting(Patience::Answers, 2);
        assert_eq!((left(&answers), answers.missing()), (MISSING, 2));
        advance(Duration::from_secs(4)).await;
        answers.received();
        assert_eq!((left(&answers), answers.missing()), (MISSING, 1));
        answers.received();
        assert_eq!((left(&answers), answers.missing()), (QUIET, 0));
        advance(Duration::from_millis(900)).await;
        answers.received();
        assert_eq!(left(&answers), QUIET);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_stops_sending_is_left_after_five_seconds() {
        let mut answers = waiting(Patience::Answers, 0);
        assert_eq!(left(&answers), QUIET);
        for _ in 0..9 {
            advance(Duration::from_millis(500)).await;
            answers.received();
        }
        assert_eq!(left(&answers), Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn an_exact_wait_does_not_depend_on_messages() {
        let time = Duration::from_secs(3);
        let mut answers = waiting(Patience::Exactly(time), 1);
        advance(Duration::from_secs(1)).await;
        assert_eq!(answers.missing(), 0);
        answers.received();
        assert_eq!(left(&answers), Duration::from_secs(2));
        let mut answers = waiting(Patience::Forever, 1);
        assert_eq!(answers.close_at(), None);
        answers.input_ended(true);
        assert_eq!(left(&answers), MISSING);
    }
}
