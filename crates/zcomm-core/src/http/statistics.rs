//! The figures over HTTP: what they are, and who may read them.
//!
//! `/stats` is a handful of numbers as JSON, for pages. `/metrics` is everything, for a
//! monitor. A number is harmless until it is about somebody: the rooms of a chat have names,
//! and a graph shows when somebody comes and goes. So everything is for this machine only,
//! and for whoever shows the token; and so is `/stats` where an application says so.
//!
//! *This machine* is three things together: the connection comes from it, the address names
//! it, and no proxy says that it asks for somebody else. A proxy on this machine that hides
//! all three makes everybody local: it must keep these two paths to itself.
//!
//! Production gives figures a port of their own, which no stranger can reach at all.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, header::HeaderValue};
use serde::Serialize;

use crate::{
    access::{
        handshake::Gate, headers::origin_of, origin::Authority, refusal::Refusal, slots::Slot,
    },
    clients::registry::Clients,
    http::response::{allow_page, json, ok},
    hub::log::Hub,
    metrics::{
        counters::Metrics,
        prometheus::{Exposition, TEXT_FORMAT},
    },
};

/// Headers with which a proxy says that it asks for somebody else. That nobody believes
/// what they say does no harm here: they can only take a right away.
const FORWARDED: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];

/// What the answers are made of.
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

impl Gate {
    /// Checks who asks for what is not for everybody.
    pub(crate) fn check_reader<B>(
        &self,
        request: &Request<B>,
        host: &Authority,
        peer: SocketAddr,
        slot: &Slot,
    ) -> Result<(), Refusal> {
        let forwarded = FORWARDED
            .iter()
            .any(|name| request.headers().contains_key(*name));
        if peer.ip().to_canonical().is_loopback() && host.is_loopback() && !forwarded {
            return Ok(());
        }
        // A page of another site must not spend its visitor's budget of wrong tokens.
        if let Some(origin) = origin_of(request.headers())?
            && !self.allows_origin(&origin, host)
        {
            return Err(Refusal::Origin);
        }
        let site = request.headers().get("sec-fetch-site");
        if site.is_some_and(|site| site == "cross-site") {
            return Err(Refusal::Origin);
        }
        match self.check_shown_token(request, slot) {
            Ok(_) => Ok(()),
            Err(Refusal::TokenMissing) => Err(Refusal::NotForAll),
            Err(refusal) => Err(refusal),
        }
    }

    /// Lets those pages read a response that may open a WebSocket.
    pub(crate) fn share<B>(
        &self,
        response: &mut Response<Full<Bytes>>,
        request: &Request<B>,
        host: &Authority,
    ) {
        if let Ok(Some(origin)) = origin_of(request.headers())
            && self.allows_origin(&origin, host)
            && let Ok(value) = HeaderValue::try_from(origin.to_string())
        {
            allow_page(response, value);
        }
    }
}
