//! What was measured, as counts and histograms.
//!
//! An average hides what users feel, so latencies are kept in histograms (HdrHistogram:
//! three digits, any range, a few nanoseconds to record). Each thread has its own tally, so
//! nobody waits for a lock; they are added up at the end.
//!
//! Two ways of counting, for two questions. *Throughput*: everything that came in while the
//! clock of the measurement ran. *Loss and latency*: the messages that should have left
//! while it ran, whenever they come back.
//!
//! Production adds the histograms of several machines up in the same way; averages of
//! percentiles mean nothing.

use hdrhistogram::{Counter, Histogram};

use super::{failures::Failures, plan::Span};

/// Digits of a latency that are kept, in the whole and in the timeline.
const DIGITS: u8 = 3;
const ROUGH_DIGITS: u8 = 2;
/// Points of the timeline, at most.
const MAX_POINTS: u64 = 300;

/// Nanoseconds, in buckets.
pub(super) type Latencies = Histogram<u64>;

/// An empty histogram that grows with what is recorded.
fn latencies() -> Latencies {
    #[allow(
        clippy::expect_used,
        reason = "it fails for more than five digits only"
    )]
    Histogram::new(DIGITS).expect("three digits are legal")
}

fn rough() -> Histogram<u32> {
    #[allow(
        clippy::expect_used,
        reason = "it fails for more than five digits only"
    )]
    Histogram::new(ROUGH_DIGITS).expect("two digits are legal")
}

/// One point of the timeline.
pub(super) struct Point {
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Microseconds, in rough buckets: there are many points.
    pub(super) latency: Histogram<u32>,
}

/// What one thread has seen; in the end, what all have seen.
pub(super) struct Tally {
    /// How long connections took to open.
    pub(super) handshakes: Latencies,
    /// From when a message should have left until it was back.
    pub(super) latency: Latencies,
    /// From when a message should have left until it did.
    pub(super) lag: Latencies,
    pub(super) points: Vec<Point>,
    /// Messages that left, of those that should have left while we measured.
    pub(super) sent: u64,
    /// Those of them that came back; in a fan-out, once for each subscriber.
    pub(super) received: u64,
    /// Messages that came again, or after one that was sent later.
    pub(super) repeated: u64,
    /// Messages without a marker of this run.
    pub(super) other: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) failures: Failures,
}

impl Tally {
    pub(super) fn new() -> Tally {
        Tally {
            handshakes: latencies(),
            latency: latencies(),
            lag: latencies(),
            points: Vec::new(),
            sent: 0,
            received: 0,
            repeated: 0,
            other: 0,
            bytes_sent: 0,
            bytes_received: 0,
            failures: Failures::default(),
        }
    }

    /// A message has left now; it should have at `intended`.
    pub(super) fn sent(&mut self, span: Span, intended: u64, now: u64, bytes: usize) {
        if span.has(intended) {
            self.sent += 1;
            record(&mut self.lag, now.saturating_sub(intended));
        }
        if let Some(point) = self.point(span, now) {
            point.sent += 1;
            self.bytes_sent += bytes as u64;
        }
    }

    /// A message of ours has come back now.
    pub(super) fn received(&mut self, span: Span, intended: u64, now: u64, bytes: usize) {
        let late = now.saturating_sub(intended);
        if span.has(intended) {
            self.received += 1;
            record(&mut self.latency, late);
        }
        if let Some(point) = self.point(span, now) {
            point.received += 1;
            record(&mut point.latency, late / 1000);
            self.bytes_received += bytes as u64;
        }
    }

    /// The point of the timeline that this time belongs to.
    fn point(&mut self, span: Span, now: u64) -> Option<&mut Point> {
        if !span.has(now) {
            return None;
        }
        let index = ((now - span.begin) / point_width(span)) as usize;
        self.grow(index + 1);
        self.points.get_mut(index)
    }

