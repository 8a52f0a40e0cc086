//! HTTP responses: the 101, pages, and refusals.
//!
//! Each connection has only one response. Caches must not store the response, and browsers must
//! not guess the type of the content. A refusal has one line of text for people, and headers for
//! programs.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{self, HeaderValue},
};
use serde::Serialize;

use crate::access::refusal::Refusal;

/// A response with its complete body.
pub(crate) type Answer = Response<Full<Bytes>>;

pub(crate) fn ok(mime: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// The answer 101 (RFC 6455 section 4.2.2). It accepts no extension and no subprotocol.
pub(crate) fn switching_protocols(accept: &str) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::try_from(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

pub(crate) fn refused(refusal: Refusal) -> Answer {
    let row = refusal.row();
    let text = format!("{} {}: {}\n", row.status, row.reason, row.help);
    let mut response = plain(StatusCode::BAD_REQUEST, text);
    mark(&mut response, refusal);
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    match row.status {
        401 => set(header::WWW_AUTHENTICATE, "Bearer"),
        405 => set(header::ALLOW, "GET"),
        // RFC 2817 section 4.2: with this header, a 426 asks the client to use TLS.
        426 if refusal == Refusal::PlainOnTls => {
            set(header::UPGRADE, "TLS/1.2");
            set(header::CONNECTION, "Upgrade, close")
        }
        426 => {
            set(header::UPGRADE, "websocket");
            set(header::SEC_WEBSOCKET_VERSION, "13");
            set(header::CONNECTION, "Upgrade, close")
        }
        429 | 503 => set(header::RETRY_AFTER, "5"),
        _ => None,
    };
    response
}

/// Makes this response the answer of a refusal: sets its status, and stores the refusal in it.
pub(crate) fn mark(response: &mut Answer, refusal: Refusal) {
    let status = StatusCode::from_u16(refusal.row().status);
    *response.status_mut() = status.unwrap_or(StatusCode::BAD_REQUEST);
    response.extensions_mut().insert(refusal);
}

/// Whether this response refuses its request.
pub(crate) fn is_refused(response: &Answer) -> bool {
    response.extensions().get::<Refusal>().is_some()
}

pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut response = ok("text/plain; charset=utf-8", text);
    *response.status_mut() = status;
    response
}

/// The response 308: the document has another path.
pub(crate) fn moved(path: &'static str) -> Answer {
    let mut response = plain(StatusCode::PERMANENT_REDIRECT, format!("see {path}\n"));
    let location = HeaderValue::from_static(path);
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// The answer to `/healthz`: 200, or 503 with the reason.
pub(crate) fn health(health: Result<(), String>) -> Answer {
    match health {
        Ok(()) => plain(StatusCode::OK, "ok\n"),
        Err(reason) => plain(StatusCode::SERVICE_UNAVAILABLE, reason + "\n"),
    }
}

/// A JSON response. The line break at the end is for a terminal that shows the response.
pub(crate) fn json(value: &impl Serialize) -> Answer {
    // This cannot fail: the value contains only numbers and constant texts.
    let mut body = serde_json::to_vec(value).unwrap_or_default();
    body.push(b'\n');
    ok("application/json", body)
}

pub(crate) fn allow_page(response: &mut Answer, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
}
