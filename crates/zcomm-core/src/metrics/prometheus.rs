//! The metrics as text, in the format that Prometheus reads.
//!
//! ```text
//! # HELP zcomm_connections Clients that are connected now.
//! # TYPE zcomm_connections gauge
//! zcomm_connections 3
//! ```
//!
//! This is version 0.0.4 of the format, which every monitor reads. The newer format,
//! OpenMetrics, does not count `_total` as a part of a name. With OpenMetrics, the counter
//! `zcomm_connections_total` and the gauge `zcomm_connections` would have the same name.
//!
//! The meaning of a metric's name must never change, because the graphs of a monitor use the
//! name.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric, text::encode_registry},
    metrics::{MetricType, histogram::Histogram},
    registry::Registry,
};

use crate::{
    clients::registry::Clients,
    hub::log::Hub,
    metrics::{
        counters::Metrics,
        figure::{Figure, FigureKind},
        reports::Reports,
    },
};

/// The media type of this text format.
pub(crate) const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The maximum number of label values that are shown for one metric.
const MAX_VALUES: usize = 1024;

/// The sources of all numbers in `/metrics`.
pub(crate) struct Sources {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clients: Clients,
    pub(crate) hub: Hub,
    pub(crate) reports: Reports,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}

impl Collector for Sources {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut writer = Writer { encoder };
        self.connections(&mut writer)?;
        self.messages(&mut writer)?;
        self.refusals_and_failures(&mut writer)?;
        let mut figures = self.reports.figures();
        figures.try_for_each(|figure| writer.figure(&figure))
    }
}

impl Sources {
    pub(crate) fn text(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        // Writing into a string cannot fail.
        encode_registry(&mut text, &registry).ok();
        text
    }

    fn connections(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        let started = metrics.started_at.duration_since(UNIX_EPOCH);
        writer.gauge(
            "process_start_time_seconds",
            "When the server was started, in seconds since 1970.",
            &started.unwrap_or(Duration::ZERO).as_secs_f64(),
        )?;
        writer.gauge(
            "zcomm_connections",
            "Clients that are connected now.",
            &self.clients.count(),
        )?;
        writer.counter(
            "zcomm_connections_total",
            "Clients that were admitted since the start.",
            self.clients.accepted(),
        )?;
        writer.histogram(
            "zcomm_handshake_seconds",
            "From accept to the 101, for admitted clients.",
            &metrics.handshake_seconds,
        )?;
        writer.histogram(
            "zcomm_connection_duration_seconds",
            "Duration of the connections that have ended.",
            &metrics.connection_seconds,
        )?;
        writer.figure(&Figure {
            name: "zcomm_closes_total",
            help: "Connections that have ended, by close code; 1006: without a Close frame.",
            kind: FigureKind::Counter,
            label: "code",
            values: owned(metrics.closes.all()),
        })
    }

    fn messages(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let (_, sums) = self.clients.sums();
        writer.figure(&Figure {
            name: "zcomm_messages_received_total",
            help: "Messages from clients, by kind.",
            kind: FigureKind::Counter,
            label: "kind",
            values: owned([("text", sums.texts), ("binary", sums.binaries)]),
        })?;
        writer.counter(
            "zcomm_messages_sent_total",
            "Messages to clients, deliveries included.",
            sums.sent,
        )?;
        writer.counter(
            "zcomm_bytes_received_total",
            "Payload bytes of messages from clients, without frames, pings and TLS.",
            sums.bytes_received,
        )?;
        writer.counter(
            "zcomm_bytes_sent_total",
            "Payload bytes of messages to clients, without frames, pings and TLS.",
            sums.bytes_sent,
        )?;
        writer.counter(
            "zcomm_broadcasts_total",
            "Messages in the log that every connection reads.",
            self.hub.position(),
        )?;
        writer.counter(
            "zcomm_deliveries_total",
            "Messages that connections read from their logs, rooms and inboxes included.",
            sums.deliveries,
        )?;
        writer.histogram(
            "zcomm_fanout_seconds",
            "Seconds from the append to a log until the network accepts the message, for each client. \
             Measured for every 16th message of a log. If one batch has several such messages, only the oldest is measured.",
            &self.metrics.fanout_seconds,
        )
    }

