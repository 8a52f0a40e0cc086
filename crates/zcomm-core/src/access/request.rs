//! An HTTP request, parsed once: its parts, and what is wrong with each part.
//!
//! A header with one value must appear exactly once. If a request had two `Host` headers, a
//! proxy could read the first, and this server the second.
//!
//! Each part of the request is stored as a value, or as the [`Refusal`] that says what is wrong
//! with the part. The [`Gate`](super::handshake::Gate) checks the parts later, in its own order.

use std::borrow::Cow;

use hyper::{
    HeaderMap, Method, Version,
    header::{self, AsHeaderName, HeaderName, HeaderValue},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::access::{
    origin::{Authority, Origin},
    query::{Query, TOKEN_TWICE},
    refusal::Refusal,
};

/// The maximum length of path and query together (bytes).
const MAX_TARGET: usize = 4096;

/// Headers that a proxy adds to a request. A request with one of these headers does not count
/// as local. The server does not read the values of these headers, because any client can write
/// them.
const FORWARDED: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];

pub(crate) struct Request<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: Query<'a>,
    /// A refusal if the query has no clear meaning.
    pub(crate) query_rules: Result<(), Refusal>,
    headers: &'a HeaderMap,
    /// The host that the request names. `None` if an HTTP/1.0 request names no host. A refusal
    /// if the host is not valid, or if the request breaks a rule of HTTP.
    pub(crate) host: Result<Option<Authority>, Refusal>,
    /// The value for `Sec-WebSocket-Accept`. A refusal if the handshake is not valid.
    pub(crate) accept: Result<String, Refusal>,
    /// The origin of the page that sent the request. `None` if the client sent no origin: most
    /// clients that are not browsers send none.
    pub(crate) origin: Result<Option<Origin>, Refusal>,
    /// The token, from `?token=` or `Authorization: Bearer`.
    pub(crate) token: Result<Option<Cow<'a, str>>, Refusal>,
}

