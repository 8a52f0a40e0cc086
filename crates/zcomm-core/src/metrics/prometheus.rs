//! The figures as text, in the format that Prometheus reads.
//!
//! ```text
//! # HELP zcomm_connections Clients that are connected now.
//! # TYPE zcomm_connections gauge
//! zcomm_connections 3
//! ```
//!
//! This is the format of version 0.0.4, which every monitor reads. Its younger sibling,
//! OpenMetrics, drops `_total` from the names of counters, and then forbids that there is
//! also a gauge of that name; so counters are written here with their whole name.
//!
//! Names never change their meaning: somebody's graph depends on each.
//!
//! Production scrapes this every 15 s and keeps what it reads for months.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode_registry},
    metrics::{MetricType, histogram::Histogram},
    registry::Registry,
};

use crate::{
    clients::registry::Clients,
    hub::log::Hub,
    metrics::{
        counters::Metrics,
        figure::{Figure, FigureKind},
    },
};

/// The media type of what is written here.
pub(crate) const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Values of one figure of an application that are shown.
const MAX_VALUES: usize = 1024;

/// What an application says of itself when it is asked.
pub(crate) type Figures = dyn Fn() -> Vec<Figure> + Send + Sync;

/// All figures of a server, ready to be written down.
pub(crate) struct Exposition {
    registry: Registry,
}

impl Exposition {
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        clients: Clients,
        hub: Hub,
        figures: Option<Box<Figures>>,
    ) -> Exposition {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Everything {
            metrics,
            clients,
            hub,
            figures,
        }));
        Exposition { registry }
    }

    /// How things are now.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        encode_registry(&mut text, &self.registry).ok();
        text
    }
}

struct Everything {
    metrics: Arc<Metrics>,
    clients: Clients,
    hub: Hub,
    figures: Option<Box<Figures>>,
}

impl fmt::Debug for Everything {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Everything")
    }
}

impl Collector for Everything {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut sheet = Sheet { encoder };
        self.connections(&mut sheet)?;
        self.messages(&mut sheet)?;
        self.trouble(&mut sheet)?;
        let figures = self.figures.as_ref().map(|figures| figures());
        for figure in figures.unwrap_or_default() {
            sheet.figure(&figure)?;
        }
        Ok(())
    }
}

impl Everything {
    fn connections(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        let started = metrics.started_at.duration_since(UNIX_EPOCH);
        sheet.seconds(
            "process_start_time_seconds",
            "When the server was started, in seconds since 1970.",
            started.unwrap_or(Duration::ZERO),
        )?;
        sheet.gauge(
            "zcomm_connections",
            "Clients that are connected now.",
            self.clients.count() as u64,
        )?;
        sheet.counter(
            "zcomm_connections_total",
            "Clients that were let in since the start.",
            self.clients.accepted(),
        )?;
        sheet.histogram(
            "zcomm_handshake_seconds",
            "From accept to the 101, for clients that were let in.",
            &metrics.handshake_seconds,
        )?;
        sheet.histogram(
            "zcomm_connection_duration_seconds",
            "How long connections lasted that have ended.",
            &metrics.connection_seconds,
        )?;
        sheet.by_word(
            "zcomm_closes_total",
            "Connections that have ended, by close code; 1006: without a Close frame.",
            MetricType::Counter,
            "code",
            metrics.closes.all(),
        )
    }

    fn messages(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let (_, sums) = self.clients.sums();
        sheet.by_word(
            "zcomm_messages_received_total",
            "Messages from clients, by kind.",
            MetricType::Counter,
            "kind",
            [("text", sums.texts), ("binary", sums.binaries)].into_iter(),
        )?;
        sheet.counter(
            "zcomm_messages_sent_total",
            "Messages to clients, deliveries included.",
            sums.sent,
        )?;
        sheet.counter(
            "zcomm_bytes_received_total",
            "Payload bytes of messages from clients, without frames, pings and TLS.",
            sums.bytes_received,
        )?;
        sheet.counter(
            "zcomm_bytes_sent_total",
            "Payload bytes of messages to clients, without frames, pings and TLS.",
            sums.bytes_sent,
        )?;
        sheet.counter(
            "zcomm_broadcasts_total",
            "Messages in the log that every connection reads.",
            self.hub.position(),
        )?;
        sheet.counter(
            "zcomm_deliveries_total",
            "Messages that connections took from the logs they read, rooms and inboxes included.",
            sums.deliveries,
        )?;
        sheet.histogram(
            "zcomm_fanout_seconds",
            "From a log to the network, per client, for every 16th message of a log; \
             of several that leave together, the oldest.",
            &self.metrics.fanout_seconds,
        )
    }

