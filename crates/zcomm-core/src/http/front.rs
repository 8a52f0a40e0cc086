//! Serves one HTTP request per connection. The HTTP library, hyper, reads the request, and the
//! router answers the request. After the response 101, hyper returns the socket for the WebSocket.
//!
//! A client that does not send a valid request also gets an answer: a status and one line of
//! text. Without the answer, a user would not know what to change.
//!
//! A connection carries only one request, because an idle HTTP connection would use a slot that
//! a WebSocket could use.

use std::{
    convert::Infallible,
    future::{poll_fn, ready},
    sync::{Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::time::{error::Elapsed, timeout, timeout_at};

use crate::{
    access::{
        refusal::Refusal,
        request::{Request, attempt_in},
    },
    http::{
        accepted::Accepted,
        head::{HeadStream, Progress},
        response::{is_refused, refused},
        router::{Guest, Router},
    },
    wire::{
        linger::linger,
        transport::{Handshake, Transport},
    },
};

/// The maximum size of a request head (bytes) and the maximum number of its headers. Above
/// these limits, the server answers 431.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// Time limit for writing the answer to a request that hyper could not read.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Why the server ends a connection on which no byte has arrived.
pub(crate) const SENT_NOTHING: &str = "handshake_timeout: the client sent nothing";

/// A connection after its response 101 (Switching Protocols) was written.
pub(crate) struct Upgraded {
    pub(crate) stream: Transport,
    /// Bytes that the client sent directly after its request.
    pub(crate) early: Vec<u8>,
    pub(crate) guest: Guest,
}

impl Router {
    /// Answers the one request of a connection. Returns the upgraded connection, or `None` after
    /// a page, a refusal or an invalid request.
    pub(crate) async fn serve(
        &self,
        stream: Transport,
        accepted: &Accepted<'_>,
    ) -> Option<Upgraded> {
        // The service can return only the response. So the service stores the guest, the attempt
        // and whether the request is refused in this variable.
        let decided = Mutex::new(None);
        let progress = Progress::default();
        let service = service_fn(|request: hyper::Request<Incoming>| {
            progress.has_request.store(true, Relaxed);
            let request = Request::parse(&request, self.gate.tls);
            let (response, guest) = self.answer(&request, accepted);
            let refused = is_refused(&response) || matches!(guest, Some(Guest::Refused(_)));
            let attempt = self.watchable(&request);
            progress.is_watched.store(attempt.is_some(), Relaxed);
            *decided.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((guest, attempt, refused));
            // Box the future, because hyper requires a future that is `Unpin`.
            Box::pin(async move {
                accepted.slot.pay_for_guesses().await;
                Ok::<_, Infallible>(response)
            })
        });
        // A page may want to see the whole head.
        let kept = self.viewers.as_ref().map_or(0, |_| MAX_HEAD);
        let head = HeadStream::new(stream, kept, &progress);
        let mut http = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            // Also answer a client that closed its sending side after the request.
            .half_close(true)
            .serve_connection(TokioIo::new(head), service);
        let served = poll_fn(|context| http.poll_without_shutdown(context));
        let served = timeout_at(accepted.deadline, served).await;
        let http1::Parts { io, read_buf, .. } = http.into_parts();
        let (stream, handshake) = io.into_inner().into_parts();
        let decided = decided.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Some((guest, attempt, refused)) = decided else {
            let start = &handshake.request;
            let refusal = unread(&served, start, accepted.plain_on_tls);
            self.refuse_unread(stream, start, refusal, accepted).await;
            return None;
        };
        if served.is_err() {
            let reason = "handshake_timeout: the client did not read its answer in time";
            // A refused request is already counted.
            match refused {
                true => tracing::info!(peer = %accepted.peer, reason, "handshake.rejected"),
                false => self.note_end(Refusal::Timeout.row().word, reason, accepted),
            }
            return None;
        }
        // A client that guesses tokens must wait. Without this second wait, the client could end
        // the connection and guess again at once.
        accepted.slot.pay_for_guesses().await;
        let mut stream = self.watch(stream, guest.as_ref(), attempt, &handshake, accepted.peer);
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

    /// Ends a connection without a valid request. `refusal` is `None` if the client has left.
    async fn refuse_unread(
        &self,
        stream: Transport,
        start: &[u8],
        refusal: Option<Refusal>,
        accepted: &Accepted<'_>,
    ) {
        let Some(refusal) = refusal else {
            self.note_left("its request", !start.is_empty(), accepted);
            return;
        };
        if start.is_empty() {
            // Send no answer: browsers open connections that they may never use.
            self.note_end(refusal.row().word, SENT_NOTHING, accepted);
            return;
        }
        let attempt = attempt_in(start);
        self.note_unread(refusal, attempt.as_deref(), accepted);
        let handshake = Handshake::default();
        let mut stream = self.watch(stream, None, attempt, &handshake, accepted.peer);
        // If the client does not read its answer, the connection ends anyway.
        timeout(ANSWER_TIMEOUT, answer_unread(&mut stream, refusal))
            .await
            .ok();
        linger(&mut stream).await;
    }
}

/// Why hyper could not read a request. `None` if the client has left.
fn unread(
    served: &Result<hyper::Result<()>, Elapsed>,
    start: &[u8],
    plain_on_tls: bool,
) -> Option<Refusal> {
    let error = match served {
        Ok(Ok(())) => return None,
        Ok(Err(error)) if !error.is_parse() => return None,
        // The client must use TLS, so the other errors do not matter.
        _ if plain_on_tls => return Some(Refusal::NotTls),
        Ok(Err(error)) => error,
        Err(_) => return Some(Refusal::Timeout),
    };
    // RFC 8446 section 5.1: a TLS record begins with its type, and then 3 for the version. A
    // handshake has the type 22, an alert has the type 21.
    Some(if matches!(start, [21 | 22, 3, ..]) {
        Refusal::TlsOnPlain
    } else if error.is_parse_version_h2() {
        Refusal::Http2
    } else if error.is_parse_too_large() {
        Refusal::HeadTooLarge
    } else {
        Refusal::NotHttp
    })
}

/// Answers a request that hyper could not read. hyper writes our answer only to a request that
/// hyper has read. So this function gives hyper a short valid request, and hyper writes our
/// answer to the client.
async fn answer_unread(stream: &mut Transport, refusal: Refusal) {
    let request = &b"GET / HTTP/1.1\r\n\r\n"[..];
    let service = service_fn(|_| ready(Ok::<_, Infallible>(refused(refusal))));
    let mut http = http1::Builder::new()
        .half_close(true)
        .serve_connection(TokioIo::new(tokio::io::join(request, stream)), service);
    // Ignore an error: the client has left.
    poll_fn(|context| http.poll_without_shutdown(context))
        .await
        .ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_431_names_both_limits() {
        let help = Refusal::HeadTooLarge.row().help;
        assert!(help.contains(&format!("{} KiB", MAX_HEAD / 1024)), "{help}");
        assert!(help.contains(&format!("{MAX_HEADERS} headers")), "{help}");
    }
}
