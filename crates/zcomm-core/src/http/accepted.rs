//! An accepted connection: everything that an answer depends on, besides the request.

use std::net::SocketAddr;

use tokio::time::Instant;

use crate::access::{refusal::Refusal, slots::Slot};

/// An accepted TCP connection, before its request is read.
pub(crate) struct Accepted<'a> {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) slot: &'a Slot,
    pub(crate) since: Instant,
    /// The time at which the request must be complete and answered.
    pub(crate) deadline: Instant,
    /// Whether the client sends plain HTTP to a port that speaks TLS.
    pub(crate) plain_on_tls: bool,
}

impl Accepted<'_> {
    /// The help of a refusal, for a log line. If the client used TLS or plain HTTP on the wrong
    /// port, the help contains the right address.
    pub(crate) fn help(&self, refusal: Refusal) -> String {
        let local = self.local;
        match refusal {
            Refusal::TlsOnPlain => format!("use ws://{local}/ and http://{local}/"),
            Refusal::PlainOnTls | Refusal::NotTls => {
                format!("use wss://{local}/ and https://{local}/")
            }
            _ => refusal.row().help.to_owned(),
        }
    }
}
