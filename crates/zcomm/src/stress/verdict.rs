//! The result of a run in one sentence, for the top of the page.

use super::{
    notes::LATE,
    report::Report,
    units::{duration, grouped},
};
use crate::shared::text::counted;

impl Report {
    /// Says whether the numbers are valid, and what they are. Then says what has limited them.
    pub(super) fn verdict(&self) -> String {
        let partial = match self.interrupted {
            Some(_) => "The run ended early. ",
            None => "",
        };
        let what = self.problem().unwrap_or_else(|| self.success());
        let limit = self.limit().unwrap_or_default();
        format!("{partial}{what} {limit}").trim_end().to_owned()
    }

    /// The style of the verdict: whether the numbers are valid, doubtful or not valid.
    pub(super) fn verdict_class(&self) -> &'static str {
        match (self.is_good(), self.limit()) {
            (false, _) => "bad",
            (true, Some(_)) => "doubtful",
            (true, None) => "good",
        }
    }

    /// Returns what may have limited a run in which nothing failed.
    fn limit(&self) -> Option<String> {
        if !self.is_good() {
            return None;
        }
        // The last messages of a good run may leave after its end.
        if self.unsent.unwrap_or(0) > self.tally.lag.len() / 100 {
            let end = "so the latency depends on the length of the run.";
            return Some(format!("More messages were due than could leave, {end}"));
        }
        let late = self.tally.lag.value_at_quantile(0.99);
        if self.was_late() && late > LATE {
            let late = duration(late);
            let end = "and the latency includes this delay.";
            return Some(format!("One of 100 left {late} late or more, {end}"));
        }
        let limit = "This tool may have been the limit, and not the server.";
        self.own_limit().map(|_| limit.into())
    }

    /// Returns the most important reason why the numbers are not valid.
    fn problem(&self) -> Option<String> {
        let (all, lost, expected) = (self.plan.connections as u64, self.lost(), self.expected);
        let failed = self.tally.failures.total();
        let repeated = counted(self.tally.repeated, "message");
        Some(if self.opened == 0 {
            "No connection opened, so nothing was measured.".into()
        } else if failed > 0 {
            let failed = grouped(failed);
            format!(
                "{failed} of {} failed: this is not a valid measurement.",
                counted(all, "connection")
            )
        } else if self.tally.latency.is_empty() {
            "No message came back, so nothing was measured.".into()
        } else if lost > 0 {
            format!(
                "{} of {} messages were lost.",
                grouped(lost),
                grouped(expected)
            )
        } else if self.tally.repeated > 0 {
            format!("{repeated} came twice or out of order.")
        } else {
            return None;
        })
    }

    fn success(&self) -> String {
        let latency = &self.tally.latency;
        let within = |quantile| duration(latency.value_at_quantile(quantile));
        let (half, most) = (within(0.5), within(0.99));
        let rate = grouped(self.received_per_second.round() as u64);
        let every = match self.plan.fanout {
            true => "Every subscriber got every message",
            false => "Every message came back",
        };
        format!("{every}: {rate} a second, half of them within {half}, 99 of 100 within {most}.")
    }
}
