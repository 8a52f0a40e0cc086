//! The time limits of one connection.
//!
//! When a cable is pulled, the server gets no error and no Close frame. So the server regularly
//! sends a ping to every client (RFC 6455 section 5.5.2). A client is gone if it does not send a
//! pong with the payload of the last ping. Any other pong proves nothing.
//!
//! But a late pong does not prove that the client is gone, for two reasons:
//!
//! - If the client is sending a long frame, its pong must wait for the end of this frame. So a
//!   client is alive if bytes arrive from it.
//! - Our ping arrives only after all data that we sent before the ping. So the client gets time
//!   to read this data: 5 s for each 64 KiB, and at most 10 s.
//!
//! A flush writes all waiting data to the network. A flush has a time limit, because the data for
//! a client that does not read fills our memory. An unfinished message from a client also fills
//! our memory, so each message has a time limit. Both limits move to a later time while bytes are
//! transferred: see [`Input`] and [`Output`].
//!
//! When the server stops, all clients have the same time limit, which does not move. While a
//! client takes messages, it gets messages until shortly before this limit. The rest of the time
//! is for the Close frame.
//!
//! Ping, pong, flush, message and stop share one timer, which is set to the nearest deadline.
//!
//! In production, the ping interval must be shorter than the idle timeout of a proxy, often 60 s.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{
    task::unconstrained,
    time::{Instant, Sleep, sleep_until},
};

use crate::{
    clients::registry::Entry,
    protocol::progress::{Input, Output, time_to_read},
    settings::config::Config,
};

/// Before the time limit of a stop, the time for the Close frame and the end of TCP. If the limit
/// is short, this time is a quarter of the limit.
const CLOSING: Duration = Duration::from_secs(1);

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
    /// The server stops, and the client has not accepted all messages in time.
    Stop,
}

/// The deadlines of one connection.
pub(crate) struct Deadlines {
    config: Arc<Config>,
    ping: Instant,
    pong: Option<Instant>,
    /// The number of bytes that the network had accepted when `pong` was last set.
    sent: u64,
    flush: Output,
    message: Option<Input>,
    stop: Option<Instant>,
    pings: u64,
    timer: Pin<Box<Sleep>>,
    /// Whether the timer is set to the nearest deadline or to an earlier time.
    set: bool,
}

impl Deadlines {
    pub(crate) fn new(config: &Arc<Config>) -> Deadlines {
        let ping = Instant::now() + config.ping_interval;
        Deadlines {
            config: Arc::clone(config),
            ping,
            pong: None,
            sent: 0,
            flush: Output::default(),
            message: None,
            stop: None,
            pings: 0,
            timer: Box::pin(sleep_until(ping)),
            set: false,
        }
    }

    /// Waits for the nearest deadline. At the deadline, the timer wakes the task of `client`.
    pub(crate) fn poll_due(&mut self, client: &Arc<Entry>) -> Poll<Due> {
        // Most calls end here, and do not read the timer.
        if self.set && !client.take_alarm() {
            return Poll::Pending;
        }
        self.poll_timer(client, Deadlines::next)
    }

    /// Waits for the nearest deadline while the handler sends and does not read. During a flush,
    /// only the deadlines of the flush and of the stop count. The deadline of a pong does not
    /// count: the pong may have arrived, but no code reads the pong now.
    pub(crate) fn poll_due_sending(&mut self, client: &Arc<Entry>) -> Poll<Due> {
        let due = self.poll_timer(client, |deadlines| match deadlines.flush.until() {
            Some(until) => {
                let stuck = (until, Due::FlushStuck);
                let stop = deadlines.stop.map(|until| (until, Due::Stop));
                stop.map_or(stuck, |stop| stop.min(stuck))
            }
            None => deadlines.next(),
        });
        // A deadline that did not count in this call may be nearer.
        self.set = false;
        due
    }

    fn poll_timer(
        &mut self,
        client: &Arc<Entry>,
        next: impl Fn(&Deadlines) -> (Instant, Due),
    ) -> Poll<Due> {
        let waker = Waker::from(Arc::clone(client));
        loop {
            let (at, due) = next(self);
            if at < self.timer.deadline() {
                self.timer.as_mut().reset(at);
            }
            // tokio limits the operations of a task in one turn. A client that sends very fast
            // uses up this limit. Without `unconstrained`, the timer would then never fire.
            let timer = pin!(unconstrained(self.timer.as_mut()));
            self.set = timer.poll(&mut Context::from_waker(&waker)).is_pending();
            if self.set {
                return Poll::Pending;
            }
            if at <= Instant::now() {
                return Poll::Ready(due);
            }
            // The timer fired too early, because the deadline has moved to a later time. A reset
            // at each move would cost more time, so reset the timer only here.
            self.timer.as_mut().reset(at);
        }
    }

    /// The nearest deadline.
    fn next(&self) -> (Instant, Due) {
        let ping = (self.ping, Due::Ping);
        let others = [
            self.pong.map(|until| (until, Due::PongMissing)),
            self.flush.until().map(|until| (until, Due::FlushStuck)),
            self.message
                .map(|message| (message.until, Due::MessageSlow)),
            self.stop.map(|until| (until, Due::Stop)),
        ];
        others.into_iter().flatten().fold(ping, Ord::min)
    }

