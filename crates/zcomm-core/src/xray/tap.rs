//! An X-ray's eye on one connection.
//!
//! A tap is fed with what passes, as it passes, by the task that owns the connection; it takes
//! the bytes apart there and then, and hands on what it has seen. Nothing in here waits, and
//! nothing fails: what cannot be shown is counted.
//!
//! Whose connection it is becomes known only by the request in it. Until then a server's tap
//! keeps what it has seen, so that the page that made the connection can see it from its
//! first byte.
//!
//! Production has the same shape in its tracing: a span for each connection, and its events.

use std::{net::SocketAddr, time::Duration};

use crate::xray::printer::Xray;
use zcomm_xray::{Decoder, Direction, Event, EventKind, Open};

/// What is kept for the page: the beginning, the request and the response.
const BEGINNING: usize = 8;

impl Xray {
    /// Begins to watch a connection. Dropping the tap is its end.
    #[must_use]
    pub fn tap(&self, peer: Option<SocketAddr>, tls: bool) -> Tap {
        self.watch(peer, tls, Audience::Nobody)
    }

    /// The same for a connection that a page may want to see; say soon which, if any.
    pub(crate) fn tap_for_page(&self, peer: SocketAddr, tls: bool) -> Tap {
        self.watch(Some(peer), tls, Audience::Unknown(Vec::new()))
    }

    fn watch(&self, peer: Option<SocketAddr>, tls: bool, audience: Audience) -> Tap {
        let conn = self.next_connection();
        let time = self.time();
        let mut tap = Tap {
            session: Decoder::new(conn),
            show: Show {
                xray: self.clone(),
                audience,
                missed: 0,
            },
            conn,
            time,
            ended: false,
        };
        let open = Open { peer, tls };
        let show = &mut tap.show;
        tap.session.open(time, open, &mut |seen| show.see(seen));
        tap
    }
}

/// Watches one connection.
pub struct Tap {
    pub(crate) session: Decoder,
    show: Show,
    conn: u64,
    time: Duration,
    ended: bool,
}

/// Everybody who sees it.
struct Show {
    xray: Xray,
    audience: Audience,
    /// Frames that the page has missed and does not know of.
    missed: u64,
}

/// Who sees this connection, beside whoever sees them all.
enum Audience {
    Nobody,
    /// Somebody may come, and see this first.
    Unknown(Vec<Event>),
    Page(Watcher),
}

/// Is called with each event, in the connection's own task: it must not wait.
pub(crate) type Watcher = Box<dyn FnMut(&Event) + Send>;

impl Tap {
    /// The number of the connection in the events.
    #[must_use]
    pub fn conn(&self) -> u64 {
        self.conn
    }

    /// The time on the latest events: that of whatever was done last.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.time
    }

    /// These bytes have passed. Never waits.
    pub fn passed(&mut self, from: Direction, bytes: &[u8]) {
        if bytes.is_empty() || self.ended {
            return;
        }
        let time = self.show.xray.time();
        self.time = time;
        let show = &mut self.show;
        let hidden = match show.xray.may_show() {
            false => self.session.follow(from, bytes),
            true => {
                // The first is paid for; a piece may have thousands.
                let (mut paid, mut hidden) = (true, 0);
                let see = &mut |seen| {
                    let shown = std::mem::take(&mut paid) || (hidden == 0 && show.xray.may_show());
                    match shown {
                        true => show.see(seen),
                        false => hidden += 1,
                    }
                };
                let begun_hidden = self.session.feed(time, from, bytes, see);
                hidden + begun_hidden
            }
        };
        show.missed += hidden;
        show.xray.missing(hidden);
    }

    /// Who wants to see this connection: it gets all that was seen, and will be.
    pub(crate) fn show_to(&mut self, page: Option<Watcher>) {
        let audience = std::mem::replace(&mut self.show.audience, Audience::Nobody);
        let Some(mut see) = page else { return };
        if let Audience::Unknown(seen) = audience {
            seen.iter().for_each(&mut see);
        }
        self.show.audience = Audience::Page(see);
    }

    /// Nobody wants to see this one: it shows an X-ray.
    pub(crate) fn leave(mut self) {
        let (time, conn) = (self.show.xray.time(), self.conn);
        self.show.see(Event::of(time, conn, EventKind::Viewer {}));
        self.ended = true;
    }

    /// The connection has ended; so it has when the tap is dropped.
    pub fn ended(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let time = self.show.xray.time();
        self.time = time;
        let show = &mut self.show;
        self.session.finish(time, &mut |seen| show.see(seen));
    }
}

impl Show {
    fn see(&mut self, seen: Event) {
        match &mut self.audience {
            Audience::Nobody => {}
            Audience::Unknown(kept) if kept.len() < BEGINNING => kept.push(seen.clone()),
            Audience::Unknown(_) => self.missed += 1,
            Audience::Page(see) => {
                let frames = std::mem::take(&mut self.missed);
                if frames > 0 {
                    see(&Event::of(
                        seen.time,
                        seen.conn,
                        EventKind::NotShown { frames },
                    ));
                }
                see(&seen);
            }
        }
        self.xray.send(seen);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.ended();
    }
}