    fn refusals_and_failures(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        writer.figure(&Figure {
            name: "zcomm_refusals_total",
            help: "Requests that were refused and connections that ended without an answer, by reason.",
            kind: FigureKind::Counter,
            label: "reason",
            values: owned(metrics.refusals.all()),
        })?;
        writer.counter(
            "zcomm_slow_clients_total",
            "Connections that were ended because the client took less than 64 KiB in 5 s.",
            metrics.slow_clients.get(),
        )?;
        writer.counter(
            "zcomm_gaps_total",
            "Gaps: times that a client missed messages because it fell behind a log.",
            metrics.gaps.get(),
        )?;
        writer.counter(
            "zcomm_heartbeats_missed_total",
            "Connections that were ended because a ping was not answered in time.",
            metrics.heartbeats_missed.get(),
        )
    }
}

fn owned<'v>(values: impl IntoIterator<Item = (&'v str, u64)>) -> Vec<(String, u64)> {
    let values = values.into_iter();
    values
        .map(|(value, number)| (value.to_owned(), number))
        .collect()
}

struct Writer<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Writer<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: &impl EncodeGaugeValue) -> fmt::Result {
        let kind = MetricType::Gauge;
        let mut metric = self.encoder.encode_descriptor(name, help, None, kind)?;
        metric.encode_gauge(value)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let kind = MetricType::Counter;
        let mut metric = self.encoder.encode_descriptor(name, help, None, kind)?;
        // Write the number as a gauge: for a counter, the encoder would add a second `_total`.
        metric.encode_gauge(&value)
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
        let kind = MetricType::Histogram;
        histogram.encode(self.encoder.encode_descriptor(name, help, None, kind)?)
    }

    fn figure(&mut self, figure: &Figure) -> fmt::Result {
        let kind = match figure.kind {
            FigureKind::Gauge => MetricType::Gauge,
            FigureKind::Counter => MetricType::Counter,
        };
        let (name, help) = (figure.name, figure.help);
        let mut metric = self.encoder.encode_descriptor(name, help, None, kind)?;
        for (value, number) in figure.values.iter().take(MAX_VALUES) {
            // The encoder escapes `\`, `"` and the line end, so no value can break the format.
            let labels = [(figure.label, value.as_str())];
            metric.encode_family(&labels)?.encode_gauge(number)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(figures: impl Fn() -> Vec<Figure> + Send + Sync + 'static) -> String {
        let mut reports = Reports::default();
        reports.add_figures(figures);
        let sources = Sources {
            metrics: Arc::new(Metrics::new()),
            clients: Clients::new(100),
            hub: Hub::default(),
            reports,
        };
        sources.text()
    }

    #[test]
    fn a_name_that_a_client_chose_cannot_end_its_label() {
        let figures = || {
            vec![Figure {
                name: "rooms",
                help: "Rooms.",
                kind: FigureKind::Gauge,
                label: "room",
                values: vec![("a\"} 1\nb\\".to_owned(), 7)],
            }]
        };
        assert!(
            text(figures).ends_with("# TYPE rooms gauge\nrooms{room=\"a\\\"} 1\\nb\\\\\"} 7\n")
        );
    }

    #[test]
    fn at_most_1024_values_of_a_figure_are_shown() {
        let figures = || {
            vec![Figure {
                name: "many",
                help: "Many.",
                kind: FigureKind::Counter,
                label: "n",
                values: (0..2000).map(|n| (n.to_string(), n)).collect(),
            }]
        };
        assert_eq!(text(figures).matches("many{").count(), 1024);
    }
}
