//! Decides which answer each path gets: a page, metrics, a refusal, or a WebSocket.
//!
//! A learner who types the server's address into a browser gets the lesson's page. A monitor
//! asks `/healthz` and `/metrics`. A page asks `/stats` and, after a refusal, `/why`.
//!
//! `/metrics` can show the names of rooms, and when people come and go. So the gate
//! (`access/handshake`) decides who may read `/metrics`.
//!
//! In production, another server serves the pages, and the WebSocket port answers 426 to every
//! request that is not for a WebSocket.

use std::{net::SocketAddr, sync::Arc};

use hyper::{Method, StatusCode, header::HeaderValue};
use serde::Serialize;

use crate::{
    access::{
        handshake::{Caller, Gate},
        origin::Origin,
        refusal::Refusal,
        request::Request,
        why::Why,
    },
    clients::registry::{Clients, Membership},
    http::{
        accepted::Accepted,
        page::Page,
        response::{Answer, allow_page, health, json, mark, ok, plain, switching_protocols},
        viewers::Viewers,
    },
    hub::{cursor::Cursor, log::Hub},
    metrics::{
        counters::Metrics,
        prometheus::{Sources, TEXT_FORMAT},
        reports::Reports,
    },
    wire::transport::{Handshake, Transport},
};

/// The state from which the router makes its answers.
pub(crate) struct Router {
    pub(crate) gate: Gate,
    pub(crate) page: Option<Page>,
    pub(crate) clients: Clients,
    pub(crate) hub: Hub,
    pub(crate) why: Why,
    /// Set if the server runs with an X-ray, or listens on loopback.
    pub(crate) viewers: Option<Viewers>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) reports: Reports,
    pub(crate) max_connections: usize,
    /// Whether `/stats` is as private as `/metrics`.
    pub(crate) private_stats: bool,
}

/// The role of a connection after the response 101 (Switching Protocols).
pub(crate) enum Guest {
    /// A client. The client joins the registry and the log before the response 101 is written. So
    /// a client that has read the 101 is counted and gets the next broadcast.
    Client(Membership, Cursor, Caller),
    /// A page that reads the X-ray of its other connection.
    Viewer(Membership, Cursor),
    /// A refused client. The server upgrades the connection, and then closes it with 1008 and a
    /// reason that the client can read.
    Refused(Refusal),
}

/// `/stats`: some numbers as JSON, for pages.
#[derive(Serialize)]
struct Stats {
    clients: usize,
    max_connections: usize,
    accepted: u64,
    refused: u64,
    broadcasts: u64,
    messages_received: u64,
    messages_sent: u64,
    uptime_seconds: u64,
}

impl Router {
    /// Answers a request. With a 101, also returns the role of the connection.
    pub(crate) fn answer(
        &self,
        request: &Request<'_>,
        accepted: &Accepted<'_>,
    ) -> (Answer, Option<Guest>) {
        let client = |caller| Ok(self.join_client(accepted, caller));
        let answer = match request.path {
            // With `/why`, a page asks why the server refused its handshake. Do no other check
            // here: the check that refused the handshake would also refuse this request. The
            // secret word of the attempt is enough, because no other page has this word.
            "/why" if request.method == Method::GET => Ok((self.why(request, accepted), None)),
            _ if accepted.plain_on_tls => Err(Refusal::PlainOnTls),
            "/ws" => self.upgrade(request, accepted, client),
            "/" if request.is_handshake() => self.upgrade(request, accepted, client),
            "/xray" => self.upgrade(request, accepted, |_| self.join_viewer(request, accepted)),
            _ => self
                .document(request, accepted)
                .map(|answer| (answer, None)),
        };
        answer.unwrap_or_else(|refusal| (self.refuse(request, refusal, accepted), None))
    }

    /// Upgrades a connection if the gate allows it. `join` adds the connection as a client or as
    /// a viewer.
    fn upgrade(
        &self,
        request: &Request<'_>,
        accepted: &Accepted<'_>,
        join: impl FnOnce(Caller) -> Result<Guest, Refusal>,
    ) -> Result<(Answer, Option<Guest>), Refusal> {
        let admission = self.gate.judge(request, accepted.local, accepted.slot)?;
        request.log_offers(accepted.peer);
        let guest = match admission.close_with {
            Some(refusal) => {
                self.metrics.refusals.add(refusal.row().word);
                self.why.note(request.attempt(), refusal);
                Guest::Refused(refusal)
            }
            None => join(admission.caller)?,
        };
        Ok((switching_protocols(&admission.accept), Some(guest)))
    }

    /// Adds a client to the registry and the hub.
    fn join_client(&self, accepted: &Accepted<'_>, caller: Caller) -> Guest {
        let took = accepted.since.elapsed().as_secs_f64();
        self.metrics.handshake_seconds.observe(took);
        let membership = self.clients.join(accepted.peer);
        let cursor = self.hub.cursor(membership.client.info.id);
        Guest::Client(membership, cursor, caller)
    }

    /// Adds a page that wants to read the X-ray of its other connection.
    fn join_viewer(
        &self,
        request: &Request<'_>,
        accepted: &Accepted<'_>,
    ) -> Result<Guest, Refusal> {
        let viewers = self.viewers_for(request).ok_or(Refusal::NoXray)?;
        let (membership, cursor) = viewers.join(request.query.only("watch"), accepted.peer)?;
        Ok(Guest::Viewer(membership, cursor))
    }

