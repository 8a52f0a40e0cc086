//! Serves one HTTP request per connection. hyper reads the request and the router answers it.
//! After a 101, hyper returns the socket for the WebSocket.
//!
//! hyper answers a broken request with an HTTP status; tungstenite alone would send no answer.
//! A connection carries only one request, because an idle HTTP connection would use a slot that
//! a WebSocket could use.

use std::{
    convert::Infallible,
    future::{poll_fn, ready},
    sync::{Mutex, PoisonError},
};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;

use crate::{
    access::request::Request,
    http::router::{Accepted, Guest, Router},
    wire::{codec::linger, transport::Transport},
};

/// The maximum size of a request head (bytes) and the maximum number of its headers. Above
/// these limits, hyper answers 431.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// A connection after its response 101 (Switching Protocols) was written.
pub(crate) struct Upgraded {
    pub(crate) stream: Transport,
    /// Bytes that the client sent directly after its request.
    pub(crate) early: Vec<u8>,
    pub(crate) guest: Guest,
}

impl Router {
    /// Answers the one request of a connection. Returns `None` if the connection has then ended:
    /// after a page, a refusal or an invalid request.
    pub(crate) async fn serve(
        &self,
        stream: Transport,
        accepted: &Accepted<'_>,
    ) -> Option<Upgraded> {
        // The service can return only the response to hyper. So it stores the guest and the
        // attempt in this variable.
        let decided = Mutex::new((None, None));
        let service = service_fn(|request: hyper::Request<Incoming>| {
            let request = Request::parse(&request, self.gate.tls);
            let (response, guest) = self.answer(&request, accepted);
            *decided.lock().unwrap_or_else(PoisonError::into_inner) =
                (guest, self.watchable(&request));
            ready(Ok::<_, Infallible>(response))
        });
        let mut http = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            // Also answer a client that closed its sending side after the request.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service);
        let result = poll_fn(|context| http.poll_without_shutdown(context)).await;
        let http1::Parts { io, read_buf, .. } = http.into_parts();
        if let Err(error) = result {
            log_broken(&error, &read_buf, accepted);
        }
        let (guest, attempt) = decided.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut stream = self.watch(io.into_inner(), guest.as_ref(), attempt);
        let Some(guest) = guest else {
            linger(&mut stream).await;
            return None;
        };
        Some(Upgraded {
            stream,
            early: read_buf.to_vec(),
            guest,
        })
    }
}

/// Logs why a connection had no valid HTTP request.
fn log_broken(error: &hyper::Error, input: &[u8], accepted: &Accepted<'_>) {
    let Accepted { peer, local, .. } = accepted;
    let reason = if input.starts_with(&[0x16, 0x03]) {
        format!("this looks like TLS: use ws://{local}/, this port speaks plain WebSocket")
    } else if input.starts_with(b"PRI * HTTP/2.0") {
        "h2_preface: HTTP/2 is not supported: use HTTP/1.1".to_owned()
    } else if error.is_parse() || error.is_parse_too_large() {
        format!("not an HTTP request: {error}")
    } else {
        tracing::debug!(%peer, %error, "the client left before it had an answer");
        return;
    };
    tracing::info!(%peer, reason, "handshake.rejected");
}
