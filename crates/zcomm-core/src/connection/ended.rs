//! Records the end of a connection: one log line, and the metrics.

use crate::{clients::registry::ClientInfo, metrics::counters::Metrics, wire::codec::End};

/// Records the end of a client's connection.
pub(crate) fn record(end: &End, client: &ClientInfo, metrics: &Metrics) {
    let (id, peer) = (client.id, client.peer_addr);
    let (how, code, reason) = match end {
        End::ByPeer(why) => ("by the client", Some(why.code()), why.reason()),
        End::ByUs(why) => ("by the server", Some(why.code()), why.reason()),
        End::Broken(error) => ("without a Close frame", None, error.as_str()),
    };
    tracing::info!(conn = %id, %peer, code, ?reason, "conn.closed {how}");
    metrics.closed(end.code(), client.since.elapsed());
}
