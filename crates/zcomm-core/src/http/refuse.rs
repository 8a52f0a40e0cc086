//! Refuses requests: each refusal is counted, noted for `/why`, logged and answered, all once.
//!
//! A connection can also end without an answer. Such an end is counted and logged, too.

use hyper::header::{HOST, HeaderValue, ORIGIN};
use tracing::field::debug;

use crate::{
    access::{refusal::Refusal, request::Request},
    http::{
        accepted::Accepted,
        response::{Answer, allow_page, refused},
        router::Router,
    },
    metrics::counters::LEFT,
    protocol::message::excerpt,
};

impl Router {
    /// Refuses a request: counts, stores and logs the refusal, and answers it.
    pub(super) fn refuse(
        &self,
        request: &Request<'_>,
        refusal: Refusal,
        accepted: &Accepted<'_>,
    ) -> Answer {
        let mut response = refused(refusal);
        if refusal == Refusal::PlainOnTls {
            self.note_unread(refusal, request.attempt(), accepted);
            // Every page may read that this port needs TLS.
            allow_page(&mut response, HeaderValue::from_static("*"));
            return response;
        }
        // A handshake whose `Upgrade` header a proxy has dropped gets a note, too.
        if request.is_handshake() || refusal == Refusal::Upgrade {
            self.why.note(request.attempt(), refusal);
        }
        if !request.is_handshake() {
            self.note_request(refusal, accepted);
            return response;
        }
        let (row, peer) = (refusal.row(), accepted.peer);
        let (status, reason) = (row.status, row.reason);
        self.metrics.refusals.add(row.word);
        // Log the host or the origin, so that the operator can add this host or origin to a
        // setting.
        let shown = |name| request.shown(name).map(excerpt).map(debug);
        let host = shown(HOST).filter(|_| refusal == Refusal::Host);
        let origin = shown(ORIGIN).filter(|_| refusal == Refusal::Origin);
        let setting = match refusal {
            Refusal::Host => Some("WEBSOCKET_ALLOWED_HOSTS"),
            Refusal::Origin => Some("WEBSOCKET_ALLOWED_ORIGINS"),
            _ => None,
        };
        tracing::info!(%peer, status, reason, host, origin, setting, "handshake.rejected");
        response
    }

    /// Counts and logs the refusal of a request that is no handshake.
    pub(super) fn note_request(&self, refusal: Refusal, accepted: &Accepted<'_>) {
        let (row, peer) = (refusal.row(), accepted.peer);
        let (status, reason) = (row.status, row.reason);
        self.metrics.refusals.add(row.word);
        tracing::info!(%peer, status, reason, "request.refused");
    }

    /// Counts, stores and logs the refusal of an invalid request, or of a plain HTTP request to a
    /// port that speaks TLS.
    pub(crate) fn note_unread(
        &self,
        refusal: Refusal,
        attempt: Option<&str>,
        accepted: &Accepted<'_>,
    ) {
        let (row, peer) = (refusal.row(), accepted.peer);
        self.metrics.refusals.add(row.word);
        self.why.note(attempt, refusal);
        let (status, reason) = (row.status, row.reason);
        let help = accepted.help(refusal);
        tracing::info!(%peer, status, reason, help, "handshake.rejected");
    }

    /// Counts and logs that the server ended a connection without an HTTP status. `word` is a
    /// label value of the metrics.
    pub(crate) fn note_end(&self, word: &str, reason: &str, accepted: &Accepted<'_>) {
        self.metrics.refusals.add(word);
        tracing::info!(peer = %accepted.peer, reason, "handshake.rejected");
    }

    /// Counts and logs that the client ended its connection before this `step` was complete.
    ///
    /// If the client sent nothing, the log line has the level `debug`: browsers open connections
    /// that they may never use, and monitors open connections to check a port.
    pub(crate) fn note_left(&self, step: &str, has_sent: bool, accepted: &Accepted<'_>) {
        let peer = accepted.peer;
        self.metrics.refusals.add(LEFT);
        match has_sent {
            true => tracing::info!(
                %peer,
                reason = format!("the client ended the connection before {step} was complete"),
                "handshake.abandoned"
            ),
            false => tracing::debug!(%peer, "the client left and had sent nothing"),
        }
    }
}
