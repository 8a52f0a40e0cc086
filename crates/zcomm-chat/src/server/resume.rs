//! Decides where a client starts to read a log, and which messages the client will not get.
//!
//! A client that reconnects sends the last position that it saw, and the epoch of that
//! position. If the log still has all later messages, and they are at most 300, the server
//! sends exactly these messages. Otherwise the server sends a gap message, which names the lost
//! positions. After the gap message, the client starts like a new client.
//!
//! If several servers are one chat, the client also sends the digest of the message at its
//! position. If the log has another message at this position, messages that the client saw are
//! lost, and other messages have their positions. The server treats this like another epoch.
//!
//! The decisions are pure functions, so a test can check every case.

use std::ops::Range;

use serde::Deserialize;
use zcomm_core::{Hub, Message};

use crate::envelope::{Digest, INBOX, SERVER_LOG, Seen, Seq, ServerMessage};

/// The maximum number of old messages that a new member of a room gets.
const HISTORY: u64 = 50;
/// The maximum number of missed messages that a client gets when it reconnects.
const MAX_REPLAY: u64 = 300;

/// The last position that a client saw in a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Last<'a> {
    epoch: &'a str,
    /// The number of messages up to this position.
    seq: u64,
    /// Whether the log has another message at this position.
    differs: bool,
}

impl<'a> Last<'a> {
    /// Compares what a client has seen with this log.
    pub(crate) fn of(log: &Hub, epoch: &'a str, seen: Seen) -> Last<'a> {
        let seq = seen.seq.0;
        // Position 7 is the message with the index 6. If the log starts at index 7, it does not have
        // this message, but all messages after it. So the digest cannot be compared. Further before
        // the start, the client gets a gap message in any case.
        let shown = seen.digest.filter(|_| seq > log.held().start);
        Last {
            epoch,
            seq,
            differs: shown.is_some_and(|digest| digest_at(log, seq) != Some(digest)),
        }
    }

    /// Whether this is a position in the log of this epoch.
    pub(crate) fn is_in(&self, epoch: &str) -> bool {
        self.epoch == epoch && !self.differs
    }
}

/// The digest of the message at this position. `None` if the log does not have the message, or if
/// this server is alone.
pub(crate) fn digest_at(log: &Hub, seq: u64) -> Option<Digest> {
    #[derive(Deserialize)]
    struct Digested {
        digest: Option<Digest>,
    }
    match log.message(seq.checked_sub(1)?)? {
        Message::Text(text) => serde_json::from_str::<Digested>(&text).ok()?.digest,
        Message::Binary(_) => None,
    }
}

/// Where a client starts to read a room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The position of the first message to send.
    pub(crate) after: u64,
    /// Whether the client gets exactly the messages that it missed.
    pub(crate) recovered: bool,
    /// The number of missed messages in the current epoch of the room.
    pub(crate) missed: u64,
    /// The gap messages, which name the positions that will not be sent.
    pub(crate) gaps: Vec<ServerMessage>,
}

impl Start {
    /// The start of a client that reads the log already, and so misses nothing. The log ends at
    /// `end`.
    pub(crate) fn of_reader(end: u64) -> Start {
        Start {
            after: end,
            recovered: true,
            missed: 0,
            gaps: vec![],
        }
    }
}

/// Returns where to start in the log of `room`. The log still has the positions in `held`.
pub(crate) fn start(room: &str, epoch: &str, held: Range<u64>, last: Option<Last<'_>>) -> Start {
    let end = held.end;
    let history = held.start.max(end.saturating_sub(HISTORY));
    let anew = |missed, gaps| Start {
        after: history,
        recovered: false,
        missed,
        gaps,
    };
    let Some(last) = last else {
        return anew(0, vec![]);
    };
    let since = last.seq;
    match last.is_in(epoch) {
        // This position does not exist yet, so the client cannot have missed messages.
        true if since > end => anew(0, vec![]),
        true => {
            let missed = end - since;
            if since >= held.start && missed <= MAX_REPLAY {
                return Start {
                    after: since,
                    recovered: true,
                    missed,
                    gaps: vec![],
                };
            }
            // Send only the history. The gap names the missed messages before the history.
            anew(missed, vec![gap(room, epoch, since, Some(history - 1))])
        }
        false => {
            let mut gaps = vec![gap(room, last.epoch, since, None)];
            gaps.extend((history > 0).then(|| gap(room, epoch, 0, Some(history - 1))));
            anew(end, gaps)
        }
    }
}

