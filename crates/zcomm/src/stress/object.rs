//! The report for programs: one JSON object. Latencies are microseconds, memory is bytes.

use serde_json::{Value, json};

use super::{
    plan::{Pace, Shape},
    report::{Report, quantiles},
    tally::Latencies,
};

impl Report {
    /// For programs: one object.
    pub(super) fn json(&self) -> Value {
        let plan = &self.plan;
        let micro = |histogram: &Latencies| {
            let [p50, p90, p99, p999, max] =
                quantiles(histogram).map(|value| value as f64 / 1000.0);
            json!({ "count": histogram.len(), "p50": p50, "p90": p90, "p99": p99, "p99_9": p999, "max": max })
        };
        let (publishers, subscribers) = match plan.shape {
            Shape::Echo => (None, None),
            Shape::Fanout(publishers) => (Some(publishers), Some(plan.connections - publishers)),
        };
        let (window, rate) = match plan.pace {
            Pace::Window(window) => (Some(window), None),
            Pace::Rate(rate) => (None, Some(rate)),
        };
        let points = self.points.iter().enumerate().map(|(index, point)| {
            let at = |quantile| point.latency.value_at_quantile(quantile);
            json!({
                "second": index as f64 * self.point_seconds,
                "sent": point.sent,
                "received": point.received,
                "p50_us": at(0.5),
                "p99_us": at(0.99),
                "max_us": point.latency.max(),
            })
        });
        let failures = self.failures.list().into_iter().map(
            |(kind, failure)| json!({ "kind": kind, "count": failure.count, "help": failure.help }),
        );
        json!({
            "url": self.url,
            "mode": if publishers.is_some() { "fanout" } else { "echo" },
            "publishers": publishers,
            "subscribers": subscribers,
            "window": window,
            "rate": rate,
            "size": plan.size,
            "seconds": self.seconds,
            "interrupted": self.interrupted,
            "connections": plan.connections,
            "opened": self.opened,
            "sent": self.sent,
            "expected": self.expected,
            "received": self.received,
            "lost": self.lost(),
            "repeated": self.repeated,
            "other_messages": self.other,
            "unsent": self.unsent,
            "sent_per_second": self.sent_each_second,
            "received_per_second": self.received_each_second,
            "bytes_sent": self.bytes_sent,
            "bytes_received": self.bytes_received,
            "handshake_us": micro(&self.handshakes),
            "latency_us": micro(&self.latency),
            "sent_late_us": self.unsent.map(|_| micro(&self.lag)),
            "server": self.server.as_ref().map(|server| json!({
                "processes": server.names,
                "memory_before": server.before,
                "memory_connected": server.connected,
                "memory_peak": server.peak,
                "bytes_per_connection": server.each,
                "cpu_us_per_message": server.cpu_each,
                "cores": server.cores,
            })),
            "tool": { "cores": self.own_cores, "threads": plan.threads },
            "failures": failures.collect::<Vec<_>>(),
            "notes": self.notes(),
            "timeline": points.collect::<Vec<_>>(),
        })
    }
}
