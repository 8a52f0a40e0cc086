//! What may take only so long on one connection.
//!
//! A cable that is pulled sends nothing: no error, no close, for two hours (the default of
//! TCP keep-alive). So the server asks every client now and then with a ping (RFC 6455
//! section 5.5.2), and one that does not answer *that* ping is gone. A pong nobody asked
//! for proves nothing.
//!
//! That a pong is late proves less than it seems: it waits behind everything we sent before.
//! While the client takes at least 64 KiB in the time it has, it is slow, but there; the
//! same goes for a flush.
//!
//! Two more things must not take for ever: a flush, because a client that does not read
//! keeps our memory; and a message, because a client that begins one and stops keeps it
//! too. All four share one timer per connection, which is set to the nearest.
//!
//! Production tunes the ping to the proxy in front: it must come more often than the
//! proxy's idle limit, often 60 s.

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

/// The next thing to happen if nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// It is time to ask whether the client is there.
    Ping,
    /// The client did not answer.
    PongMissing,
    /// The client does not take what we send.
    FlushStuck,
    /// The client does not end the message it began.
    MessageSlow,
}

/// A client that takes so many bytes in the time that it has is slow, but there.
const PROGRESS: u64 = 64 * 1024;

/// Something that is to happen, and what the network had taken when the wait began.
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
    alarm: Pin<Box<Sleep>>,
    /// The alarm will wake us.
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
            alarm: Box::pin(sleep_until(ping)),
            set: false,
        }
    }

    /// Waits until something is due.
    pub(crate) fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<Due> {
        self.poll_next(context, Deadlines::next)
    }

    /// The same while the handler sends and nobody reads: then only the flush can be late.
    /// The pong may already lie unread in the socket.
    pub(crate) fn poll_due_sending(&mut self, context: &mut Context<'_>) -> Poll<Due> {
        self.poll_next(context, |deadlines| match deadlines.flush {
            Some(flush) => (flush.until, Due::FlushStuck),
            None => deadlines.next(),
        })
    }

    /// Another waker will be used from now on.
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
            if at < self.alarm.deadline() {
                self.alarm.as_mut().reset(at);
                self.set = false;
            }
            // Most of the time nothing has changed, and looking is all there is to do.
            if self.set && !self.alarm.is_elapsed() {
                return Poll::Pending;
            }
            // Not bound to the turn that tokio gives a task: a client that floods us uses it
            // up, and no alarm of its own would ever ring.
            let alarm = unconstrained(self.alarm.as_mut());
            self.set = pin!(alarm).poll(context).is_pending();
            if self.set {
                return Poll::Pending;
            }
            if at <= Instant::now() {
                return Poll::Ready(due);
            }
            // It rang for a deadline that has moved on. To move one costs nothing; only
            // the alarm that rings too early is set again.
            self.alarm.as_mut().reset(at);
        }
    }

    /// What is due next, and when.
    fn next(&self) -> (Instant, Due) {
        let ping = (self.ping, Due::Ping);
        let others = [
            self.pong.map(|pong| (pong.until, Due::PongMissing)),
            self.flush.map(|flush| (flush.until, Due::FlushStuck)),
            self.message.map(|at| (at, Due::MessageSlow)),
        ];
        others.into_iter().flatten().fold(ping, Ord::min)
    }

    /// Starts the wait for a pong. Returns the payload to ping with, or `None` while an
    /// earlier ping is unanswered. `sent` is what the network has taken so far.
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

    /// A pong arrived. True when it answers our last ping: only that counts.
    pub(crate) fn ponged(&mut self, payload: &[u8]) -> bool {
        let answer = self.pong.is_some() && payload == self.pings.to_be_bytes();
        if answer {
            self.pong = None;
        }
        answer
    }

    /// No pong in time. True when it may take longer: the client is busy taking what lies
    /// before the ping.
    pub(crate) fn pong_may_be_late(&mut self, sent: u64) -> bool {
        let until = Instant::now() + self.ping_timeout;
        let late = self.pong.is_some_and(|pong| sent - pong.sent >= PROGRESS);
        if late {
            self.pong = Some(Awaited { until, sent });
        }
        late
    }

    /// The network did not take everything. The time runs from the first such moment, and
    /// anew whenever 64 KiB have gone.
    pub(crate) fn flush_began(&mut self, sent: u64) {
        if self.flush.is_none_or(|flush| sent - flush.sent >= PROGRESS) {
            let until = Instant::now() + self.flush_timeout;
            self.flush = Some(Awaited { until, sent });
        }
    }

    pub(crate) fn flush_ended(&mut self) {
        self.flush = None;
    }

    /// Whether the network still owes us a flush.
    pub(crate) fn flushing(&self) -> bool {
        self.flush.is_some()
    }

    /// A part of a message arrived. The time runs from the first part.
    pub(crate) fn message_began(&mut self) {
        self.message
            .get_or_insert_with(|| Instant::now() + self.message_timeout);
    }

    pub(crate) fn message_ended(&mut self) {
        self.message = None;
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
    async fn f21_a_pong_that_answers_no_ping_counts_for_nothing() {
        let mut deadlines = Deadlines::new(&Config::default());
        let first = deadlines.ping(0).unwrap();
        deadlines.ponged(b"");
        deadlines.ponged(b"anything");
        assert_eq!(deadlines.next().1, Due::PongMissing);
        assert_eq!(deadlines.ping(0), None, "one question at a time");
        deadlines.ponged(&first);
        deadlines.ping(0).unwrap();
        deadlines.ponged(&first);
        assert_eq!(deadlines.next().1, Due::PongMissing);
    }

    #[tokio::test(start_paused = true)]
    async fn flushes_and_messages_are_timed_from_their_beginning() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(&Config::default());
        deadlines.message_began();
        after(3).await;
        deadlines.message_began();
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
        deadlines.message_ended();
        assert_eq!(deadlines.next().1, Due::Ping);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_64_kib_in_time_is_slow_but_there() {
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
