//! The time limits of one connection.
//!
//! When a cable is pulled, the server gets no error and no close for two hours (the default of
//! TCP keep-alive). So the server regularly sends a ping to every client (RFC 6455 section
//! 5.5.2). A client is gone if it does not send a pong with the payload of the last ping. Any
//! other pong proves nothing.
//!
//! But a late pong does not prove that the client is gone, because the ping waits behind all
//! data that we sent earlier. A client that accepts at least 64 KiB within the time limit is
//! slow, but alive. The time limit of a flush follows the same rule.
//!
//! A flush writes all waiting data to the network. It has a time limit, because data for a
//! client that does not read fills our memory. A message has a time limit, because an unfinished
//! message fills our memory too.
//!
//! Ping, pong, flush and message share one timer, which is set to the nearest deadline. In
//! production, the ping interval must be shorter than the idle timeout of a proxy, often 60 s.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    task::unconstrained,
    time::{Instant, Sleep, sleep_until},
};

use crate::settings::config::Config;

/// A deadline that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// It is time to send a ping.
    Ping,
    /// The client did not answer the ping in time.
    PongMissing,
    /// The client does not accept the data that we send.
    FlushStuck,
    /// The client did not finish the message that it began.
    MessageSlow,
}

/// A client that accepts this many bytes before the deadline is slow, but alive.
const PROGRESS: u64 = 64 * 1024;

/// A deadline, and the number of bytes that the network had accepted when the deadline was set.
#[derive(Clone, Copy)]
struct Awaited {
    until: Instant,
    sent: u64,
}

/// The deadlines of one connection.
pub(crate) struct Deadlines {
    ping_interval: Duration,
    ping_timeout: Duration,
    flush_timeout: Duration,
    message_timeout: Duration,
    ping: Instant,
    pong: Option<Awaited>,
    flush: Option<Awaited>,
    message: Option<Instant>,
    pings: u64,
    timer: Pin<Box<Sleep>>,
    /// Whether the timer will wake the task.
    set: bool,
}

impl Deadlines {
    pub(crate) fn new(config: &Config) -> Deadlines {
        let ping = Instant::now() + config.ping_interval;
        Deadlines {
            ping_interval: config.ping_interval,
            ping_timeout: config.ping_timeout,
            flush_timeout: config.flush_timeout,
            message_timeout: config.message_timeout,
            ping,
            pong: None,
            flush: None,
            message: None,
            pings: 0,
            timer: Box::pin(sleep_until(ping)),
            set: false,
        }
    }

    /// Waits for the nearest deadline.
    pub(crate) fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<Due> {
        self.poll_next(context, Deadlines::next)
    }

    /// Waits for the nearest deadline while the handler sends and does not read. During a flush,
    /// only the flush has a deadline, because a pong may have arrived without being read.
    pub(crate) fn poll_due_sending(&mut self, context: &mut Context<'_>) -> Poll<Due> {
        self.poll_next(context, |deadlines| match deadlines.flush {
            Some(flush) => (flush.until, Due::FlushStuck),
            None => deadlines.next(),
        })
    }

