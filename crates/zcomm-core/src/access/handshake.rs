//! Who may connect: the checks of the opening handshake.
//!
//! A WebSocket begins as an HTTP request (RFC 6455 section 4). The [`Gate`] checks this request
//! before the connection is upgraded. The gate checks in this order: the rules of HTTP, the host,
//! the handshake headers, the limits, the origin, the query and the token. A request must pass
//! every check.
//!
//! - The check of the **host** stops DNS rebinding. In this attack, the attacker's domain name
//!   points at this machine. So for the browser, the attacker's page and this server have the
//!   same origin. But the `Host` header still contains the attacker's domain name.
//! - The check of the **origin** stops pages of other sites in our users' browsers.
//! - The check of the **token** stops every client that does not know the secret.
//!
//! A page cannot set headers on a WebSocket, so the token is in the address. Browser histories
//! and proxy logs store addresses, so the token can leak. In production, put a ticket into the
//! address instead of the token. A ticket is a secret that is valid only once, and not for long.

use std::net::SocketAddr;

use hyper::Method;

use crate::access::{
    origin::{Authority, Origin},
    query::Query,
    refusal::{Refusal, RefuseBy},
    request::Request,
    slots::Slot,
    token::{TokenPlace, Tokens},
};

/// What a server requires of its clients.
pub(crate) struct Gate {
    /// Origins that may connect, in addition to the server's own pages. `None` is the default.
    /// On loopback, the default allows the origin `null` (a page that was opened from a file), and
    /// the loopback origins with the server's port. On another address, the default allows only
    /// the server's own pages.
    pub(crate) origins: Option<Vec<Origin>>,
    /// The host names in the settings. The server accepts these names and its own addresses.
    pub(crate) hosts: Vec<Authority>,
    pub(crate) tokens: Tokens,
    pub(crate) token_place: TokenPlace,
    pub(crate) require_auth: bool,
    pub(crate) refuse: RefuseBy,
    /// Whether the server is bound to loopback. No other machine can reach such a server.
    pub(crate) loopback: bool,
    pub(crate) port: u16,
    /// Whether the server's own pages have the scheme `https`.
    pub(crate) tls: bool,
}

pub(crate) struct Admission {
    /// The value of the header `Sec-WebSocket-Accept` (RFC 6455 section 4.2.2).
    pub(crate) accept: String,
    pub(crate) caller: Caller,
    /// Set if the token is missing or wrong. The server accepts this WebSocket, and then closes
    /// it with 1008 and this reason.
    pub(crate) close_with: Option<Refusal>,
}

/// What a client says about itself in its handshake.
#[derive(Default)]
pub(crate) struct Caller {
    pub(crate) query: Query<'static>,
    /// The name of the person who owns the token. `None` without a token, or for a token without
    /// a name.
    pub(crate) name: Option<String>,
}

impl Caller {
    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_none() && self.query.is_empty()
    }
}

impl Gate {
    /// Checks an opening handshake. The router has already checked its path.
    pub(crate) fn judge(
        &self,
        request: &Request<'_>,
        local: SocketAddr,
        slot: &Slot,
    ) -> Result<Admission, Refusal> {
        self.check_host(request, local)?;
        if request.method != Method::GET {
            return Err(Refusal::Method);
        }
        let accept = request.accept.clone()?;
        if let Some(refusal) = slot.refusal {
            return Err(refusal);
        }
        self.check_origin(request)?;
        request.query_rules?;
        let token = match self.require_auth {
            true => self.check_token(request, slot),
            false => Ok(None),
        };
        let (name, close_with) = match token {
            Ok(name) => (name, None),
            Err(refusal) if refusal.row().status == 401 && self.refuse == RefuseBy::Close => {
                (None, Some(refusal))
            }
            Err(refusal) => return Err(refusal),
        };
        Ok(Admission {
            accept,
            caller: Caller {
                query: request.query.kept(),
                name,
            },
            close_with,
        })
    }

    /// Checks a request for the server's statistics, e.g. `/metrics`. Only this machine and
    /// clients with a token may read the statistics.
    ///
    /// A request is from *this machine* if three things are true:
    /// - The connection is from loopback.
    /// - The `Host` header names loopback.
    /// - No proxy forwarded the request.
    pub(crate) fn judge_reader(
        &self,
        request: &Request<'_>,
        peer: SocketAddr,
        slot: &Slot,
    ) -> Result<(), Refusal> {
        let host = request.host.as_ref().ok().and_then(Option::as_ref);
        let named_here = host.is_some_and(Authority::is_loopback);
        if peer.ip().to_canonical().is_loopback() && named_here && !request.is_forwarded() {
            return Ok(());
        }
        // Check the origin before the token. Otherwise, a page of another site could send wrong
        // tokens from its visitor's browser. These guesses would count for the visitor's address.
        self.check_origin(request)?;
        if request.is_cross_site() {
            return Err(Refusal::Origin);
        }
        match self.check_token(request, slot) {
            Ok(_) => Ok(()),
            Err(Refusal::TokenMissing(_)) => Err(Refusal::NotForAll),
            Err(refusal) => Err(refusal),
        }
    }

    /// Checks that a request is valid HTTP, and that its host is a name or an address of this
    /// server. An HTTP/1.0 request may have no host.
    pub(crate) fn check_host(
        &self,
        request: &Request<'_>,
        local: SocketAddr,
    ) -> Result<(), Refusal> {
        let host = request.host.as_ref().map_err(|refusal| *refusal)?;
        match host
            .as_ref()
            .is_none_or(|host| self.answers_for(host, local))
        {
            true => Ok(()),
            false => Err(Refusal::Host),
        }
    }

