//! What comes after a broken connection.
//!
//! A client that comes back says what it saw last: a position, and the epoch in which that
//! position was counted. Either the log still has everything behind it, and that is at most
//! 300 messages: then exactly those come. Otherwise the client starts like a new one, and is
//! told first which positions will never come. Between these two there is nothing: a chat
//! that is silent about what it lost cannot be trusted with what it has.
//!
//! The decision is a pure function, so that every case of it can be tested.
//!
//! Production offers the messages in the gap from an archive, by request.

use std::ops::Range;

use crate::envelope::{Seq, ServerMessage};

/// Messages that a client which joins is shown.
const HISTORY: u64 = 50;
/// Messages that one which comes back is sent; with more to read it is better off anew.
pub(crate) const MAX_REPLAY: u64 = 300;

/// How a reader of a room begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// So many messages of the log come no more; what is behind them does.
    pub(crate) after: u64,
    /// Everything that was missed comes, and nothing else.
    pub(crate) recovered: bool,
    /// Messages of this epoch that were missed.
    pub(crate) missed: u64,
    /// What will not come.
    pub(crate) gaps: Vec<ServerMessage>,
}

/// Where to begin in the log of `room` that holds these positions, for a client that has
/// seen `since` messages of an epoch, or nothing.
pub(crate) fn start(room: &str, epoch: &str, held: Range<u64>, seen: Option<(&str, u64)>) -> Start {
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
        // From the future: there is nothing that it could have missed.
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
            // Behind the ring, or too far: either way before what is shown to anybody.
            anew(missed, vec![gap(room, epoch, since, history - 1)])
        }
        Some((other, since)) => {
            let mut gaps = vec![whole_gap(room, other, since)];
            gaps.extend((history > 0).then(|| gap(room, epoch, 0, history - 1)));
            anew(end, gaps)
        }
    }
}

/// The gap over these positions of a log, the first and the last; on the wire they are
/// counted from 1.
pub(crate) fn gap(room: &str, epoch: &str, from: u64, to: u64) -> ServerMessage {
    ServerMessage::Gap {
        room: room.to_owned(),
        epoch: epoch.to_owned(),
        from: Seq(from + 1),
        to: Some(Seq(to + 1)),
    }
}

/// The gap from behind `seen` messages to the end of a log that is gone.
pub(crate) fn whole_gap(room: &str, epoch: &str, seen: u64) -> ServerMessage {
    ServerMessage::Gap {
        room: room.to_owned(),
        epoch: epoch.to_owned(),
        from: Seq(seen.saturating_add(1)),
        to: None,
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
    fn who_is_new_gets_the_last_50() {
        assert_eq!(from(0..0, None), anew(0, 0, vec![]));
        assert_eq!(from(0..7, None), anew(0, 0, vec![]));
        assert_eq!(from(0..80, None), anew(30, 0, vec![]));
        assert_eq!(from(60..80, None), anew(60, 0, vec![]));
    }

    #[test]
    fn who_comes_back_gets_exactly_what_was_missed_up_to_300() {
        assert_eq!(from(0..80, Some(("now", 80))), recovered(80, 0));
        assert_eq!(from(0..80, Some(("now", 79))), recovered(79, 1));
        assert_eq!(from(0..80, Some(("now", 0))), recovered(0, 80));
        assert_eq!(from(0..300, Some(("now", 0))), recovered(0, 300));
        assert_eq!(from(60..80, Some(("now", 60))), recovered(60, 20));
    }

    #[test]
    fn l23_who_was_away_too_long_is_told_what_will_not_come() {
        let lost = vec![gap("lobby", "now", 0, 250)];
        assert_eq!(from(0..301, Some(("now", 0))), anew(251, 301, lost));
        let lost = vec![gap("lobby", "now", 59, 59)];
        assert_eq!(from(60..80, Some(("now", 59))), anew(60, 21, lost));
    }

    #[test]
    fn l22_who_comes_from_the_future_starts_anew() {
        assert_eq!(from(0..80, Some(("now", 81))), anew(30, 0, vec![]));
        assert_eq!(from(0..80, Some(("now", u64::MAX))), anew(30, 0, vec![]));
    }

    #[test]
    fn l22_who_comes_from_another_epoch_is_told_that_it_is_over() {
        let lost = vec![whole_gap("lobby", "then", 12)];
        assert_eq!(from(0..7, Some(("then", 12))), anew(0, 7, lost));
        let lost = vec![
            whole_gap("lobby", "then", u64::MAX),
            gap("lobby", "now", 0, 29),
        ];
        assert_eq!(from(0..80, Some(("then", u64::MAX))), anew(30, 80, lost));
    }
}
