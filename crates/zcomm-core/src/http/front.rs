//! The HTTP side of the port: one request per connection, then it is a page or a WebSocket.
//!
//! A learner who types the server's address into a browser gets the lesson's page, not an
//! empty reply; a monitor asks `/healthz` and `/metrics`; a page asks `/stats` and, after a
//! refusal, `/why`. All of it goes through hyper, which answers broken requests with a status
//! instead of silence.
//!
//! One request per connection, on purpose: an idle HTTP connection would sit in a place
//! that a WebSocket could have. After the 101 hyper hands the socket back, and what the
//! client has already sent behind its request with it.
//!
//! Production puts pages on a server made for them; the WebSocket port then answers 426 to
//! everything else.

use std::{
    convert::Infallible,
    future::{poll_fn, ready},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response,
    body::Incoming,
    header::{HOST, HeaderValue, ORIGIN},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    access::{
        handshake::{Admission, Gate},
        headers::{attempts, instead_of_a_request, is_handshake, query_values},
        query::Asked,
        refusal::Refusal,
        slots::Slot,
        why::Why,
    },
    clients::registry::{Clients, Membership},
    http::{
        page::Page,
        response::{allow_page, empty, json, ok, refused, switching_protocols},
        statistics::Statistics,
        viewers::Viewers,
    },
    hub::{cursor::Cursor, log::Hub},
    metrics::counters::Metrics,
    protocol::message::excerpt,
    wire::{codec::linger, transport::Transport},
};

/// The largest request head (bytes) and the most headers; beyond it hyper answers 431.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// Everything an answer can depend on.
pub(crate) struct Front {
    pub(crate) gate: Gate,
    pub(crate) page: Option<Page>,
    pub(crate) clients: Clients,
    pub(crate) hub: Hub,
    pub(crate) why: Why,
    /// There with an X-ray.
    pub(crate) viewers: Option<Viewers>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) statistics: Statistics,
}

/// A connection whose handshake is done.
pub(crate) struct Upgraded {
    pub(crate) stream: Transport,
    /// What the client sent right behind its request.
    pub(crate) early: Vec<u8>,
    pub(crate) guest: Guest,
}

/// Who has got a 101.
pub(crate) enum Guest {
    /// A client: in the list and at the log from before its 101 is written, so that whoever
    /// has read the 101 is counted, and reached by the next broadcast.
    Client(Membership, Cursor, Asked),
    /// A page that looks at what an X-ray has seen of its other connection.
    Viewer(Membership, Cursor),
    /// Let in only to be told, by close 1008, why not.
    Refused(Refusal),
}

enum Answer {
    Respond(Response<Full<Bytes>>),
    /// A client; or a viewer, of this log.
    Admit(Admission, Option<Hub>),
}

/// What is known of a connection after its request.
#[derive(Default)]
struct Outcome {
    guest: Option<Guest>,
    /// By which its page knows it.
    attempt: Option<String>,
}

#[derive(Serialize)]
struct Reason {
    status: u16,
    reason: &'static str,
    help: &'static str,
}