    fn trouble(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        sheet.by_word(
            "zcomm_refusals_total",
            "Clients that were not let in, by reason.",
            MetricType::Counter,
            "reason",
            metrics.refusals.all(),
        )?;
        sheet.counter(
            "zcomm_slow_clients_total",
            "Connections that were ended because the client took less than 64 KiB in 5 s.",
            metrics.slow_clients.get(),
        )?;
        sheet.counter(
            "zcomm_gaps_total",
            "Times a client was told that it missed messages, because it fell behind a log.",
            metrics.gaps.get(),
        )?;
        sheet.counter(
            "zcomm_heartbeats_missed_total",
            "Connections that were ended because a ping was not answered in time.",
            metrics.heartbeats_missed.get(),
        )
    }
}

/// What is being written.
struct Sheet<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Sheet<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let kind = MetricType::Gauge;
        let mut metric = self.encoder.encode_descriptor(name, help, None, kind)?;
        metric.encode_gauge(&value)
    }

    fn seconds(&mut self, name: &str, help: &str, value: Duration) -> fmt::Result {
        let kind = MetricType::Gauge;
        let mut metric = self.encoder.encode_descriptor(name, help, None, kind)?;
        metric.encode_gauge(&value.as_secs_f64())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let kind = MetricType::Counter;
        let mut metric = self.encoder.encode_descriptor(name, help, None, kind)?;
        // As a gauge is written: a counter's name would get a second `_total`.
        metric.encode_gauge(&value)
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
        let kind = MetricType::Histogram;
        histogram.encode(self.encoder.encode_descriptor(name, help, None, kind)?)
    }

    fn by_word<'w>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        label: &str,
        values: impl Iterator<Item = (&'w str, u64)>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, kind)?;
        for (word, value) in values {
            // The encoder escapes what must be in a label: `\`, `"` and the end of a line.
            let labels = [(label, word)];
            metric.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn figure(&mut self, figure: &Figure) -> fmt::Result {
        let kind = match figure.kind {
            FigureKind::Gauge => MetricType::Gauge,
            FigureKind::Counter => MetricType::Counter,
        };
        let values = figure.values.iter().take(MAX_VALUES);
        let values = values.map(|(word, value)| (word.as_str(), *value));
        self.by_word(figure.name, figure.help, kind, figure.label, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_strangers_chose_cannot_break_out_of_its_label() {
        let figures = || {
            vec![Figure {
                name: "rooms",
                help: "Rooms.",
                kind: FigureKind::Gauge,
                label: "room",
                values: vec![("a\"} 1\nb\\".to_owned(), 7)],
            }]
        };
        let exposition = Exposition::new(
            Arc::new(Metrics::new()),
            Clients::new(100),
            Hub::default(),
            Some(Box::new(figures)),
        );
        let text = exposition.text();
        assert!(text.ends_with("# TYPE rooms gauge\nrooms{room=\"a\\\"} 1\\nb\\\\\"} 7\n"));
    }

    #[test]
    fn a_figure_has_only_so_many_values() {
        let figures = || {
            vec![Figure {
                name: "many",
                help: "Many.",
                kind: FigureKind::Counter,
                label: "n",
                values: (0..2000).map(|n| (n.to_string(), n)).collect(),
            }]
        };
        let (metrics, hub) = (Arc::new(Metrics::new()), Hub::default());
        let exposition = Exposition::new(metrics, Clients::new(100), hub, Some(Box::new(figures)));
        assert_eq!(exposition.text().matches("many{").count(), 1024);
    }
}
