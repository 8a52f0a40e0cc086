//! The report as one JSON object. Latencies are in microseconds, memory is in bytes.

use serde_json::{Value, json};

use super::{
    report::{Report, quantiles},
    server::Server,
    tally::Latencies,
};

impl Report {
    pub(super) fn json(&self) -> Value {
        let (plan, tally) = (&self.plan, &self.tally);
        let subscribers = plan.connections - plan.publishers;
        json!({
            "url": self.url,
            "mode": if plan.fanout { "fanout" } else { "echo" },
            "publishers": plan.fanout.then_some(plan.publishers),
            "subscribers": plan.fanout.then_some(subscribers),
            "window": plan.rate.is_none().then_some(plan.window),
            "rate": plan.rate,
            "size": plan.size,
            "seconds": self.seconds,
            "interrupted": self.interrupted.is_some(),
            "connections": plan.connections,
            "opened": self.opened,
            "sent": tally.lag.len(),
            "expected": self.expected,
            "received": tally.latency.len(),
            "lost": self.lost(),
            "repeated": tally.repeated,
            "other_messages": tally.other,
            "unsent": self.unsent,
            "sent_per_second": self.sent_per_second,
            "received_per_second": self.received_per_second,
            "bytes_sent": tally.bytes_sent,
            "bytes_received": tally.bytes_received,
            "handshake_us": latencies(&tally.handshakes),
            "latency_us": latencies(&tally.latency),
            "sent_late_us": self.unsent.map(|_| latencies(&tally.lag)),
            "server": self.server.as_ref().map(|server| self.server_object(server)),
            "tool": { "cores": self.own_cores, "threads": plan.threads() },
            "failures": self.failures(),
            "notes": self.notes(),
            "timeline": self.timeline(),
        })
    }

    fn server_object(&self, server: &Server) -> Value {
        json!({
            "processes": server.names,
            "memory_before": server.before,
            "memory_connected": server.connected,
            "memory_peak": server.peak,
            "bytes_per_connection": self.server_memory_each(server),
            "cpu_us_per_message": self.server_cpu_each(),
            "cores": self.server_cores,
        })
    }

    fn failures(&self) -> Vec<Value> {
        let kinds = self.tally.failures.list().into_iter();
        kinds
            .map(|(kind, one)| json!({ "kind": kind, "count": one.count, "help": one.help }))
            .collect()
    }

    fn timeline(&self) -> Vec<Value> {
        let points = self.tally.points.iter().enumerate();
        points
            .map(|(index, point)| {
                json!({
                    "second": index as f64 * self.point_seconds,
                    "sent": point.sent,
                    "received": point.latency.len(),
                    "p50_us": point.latency.value_at_quantile(0.5),
                    "p99_us": point.latency.value_at_quantile(0.99),
                    "max_us": point.latency.max(),
                })
            })
            .collect()
    }
}

fn latencies(latencies: &Latencies) -> Value {
    let [p50, p90, p99, p999, max] = quantiles(latencies).map(|value| value as f64 / 1000.0);
    json!({ "count": latencies.len(), "p50": p50, "p90": p90, "p99": p99, "p99_9": p999, "max": max })
}