    /// Whether `host` names this server: `host` must be the address that the client reached, or
    /// a name from the settings. If the client reached a loopback address, `host` may also be
    /// `localhost`, `127.0.0.1` or `[::1]`.
    fn answers_for(&self, host: &Authority, local: SocketAddr) -> bool {
        let reached = SocketAddr::new(local.ip().to_canonical(), local.port());
        // This check takes the most time, so the closure runs only if the other checks fail.
        let is_reached = || Authority::parse(&reached.to_string(), 80).as_ref() == Some(host);
        let is_loopback = reached.ip().is_loopback() && host.is_loopback();
        let is_listed = self.hosts.iter().any(|known| {
            let any_port = known.port == 0 && host.port == self.port;
            known.host == host.host && (known.port == host.port || any_port)
        });
        (is_loopback && host.port == self.port) || is_listed || is_reached()
    }

    /// Checks the origin of the page that sent the request. A request without an origin is
    /// accepted, because such a request usually comes from a program, not from a browser.
    fn check_origin(&self, request: &Request<'_>) -> Result<(), Refusal> {
        match request.origin.as_ref().map_err(|refusal| *refusal)? {
            Some(origin) if !self.allows_origin(origin, request) => Err(Refusal::Origin),
            _ => Ok(()),
        }
    }

    /// Whether a page of this origin may connect. The server's own pages may always connect.
    pub(crate) fn allows_origin(&self, origin: &Origin, request: &Request<'_>) -> bool {
        let host = request.host.as_ref().ok().and_then(Option::as_ref);
        if host.is_some_and(|host| origin.is_page_of(host, self.tls)) {
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

    /// Checks the token. Returns the name of the token's owner, or `None` for a token without a
    /// name. A wrong token is counted for the client address.
    ///
    /// The right token is always accepted, even if the client address has sent many wrong tokens.
    /// Many clients can share an address: all clients behind one router, or all pages in the
    /// browsers of this machine. If wrong tokens blocked an address, any page could lock out
    /// the owner of the right token. So only the answers to wrong tokens are delayed: see
    /// [`GUESS_DELAY`](super::slots::GUESS_DELAY).
    fn check_token(&self, request: &Request<'_>, slot: &Slot) -> Result<Option<String>, Refusal> {
        let token = request.token.as_ref().map_err(|refusal| *refusal)?;
        let place = self.token_place;
        let token = token.as_ref().ok_or(Refusal::TokenMissing(place))?;
        self.tokens
            .whose(token)
            .ok_or_else(|| match slot.allows_a_wrong_token() {
                true => Refusal::TokenWrong(place),
                false => Refusal::TooManyWrongTokens,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(loopback: bool) -> Gate {
        Gate {
            origins: None,
            hosts: Vec::new(),
            tokens: Tokens {
                shared: None,
                own: None,
                named: Vec::new(),
            },
            token_place: TokenPlace::Setting,
            require_auth: false,
            refuse: RefuseBy::Close,
            loopback,
            port: 8765,
            tls: false,
        }
    }

    fn asked(host: &str) -> hyper::Request<()> {
        let request = hyper::Request::builder().header("host", host);
        request.body(()).unwrap()
    }

    /// The server must refuse `Host: localhost` in a request from another machine.
    #[test]
    fn o14_a_name_of_loopback_counts_only_where_the_client_reached_loopback() {
        for (reached, host, accepted) in [
            ("127.0.0.1:8765", "localhost:8765", true),
            ("127.0.0.1:8765", "[::1]:8765", true),
            ("127.0.0.2:8765", "localhost:8765", true),
            ("[::1]:8765", "127.0.0.1:8765", true),
            ("[::ffff:127.0.0.1]:8765", "localhost:8765", true),
            ("127.0.0.1:8765", "localhost:8766", false),
            ("127.0.0.1:8765", "localhost", false),
            ("127.0.0.1:8765", "192.168.1.5:8765", false),
            ("192.168.1.5:8765", "192.168.1.5:8765", true),
            ("[::ffff:192.168.1.5]:8765", "192.168.1.5:8765", true),
            ("192.168.1.5:8765", "localhost:8765", false),
            ("192.168.1.5:8765", "127.0.0.1:8765", false),
            ("192.168.1.5:8765", "[::1]:8765", false),
            ("[2001:db8::5]:8765", "localhost:8765", false),
            ("192.168.1.5:8765", "192.168.1.5:8766", false),
            ("192.168.1.5:8765", "192.168.1.6:8765", false),
        ] {
            let request = asked(host);
            let request = Request::parse(&request, false);
            let expected = if accepted { Ok(()) } else { Err(Refusal::Host) };
            for loopback in [true, false] {
                let judged = gate(loopback).check_host(&request, reached.parse().unwrap());
                assert_eq!(judged, expected, "{host} at {reached}");
            }
        }
    }

    #[test]
    fn o04_without_a_list_only_loopback_pages_of_the_servers_port_are_allowed() {
        for (origin, on_loopback, elsewhere) in [
            ("http://board.local:8765", true, true),
            ("http://localhost:8765", true, false),
            ("http://127.0.0.1:8765", true, false),
            ("http://[::1]:8765", true, false),
            ("https://localhost:8765", true, false),
            ("null", true, false),
            ("http://localhost:8766", false, false),
            ("http://localhost", false, false),
            ("http://127.0.0.1:80", false, false),
            ("http://board.local:8766", false, false),
            ("https://board.local:8765", false, false),
            ("http://evil.example:8765", false, false),
        ] {
            let request = asked("board.local:8765");
            let request = Request::parse(&request, false);
            let page = Origin::parse(origin).unwrap();
            let allowed =
                [true, false].map(|loopback| gate(loopback).allows_origin(&page, &request));
            assert_eq!(allowed, [on_loopback, elsewhere], "{origin}");
        }
    }
}
