//! The figures of a server over HTTP.
//!
//! `/stats` is a handful of numbers as JSON, for pages. `/metrics` is everything, for a monitor.
//! A chat's rooms have names, and a graph shows when people come and go, so who may read them is
//! decided by the gate.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use serde::Serialize;

use crate::{
    clients::registry::Clients,
    http::response::{json, ok},
    hub::log::Hub,
    metrics::{
        counters::Metrics,
        prometheus::{Exposition, TEXT_FORMAT},
    },
};

/// Answers `/stats` and `/metrics`.
pub(crate) struct Statistics {
    pub(crate) exposition: Exposition,
    pub(crate) max_connections: usize,
    /// Whether `/stats` is as private as `/metrics`.
    pub(crate) private: bool,
}

#[derive(Serialize)]
struct Stats {
    clients: usize,
    max_connections: usize,
    accepted: u64,
    refused: u64,
    broadcasts: u64,
    messages_received: u64,
    messages_sent: u64,
    uptime_seconds: u64,
}

impl Statistics {
    /// `/stats`, for pages.
    pub(crate) fn stats(
        &self,
        metrics: &Metrics,
        clients: &Clients,
        hub: &Hub,
    ) -> Response<Full<Bytes>> {
        let (count, sums) = clients.sums();
        json(&Stats {
            clients: count,
            max_connections: self.max_connections,
            accepted: clients.accepted(),
            refused: metrics.refused(),
            broadcasts: hub.position(),
            messages_received: sums.texts + sums.binaries,
            messages_sent: sums.sent,
            uptime_seconds: metrics.started.elapsed().as_secs(),
        })
    }

    /// `/metrics`, for monitors.
    pub(crate) fn metrics(&self) -> Response<Full<Bytes>> {
        ok(TEXT_FORMAT, self.exposition.text())
    }
}
