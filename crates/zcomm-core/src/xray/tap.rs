//! The X-ray of one connection.
//!
//! The task that owns the connection passes all bytes that it reads or writes to a tap. The tap
//! decodes the bytes at once and queues the events. A tap never waits and never fails. Events
//! that cannot be shown are counted.
//!
//! The page that opened a connection may watch the X-ray of this connection. The request of
//! the connection says which page this is. Until the server has read the request, the tap
//! keeps the first events. So the page can show the connection from its first byte.

use std::{borrow::Cow, net::SocketAddr, time::Duration};

use crate::{text::hidden::hidden, xray::printer::Xray};
use zcomm_xray::{Decoder, Direction, Event, EventKind};

/// The number of events kept for the page. These events include the request and the response.
const KEPT_EVENTS: usize = 8;

impl Xray {
    /// Begins the X-ray of a connection. Dropping the tap ends the X-ray.
    #[must_use]
    pub fn tap(&self, peer: Option<SocketAddr>, tls: bool) -> Tap {
        self.open_tap(peer, tls, PageView::Closed)
    }

    /// Begins the X-ray of a connection that a page may watch. The tap keeps the first events
    /// for the page. Call [`Tap::show_to`] as soon as the page is known.
    pub(crate) fn tap_for_page(&self, peer: SocketAddr, tls: bool) -> Tap {
        self.open_tap(Some(peer), tls, PageView::Undecided(Vec::new()))
    }

    fn open_tap(&self, peer: Option<SocketAddr>, tls: bool, page: PageView) -> Tap {
        let conn = self.next_connection();
        let time = self.time();
        let mut tap = Tap {
            decoder: Decoder::new(conn),
            output: Output {
                xray: self.clone(),
                page,
                missed: 0,
            },
            conn,
            time,
            ended: false,
        };
        let output = &mut tap.output;
        tap.decoder
            .open(time, peer, tls, &mut |event| output.show(event));
        tap
    }
}

/// The X-ray of one connection.
pub struct Tap {
    pub(crate) decoder: Decoder,
    output: Output,
    conn: u64,
    time: Duration,
    ended: bool,
}

/// The receivers of one connection's events: the X-ray and perhaps a page.
struct Output {
    xray: Xray,
    page: PageView,
    /// The number of frames that the page has missed since its last event.
    missed: u64,
}

/// Whether a page watches this connection.
enum PageView {
    Closed,
    /// The page is not known yet. These events are kept for the page.
    Undecided(Vec<Event>),
    Open(Watcher),
}

/// A function that the connection's task calls with each event. The function must not wait.
pub(crate) type Watcher = Box<dyn FnMut(&Event) + Send>;

impl Tap {
    /// Returns the number of the connection in the events.
    #[must_use]
    pub fn conn(&self) -> u64 {
        self.conn
    }

    /// Returns the time of the latest events.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.time
    }

    /// Shows bytes that were sent in the direction `from`. Never waits.
    pub fn passed(&mut self, from: Direction, bytes: &[u8]) {
        if bytes.is_empty() || self.ended {
            return;
        }
        let time = self.output.xray.time();
        self.time = time;
        let output = &mut self.output;
        let hidden = match output.xray.may_show() {
            false => self.decoder.follow(from, bytes),
            true => {
                // `may_show` has counted only one event. But these bytes may contain thousands
                // of events, so call `may_show` again for each of the other events.
                let (mut paid, mut hidden) = (true, 0);
                let on_event = &mut |event| {
                    let may_show =
                        std::mem::take(&mut paid) || (hidden == 0 && output.xray.may_show());
                    match may_show {
                        true => output.show(event),
                        false => hidden += 1,
                    }
                };
                let begun_hidden = self.decoder.feed(time, from, bytes, on_event);
                hidden + begun_hidden
            }
        };
        output.missed += hidden;
        output.xray.count_missing(hidden);
    }

    /// Sets the page that watches this connection, or `None` if no page watches it. The page
    /// gets the events that were kept, and all later events.
    pub(crate) fn show_to(&mut self, page: Option<Watcher>) {
        let before = std::mem::replace(&mut self.output.page, PageView::Closed);
        let Some(mut watcher) = page else { return };
        if let PageView::Undecided(events) = before {
            events.iter().for_each(&mut watcher);
        }
        self.output.page = PageView::Open(watcher);
    }

    /// Ends the X-ray of a connection that sends X-ray events to a page. If this connection had
    /// an X-ray too, each event would cause another event.
    pub(crate) fn leave(mut self) {
        let (time, conn) = (self.output.xray.time(), self.conn);
        self.output
            .show(Event::of(time, conn, EventKind::Viewer {}));
        self.ended = true;
    }

    /// Shows the end of the connection. Dropping the tap shows the end too.
    pub fn ended(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let time = self.output.xray.time();
        self.time = time;
        let output = &mut self.output;
        self.decoder.finish(time, &mut |event| output.show(event));
    }
}

impl Output {
    fn show(&mut self, mut event: Event) {
        // Hide tokens before an output cuts a text: the start of a token would stay at the cut.
        event.replace_texts(|text| {
            if let Cow::Owned(shown) = hidden(text) {
                *text = shown;
            }
        });
        match &mut self.page {
            PageView::Closed => {}
            PageView::Undecided(kept) if kept.len() < KEPT_EVENTS => kept.push(event.clone()),
            PageView::Undecided(_) => self.missed += 1,
            PageView::Open(watcher) => {
                let frames = std::mem::take(&mut self.missed);
                if frames > 0 {
                    let missed = EventKind::NotShown { frames };
                    watcher(&Event::of(event.time, event.conn, missed));
                }
                watcher(&event);
            }
        }
        self.xray.send(event);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.ended();
    }
}
