//! The options of `zcomm chaos`.
//!
//! Each fault has an option with the name of the fault. The option's value is written as in a
//! script: `--latency 200ms` as an option, `latency 200ms` in a script.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Arg, ArgMatches};

use super::{
    board::Scope,
    faults::{Entry, Faults, TABLE},
    units::InputError,
};
use crate::shared::values::listen_address;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm chaos ws://127.0.0.1:8765/
                              start without faults; press ? for the keys
  zcomm chaos ws://127.0.0.1:8765/ --latency 200ms --jitter 50ms
                              behave like a mobile network
  zcomm chaos ws://127.0.0.1:8765/ --cut-mid-frame 3 to-client --times 1
                              cut the first connection, and no other
  zcomm chaos ws://127.0.0.1:8765/ --blackhole 5s
                              hold back all data after 5 s
  zcomm chaos ws://127.0.0.1:8765/ --script tunnel.txt --xray
                              run a file with lines such as: 10s blackhole

Clients connect to ws://127.0.0.1:8771/ instead of the server. Most faults take
a direction as their last word, to-server or to-client; without it they apply to
both. TIME is a number and ms, s, m or h, or seconds; RATE is a number and B/s,
kB/s, MB/s, kbit/s or Mbit/s. N counts data frames, in each direction, from 1.

Keys, or lines on stdin: a letter switches a fault on or off, \"latency 50ms
to-client\" sets its value, \"latency off\" ends it. ? lists all of them.

The proxy holds at most 1 MiB in each direction; then it stops reading, and the
sender has to wait.

Exit code: 0 after q, 1 after an error, 2 for a wrong fault, script, address or
file, 130 after Ctrl-C.")]
pub(crate) struct Arguments {
    /// The server, e.g. wss://example.com/chat
    pub(super) url: String,

    /// The address that clients connect to
    #[arg(long, value_name = "ADDRESS", value_parser = listen_address, default_value = "127.0.0.1:8771")]
    pub(super) listen: SocketAddr,

    /// Also trust the certificates in this file: an authority, or one server's own
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,

    /// Show every byte, before and after the faults
    #[arg(long)]
    pub(super) xray: bool,

    #[command(flatten)]
    pub(super) faults: FaultOptions,

    #[command(flatten)]
    pub(super) scope: Scope,

    /// Run a file with lines such as: 10s blackhole; starts with the first connection
    #[arg(long, value_name = "FILE", help_heading = "When")]
    pub(super) script: Option<PathBuf>,

    /// Repeat the jitter of an earlier run
    #[arg(long, value_name = "N", help_heading = "When")]
    pub(super) seed: Option<u64>,
}

/// The parsed command line, with one option for each fault.
pub(super) struct FaultOptions(ArgMatches);

impl FaultOptions {
    /// Returns the faults that the command line switches on.
    pub(super) fn read(&self) -> Result<Faults, InputError> {
        let mut faults = Faults::default();
        for entry in &TABLE {
            let Some(words) = self.0.get_many::<String>(entry.name) else {
                continue;
            };
            let words: Vec<_> = words.flat_map(|word| words_of(word)).collect();
            faults.put(entry.read(&words).map_err(|error| {
                let what = format!("--{}: {}", entry.name, error.what);
                InputError::new(what, error.help)
            })?);
        }
        Ok(faults)
    }
}

/// Returns the words of an argument. A user may put the words of a fault into quotes:
/// `--reset-after "3 frames"`. So an argument that ends with a word of `last` is split at its
/// spaces. Any other argument is not split, so that an error shows the whole argument.
fn words_of(argument: &str) -> Vec<&str> {
    let last = ["frame", "frames", "to-server", "to-client", "both"];
    match last.iter().any(|last| argument.ends_with(last)) {
        true => argument.split_whitespace().collect(),
        false => vec![argument],
    }
}

impl clap::Args for FaultOptions {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(TABLE.iter().map(option))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        FaultOptions::augment_args(command)
    }
}

impl clap::FromArgMatches for FaultOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<FaultOptions, clap::Error> {
        Ok(FaultOptions(matches.clone()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = FaultOptions::from_arg_matches(matches)?;
        Ok(())
    }
}

fn option(entry: &Entry) -> Arg {
    let default = match entry.is_optional() && !entry.usual.is_empty() {
        true => format!(" [default: {}]", entry.usual),
        false => String::new(),
    };
    let value_name = match entry.form.trim_matches(['[', ']']) {
        "" => "WAY",
        "TIME|FRAMES" => "AFTER",
        form => form,
    };
    let needed = usize::from(!entry.is_optional());
    Arg::new(entry.name)
        .long(entry.name)
        .value_name(value_name)
        .num_args(needed..=3)
        .help(format!("{}{default}", entry.what))
        .help_heading("Faults")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, FromArgMatches};

    #[test]
    fn the_words_of_a_fault_may_be_one_argument() {
        for arguments in [
            &["--reset-after", "3", "frames", "to-server"][..],
            &["--reset-after", "3 frames to-server"],
            &["--reset-after=3 frames to-server"],
        ] {
            let command = FaultOptions::augment_args(clap::Command::new("chaos"));
            let matches = command.get_matches_from([&["chaos"], arguments].concat());
            let faults = FaultOptions::from_arg_matches(&matches).unwrap().read();
            let shown = faults.unwrap().to_string();
            assert_eq!(shown, "reset-after 3 frames to-server");
        }
    }
}
