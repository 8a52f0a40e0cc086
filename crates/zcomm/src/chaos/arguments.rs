//! What `zcomm chaos` can be asked for.
//!
//! An option's words are those of a script; they are read by the same function, so what is
//! wrong is told in the same sentence.

use std::{net::SocketAddr, path::PathBuf};

use super::{board::Which, faults::Faults, units::Wrong, words};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm chaos ws://127.0.0.1:8765/
                              no faults yet: press ? to see the keys
  zcomm chaos ws://127.0.0.1:8765/ --latency 200ms --jitter 50ms
                              a phone on a train
  zcomm chaos ws://127.0.0.1:8765/ --cut-mid-frame 3 to-client --times 1
                              once; whoever comes back has peace
  zcomm chaos ws://127.0.0.1:8765/ --blackhole 5s
                              after 5 s it is there, and nobody answers
  zcomm chaos ws://127.0.0.1:8765/ --script tunnel.txt --xray
                              lines such as: 10s blackhole

Connect to ws://127.0.0.1:8771/ instead of the server. Most faults take a
direction as their last word, to-server or to-client; without one they go both
ways. Messages are counted as data frames, in each direction, from 1.

Keys, or lines on stdin: a letter switches a fault on and off, its words set it
(latency 50ms to-client), its name and off end it. ? shows all of them.

At most 1 MiB is on its way in each direction; then the sender has to wait.

Exit code: 0 after q, 1 when it failed, 2 for a wrong fault or script, 130 after
Ctrl-C.")]
pub(crate) struct Arguments {
    /// The server, e.g. wss://example.com/chat
    pub(super) url: String,

    /// Where clients shall connect to
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8771")]
    pub(super) listen: SocketAddr,

    /// A file with an authority to trust, beside those that this computer trusts
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,

    /// Everything comes so much later, e.g. 200ms
    #[arg(long, value_name = "TIME", num_args = 1..=3, help_heading = "Faults")]
    latency: Option<Vec<String>>,

    /// Each frame by up to so much more; the order is kept
    #[arg(long, value_name = "TIME", num_args = 1..=3, help_heading = "Faults")]
    jitter: Option<Vec<String>>,

    /// No more than this gets through, e.g. 64kB/s
    #[arg(long, value_name = "RATE", num_args = 1..=3, help_heading = "Faults")]
    bandwidth: Option<Vec<String>>,

    /// Nothing passes any more and nothing ends, so long after the start
    #[arg(long, value_name = "TIME", num_args = 0..=3, help_heading = "Faults")]
    blackhole: Option<Vec<String>>,

    /// Ends it in the middle of message N [default: 1]
    #[arg(long, value_name = "N", num_args = 0..=3, help_heading = "Faults")]
    cut_mid_frame: Option<Vec<String>>,

    /// TCP reset after a time, or after so many messages: 5s, or 3 frames
    #[arg(long, value_name = "AFTER", num_args = 1..=3, help_heading = "Faults")]
    reset_after: Option<Vec<String>>,

    /// Pongs are swallowed
    #[arg(long, value_name = "WAY", num_args = 0..=3, help_heading = "Faults")]
    drop_pongs: Option<Vec<String>>,

    /// Reads from the server no faster than this, with a small buffer
    #[arg(long, value_name = "RATE", num_args = 1..=3, help_heading = "Faults")]
    slow_reader: Option<Vec<String>>,

    /// Every N-th message arrives twice [default: 1]
    #[arg(long, value_name = "N", num_args = 0..=3, help_heading = "Faults")]
    duplicate: Option<Vec<String>>,

    /// One bit of message N is turned over [default: 1]
    #[arg(long, value_name = "N", num_args = 0..=3, help_heading = "Faults")]
    corrupt: Option<Vec<String>>,

    /// Closes it, without a Close frame, after so long without a byte
    #[arg(long, value_name = "TIME", num_args = 1..=3, help_heading = "Faults")]
    idle_kill: Option<Vec<String>>,

    /// Faults for the first N connections alone
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "When")]
    first: Option<u64>,

    /// Faults for every N-th connection alone
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "When")]
    every: Option<u64>,

    /// Ends or spoils a connection N times, then no more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "When")]
    times: Option<u64>,

    /// A file with lines such as: 10s blackhole; from the first connection on
    #[arg(long, value_name = "FILE", help_heading = "When")]
    pub(super) script: Option<PathBuf>,

    /// The same jitter again
    #[arg(long, value_name = "N", help_heading = "When")]
    pub(super) seed: Option<u64>,

    /// Show every byte, as it came in and as it goes out
    #[arg(long)]
    pub(super) xray: bool,
}

impl Arguments {
    /// What is switched on from the start.
    pub(super) fn faults(&self) -> Result<Faults, Wrong> {
        let mut faults = Faults::default();
        for (name, words) in [
            ("latency", &self.latency),
            ("jitter", &self.jitter),
            ("bandwidth", &self.bandwidth),
            ("blackhole", &self.blackhole),
            ("cut-mid-frame", &self.cut_mid_frame),
            ("reset-after", &self.reset_after),
            ("drop-pongs", &self.drop_pongs),
            ("slow-reader", &self.slow_reader),
            ("duplicate", &self.duplicate),
            ("corrupt", &self.corrupt),
            ("idle-kill", &self.idle_kill),
        ] {
            let Some(words) = words else { continue };
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let active = words::fault(name, &words).map_err(|wrong| {
                let (what, help) = (wrong.what, wrong.help);
                Wrong::new(format!("--{name}: {what}"), help)
            });
            faults.put(active?);
        }
        Ok(faults)
    }

    /// Which connections have them.
    pub(super) fn which(&self) -> Which {
        Which {
            first: self.first,
            every: self.every,
            times: self.times,
        }
    }
}
