//! The results of a measurement: counts and histograms.
//!
//! An average hides slow messages, so latencies are stored in histograms. An HdrHistogram stores
//! values of any size with three exact digits. It records a value in a few nanoseconds.
//!
//! Each thread has its own tally, so the threads need no lock. At the end, the tallies are added
//! up, because an average of the threads' percentiles would mean nothing.
//!
//! There are two ways to count. *Throughput* counts every message that was sent or arrived during
//! the measurement. *Loss and latency* count the messages that should have left during the
//! measurement, even if these messages come back after the measurement.

use hdrhistogram::{Counter, Histogram};

use super::{failures::Failures, span::Span};

/// The number of exact digits of a latency. A point of the timeline has fewer digits.
const DIGITS: u8 = 3;
const POINT_DIGITS: u8 = 2;

/// Latencies in nanoseconds.
pub(super) type Latencies = Histogram<u64>;

/// Returns an empty histogram, which grows with its values.
fn histogram<T: Counter>(digits: u8) -> Histogram<T> {
    #[allow(
        clippy::expect_used,
        reason = "it fails for more than five digits only"
    )]
    Histogram::new(digits).expect("two and three digits are legal")
}

/// One point of the timeline.
pub(super) struct Point {
    pub(super) sent: u64,
    /// One latency for each message that arrived (microseconds). Only two digits are stored,
    /// because there are many points.
    pub(super) latency: Histogram<u32>,
}

/// The results of one thread. At the end of the run, the results of all threads.
pub(super) struct Tally {
    /// The time that each connection took to open.
    pub(super) handshakes: Latencies,
    /// The latency of each message of the measurement. The latency begins when the message
    /// should have left, and ends when the message is back. A fan-out has one value for each
    /// subscriber.
    pub(super) latency: Latencies,
    /// The delay from the time when each message should have left to the time when it left.
    pub(super) lag: Latencies,
    pub(super) points: Vec<Point>,
    /// Messages that came twice, or came after a message that was sent later.
    pub(super) repeated: u64,
    /// Messages without a marker of this run, or with the marker of another connection.
    pub(super) other: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) failures: Failures,
}

impl Tally {
    pub(super) fn new() -> Tally {
        Tally {
            handshakes: histogram(DIGITS),
            latency: histogram(DIGITS),
            lag: histogram(DIGITS),
            points: Vec::new(),
            repeated: 0,
            other: 0,
            bytes_sent: 0,
            bytes_received: 0,
            failures: Failures::default(),
        }
    }

    /// Counts a message that leaves now and should have left at `intended`.
    pub(super) fn sent(&mut self, span: Span, intended: u64, now: u64, bytes: usize) {
        if span.contains(intended) {
            record(&mut self.lag, now.saturating_sub(intended));
        }
        if let Some(point) = self.point(span, now) {
            point.sent += 1;
            self.bytes_sent += bytes as u64;
        }
    }

    /// Counts a message of this run that arrives now.
    pub(super) fn received(&mut self, span: Span, intended: u64, now: u64, bytes: usize) {
        let late = now.saturating_sub(intended);
        if span.contains(intended) {
            record(&mut self.latency, late);
        }
        if let Some(point) = self.point(span, now) {
            record(&mut point.latency, late / 1000);
            self.bytes_received += bytes as u64;
        }
    }

    /// Returns the timeline's point for this time, if the time is in the measurement.
    fn point(&mut self, span: Span, now: u64) -> Option<&mut Point> {
        if !span.contains(now) {
            return None;
        }
        let index = ((now - span.begin) / span.step()) as usize;
        self.grow(index + 1);
        self.points.get_mut(index)
    }

    /// Adds empty points, so that the timeline covers the whole measurement.
    pub(super) fn cover(&mut self, span: Span) {
        let measured = span.end.saturating_sub(span.begin);
        self.grow(measured.div_ceil(span.step()) as usize);
    }

    fn grow(&mut self, points: usize) {
        while self.points.len() < points {
            self.points.push(Point {
                sent: 0,
                latency: histogram(POINT_DIGITS),
            });
        }
    }

    /// Adds the counts of another thread.
    pub(super) fn merge(&mut self, other: Tally) {
        add(&mut self.handshakes, &other.handshakes);
        add(&mut self.latency, &other.latency);
        add(&mut self.lag, &other.lag);
        self.grow(other.points.len());
        for (point, other) in self.points.iter_mut().zip(&other.points) {
            point.sent += other.sent;
            add(&mut point.latency, &other.latency);
        }
        self.repeated += other.repeated;
        self.other += other.other;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.failures.merge(other.failures);
    }
}

pub(super) fn record<T: Counter>(to: &mut Histogram<T>, value: u64) {
    // `record` fails only for a histogram with a fixed size, and these histograms grow.
    to.record(value).ok();
}

fn add<T: Counter>(to: &mut Histogram<T>, from: &Histogram<T>) {
    // `add` fails only for a histogram with a fixed size, and these histograms grow.
    to.add(from).ok();
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
    fn a_message_of_the_warm_up_counts_for_throughput_and_a_late_one_for_latency() {
        let mut tally = Tally::new();
        // This message is sent in the warm-up and comes back in the measurement. So it counts
        // for throughput, not for latency.
        tally.sent(SPAN, SECOND - 1, SECOND - 1, 64);
        tally.received(SPAN, SECOND - 1, SECOND + 1, 64);
        assert_eq!((tally.lag.len(), tally.latency.len()), (0, 0));
        let counts = |point: &Point| (point.sent, point.latency.len());
        assert_eq!(counts(&tally.points[0]), (0, 1));
        // This message is sent in the measurement and comes back after it. So the message
        // counts for latency, but its arrival does not count for throughput.
        tally.sent(SPAN, 3 * SECOND - 1, 3 * SECOND - 1, 64);
        tally.received(SPAN, 3 * SECOND - 1, 3 * SECOND + 5, 64);
        assert_eq!((tally.lag.len(), tally.latency.len()), (1, 1));
        assert_eq!((tally.bytes_sent, tally.bytes_received), (64, 64));
        assert_eq!(counts(&tally.points[1]), (1, 0));
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
        assert_eq!(one.bytes_received, 20);
        assert_eq!(one.points.len(), 2);
        assert_eq!(one.latency.len(), 2);
        assert!((999_000..=1_000_000).contains(&one.latency.min()));
        assert!(one.latency.max() >= SECOND - SECOND / 1000);
        assert!(!one.failures.is_empty());
    }
}
