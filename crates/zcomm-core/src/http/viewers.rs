//! Pages that read the X-ray of their own connections.
//!
//! A page cannot read frames, not even the frames of its own connection. A server can read all
//! frames and send them to the page. With `--xray`, the server has an X-ray of every connection.
//! Without it, a server on loopback makes an X-ray of each connection that names an attempt and
//! comes from a page of this machine. Other connections do not change.
//!
//! An *attempt* is a random word that the page puts into the address of its connection. No other
//! page has this word. Each attempt has a log for the events of the connection.
//!
//! A *viewer* is a second connection of the page, to `/xray?watch=<attempt>`. The server sends the
//! log of this attempt, from the beginning, to the viewer. A viewer counts for the maximum number
//! of connections. But a viewer is not in the registry of clients, gets no broadcasts, and is not
//! counted in the metrics.
//!
//! The number and the size of the logs are limited. A new log over the limit evicts the oldest
//! log. The evicted log is freed when its last viewer leaves.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    access::{refusal::Refusal, why::is_attempt},
    clients::registry::{Clients, Membership},
    hub::{
        cursor::Cursor,
        log::{Hub, HubLimits},
    },
    metrics::counters::Metrics,
    xray::{Xray, gap, tap::Watcher},
};

/// The maximum number of logs: two for each learner in a class of 32. The logs of refused
/// attempts have a separate limit, so that refused attempts cannot evict the logs of clients.
const LOGS: usize = 64;
const LOGS_OF_REFUSED: usize = 8;

/// The limits of one log. The 64 logs together have at most 16 MiB.
const LIMITS: HubLimits = HubLimits {
    entries: 500,
    bytes: 256 * 1024,
    message_bytes: 256 * 1024,
};

/// The logs, and the pages that read them.
pub(crate) struct Viewers {
    logs: Mutex<Logs>,
    pub(crate) clients: Clients,
    /// Whether every connection has an X-ray already.
    pub(crate) show_all: bool,
    /// The X-ray for the connections of pages, if `show_all` is false.
    pub(crate) xray: Xray,
    /// The counters of the viewers. No page and no monitor can read them.
    pub(crate) metrics: Arc<Metrics>,
}

/// Each log with its attempt, the oldest first.
#[derive(Default)]
struct Logs {
    admitted: VecDeque<(String, Hub)>,
    refused: VecDeque<(String, Hub)>,
}

impl Viewers {
    /// Makes an empty set of logs, for the connections of `clients`.
    pub(crate) fn beside(clients: &Clients, show_all: bool) -> Viewers {
        Viewers {
            logs: Mutex::default(),
            clients: clients.beside(),
            show_all,
            xray: Xray::for_pages(),
            metrics: Arc::new(Metrics::new()),
        }
    }

    /// Adds a viewer of the connection with this attempt. The viewer reads the log from the
    /// beginning.
    pub(crate) fn join(
        &self,
        attempt: Option<&str>,
        peer: SocketAddr,
    ) -> Result<(Membership, Cursor), Refusal> {
        let log = attempt.and_then(|attempt| self.log(attempt, true));
        let log = log.ok_or(Refusal::Malformed("watch must be one attempt"))?;
        let membership = self.clients.join(peer);
        let cursor = log.cursor_at(membership.client.info.id, 0);
        Ok((membership, cursor))
    }

    /// Returns the log of an attempt, or makes a new log. New logs of `admitted` clients and of
    /// refused clients have separate limits. Returns `None` if the attempt is not 16 to 64
    /// letters and digits, because a short word can be guessed.
    fn log(&self, attempt: &str, admitted: bool) -> Option<Hub> {
        if !is_attempt(attempt) {
            return None;
        }
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = logs.admitted.iter().chain(&logs.refused);
        if let Some((_, log)) = all.find(|(known, _)| known == attempt) {
            return Some(log.clone());
        }
        let (logs, places) = match admitted {
            true => (&mut logs.admitted, LOGS),
            false => (&mut logs.refused, LOGS_OF_REFUSED),
        };
        if logs.len() == places {
            logs.pop_front();
        }
        let log = Hub::with_gap_words(LIMITS, |first, last| gap(first, last).into());
        logs.push_back((attempt.to_owned(), log.clone()));
        Some(log)
    }

