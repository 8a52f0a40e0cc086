//! What a request says: its headers, its query, its token.
//!
//! A header that decides something must be there once. Of two `Host` lines a proxy may read
//! the first and we the second, and then each of us checks something else. So nothing here
//! picks one of several: two are an error, and so are two tokens that differ.
//!
//! Production reads the same in the same way; how much it believes a proxy in front
//! (`Forwarded`) is a setting there.

use std::{borrow::Cow, net::SocketAddr};

use hyper::{
    HeaderMap, Request,
    header::{self, AsHeaderName},
};

use crate::access::{origin::Origin, refusal::Refusal};

/// Whether a request wants a WebSocket, be it a good handshake or a bad one.
pub(crate) fn is_handshake(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
        || headers.contains_key(header::SEC_WEBSOCKET_KEY)
        || headers.contains_key(header::SEC_WEBSOCKET_VERSION)
}

/// The origin of the page that asks, if there is one (RFC 6454 section 7.3). One that is not
/// in the plain form is on no list.
pub(crate) fn origin_of(headers: &HeaderMap) -> Result<Option<Origin>, Refusal> {
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

/// The token in `?token=` or in `Authorization: Bearer`. Two different ones are refused:
/// a proxy might have looked at the other.
pub(crate) fn shown_token<B>(request: &Request<B>) -> Result<Option<Cow<'_, str>>, Refusal> {
    let query = match query_values(request.uri().query(), "token").as_slice() {
        [] => None,
        [token] => Some(token.clone()),
        _ => return Err(Refusal::Malformed("the token was given twice")),
    };
    let bearer = match request.headers().contains_key(header::AUTHORIZATION) {
        true => {
            let value = one(
                request.headers(),
                header::AUTHORIZATION,
                "the token was given twice",
            )?;
            let (scheme, token) = text(value)?.split_once(' ').unwrap_or_default();
            scheme.eq_ignore_ascii_case("bearer").then_some(token)
        }
        false => None,
    };
    match (query, bearer) {
        (Some(query), Some(bearer)) if query != bearer => Err(Refusal::Malformed(
            "the address and the Authorization header show different tokens",
        )),
        (query, bearer) => Ok(query
            .or(bearer.map(Cow::Borrowed))
            .filter(|token| !token.is_empty())),
    }
}

/// Every value of a name in a query string, decoded once.
pub(crate) fn query_values<'a>(query: Option<&'a str>, name: &str) -> Vec<Cow<'a, str>> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .filter(|(known, _)| known == name)
        .map(|(_, value)| value)
        .collect()
}

/// Whether a header lists a token, over any number of lines, in any case (RFC 9110
/// section 5.6.1).
pub(crate) fn lists(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name);
    let mut tokens = lines
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    tokens.any(|listed| listed.trim().eq_ignore_ascii_case(token))
}

/// The value of a header that must be there exactly once.
pub(crate) fn one<'a>(
    headers: &'a HeaderMap,
    name: impl AsHeaderName,
    rule: &'static str,
) -> Result<&'a header::HeaderValue, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        _ => Err(Refusal::Malformed(rule)),
    }
}

/// The text of a header.
pub(crate) fn text(value: &header::HeaderValue) -> Result<&str, Refusal> {
    value
        .to_str()
        .map_err(|_| Refusal::Malformed("a header that matters is not plain ASCII"))
}

/// The attempts that a request names. One is meant; with several, one page could fill the
/// notes of all others, or read a refusal twice.
pub(crate) fn attempts<B>(request: &Request<B>) -> Vec<Cow<'_, str>> {
    query_values(request.uri().query(), "attempt")
}

/// Says in words what came instead of an HTTP request, if anything did.
pub(crate) fn instead_of_a_request(
    error: &hyper::Error,
    input: &[u8],
    local: SocketAddr,
) -> Option<String> {
    if input.starts_with(&[0x16, 0x03]) {
        let what =
            format!("this looks like TLS: use ws://{local}/, this port speaks plain WebSocket");
        return Some(what);
    }
    if input.starts_with(b"PRI * HTTP/2.0") {
        return Some("h2_preface: HTTP/2 is not spoken here, use HTTP/1.1".to_owned());
    }
    let broken = error.is_parse() || error.is_parse_too_large();
    broken.then(|| format!("not an HTTP request: {error}"))
}