impl<'a> Request<'a> {
    /// Parses a request. If its `Host` has no port, the port is 443 with `tls`, and 80 without.
    pub(crate) fn parse<B>(request: &'a hyper::Request<B>, tls: bool) -> Request<'a> {
        let headers = request.headers();
        let raw = request.uri().query();
        let query = Query::parse(raw);
        Request {
            query_rules: query.check(raw).map_err(Refusal::Malformed),
            method: request.method(),
            path: request.uri().path(),
            headers,
            host: host(request, if tls { 443 } else { 80 }),
            accept: accept(request.version(), headers),
            origin: origin(headers),
            token: token(headers, &query),
            query,
        }
    }

    /// Whether the request asks for a WebSocket, even if its handshake is not valid. A request
    /// for another upgrade is a plain request: `curl --http2` offers `Upgrade: h2c` with each
    /// request, and a server may ignore the offer (RFC 9110 section 7.8).
    pub(crate) fn is_handshake(&self) -> bool {
        let mut names = [header::SEC_WEBSOCKET_KEY, header::SEC_WEBSOCKET_VERSION].iter();
        let only_websockets = names.any(|name| self.headers.contains_key(name));
        only_websockets || lists(self.headers, header::UPGRADE, "websocket")
    }

    /// The random word that the page chose for this attempt to connect. `None` if the query has
    /// no `attempt`, or more than one.
    pub(crate) fn attempt(&self) -> Option<&str> {
        self.query.only("attempt")
    }

    pub(crate) fn is_forwarded(&self) -> bool {
        FORWARDED
            .iter()
            .any(|name| self.headers.contains_key(*name))
    }

    /// Whether the browser says that a page of another site sent the request.
    pub(crate) fn is_cross_site(&self) -> bool {
        let site = self.headers.get("sec-fetch-site");
        site.is_some_and(|site| site == "cross-site")
    }

    /// The first value of a header as text, for a log line.
    pub(crate) fn shown(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Finds the random word of an attempt in the first line of an invalid request. The first line
/// is, for example, `GET /?attempt=… HTTP/1.1`.
pub(crate) fn attempt_in(head: &[u8]) -> Option<String> {
    // Empty lines before a request are allowed (RFC 9112 section 2.2).
    let line = head
        .trim_ascii_start()
        .split(|byte| *byte == b'\n')
        .next()?;
    let target = std::str::from_utf8(line).ok()?.split(' ').nth(1)?;
    let (_, query) = target.split_once('?')?;
    Query::parse(Some(query)).only("attempt").map(str::to_owned)
}

/// Checks the rules of HTTP. Returns the host in the request (RFC 9112 section 3.2). `None` for
/// an HTTP/1.0 request without a host: load balancers send such requests to check a server.
/// Browsers never send HTTP/1.0, so such a request cannot be an attack by a page.
fn host<B>(request: &hyper::Request<B>, default_port: u16) -> Result<Option<Authority>, Refusal> {
    let (headers, target) = (request.headers(), request.uri());
    let length = headers.get_all(header::CONTENT_LENGTH);
    if headers.contains_key(header::TRANSFER_ENCODING) || length.iter().any(|n| n != "0") {
        return Err(Refusal::Malformed("this request must not have a body"));
    }
    if target.path().len() + target.query().map_or(0, str::len) > MAX_TARGET {
        return Err(Refusal::UriTooLong);
    }
    let old = request.version() == Version::HTTP_10;
    if old && target.authority().is_none() && !headers.contains_key(header::HOST) {
        return Ok(None);
    }
    let named = one(headers, header::HOST, "exactly one Host header is needed")?;
    let host = Authority::in_request(text(named)?, default_port).ok_or(Refusal::Malformed(
        "the Host header must be a host and a port",
    ))?;
    // The target in the first line of a request can contain a host too (RFC 9112 section
    // 3.2.2). Both hosts must be equal.
    let other = target.authority();
    let other = other.map(|other| Authority::in_request(other.as_str(), default_port));
    match other.is_none_or(|other| other.as_ref() == Some(&host)) {
        true => Ok(Some(host)),
        false => Err(Refusal::Host),
    }
}

/// Checks the rules of RFC 6455 section 4.2.1. Returns the value for `Sec-WebSocket-Accept`.
fn accept(version: Version, headers: &HeaderMap) -> Result<String, Refusal> {
    if version != Version::HTTP_11 {
        return Err(Refusal::HttpVersion);
    }
    if !lists(headers, header::UPGRADE, "websocket") {
        return Err(Refusal::Upgrade);
    }
    if !lists(headers, header::CONNECTION, "upgrade") {
        return Err(Refusal::Malformed(
            "the Connection header must list Upgrade",
        ));
    }
    let mut versions = headers.get_all(header::SEC_WEBSOCKET_VERSION).iter();
    match (versions.next(), versions.next()) {
        (Some(version), None) if version == "13" => {}
        (_, None) => return Err(Refusal::Upgrade),
        _ => {
            return Err(Refusal::Malformed(
                "one Sec-WebSocket-Version is needed, not two",
            ));
        }
    }
    let rule = "exactly one Sec-WebSocket-Key is needed, 16 bytes in base64";
    let key = one(headers, header::SEC_WEBSOCKET_KEY, rule)?.as_bytes();
    // 24 characters of base64 decode to at most 18 bytes.
    let decoded = match key.len() {
        24 => data_encoding::BASE64.decode_mut(key, &mut [0; 18]).ok(),
        _ => None,
    };
    match decoded {
        Some(16) => Ok(derive_accept_key(key)),
        _ => Err(Refusal::Malformed(rule)),
    }
}

/// Reads the origin (RFC 6454 section 7.3). `None` if there is no `Origin` header. An origin
/// that is not valid is refused, because no list can contain it.
fn origin(headers: &HeaderMap) -> Result<Option<Origin>, Refusal> {
    let rule = "exactly one origin is needed";
    if !headers.contains_key(header::ORIGIN) {
        return Ok(None);
    }
    let origin = text(one(headers, header::ORIGIN, rule)?)?;
    if origin.is_empty() || origin.matches("://").count() > 1 {
        return Err(Refusal::Malformed(rule));
    }
    Origin::parse(origin).map(Some).ok_or(Refusal::Origin)
}

/// Reads the token. If a request had two different tokens, a proxy could check one token, and
/// this server the other. So such a request is refused.
fn token<'a>(headers: &'a HeaderMap, query: &Query<'a>) -> Result<Option<Cow<'a, str>>, Refusal> {
    let twice = TOKEN_TWICE;
    let mut values = query.all("token");
    let in_query = values.next().cloned();
    if values.next().is_some() {
        return Err(Refusal::Malformed(twice));
    }
    let bearer = match headers.contains_key(header::AUTHORIZATION) {
        true => {
            let value = text(one(headers, header::AUTHORIZATION, twice)?)?;
            let (scheme, token) = value.split_once(' ').unwrap_or_default();
            scheme.eq_ignore_ascii_case("bearer").then_some(token)
        }
        false => None,
    };
    match (in_query, bearer) {
        (Some(query), Some(bearer)) if query != bearer => Err(Refusal::Malformed(
            "the address and the Authorization header show different tokens",
        )),
        (query, bearer) => {
            let token = query.or(bearer.map(Cow::Borrowed));
            Ok(token.filter(|token| !token.is_empty()))
        }
    }
}

/// Whether a header contains this word in its comma-separated list (RFC 9110 section 5.6.1).
/// The header may occur several times. Upper and lower case are equal.
fn lists(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let lines = headers.get_all(name);
    let mut words = lines
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    words.any(|listed| listed.trim().eq_ignore_ascii_case(word))
}

/// Returns the value of a header. The header must appear exactly once.
fn one<'a>(
    headers: &'a HeaderMap,
    name: impl AsHeaderName,
    rule: &'static str,
) -> Result<&'a HeaderValue, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        _ => Err(Refusal::Malformed(rule)),
    }
}

fn text(value: &HeaderValue) -> Result<&str, Refusal> {
    let rule = "a header that matters is not plain ASCII";
    value.to_str().map_err(|_| Refusal::Malformed(rule))
}