    /// Starts to wait for a pong. Returns the payload of the ping that the caller must send.
    /// Returns `None` while an earlier ping is unanswered. `sent` is the number of bytes that the
    /// network has accepted.
    pub(crate) fn ping(&mut self, sent: u64) -> Option<[u8; 8]> {
        let now = Instant::now();
        self.ping = now + self.config.ping_interval;
        if self.pong.is_some() {
            return None;
        }
        self.pong = Some(now + self.config.ping_timeout + self.unread(sent));
        self.pings += 1;
        Some(self.pings.to_be_bytes())
    }

    /// If this payload answers our last ping, ends the wait for a pong and returns true.
    pub(crate) fn ponged(&mut self, payload: &[u8]) -> bool {
        let answer = self.pong.is_some() && payload == self.pings.to_be_bytes();
        if answer {
            self.pong = None;
        }
        answer
    }

    /// If the client is alive, sets a new deadline for the pong and returns true. A client is
    /// alive if bytes have `arrived` from it, or if it may still be reading the data that we
    /// sent.
    pub(crate) fn pong_may_be_late(&mut self, (sent, arrived): (u64, bool)) -> bool {
        let heard = if arrived {
            self.config.ping_timeout
        } else {
            Duration::ZERO
        };
        let more = heard.max(self.unread(sent));
        self.pong = self.pong.map(|_| Instant::now() + more);
        !more.is_zero()
    }

    /// The time that a slow client may need to read the bytes that were sent since the last call.
    fn unread(&mut self, sent: u64) -> Duration {
        let new = sent - std::mem::replace(&mut self.sent, sent);
        time_to_read(new, self.config.flush_timeout)
    }

    /// Call this when output waits for the network. Starts the time limit of the flush, or moves
    /// the limit if the network has accepted more bytes.
    pub(crate) fn flush_began(&mut self, sent: u64) {
        // A new deadline may be the nearest.
        self.set &= self.flushing();
        self.flush.waits(sent, self.config.flush_timeout);
    }

    pub(crate) fn flush_ended(&mut self) {
        self.flush.ended();
    }

    /// Whether output waits for the network.
    pub(crate) fn flushing(&self) -> bool {
        self.flush.until().is_some()
    }

    /// Call this when the server stops. `until` is the time at which this connection must have
    /// ended. The first call sets the time limit of the last messages.
    pub(crate) fn stopping(&mut self, until: Instant) {
        if self.stop.is_none() {
            self.stop = Some(until - self.closing());
            // A new deadline may be the nearest.
            self.set = false;
        }
    }

    /// Whether the server stops, and the time limit of the last messages is over.
    pub(crate) fn stop_is_over(&self) -> bool {
        self.stop.is_some_and(|stop| stop <= Instant::now())
    }

    /// The longest time of a stop.
    pub(crate) fn stop_timeout(&self) -> Duration {
        self.config.stop_timeout
    }

    fn closing(&self) -> Duration {
        CLOSING.min(self.config.stop_timeout / 4)
    }

    /// Once the server stops, returns the time at which the Close frame must be written.
    pub(crate) fn close_until(&self) -> Option<Instant> {
        // The last quarter is for the task, which may have to wait for a CPU core.
        self.stop.map(|stop| stop + self.closing() * 3 / 4)
    }

    /// Sets the time limit of a message from the client. `unfinished` is `None` if the client has
    /// finished all its messages. Otherwise `unfinished` is the number of payload bytes that have
    /// arrived on this connection so far. The limit moves when more bytes have arrived.
    pub(crate) fn in_message(&mut self, unfinished: Option<u64>) {
        // A new deadline may be the nearest.
        self.set &= unfinished.is_none() || self.message.is_some();
        let limit = self.config.message_timeout;
        self.message = unfinished.map(|payload| match self.message {
            Some(message) => message.arrived(payload, limit),
            None => Input::start(payload, limit),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::progress::PROGRESS;

    async fn after(seconds: u64) -> Instant {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_is_due_every_20_s_and_its_pong_10_s_later() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(&Arc::default());
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
        let mut deadlines = Deadlines::new(&Arc::default());
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
        let mut deadlines = Deadlines::new(&Arc::default());
        deadlines.in_message(Some(0));
        after(3).await;
        deadlines.in_message(Some(0));
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
        deadlines.in_message(None);
        assert_eq!(deadlines.next().1, Due::Ping);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pong_may_wait_behind_data_that_the_client_still_reads() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(&Arc::default());
        deadlines.ping(PROGRESS).unwrap();
        assert_eq!(
            deadlines.next(),
            (start + Duration::from_secs(15), Due::PongMissing)
        );
        after(15).await;
        assert!(deadlines.pong_may_be_late((3 * PROGRESS, false)));
        assert_eq!(
            deadlines.next(),
            (start + Duration::from_secs(20), Due::Ping)
        );
        after(10).await;
        assert!(!deadlines.pong_may_be_late((3 * PROGRESS, false)));
        deadlines.pong_may_be_late((1000 * PROGRESS, false));
        assert_eq!(deadlines.pong, Some(start + Duration::from_secs(35)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_from_which_bytes_arrive_may_answer_later() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(&Arc::default());
        deadlines.ping(0).unwrap();
        after(10).await;
        assert!(deadlines.pong_may_be_late((0, true)));
        assert_eq!(deadlines.pong, Some(start + Duration::from_secs(20)));
        after(10).await;
        assert!(!deadlines.pong_may_be_late((0, false)));
    }
}