    /// Returns a function that writes the events of a connection into the log of its attempt. The
    /// function has only a weak reference to the log. With strong references, a thousand
    /// connections would keep a thousand logs in memory.
    pub(crate) fn watcher(&self, attempt: &str, admitted: bool) -> Option<Watcher> {
        let log = self.log(attempt, admitted)?.downgrade();
        Some(Box::new(move |seen| {
            let Some(log) = log.upgrade() else { return };
            // If the event is too long for the log, write a gap instead.
            if log.broadcast(seen.to_json()).is_err() {
                log.broadcast(gap(1, 1)).ok();
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xray::{Event, EventKind};
    use std::time::Duration;

    #[test]
    fn an_attempt_has_one_log_and_the_oldest_makes_room() {
        let viewers = Viewers::beside(&Clients::new(100), true);
        let attempt = |n: usize| format!("{n:032}");
        let first = viewers.log(&attempt(0), true).unwrap();
        assert!(first.is(&viewers.log(&attempt(0), true).unwrap()));
        for n in 1..64 {
            viewers.log(&attempt(n), true).unwrap();
        }
        assert!(first.is(&viewers.log(&attempt(0), true).unwrap()));
        for n in 1..=64 {
            viewers.log(&attempt(n), true).unwrap();
        }
        assert!(!first.is(&viewers.log(&attempt(0), true).unwrap()));
        let latest = viewers.log(&attempt(64), true).unwrap();
        assert!(latest.is(&viewers.log(&attempt(64), true).unwrap()));
    }

    /// An evicted log stays in memory only while a viewer reads it.
    #[test]
    fn a_log_that_made_room_lives_as_long_as_it_has_a_reader() {
        let viewers = Viewers::beside(&Clients::new(100), true);
        let attempt = |n: usize| format!("{n:032}");
        let watchers = [0, 1].map(|n| viewers.watcher(&attempt(n), true).unwrap());
        let logs = [0, 1].map(|n| viewers.log(&attempt(n), true).unwrap().downgrade());
        let reader = viewers
            .log(&attempt(1), true)
            .unwrap()
            .cursor_at(1.into(), 0);
        for n in 2..66 {
            viewers.log(&attempt(n), true).unwrap();
        }
        assert!(logs[0].upgrade().is_none());
        for mut see in watchers {
            see(&Event::of(Duration::ZERO, 1, EventKind::Viewer {}));
        }
        assert_eq!(logs[1].upgrade().unwrap().position(), 1);
        drop(reader);
        assert!(logs[1].upgrade().is_none());
    }

    #[test]
    fn who_is_refused_pushes_out_nobody_who_was_let_in() {
        let viewers = Viewers::beside(&Clients::new(100), true);
        let attempt = |n: usize| format!("{n:032}");
        let ours = viewers.log(&attempt(0), true).unwrap();
        for n in 1..=64 {
            viewers.log(&attempt(n), false).unwrap();
        }
        assert!(ours.is(&viewers.log(&attempt(0), true).unwrap()));
        // The log of the last refused attempt still exists, so its page can read the log.
        let refused = viewers.log(&attempt(64), false).unwrap();
        assert!(refused.is(&viewers.log(&attempt(64), true).unwrap()));
    }

    #[test]
    fn what_could_be_guessed_has_no_log() {
        let viewers = Viewers::beside(&Clients::new(100), true);
        assert!(viewers.log("1", true).is_none());
        assert!(viewers.log("0123456789abcde.", true).is_none());
        assert!(viewers.log("0123456789abcdef", true).is_some());
    }
}