impl Front {
    /// Answers the one request of a connection. `None` when it is done with that.
    pub(crate) async fn serve(
        &self,
        stream: Transport,
        peer: SocketAddr,
        local: SocketAddr,
        slot: &Slot,
        accepted: Instant,
    ) -> Option<Upgraded> {
        let outcome = Mutex::new(Outcome::default());
        let service = service_fn(|request| {
            let answer = self.decide(&request, peer, local, slot);
            let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
            outcome.attempt = self.may_be_shown(&request);
            let response = match answer {
                Ok(Answer::Respond(response)) => response,
                Ok(Answer::Admit(admission, log)) => {
                    let response = switching_protocols(&admission.accept);
                    outcome.guest = Some(self.admit(admission, log, peer, accepted));
                    response
                }
                Err(refusal) => self.refuse(&request, refusal, peer),
            };
            ready(Ok::<_, Infallible>(response))
        });
        let mut http = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            // Whoever has ended its side behind the request still waits for the answer.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service);
        let result = poll_fn(|context| http.poll_without_shutdown(context)).await;
        let http1::Parts { io, read_buf, .. } = http.into_parts();
        let mut stream = io.into_inner();
        if let Err(error) = result {
            match instead_of_a_request(&error, &read_buf, local) {
                Some(reason) => tracing::info!(%peer, reason, "handshake.rejected"),
                None => tracing::debug!(%peer, %error, "the client left before it had an answer"),
            }
        }
        let Outcome { guest, attempt } =
            outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
        match (&guest, &self.viewers, attempt) {
            (Some(Guest::Viewer(..)), ..) => stream = stream.unwatched(),
            (guest, Some(viewers), attempt) => {
                let admitted = matches!(guest, Some(Guest::Client(..)));
                viewers.show(&mut stream, attempt.as_deref(), admitted);
            }
            _ => {}
        }
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

    /// What to do with a request.
    fn decide(
        &self,
        request: &Request<Incoming>,
        peer: SocketAddr,
        local: SocketAddr,
        slot: &Slot,
    ) -> Result<Answer, Refusal> {
        let (path, method) = (request.uri().path(), request.method());
        if path == "/why" && method == Method::GET {
            // Whoever knows the attempt made it: no other check is needed, and one that
            // refused the handshake would refuse the question about it too.
            return Ok(Answer::Respond(self.why(request)));
        }
        let host = self.gate.check_request(request, local)?;
        let looks = path == "/xray";
        if looks || path == "/ws" || (path == "/" && is_handshake(request.headers())) {
            let admission = self.gate.check_handshake(request, &host, slot)?;
            let looks = looks && admission.close_with.is_none();
            let log = looks.then(|| self.to_look_at(request)).transpose()?;
            return Ok(Answer::Admit(admission, log));
        }
        let response = match path {
            // HEAD is GET without the body.
            _ if method != Method::GET && method != Method::HEAD => return Err(Refusal::Method),
            "/healthz" => Some(ok("text/plain; charset=utf-8", "ok\n")),
            "/stats" => {
                if self.statistics.private {
                    self.gate.check_reader(request, &host, peer, slot)?;
                }
                let (metrics, clients, hub) = (&self.metrics, &self.clients, &self.hub);
                let mut response = self.statistics.stats(metrics, clients, hub);
                if !self.statistics.private {
                    self.gate.share(&mut response, request, &host);
                }
                Some(response)
            }
            "/metrics" => {
                self.gate.check_reader(request, &host, peer, slot)?;
                Some(self.statistics.metrics())
            }
            // Browsers ask for it unasked; no icon is no error.
            "/favicon.ico" => Some(empty()),
            path => self.page.as_ref().and_then(|page| page.response(path)),
        };
        response.map(Answer::Respond).ok_or(Refusal::NotFound)
    }

    /// The log that a viewer wants to see.
    fn to_look_at(&self, request: &Request<Incoming>) -> Result<Hub, Refusal> {
        let viewers = self.viewers.as_ref().ok_or(Refusal::NoXray)?;
        viewers.wanted(&query_values(request.uri().query(), "watch"))
    }

    /// The attempt of a handshake that its page may look at.
    fn may_be_shown(&self, request: &Request<Incoming>) -> Option<String> {
        self.viewers.as_ref()?;
        let shown = is_handshake(request.headers()) && request.uri().path() != "/xray";
        match attempts(request).as_slice() {
            [attempt] if shown => Some(attempt.to_string()),
            _ => None,
        }
    }

    /// Lets a client in, before its 101 is written; one that looks at a log is a viewer.
    fn admit(
        &self,
        admission: Admission,
        log: Option<Hub>,
        peer: SocketAddr,
        accepted: Instant,
    ) -> Guest {
        if let Some(refusal) = admission.close_with {
            self.metrics.refusals.add(refusal.word());
            return Guest::Refused(refusal);
        }
        if let (Some(viewers), Some(log)) = (&self.viewers, log) {
            let membership = viewers.clients.join(peer);
            let cursor = log.cursor_at(membership.client.info.id, 0);
            return Guest::Viewer(membership, cursor);
        }
        let took = accepted.elapsed().as_secs_f64();
        self.metrics.handshake_seconds.observe(took);
        let membership = self.clients.join(peer);
        let cursor = self.hub.cursor(membership.client.info.id);
        Guest::Client(membership, cursor, admission.asked)
    }

    fn refuse(
        &self,
        request: &Request<Incoming>,
        refusal: Refusal,
        peer: SocketAddr,
    ) -> Response<Full<Bytes>> {
        let (status, reason) = (refusal.status(), refusal.reason());
        if !is_handshake(request.headers()) {
            tracing::info!(%peer, status, reason, "request.refused");
            return refused(refusal);
        }
        self.metrics.refusals.add(refusal.word());
        if let [attempt] = attempts(request).as_slice() {
            self.why.note(attempt, refusal);
        }
        // What to put on the list, if it shall be let in.
        let shown = |name| Some(excerpt(request.headers().get(name)?.to_str().ok()?));
        let host = shown(HOST).filter(|_| refusal == Refusal::Host);
        let origin = shown(ORIGIN).filter(|_| refusal == Refusal::Origin);
        tracing::info!(%peer, status, reason, host = host.map(tracing::field::debug), origin = origin.map(tracing::field::debug), "handshake.rejected");
        refused(refusal)
    }

    /// Tells a page what became of its attempt, once.
    fn why(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let known = match attempts(request).as_slice() {
            [attempt] => self.why.answer(attempt),
            _ => None,
        };
        let mut response = match known {
            Some(refusal) => json(&Reason {
                status: refusal.status(),
                reason: refusal.reason(),
                help: refusal.help(),
            }),
            None => refused(Refusal::NotNoted),
        };
        // Readable for any page: whoever knows the attempt made it.
        allow_page(&mut response, HeaderValue::from_static("*"));
        response
    }
}
