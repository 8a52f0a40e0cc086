//! Who may connect: the opening handshake, check by check.
//!
//! A WebSocket begins as an HTTP request (RFC 6455 section 4). Neither hyper nor
//! tungstenite asks whether it is a *good* one: together they accept two `Host` lines, two
//! keys, a body. So this file checks the request before anything is upgraded, as a pure
//! function from request to answer, in this order: HTTP → host → form of the handshake →
//! limit → origin → token. Each check stands by itself; being right in one excuses nothing in another.
//!
//! - **Host** keeps out a page that has its own name point at this machine (DNS
//!   rebinding): the browser then thinks the page is ours, but its `Host` gives it away.
//! - **Origin** keeps out other sites' pages in our users' browsers.
//! - **Token** keeps out everybody else.
//!
//! A token in an address ends up in histories and proxy logs; browsers leave no better
//! place, since a page cannot set headers. Production sends a short-lived one-time ticket
//! there, and the real token by other means.

use std::net::SocketAddr;

use hyper::{HeaderMap, Method, Request, Version, header};

use crate::access::{
    headers::{lists, one, origin_of, shown_token, text},
    origin::{Authority, Origin},
    query::Asked,
    refusal::{Refusal, Refuse},
    slots::Slot,
    token::Tokens,
};

/// The longest request target (bytes).
const MAX_TARGET: usize = 4096;

/// What a server asks of its clients.
pub(crate) struct Gate {
    pub(crate) origins: Option<Vec<Origin>>,
    pub(crate) hosts: Vec<Authority>,
    /// The tokens that may be shown.
    pub(crate) tokens: Tokens,
    /// Whether a client must show one.
    pub(crate) require_auth: bool,
    pub(crate) refuse: Refuse,
    /// Bound to loopback only: nobody but this machine can reach the server.
    pub(crate) loopback: bool,
    pub(crate) port: u16,
    /// Pages of this server come over `https://`.
    pub(crate) tls: bool,
}

/// A handshake to be completed.
pub(crate) struct Admission {
    /// For `Sec-WebSocket-Accept` (RFC 6455 section 4.2.2).
    pub(crate) accept: String,
    /// Set for a client that is let in only to be told, by close 1008, why it is not.
    pub(crate) close_with: Option<Refusal>,
    pub(crate) asked: Asked,
}

impl Gate {
    /// Checks what every request must fulfil, page or WebSocket. Returns the host it names.
    pub(crate) fn check_request<B>(
        &self,
        request: &Request<B>,
        local: SocketAddr,
    ) -> Result<Authority, Refusal> {
        let headers = request.headers();
        if request.version() != Version::HTTP_11 {
            return Err(Refusal::HttpVersion);
        }
        let length = headers.get_all(header::CONTENT_LENGTH);
        if headers.contains_key(header::TRANSFER_ENCODING) || length.iter().any(|n| n != "0") {
            return Err(Refusal::Malformed("this request must not have a body"));
        }
        let target = request.uri();
        if target.path().len() + target.query().map_or(0, str::len) > MAX_TARGET {
            return Err(Refusal::UriTooLong);
        }
        let host = text(one(
            headers,
            header::HOST,
            "exactly one Host header is needed",
        )?)?;
        let default_port = if self.tls { 443 } else { 80 };
        let host = Authority::parse(host, default_port).ok_or(Refusal::Malformed(
            "the Host header must be a host and a port",
        ))?;
        // RFC 9112 section 3.2.2: a target with a host in it names the host, too.
        let named = target
            .authority()
            .map(|authority| Authority::parse(authority.as_str(), default_port));
        let others_agree = named.is_none_or(|named| named.as_ref() == Some(&host));
        if !others_agree || !self.answers_for(&host, local) {
            return Err(Refusal::Host);
        }
        Ok(host)
    }

    /// Whether a host is this server: loopback by name, the very address that was reached,
    /// or a name from the settings.
    fn answers_for(&self, host: &Authority, local: SocketAddr) -> bool {
        let reached = SocketAddr::new(local.ip().to_canonical(), local.port());
        let reached = Authority::parse(&reached.to_string(), 80);
        let this_machine = reached.as_ref() == Some(host)
            || (host.port == self.port
                && host.is_loopback()
                && local.ip().to_canonical().is_loopback());
        let listed = |known: &Authority| {
            let port = if known.port == 0 {
                self.port
            } else {
                known.port
            };
            known.host == host.host && (port == host.port)
        };
        this_machine || self.hosts.iter().any(listed)
    }

    /// Whether a page from this origin may talk to us, when it reached us as `host`.
    pub(crate) fn allows_origin(&self, origin: &Origin, host: &Authority) -> bool {
        if origin.is_page_of(host, self.tls) {
            return true;
        }
        match &self.origins {
            Some(list) => list.contains(origin),
            None if !self.loopback => false,
            None => {
                *origin == Origin::Null
                    || (origin.is_loopback() && origin.port() == Some(self.port))
            }
        }
    }

    /// Checks an opening handshake. The caller has checked the request and the path.
    pub(crate) fn check_handshake<B>(
        &self,
        request: &Request<B>,
        host: &Authority,
        slot: &Slot,
    ) -> Result<Admission, Refusal> {
        if request.method() != Method::GET {
            return Err(Refusal::Method);
        }
        let accept = well_formed(request.headers())?;
        if let Some(refusal) = slot.refusal {
            return Err(refusal);
        }
        if let Some(origin) = origin_of(request.headers())?
            && !self.allows_origin(&origin, host)
        {
            return Err(Refusal::Origin);
        }
        let (bound_name, close_with) = match self.check_token(request, slot) {
            Ok(name) => (name, None),
            Err(refusal) if refusal.status() == 401 && self.refuse == Refuse::Close => {
                (None, Some(refusal))
            }
            Err(refusal) => return Err(refusal),
        };
        Ok(Admission {
            accept,
            close_with,
            asked: Asked::new(request.uri().query(), bound_name),
        })
    }

    /// The name that belongs to the token, if one does.
    fn check_token<B>(&self, request: &Request<B>, slot: &Slot) -> Result<Option<String>, Refusal> {
        match self.require_auth {
            true => self.check_shown_token(request, slot),
            false => Ok(None),
        }
    }

    /// The same where a token is needed, whatever is asked of clients. Wrong ones are counted
    /// together, wherever they are shown.
    pub(crate) fn check_shown_token<B>(
        &self,
        request: &Request<B>,
        slot: &Slot,
    ) -> Result<Option<String>, Refusal> {
        let shown = shown_token(request)?.ok_or(Refusal::TokenMissing)?;
        if !slot.may_show_a_token() {
            return Err(Refusal::TooManyWrongTokens);
        }
        self.tokens.whose(&shown).ok_or_else(|| {
            slot.showed_a_wrong_token();
            Refusal::TokenWrong
        })
    }
}

/// The rules of RFC 6455 section 4.2.1. Returns the value for `Sec-WebSocket-Accept`.
fn well_formed(headers: &HeaderMap) -> Result<String, Refusal> {
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
    match data_encoding::BASE64.decode(key) {
        Ok(bytes) if bytes.len() == 16 => {
            Ok(tokio_tungstenite::tungstenite::handshake::derive_accept_key(key))
        }
        _ => Err(Refusal::Malformed(rule)),
    }
}