    /// A point for all of the time that was measured, also where nothing happened.
    pub(super) fn cover(&mut self, span: Span) {
        let measured = span.end.saturating_sub(span.begin);
        self.grow(measured.div_ceil(point_width(span)) as usize);
    }

    fn grow(&mut self, points: usize) {
        while self.points.len() < points {
            self.points.push(Point {
                sent: 0,
                received: 0,
                latency: rough(),
            });
        }
    }

    /// Adds what another thread has seen.
    pub(super) fn merge(&mut self, other: Tally) {
        add(&mut self.handshakes, &other.handshakes);
        add(&mut self.latency, &other.latency);
        add(&mut self.lag, &other.lag);
        self.grow(other.points.len());
        for (point, other) in self.points.iter_mut().zip(&other.points) {
            point.sent += other.sent;
            point.received += other.received;
            add(&mut point.latency, &other.latency);
        }
        self.sent += other.sent;
        self.received += other.received;
        self.repeated += other.repeated;
        self.other += other.other;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.failures.merge(other.failures);
    }
}

/// Records a value.
pub(super) fn record<T: Counter>(to: &mut Histogram<T>, value: u64) {
    // It fails for a histogram that cannot grow; these can.
    to.record(value).ok();
}

fn add<T: Counter>(to: &mut Histogram<T>, from: &Histogram<T>) {
    // As above.
    to.add(from).ok();
}

/// Nanoseconds between two points of the timeline: whole seconds.
pub(super) fn point_width(span: Span) -> u64 {
    let seconds = span.planned.div_ceil(1_000_000_000);
    seconds.div_ceil(MAX_POINTS).max(1) * 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const SPAN: Span = Span {
        begin: SECOND,
        end: 3 * SECOND,
        planned: 2 * SECOND,
    };

    #[test]
    fn the_warm_up_counts_nowhere_and_a_late_answer_only_for_its_message() {
        let mut tally = Tally::new();
        // In the warm-up; answered while we measure: throughput, but no latency.
        tally.sent(SPAN, SECOND - 1, SECOND - 1, 64);
        tally.received(SPAN, SECOND - 1, SECOND + 1, 64);
        assert_eq!((tally.sent, tally.received), (0, 0));
        assert_eq!((tally.points[0].sent, tally.points[0].received), (0, 1));
        // Sent while we measure; answered after it: latency, but no throughput.
        tally.sent(SPAN, 3 * SECOND - 1, 3 * SECOND - 1, 64);
        tally.received(SPAN, 3 * SECOND - 1, 3 * SECOND + 5, 64);
        assert_eq!((tally.sent, tally.received), (1, 1));
        assert_eq!((tally.bytes_sent, tally.bytes_received), (64, 64));
        assert_eq!((tally.points[1].sent, tally.points[1].received), (1, 0));
        assert_eq!(tally.latency.max(), 6);
        assert_eq!(tally.lag.max(), 0);
    }

    #[test]
    fn two_threads_add_up() {
        let (mut one, mut two) = (Tally::new(), Tally::new());
        one.received(SPAN, SECOND, SECOND + 1_000_000, 10);
        two.received(SPAN, SECOND, 2 * SECOND, 10);
        two.failures.too_late();
        one.merge(two);
        one.cover(SPAN);
        assert_eq!((one.received, one.bytes_received), (2, 20));
        assert_eq!(one.points.len(), 2);
        assert_eq!(one.latency.len(), 2);
        assert!((999_000..=1_000_000).contains(&one.latency.min()));
        assert!(one.latency.max() >= SECOND - SECOND / 1000);
        assert!(!one.failures.is_empty());
    }

    #[test]
    fn a_long_run_has_wider_points() {
        let width = |seconds| {
            point_width(Span {
                begin: 0,
                end: u64::MAX,
                planned: seconds * SECOND,
            })
        };
        assert_eq!((width(1), width(300)), (SECOND, SECOND));
        assert_eq!((width(301), width(3600)), (2 * SECOND, 12 * SECOND));
    }
}
