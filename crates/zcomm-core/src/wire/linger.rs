//! The end of a TCP connection after our last bytes, so that these bytes arrive.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::wire::transport::Transport;

/// The time limit for reading and dropping input after our Close frame and FIN (the end of our
/// TCP stream). If a socket is closed with unread input, the kernel sends RST (a TCP reset).
/// After the RST, the other side may not be able to read our Close frame.
pub(crate) const LINGER: Duration = Duration::from_secs(1);
/// The maximum number of bytes that are read and dropped during [`LINGER`]. A client that sends
/// too fast needs some time to read our Close frame, and sends many bytes during this time.
const LINGER_BYTES: u64 = 256 * 1024 * 1024;

/// Ends our side of a connection so that all bytes that we wrote arrive. Then waits until the
/// other side ends the connection too, but at most one second.
pub(crate) async fn linger(stream: &mut Transport) {
    let end = async {
        // With TLS, `shutdown` also writes an alert, so it can wait for the network.
        if stream.shutdown().await.is_ok() {
            read_to_end(stream).await;
        }
    };
    // Ignore a timeout: the connection ends here, even if the client has not ended its side.
    timeout(LINGER, end).await.ok();
}

/// Reads and drops input until the other side ends the connection.
pub(crate) async fn read_to_end(stream: &mut Transport) {
    let mut rest = stream.take(LINGER_BYTES);
    let mut nowhere = tokio::io::sink();
    tokio::io::copy(&mut rest, &mut nowhere).await.ok();
}