    /// Makes the timer store the waker again. Call this when the task's waker changes.
    pub(crate) fn forget_waker(&mut self) {
        self.set = false;
    }

    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        next: impl Fn(&Deadlines) -> (Instant, Due),
    ) -> Poll<Due> {
        loop {
            let (at, due) = next(self);
            if at < self.timer.deadline() {
                self.timer.as_mut().reset(at);
                self.set = false;
            }
            // In most calls the timer is already set.
            if self.set && !self.timer.is_elapsed() {
                return Poll::Pending;
            }
            // tokio limits the operations of a task in one turn. A client that sends very fast
            // uses up this limit. Without `unconstrained`, the timer would then never fire.
            let timer = unconstrained(self.timer.as_mut());
            self.set = pin!(timer).poll(context).is_pending();
            if self.set {
                return Poll::Pending;
            }
            if at <= Instant::now() {
                return Poll::Ready(due);
            }
            // The timer fired too early, because the deadline has moved to a later time. The
            // timer was not reset at the move, because a reset costs time. So reset the timer
            // here.
            self.timer.as_mut().reset(at);
        }
    }

    /// The nearest deadline.
    fn next(&self) -> (Instant, Due) {
        let ping = (self.ping, Due::Ping);
        let others = [
            self.pong.map(|pong| (pong.until, Due::PongMissing)),
            self.flush.map(|flush| (flush.until, Due::FlushStuck)),
            self.message.map(|at| (at, Due::MessageSlow)),
        ];
        others.into_iter().flatten().fold(ping, Ord::min)
    }

    /// Starts to wait for a pong. Returns the payload of the ping, or `None` while an earlier
    /// ping is unanswered. `sent` is the number of bytes that the network has accepted.
    pub(crate) fn ping(&mut self, sent: u64) -> Option<[u8; 8]> {
        let now = Instant::now();
        self.ping = now + self.ping_interval;
        if self.pong.is_some() {
            return None;
        }
        let until = now + self.ping_timeout;
        self.pong = Some(Awaited { until, sent });
        self.pings += 1;
        Some(self.pings.to_be_bytes())
    }

    /// Ends the wait for a pong if this payload answers our last ping. Returns whether the
    /// payload was this answer.
    pub(crate) fn ponged(&mut self, payload: &[u8]) -> bool {
        let answer = self.pong.is_some() && payload == self.pings.to_be_bytes();
        if answer {
            self.pong = None;
        }
        answer
    }

    /// Sets a new deadline for the pong if the client has accepted at least 64 KiB since the
    /// last deadline was set: the ping may wait behind other data. Returns whether it set a new
    /// deadline.
    pub(crate) fn pong_may_be_late(&mut self, sent: u64) -> bool {
        let until = Instant::now() + self.ping_timeout;
        let late = self.pong.is_some_and(|pong| sent - pong.sent >= PROGRESS);
        if late {
            self.pong = Some(Awaited { until, sent });
        }
        late
    }

    /// Starts the time limit of a flush, because the network did not accept everything. The
    /// time limit starts again whenever the network has accepted 64 KiB more.
    pub(crate) fn flush_began(&mut self, sent: u64) {
        if self.flush.is_none_or(|flush| sent - flush.sent >= PROGRESS) {
            let until = Instant::now() + self.flush_timeout;
            self.flush = Some(Awaited { until, sent });
        }
    }

    pub(crate) fn flush_ended(&mut self) {
        self.flush = None;
    }

    /// Whether output waits for the network.
    pub(crate) fn flushing(&self) -> bool {
        self.flush.is_some()
    }

    /// Sets whether the client has begun a message and not finished it. The time limit starts at
    /// the first part of the message.
    pub(crate) fn in_message(&mut self, begun: bool) {
        let limit = || Instant::now() + self.message_timeout;
        self.message = begun.then(|| self.message.unwrap_or_else(limit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn after(seconds: u64) -> Instant {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_is_due_every_20_s_and_its_pong_10_s_later() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(&Config::default());
        assert_eq!(deadlines.next(), (after(20).await, Due::Ping));
        let payload = deadlines.ping(0).unwrap();
        assert_eq!(
            deadlines.next(),
            (start + Duration::from_secs(30), Due::PongMissing)
        );
        deadlines.ponged(&payload);
        assert_eq!(
            deadlines.next(),
            (start + Duration::from_secs(40), Due::Ping)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn f21_a_pong_that_answers_no_ping_does_not_count() {
        let mut deadlines = Deadlines::new(&Config::default());
        let first = deadlines.ping(0).unwrap();
        deadlines.ponged(b"");
        deadlines.ponged(b"anything");
        assert_eq!(deadlines.next().1, Due::PongMissing);
        assert_eq!(deadlines.ping(0), None, "one ping at a time");
        deadlines.ponged(&first);
        deadlines.ping(0).unwrap();
        deadlines.ponged(&first);
        assert_eq!(deadlines.next().1, Due::PongMissing);
    }

    #[tokio::test(start_paused = true)]
    async fn flushes_and_messages_are_timed_from_their_beginning() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(&Config::default());
        deadlines.in_message(true);
        after(3).await;
        deadlines.in_message(true);
        deadlines.flush_began(0);
        assert_eq!(
            deadlines.next(),
            (start + Duration::from_secs(8), Due::FlushStuck)
        );
        deadlines.flush_ended();
        assert_eq!(
            deadlines.next(),
            (start + Duration::from_secs(10), Due::MessageSlow)
        );
        deadlines.in_message(false);
        assert_eq!(deadlines.next().1, Due::Ping);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_accepts_64_kib_in_time_is_slow_but_alive() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(&Config::default());
        deadlines.ping(0).unwrap();
        deadlines.flush_began(0);
        after(4).await;
        deadlines.flush_began(PROGRESS - 1);
        assert_eq!(
            deadlines.next(),
            (start + Duration::from_secs(5), Due::FlushStuck)
        );
        deadlines.flush_began(PROGRESS);
        assert_eq!(
            deadlines.next(),
            (start + Duration::from_secs(9), Due::FlushStuck)
        );
        deadlines.flush_ended();
        after(6).await;
        assert_eq!(
            deadlines.next(),
            (start + Duration::from_secs(10), Due::PongMissing)
        );
        assert!(deadlines.pong_may_be_late(PROGRESS));
        assert!(!deadlines.pong_may_be_late(PROGRESS + 1));
    }
}
