//! What was found out, in numbers and in sentences.
//!
//! A number without its conditions is a rumour: so the report says what was asked for, how
//! much of it happened, who may have been the limit, and what every failure means. How it
//! is shown is in `text`, `object`, `table` and `page`.
//!
//! Production keeps the report beside the commit that was measured.

use super::{
    failures::Failures,
    load::{DRAIN, Measured},
    plan::{Pace, Plan, Shape},
    run::Run,
    tally::{Latencies, Point, point_width},
    units::duration,
};
use crate::output::{counted, visible};

/// The quantiles that are told, and their names.
pub(super) const QUANTILES: [(f64, &str); 4] =
    [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")];
/// A thread that is busy for so much of the time may be the limit.
const BUSY: f64 = 0.85;
/// For so much of it, when the server was less busy.
const BUSIER: f64 = 0.5;
/// Later than this (nanoseconds), a message has not kept its schedule.
const LATE: u64 = 1_000_000;

/// The server's process, in numbers.
pub(super) struct ServerFigures {
    pub(super) names: String,
    pub(super) before: u64,
    pub(super) connected: u64,
    pub(super) peak: u64,
    /// Bytes of its memory for each connection.
    pub(super) each: f64,
    /// Microseconds of CPU for each message that came back.
    pub(super) cpu_each: Option<f64>,
    /// Cores that it used.
    pub(super) cores: f64,
}

/// What was found out.
pub(super) struct Report {
    /// The address, without its query.
    pub(super) url: String,
    pub(super) plan: Plan,
    pub(super) opened: usize,
    /// How long was measured (seconds).
    pub(super) seconds: f64,
    pub(super) sent: u64,
    pub(super) expected: u64,
    pub(super) received: u64,
    pub(super) repeated: u64,
    pub(super) other: u64,
    /// Open loop: messages that should have left, and did not.
    pub(super) unsent: Option<u64>,
    pub(super) sent_each_second: f64,
    pub(super) received_each_second: f64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) handshakes: Latencies,
    pub(super) latency: Latencies,
    pub(super) lag: Latencies,
    pub(super) points: Vec<Point>,
    /// Seconds from one point to the next.
    pub(super) point_seconds: f64,
    pub(super) failures: Failures,
    pub(super) server: Option<ServerFigures>,
    /// Cores that this tool used.
    pub(super) own_cores: f64,
    pub(super) interrupted: bool,
}

impl Report {
    pub(super) fn new(run: &Run, measured: Measured) -> Report {
        let Measured {
            tally,
            span,
            opened,
            subscribers,
            server,
            own_cpu,
            interrupted,
        } = measured;
        let seconds = span.seconds();
        let each_second = |count: u64| match seconds > 0.0 {
            true => count as f64 / seconds,
            false => 0.0,
        };
        let came: u64 = tally.points.iter().map(|point| point.received).sum();
        let left: u64 = tally.points.iter().map(|point| point.sent).sum();
        let copies = match run.plan.shape {
            Shape::Echo => 1,
            Shape::Fanout(_) => subscribers as u64,
        };
        let server = server.map(|server| {
            let names = server.processes.iter();
            let names: Vec<_> = names
                .map(|process| format!("{} (pid {})", process.name, process.pid))
                .collect();
            let cpu = server.cpu.as_secs_f64();
            ServerFigures {
                names: names.join(", "),
                before: server.before,
                connected: server.connected,
                peak: server.peak,
                each: server.connected.saturating_sub(server.before) as f64 / opened.max(1) as f64,
                cpu_each: (came > 0).then(|| cpu * 1e6 / came as f64),
                cores: cpu / seconds.max(f64::MIN_POSITIVE),
            }
        });
        Report {
            url: visible(run.options.shown_url()),
            opened,
            seconds,
            sent: tally.sent,
            expected: tally.sent * copies,
            received: tally.received,
            repeated: tally.repeated,
            other: tally.other,
            unsent: run
                .planned_messages()
                .map(|planned| planned.saturating_sub(tally.sent)),
            sent_each_second: each_second(left),
            received_each_second: each_second(came),
            bytes_sent: tally.bytes_sent,
            bytes_received: tally.bytes_received,
            handshakes: tally.handshakes,
            latency: tally.latency,
            lag: tally.lag,
            points: tally.points,
            point_seconds: point_width(span) as f64 / 1e9,
            failures: tally.failures,
            server,
            own_cores: own_cpu.as_secs_f64() / seconds.max(f64::MIN_POSITIVE),
            interrupted,
            plan: run.plan.clone(),
        }
    }