/// Returns where to start in the server's log, which has `end` messages, and the gap messages.
/// A client of this epoch gets at most the last 300 messages. Other clients start at the end.
pub(crate) fn server_log(
    epoch: &str,
    end: u64,
    last: Option<Last<'_>>,
) -> (u64, Vec<ServerMessage>) {
    let Some(last) = last else {
        return (end, vec![]);
    };
    match last.is_in(epoch) {
        true => {
            let since = last.seq.min(end);
            let after = since.max(end.saturating_sub(MAX_REPLAY));
            let lost = (since < after).then(|| gap(SERVER_LOG, epoch, since, Some(after - 1)));
            (after, lost.into_iter().collect())
        }
        false => {
            let mut gaps = vec![gap(SERVER_LOG, last.epoch, last.seq, None)];
            gaps.extend((end > 0).then(|| gap(SERVER_LOG, epoch, 0, Some(end - 1))));
            (end, gaps)
        }
    }
}

/// Returns where to start in an inbox that has `end` messages. If the old session was not
/// resumed, its inbox is lost, and this function also returns a gap message.
pub(crate) fn inbox(
    resumed: bool,
    end: u64,
    last: Option<Last<'_>>,
) -> (u64, Option<ServerMessage>) {
    let lost = last.map(|last| gap(INBOX, last.epoch, last.seq, None));
    match last {
        // All messages that this inbox has are new to the client.
        Some(last) if resumed && last.differs => (0, lost),
        last if resumed => (last.map_or(0, |last| last.seq), None),
        _ => (end, lost),
    }
}

