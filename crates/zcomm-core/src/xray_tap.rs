//! An X-ray's eye on one connection.
//!
//! A tap is fed with what passes, as it passes, by the task that owns the connection; it takes
//! the bytes apart there and then, and hands on what it has seen. Nothing in here waits, and
//! nothing fails: what cannot be shown is counted.
//!
//! Production has the same shape in its tracing: a span for each connection, and its events.

use std::{net::SocketAddr, time::Duration};

use crate::{xray_rules::Direction, xray_seen::Open, xray_session::Session, xray_show::Xray};

impl Xray {
    /// Begins to watch a connection. Dropping the tap is its end.
    #[must_use]
    pub fn tap(&self, peer: Option<SocketAddr>, tls: bool) -> Tap {
        let conn = self.next_connection();
        let (time, mut unseen) = (self.time(), 0);
        let mut tap = Tap {
            session: Session::new(conn),
            xray: self.clone(),
            conn,
            time,
            ended: false,
        };
        let open = Open { peer, tls };
        let see = &mut |seen| unseen += self.send(seen);
        tap.session.open(time, open, see);
        self.missing(unseen);
        tap
    }
}

/// Watches one connection.
pub struct Tap {
    pub(crate) session: Session,
    xray: Xray,
    conn: u64,
    time: Duration,
    ended: bool,
}

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
        if bytes.is_empty() {
            return;
        }
        let Tap { session, xray, .. } = self;
        let time = xray.time();
        self.time = time;
        let unseen = match xray.may_show() {
            false => session.follow(from, bytes),
            true => {
                // The first is paid for; a piece may have thousands.
                let (mut paid, mut unseen) = (true, 0);
                let see = &mut |seen| {
                    let shown = std::mem::take(&mut paid) || (unseen == 0 && xray.may_show());
                    unseen += if shown { xray.send(seen) } else { 1 };
                };
                let begun_unseen = session.feed(time, from, bytes, see);
                unseen + begun_unseen
            }
        };
        xray.missing(unseen);
    }

    /// The connection has ended; so it has when the tap is dropped.
    pub fn ended(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let Tap { session, xray, .. } = self;
        let time = xray.time();
        self.time = time;
        let mut unseen = 0;
        session.finish(time, &mut |seen| unseen += xray.send(seen));
        xray.missing(unseen);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.ended();
    }
}
