//! Decides where a client starts to read a log, and which messages the client will not get.
//!
//! A client that reconnects sends the last position that it saw, and the epoch of that
//! position. If the log still has all later messages, and they are at most 300, the server
//! sends exactly these messages. Otherwise the server sends a gap message, which names the lost
//! positions. After the gap message, the client starts like a new client.
//!
//! The decisions are pure functions, so a test can check every case.

use std::ops::Range;

use crate::envelope::{INBOX, SERVER_LOG, Seq, ServerMessage};

/// The maximum number of old messages that a new member of a room gets.
const HISTORY: u64 = 50;
/// The maximum number of missed messages that a client gets when it reconnects.
const MAX_REPLAY: u64 = 300;

/// The last position that a client saw: the epoch, and the number of messages up to this
/// position. `None` for a new client.
pub(crate) type Seen<'a> = Option<(&'a str, u64)>;

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

/// Returns where to start in the log of `room`. The log still has the positions in `held`.
pub(crate) fn start(room: &str, epoch: &str, held: Range<u64>, seen: Seen<'_>) -> Start {
    let end = held.end;
    let history = held.start.max(end.saturating_sub(HISTORY));
    let anew = |missed, gaps| Start {
        after: history,
        recovered: false,
        missed,
        gaps,
    };
    match seen {
        None => anew(0, vec![]),
        // This position does not exist yet, so the client cannot have missed messages.
        Some((seen_in, since)) if seen_in == epoch && since > end => anew(0, vec![]),
        Some((seen_in, since)) if seen_in == epoch => {
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
        Some((other, since)) => {
            let mut gaps = vec![gap(room, other, since, None)];
            gaps.extend((history > 0).then(|| gap(room, epoch, 0, Some(history - 1))));
            anew(end, gaps)
        }
    }
}

/// Returns where to start in the server's log, which has `end` messages, and the gap messages.
/// A client of this epoch gets at most the last 300 messages. Other clients start at the end.
pub(crate) fn server_log(epoch: &str, end: u64, seen: Seen<'_>) -> (u64, Vec<ServerMessage>) {
    match seen {
        None => (end, vec![]),
        Some((seen_in, since)) if seen_in == epoch => {
            let since = since.min(end);
            let after = since.max(end.saturating_sub(MAX_REPLAY));
            let lost = (since < after).then(|| gap(SERVER_LOG, epoch, since, Some(after - 1)));
            (after, lost.into_iter().collect())
        }
        Some((other, since)) => {
            let mut gaps = vec![gap(SERVER_LOG, other, since, None)];
            gaps.extend((end > 0).then(|| gap(SERVER_LOG, epoch, 0, Some(end - 1))));
            (end, gaps)
        }
    }
}

/// Returns where to start in an inbox that has `end` messages. If the old session was not
/// resumed, its inbox is lost, and this function also returns a gap message.
pub(crate) fn inbox(resumed: bool, end: u64, seen: Seen<'_>) -> (u64, Option<ServerMessage>) {
    if resumed {
        return (seen.map_or(0, |(_, since)| since), None);
    }
    let lost = seen.map(|(epoch, since)| gap(INBOX, epoch, since, None));
    (end, lost)
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

    fn from(held: Range<u64>, seen: Option<(&str, u64)>) -> Start {
        start("lobby", "now", held, seen)
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
        let log = |end, seen| server_log("now", end, seen);
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
        assert_eq!(inbox(true, 7, Some(("now", 5))), (5, None));
        assert_eq!(inbox(true, 7, None), (0, None));
        assert_eq!(inbox(false, 0, None), (0, None));
        for epoch in ["now", "then"] {
            let lost = Some(gap("@", epoch, 5, None));
            assert_eq!(inbox(false, 0, Some((epoch, 5))), (0, lost));
        }
    }
}
