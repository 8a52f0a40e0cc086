//! Who may connect: the opening handshake, check by check.
//!
//! A WebSocket begins as an HTTP request (RFC 6455 section 4). The [`Gate`] judges it before
//! anything is upgraded, in this order: HTTP, host, form of the handshake, limit, origin,
//! token. Each check stands alone: passing one excuses nothing in another.
//!
//! - **Host** stops a page whose name was made to point at this machine (DNS rebinding). The
//!   browser then takes the page for ours, but its `Host` header still has the other name.
//! - **Origin** stops pages of other sites in our users' browsers.
//! - **Token** stops every client that does not know the secret.
//!
//! A token in an address ends up in histories and proxy logs, but a page has no better place:
//! it cannot set headers. In production, send a short-lived one-time ticket there instead.

use std::net::SocketAddr;

use hyper::Method;

use crate::access::{
    origin::{Authority, Origin},
    query::Query,
    refusal::{Refusal, RefuseBy},
    request::Request,
    slots::Slot,
    token::Tokens,
};

/// What a server requires of its clients.
pub(crate) struct Gate {
    /// Origins that may connect beside the server's own pages; `None`: the loopback rule.
    pub(crate) origins: Option<Vec<Origin>>,
    /// Names that this server answers for beside its addresses.
    pub(crate) hosts: Vec<Authority>,
    pub(crate) tokens: Tokens,
    /// Whether a client must show a token.
    pub(crate) require_auth: bool,
    pub(crate) refuse: RefuseBy,
    /// Bound to loopback: no other machine can reach the server.
    pub(crate) loopback: bool,
    pub(crate) port: u16,
    /// The server's own pages have the scheme `https`.
    pub(crate) tls: bool,
}

/// A handshake that the gate lets through.
pub(crate) struct Admission {
    /// For `Sec-WebSocket-Accept` (RFC 6455 section 4.2.2).
    pub(crate) accept: String,
    pub(crate) caller: Caller,
    /// Set for a client that is upgraded only to be closed with 1008 and this reason.
    pub(crate) close_with: Option<Refusal>,
}

/// What a client said about itself in its handshake.
#[derive(Default)]
pub(crate) struct Caller {
    pub(crate) query: Query<'static>,
    /// The name that belongs to its token, if the token belongs to a person.
    pub(crate) name: Option<String>,
}

impl Caller {
    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_none() && self.query.is_empty()
    }
}

impl Gate {
    /// Judges an opening handshake. The caller has checked the path.
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

    /// Judges a request for figures. They are for this machine, and for holders of a token.
    ///
    /// *This machine* is three things together: the connection comes from it, the address names
    /// it, and no proxy forwarded the request.
    pub(crate) fn judge_reader(
        &self,
        request: &Request<'_>,
        peer: SocketAddr,
        slot: &Slot,
    ) -> Result<(), Refusal> {
        let named_here = request.host.as_ref().is_ok_and(Authority::is_loopback);
        if peer.ip().to_canonical().is_loopback() && named_here && !request.is_forwarded() {
            return Ok(());
        }
        // A page of another site must not spend its visitor's budget of wrong tokens.
        self.check_origin(request)?;
        if request.is_cross_site() {
            return Err(Refusal::Origin);
        }
        match self.check_token(request, slot) {
            Ok(_) => Ok(()),
            Err(Refusal::TokenMissing) => Err(Refusal::NotForAll),
            Err(refusal) => Err(refusal),
        }
    }

    /// Checks what every request must fulfil, page or WebSocket: HTTP, and the host it names.
    pub(crate) fn check_host(
        &self,
        request: &Request<'_>,
        local: SocketAddr,
    ) -> Result<(), Refusal> {
        let host = request.host.as_ref().map_err(|refusal| *refusal)?;
        match self.answers_for(host, local) {
            true => Ok(()),
            false => Err(Refusal::Host),
        }
    }

    /// Whether a host is this server: loopback by name, the address that the client reached,
    /// or a name from the settings.
    fn answers_for(&self, host: &Authority, local: SocketAddr) -> bool {
        let reached = SocketAddr::new(local.ip().to_canonical(), local.port());
        let is_reached = Authority::parse(&reached.to_string(), 80).as_ref() == Some(host);
        let is_loopback = reached.ip().is_loopback() && host.is_loopback();
        let is_listed = self.hosts.iter().any(|known| {
            let any_port = known.port == 0 && host.port == self.port;
            known.host == host.host && (known.port == host.port || any_port)
        });
        is_reached || (is_loopback && host.port == self.port) || is_listed
    }

    /// Whether the page that sent a request may talk to this server. A client that is no
    /// browser sends no origin and passes.
    fn check_origin(&self, request: &Request<'_>) -> Result<(), Refusal> {
        match request.origin.as_ref().map_err(|refusal| *refusal)? {
            Some(origin) if !self.allows_origin(origin, request) => Err(Refusal::Origin),
            _ => Ok(()),
        }
    }

    /// Whether a page of this origin may talk to this server, at the host it named.
    pub(crate) fn allows_origin(&self, origin: &Origin, request: &Request<'_>) -> bool {
        let host = request.host.as_ref();
        if host.is_ok_and(|host| origin.is_page_of(host, self.tls)) {
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

    /// Whether the request shows a valid token. Returns the name that belongs to it, if one
    /// does. Wrong tokens are counted by address, wherever they are shown.
    fn check_token(&self, request: &Request<'_>, slot: &Slot) -> Result<Option<String>, Refusal> {
        let token = request.token.as_ref().map_err(|refusal| *refusal)?;
        let token = token.as_ref().ok_or(Refusal::TokenMissing)?;
        if !slot.may_show_a_token() {
            return Err(Refusal::TooManyWrongTokens);
        }
        self.tokens.whose(token).ok_or_else(|| {
            slot.showed_a_wrong_token();
            Refusal::TokenWrong
        })
    }
}