    /// Messages that were expected and never came.
    pub(super) fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }

    /// Nothing failed, and every message came once.
    pub(super) fn is_good(&self) -> bool {
        let once = self.received > 0 && self.lost() == 0 && self.repeated == 0;
        once && self.failures.is_empty()
    }

    /// What was asked for, in words.
    pub(super) fn asked(&self) -> String {
        let plan = &self.plan;
        let shape = match plan.shape {
            Shape::Echo => format!("echo, {}", counted(plan.connections as u64, "connection")),
            Shape::Fanout(publishers) => format!(
                "fan-out, {publishers} of {} connections send",
                plan.connections
            ),
        };
        let pace = match plan.pace {
            Pace::Window(window) => format!("closed loop, {window} in flight for each sender"),
            Pace::Rate(rate) => format!("open loop, {rate} messages/s in all"),
        };
        let (size, seconds) = (plan.size, plan.duration.as_secs_f64());
        format!("{shape}, {pace}, {size} bytes, {seconds} s")
    }

    /// The tables of latencies: what, and its histogram.
    pub(super) fn latencies(&self) -> Vec<(&'static str, &Latencies)> {
        let mut tables = vec![("handshake", &self.handshakes), ("message", &self.latency)];
        if self.unsent.is_some() {
            tables.push(("sent late by", &self.lag));
        }
        tables
    }

    /// Whether this tool may have been what the numbers were limited by.
    fn own_limit(&self) -> Option<String> {
        let share = self.own_cores / self.plan.threads as f64;
        let (own, threads) = (self.own_cores, counted(self.plan.threads as u64, "thread"));
        let more = self.plan.threads + 1;
        if share >= BUSY {
            return Some(format!(
                "This tool used {own:.2} cores with {threads}: it may have been the limit, and the server \
                 may take more. Try --threads {more}, where there are cores for them."
            ));
        }
        // Where others work, too, nobody gets a whole core.
        let server = self.server.as_ref()?;
        (share >= BUSIER && own > server.cores).then(|| {
            format!(
                "This tool was busier than the server ({own:.2} cores with {threads}, and {:.2}): where the \
                 machine has other work, it may have been the limit, and the server may take more.",
                server.cores
            )
        })
    }

    /// What has to be known to believe the numbers.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.interrupted {
            notes.push(format!("Ended by Ctrl-C after {:.1} s.", self.seconds));
        }
        if self.received == 0 && self.opened > 0 && self.failures.is_empty() {
            let why = match (self.other, self.plan.shape) {
                // What it says instead is most often an error.
                (1.., _) => {
                    "Nothing came back but other messages: zcomm connect shows them. A server that limits \
                     each client is started with WEBSOCKET_RATE_LIMIT=off, one that wants JSON is sent \
                     it with --hello and --template."
                }
                (0, Shape::Echo) => {
                    "Nothing came back. Does this server send back what it gets? One that passes \
                     messages on to others is measured with --fanout, one that wants JSON with \
                     --template."
                }
                (0, Shape::Fanout(_)) => {
                    "Nothing came back. Does this server pass on to the others what it gets? One that \
                     answers the sender is measured without --fanout, one that wants JSON with \
                     --template."
                }
            };
            notes.push(why.into());
        }
        if self.lost() > 0 {
            let (lost, expected) = (self.lost(), self.expected);
            let drain = DRAIN.as_secs_f64();
            notes.push(format!(
                "{lost} of {expected} messages were not back {drain} s after the end: they count as lost."
            ));
        }
        if let Some(limit) = self.own_limit() {
            notes.push(limit);
        }
        match self.unsent {
            // Where nothing could leave, there was no schedule and no loop.
            _ if self.opened == 0 => {}
            Some(unsent) if unsent > 0 || self.lag.value_at_quantile(0.99) > LATE => {
                notes.push(format!(
                    "The schedule was not kept: {} did not leave at all, and 1 % of the others left {} \
                     late or more. Either this tool had no time, or the server took no more; latencies \
                     count the waiting.",
                    counted(unsent, "message"),
                    duration(self.lag.value_at_quantile(0.99))
                ));
            }
            Some(_) => notes.push(format!(
                "The schedule was kept: 99 % of the messages left within {} of their time.",
                duration(self.lag.value_at_quantile(0.99))
            )),
            None => notes.push(
                "Closed loop: while the server stalls nobody sends, so few messages see the stall. \
                 --rate times each message from when it should have left."
                    .into(),
            ),
        }
        if (1..1000).contains(&self.latency.len()) {
            notes.push("Fewer than 1,000 messages: p99.9 is the slowest of them.".into());
        }
        if self.repeated > 0 {
            notes.push(format!(
                "{} came twice, or after a later one.",
                counted(self.repeated, "message")
            ));
        }
        notes
    }
}

/// The quantiles and the maximum (nanoseconds).
pub(super) fn quantiles(histogram: &Latencies) -> [u64; 5] {
    let [p50, p90, p99, p999] =
        QUANTILES.map(|(quantile, _)| histogram.value_at_quantile(quantile));
    [p50, p90, p99, p999, histogram.max()]
}