/// Makes a gap message. `from` and `to` are counted from 0, but the message counts from 1. `to`
/// is `None` if the log does not exist any more.
pub(crate) fn gap(room: &str, epoch: &str, from: u64, to: Option<u64>) -> ServerMessage {
    ServerMessage::Gap {
        room: room.to_owned(),
        epoch: epoch.to_owned(),
        from: Seq(from.saturating_add(1)),
        to: to.map(|to| Seq(to + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last((epoch, seq): (&str, u64)) -> Last<'_> {
        Last {
            epoch,
            seq,
            differs: false,
        }
    }

    fn from(held: Range<u64>, seen: Option<(&str, u64)>) -> Start {
        start("lobby", "now", held, seen.map(last))
    }

    fn anew(after: u64, missed: u64, gaps: Vec<ServerMessage>) -> Start {
        Start {
            after,
            recovered: false,
            missed,
            gaps,
        }
    }

    fn recovered(after: u64, missed: u64) -> Start {
        Start {
            after,
            recovered: true,
            missed,
            gaps: vec![],
        }
    }

    #[test]
    fn a_new_client_gets_the_last_50_messages() {
        assert_eq!(from(0..0, None), anew(0, 0, vec![]));
        assert_eq!(from(0..7, None), anew(0, 0, vec![]));
        assert_eq!(from(0..80, None), anew(30, 0, vec![]));
        assert_eq!(from(60..80, None), anew(60, 0, vec![]));
    }

    #[test]
    fn a_client_that_comes_back_gets_what_it_missed_up_to_300() {
        assert_eq!(from(0..80, Some(("now", 80))), recovered(80, 0));
        assert_eq!(from(0..80, Some(("now", 79))), recovered(79, 1));
        assert_eq!(from(0..80, Some(("now", 0))), recovered(0, 80));
        assert_eq!(from(0..300, Some(("now", 0))), recovered(0, 300));
        assert_eq!(from(60..80, Some(("now", 60))), recovered(60, 20));
    }

    #[test]
    fn l23_a_client_that_missed_too_much_gets_a_gap() {
        let lost = vec![gap("lobby", "now", 0, Some(250))];
        assert_eq!(from(0..301, Some(("now", 0))), anew(251, 301, lost));
        let lost = vec![gap("lobby", "now", 59, Some(59))];
        assert_eq!(from(60..80, Some(("now", 59))), anew(60, 21, lost));
    }

    #[test]
    fn l22_a_position_that_does_not_exist_yet_starts_anew() {
        assert_eq!(from(0..80, Some(("now", 81))), anew(30, 0, vec![]));
        assert_eq!(from(0..80, Some(("now", u64::MAX))), anew(30, 0, vec![]));
    }

    #[test]
    fn l22_another_epoch_is_a_gap_without_an_end() {
        let lost = vec![gap("lobby", "then", 12, None)];
        assert_eq!(from(0..7, Some(("then", 12))), anew(0, 7, lost));
        // This epoch has position 5, too, but with another message.
        let lost = vec![gap("lobby", "then", 5, None)];
        assert_eq!(from(0..7, Some(("then", 5))), anew(0, 7, lost.clone()));
        let ends = gap("lobby", "now", 0, Some(29));
        let lost = [lost, vec![ends]].concat();
        assert_eq!(from(0..80, Some(("then", 5))), anew(30, 80, lost));
        let lost = vec![
            gap("lobby", "then", u64::MAX, None),
            gap("lobby", "now", 0, Some(29)),
        ];
        assert_eq!(from(0..80, Some(("then", u64::MAX))), anew(30, 80, lost));
    }

    #[test]
    fn of_the_servers_log_the_last_300_messages_are_replayed() {
        let log = |end, seen: Option<_>| server_log("now", end, seen.map(last));
        assert_eq!(log(7, None), (7, vec![]));
        assert_eq!(log(7, Some(("now", 5))), (5, vec![]));
        assert_eq!(log(7, Some(("now", 8))), (7, vec![]));
        assert_eq!(log(302, Some(("now", 2))), (2, vec![]));
        let lost = vec![gap("*", "now", 1, Some(1))];
        assert_eq!(log(302, Some(("now", 1))), (2, lost));
        let lost = vec![gap("*", "then", 4, None)];
        assert_eq!(log(0, Some(("then", 4))), (0, lost));
        let lost = vec![gap("*", "then", 4, None), gap("*", "now", 0, Some(6))];
        assert_eq!(log(7, Some(("then", 4))), (7, lost));
    }

    #[test]
    fn an_inbox_belongs_to_its_session() {
        assert_eq!(inbox(true, 7, Some(last(("now", 5)))), (5, None));
        assert_eq!(inbox(true, 7, None), (0, None));
        assert_eq!(inbox(false, 0, None), (0, None));
        for epoch in ["now", "then"] {
            let lost = Some(gap("@", epoch, 5, None));
            assert_eq!(inbox(false, 0, Some(last((epoch, 5)))), (0, lost));
        }
    }

    /// A log of messages with these digests.
    fn log(digests: &[&str]) -> Hub {
        let log = Hub::default();
        for digest in digests {
            log.broadcast(format!(r#"{{"text":"x","digest":"{digest}"}}"#))
                .unwrap();
        }
        log
    }

    #[test]
    fn the_same_position_with_another_digest_is_a_position_in_another_log() {
        let log = log(&["aaaa0001", "aaaa0002", "aaaa0003"]);
        let of = |text: &str| Last::of(&log, "now", Seen::parse(text).unwrap());
        for same in ["2:aaaa0002", "3:aaaa0003", "2", "0", "4"] {
            assert!(!of(same).differs, "{same}");
        }
        // The log never had a position 4, but the client has seen one.
        for other in ["2:aaaa0003", "3:bbbb0003", "4:aaaa0003"] {
            assert!(of(other).differs, "{other}");
        }
        let lost = vec![gap("lobby", "now", 2, None)];
        let there = start("lobby", "now", 0..3, Some(of("2:bbbb0002")));
        assert_eq!(there, anew(0, 3, lost));
        let lost = vec![gap("*", "now", 2, None), gap("*", "now", 0, Some(2))];
        assert_eq!(server_log("now", 3, Some(of("2:bbbb0002"))), (3, lost));
        let lost = Some(gap("@", "now", 2, None));
        assert_eq!(inbox(true, 3, Some(of("2:bbbb0002"))), (0, lost));
    }

    /// The log does not have the message at position 7, but the message after it.
    #[test]
    fn a_digest_that_is_too_old_to_compare_is_no_evidence() {
        let log = Hub::default();
        log.restore(7, [Message::from(r#"{"digest":"aaaa0008"}"#)]);
        let of = |text: &str| Last::of(&log, "now", Seen::parse(text).unwrap());
        assert!(!of("6:bbbb0006").differs);
        assert!(!of("7:bbbb0007").differs);
        assert!(!of("8:aaaa0008").differs);
        assert!(of("8:bbbb0008").differs);
        // As without a digest, the client misses nothing.
        let there = start("lobby", "now", log.held(), Some(of("7:aaaa0007")));
        assert_eq!(there, recovered(7, 1));
    }
}
