//! The notes of a report: how reliable its numbers are, and what to try next.

use super::{load::DRAIN, report::Report, units::duration};
use crate::shared::{run::INTERRUPTED, text::counted};

/// The tool may have limited the results if its threads were busy for this share of the time.
const BUSY: f64 = 0.85;
/// If the tool used more CPU time than the server, this smaller share is enough for a note.
const BUSIER: f64 = 0.5;
/// If 1 % of the messages left later than this, an open loop did not keep its schedule
/// (nanoseconds).
pub(super) const LATE: u64 = 1_000_000;

impl Report {
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(code) = self.interrupted {
            // The exit code of a signal is 128 plus its number.
            let signal = match code {
                INTERRUPTED => "Ctrl-C".to_owned(),
                code => format!("signal {}", code - 128),
            };
            notes.push(format!(
                "PARTIAL: ended by {signal} after {:.1} s of {} s.",
                self.seconds,
                self.plan.duration.as_secs_f64()
            ));
        }
        notes.extend(self.nothing_received());
        let (lost, expected) = (self.lost(), self.expected);
        if lost > 0 {
            let when = match self.timed_out {
                true => format!("{} s after the end", DRAIN.as_secs_f64()),
                false => "when the connections ended".into(),
            };
            notes.push(format!(
                "{lost} of {expected} messages were not back {when}: they count as lost."
            ));
        }
        notes.extend(self.own_limit());
        notes.extend(self.schedule());
        if (1..1000).contains(&self.tally.latency.len()) {
            notes.push("Fewer than 1,000 messages: p99.9 is the slowest of them.".into());
        }
        if self.tally.repeated > 0 {
            let messages = counted(self.tally.repeated, "message");
            notes.push(format!(
                "{messages} came twice, or came after a message that was sent later."
            ));
        }
        notes
    }

    fn nothing_received(&self) -> Option<String> {
        let tally = &self.tally;
        if !tally.latency.is_empty() || self.opened == 0 || !tally.failures.is_empty() {
            return None;
        }
        let note = match (tally.other, self.plan.fanout) {
            // Other messages came. These messages are usually errors from the server.
            (1.., _) => {
                "No message came back, but other messages came: zcomm connect shows them. If the \
                 server limits each client, start it with WEBSOCKET_RATE_LIMIT=off; if it wants \
                 JSON, use --hello and --template."
            }
            (0, false) => {
                "No message came back. Does this server send a message back to its sender? If it \
                 sends to the other clients, use --fanout; if it wants JSON, use --template."
            }
            (0, true) => {
                "No message came back. Does this server send a message to the other clients? If it \
                 answers the sender, leave out --fanout; if it wants JSON, use --template."
            }
        };
        Some(note.into())
    }

    /// Returns a note if this tool, and not the server, may have limited the results.
    pub(super) fn own_limit(&self) -> Option<String> {
        let threads = self.plan.threads();
        let (own, share) = (self.own_cores, self.own_cores / threads as f64);
        let more = threads + 1;
        let threads = counted(threads as u64, "thread");
        if share >= BUSY {
            return Some(format!(
                "This tool used {own:.2} cores with {threads}: this tool may have limited the result, and the server \
                 may be faster. Try --threads {more}, if this machine has a free core."
            ));
        }
        // If other programs run on this machine, a thread may not get a whole core. So a smaller
        // share is enough for a note when the tool used more cores than the server.
        let server = self.server_cores;
        (self.server.is_some() && share >= BUSIER && own > server).then(|| {
            format!(
                "This tool used {own:.2} cores with {threads}, and the server {server:.2}: if other programs run \
                 on this machine, the tool may have limited the result, and the server may be faster."
            )
        })
    }

    /// Returns a note. For an open loop, the note says whether the schedule was kept. For a
    /// closed loop, the note says what a closed loop cannot measure.
    fn schedule(&self) -> Option<String> {
        if self.opened == 0 {
            return None;
        }
        let Some(unsent) = self.unsent else {
            return Some(
                "Closed loop: while the server stalls, this tool sends nothing, so few messages \
                 measure the stall. --rate measures each message from the time when it should have left."
                    .into(),
            );
        };
        let late = duration(self.tally.lag.value_at_quantile(0.99));
        if !self.was_late() {
            return Some(format!(
                "The schedule was kept: 99 % of the messages left within {late} of their time."
            ));
        }
        Some(not_kept(unsent, &late))
    }

    /// Open loop: whether messages did not leave, or left late.
    pub(super) fn was_late(&self) -> bool {
        let p99 = self.tally.lag.value_at_quantile(0.99);
        self.unsent.is_some_and(|unsent| unsent > 0 || p99 > LATE)
    }
}

/// Says what left too late. `late` is the delay of 1 of 100 messages.
fn not_kept(unsent: u64, late: &str) -> String {
    let what = match unsent {
        0 => format!("1 % of the messages left {late} late or more"),
        _ => format!(
            "{} did not leave at all, and 1 % of the others left {late} late or more",
            counted(unsent, "message")
        ),
    };
    format!(
        "The schedule was not kept: {what}. Either this tool was too slow, or the server did not \
         accept more messages; the latencies include this delay."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_did_not_leave_are_named_only_if_there_are_any() {
        let late = "The schedule was not kept: 1 % of the messages left 3 ms late or more. ";
        assert!(not_kept(0, "3 ms").starts_with(late));
        assert!(not_kept(1, "3 ms").contains(": 1 message did not leave at all, and 1 % of"));
    }
}