    /// Answers a request that is not a handshake.
    fn document(&self, request: &Request<'_>, accepted: &Accepted<'_>) -> Result<Answer, Refusal> {
        self.gate.check_host(request, accepted.local)?;
        // HEAD is like GET, but the response has no body.
        if request.method != Method::GET && request.method != Method::HEAD {
            return Err(Refusal::Method);
        }
        match request.path {
            "/healthz" => Ok(health(self.reports.health())),
            "/stats" => self.stats(request, accepted),
            "/metrics" => {
                self.gate
                    .judge_reader(request, accepted.peer, accepted.slot)?;
                let sources = Sources {
                    metrics: Arc::clone(&self.metrics),
                    clients: self.clients.clone(),
                    hub: self.hub.clone(),
                    reports: self.reports.clone(),
                };
                Ok(ok(TEXT_FORMAT, sources.text()))
            }
            // Every browser requests this icon, so a missing icon is not an error.
            "/favicon.ico" => Ok(plain(StatusCode::NO_CONTENT, "")),
            path => {
                let page = self.page.as_ref().and_then(|page| page.response(path));
                page.ok_or(Refusal::NotFound)
            }
        }
    }

    /// Answers `/stats`. Everyone may read `/stats`, unless the application made it private.
    fn stats(&self, request: &Request<'_>, accepted: &Accepted<'_>) -> Result<Answer, Refusal> {
        if self.private_stats {
            self.gate
                .judge_reader(request, accepted.peer, accepted.slot)?;
        }
        let (clients, sums) = self.clients.sums();
        let mut response = json(&Stats {
            clients,
            max_connections: self.max_connections,
            accepted: self.clients.accepted(),
            refused: self.metrics.refused(),
            broadcasts: self.hub.position(),
            messages_received: sums.texts + sums.binaries,
            messages_sent: sums.sent,
            uptime_seconds: self.metrics.started.elapsed().as_secs(),
        });
        // A page that may open a WebSocket here may also read `/stats`.
        if let Ok(Some(origin)) = &request.origin
            && !self.private_stats
            && self.gate.allows_origin(origin, request)
            && let Ok(value) = HeaderValue::try_from(origin.to_string())
        {
            allow_page(&mut response, value);
        }
        Ok(response)
    }

    /// Tells a page why its attempt was refused. The page can read the answer only once.
    fn why(&self, request: &Request<'_>, accepted: &Accepted<'_>) -> Answer {
        let noted = request.query_rules.and_then(|()| {
            let noted = request.attempt().and_then(|own| self.why.answer(own));
            noted.ok_or(Refusal::NotNoted)
        });
        // The body is always JSON, so a page can see that this is a server of the course.
        let mut response = json(&noted.unwrap_or_else(|refusal| refusal).row());
        if let Err(refusal) = noted {
            self.note_request(refusal, accepted);
            mark(&mut response, refusal);
        }
        // A page of any origin may read the answer, because the request contains the secret word
        // of the page's own attempt.
        allow_page(&mut response, HeaderValue::from_static("*"));
        response
    }

    /// The logs that the page of this request may read. Without `--xray`, only a page of this
    /// machine may read them, on a server that no other machine can reach.
    fn viewers_for(&self, request: &Request<'_>) -> Option<&Viewers> {
        let viewers = self.viewers.as_ref()?;
        let page = request.origin.as_ref().ok().and_then(Option::as_ref);
        let is_local = page.is_some_and(|page| *page == Origin::Null || page.is_loopback());
        (viewers.show_all || (is_local && !request.is_forwarded())).then_some(viewers)
    }

    /// The attempt of a handshake: the secret word with which a page may read the X-ray. `None`
    /// if this connection has no X-ray for a page.
    pub(crate) fn watchable(&self, request: &Request<'_>) -> Option<String> {
        self.viewers_for(request)?;
        let shown = request.is_handshake() && request.path != "/xray";
        request.attempt().filter(|_| shown).map(str::to_owned)
    }

    /// Writes the X-ray of a connection into the log of its attempt. The page reads this log. The
    /// connection of a viewer has no X-ray.
    pub(crate) fn watch(
        &self,
        mut stream: Transport,
        guest: Option<&Guest>,
        attempt: Option<String>,
        handshake: &Handshake,
        peer: SocketAddr,
    ) -> Transport {
        if let Some(Guest::Viewer(..)) = guest {
            return stream.unwatched();
        }
        let Some(viewers) = &self.viewers else {
            return stream;
        };
        let is_watchable = viewers.show_all || !handshake.response.is_empty();
        let admitted = matches!(guest, Some(Guest::Client(..)));
        // A connection without an attempt gets no log.
        let attempt = attempt.filter(|_| is_watchable);
        let page = attempt.and_then(|attempt| viewers.watcher(&attempt, admitted));
        if viewers.show_all {
            stream.show_to(page);
            return stream;
        }
        match page {
            Some(page) => stream.watched_by(page, &viewers.xray, peer, handshake),
            None => stream,
        }
    }
}
