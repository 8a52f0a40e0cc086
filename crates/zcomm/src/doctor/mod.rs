//! `zcomm doctor`: what a class trips over, looked at before it does.
//!
//! Each check is one file and one question: is the port free, can the settings be read, do
//! the certificates fit? An answer is a line, and a problem comes with what to type. They
//! look and change nothing, and ask nobody outside this machine.
//!
//! *Bad* means that a server would not start or its clients would refuse it: the exit code
//! is 1 then. *Look* means that it works, and that somebody should know.
//!
//! They run side by side, each in a thread of its own, because the systems that they ask
//! may be slow: a check that takes too long is one line, and the others stand.
//!
//! Production has monitors that ask the same every minute.

mod addresses;
mod browser;
mod certificates;
mod clock;
mod descriptors;
mod finding;
mod firewall;
mod localhost;
mod network;
mod ports;
mod settings;
mod toolchain;

use std::{
    process::ExitCode,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use zcomm_core::{Config, SettingsReview, report};

use crate::shared::text::whole;
use finding::{Finding, Verdict, look};

/// For all checks together.
const PATIENCE: Duration = Duration::from_secs(10);
/// For one question to something that may not answer.
const PROBE: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm doctor               in the folder where you run the lessons
  zcomm doctor --port 9000   for a server that is to listen there
  zcomm doctor --json        for a program

Each line begins with a word: ok; note, good to know; look, it works, but
somebody should know; bad, a server would not start or its clients would
refuse it.

Exit code: 0 when nothing is bad, 1 otherwise.")]
pub(crate) struct Arguments {
    /// The port to look at, instead of the lessons' or that of the settings
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What all checks start from.
struct Situation {
    settings: SettingsReview,
    /// The settings, or the defaults while they cannot be read.
    config: Config,
    ports: Vec<u16>,
}

impl Situation {
    fn new(port: Option<u16>) -> Situation {
        let settings = SettingsReview::new(Config::default());
        let config = match &settings.config {
            Ok(config) => config.clone(),
            Err(_) => Config::default(),
        };
        let ports = match (port, config.port) {
            (Some(port), _) => vec![port],
            // Any free port: nothing can be in its way.
            (None, 0) => vec![],
            // Lesson 3 has one of its own, so that it can run beside another.
            (None, 8765) => vec![8765, 8766],
            (None, port) => vec![port],
        };
        Situation {
            settings,
            config,
            ports,
        }
    }
}

type Check = fn(&Situation) -> Vec<Finding>;

/// In the order in which a class needs them.
const CHECKS: [(&str, Check); 9] = [
    ("ports", ports::check),
    ("localhost", localhost::check),
    ("settings", settings::check),
    ("certificates", certificates::check),
    ("network", network::check),
    ("clock", clock::check),
    ("descriptors", descriptors::check),
    ("browser", browser::check),
    ("rust", toolchain::check),
];

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let findings = examine(Situation::new(arguments.port));
    let bad = findings.iter().any(|one| one.verdict == Verdict::Bad);
    let told = match arguments.json {
        true => finding::json(&findings),
        false => finding::text(&findings),
    };
    if let Err(error) = whole(&mut anstream::stdout(), told.as_bytes()) {
        return report(&error.into());
    }
    match bad {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

fn examine(situation: Situation) -> Vec<Finding> {
    let situation = Arc::new(situation);
    let begin = |(topic, check): (&'static str, Check)| {
        let (sender, answer) = mpsc::channel();
        let situation = Arc::clone(&situation);
        // One that hangs is left behind: the end of the program ends it.
        std::thread::spawn(move || sender.send(check(&situation)));
        (topic, answer)
    };
    let running = CHECKS.map(begin);
    let end = Instant::now() + PATIENCE;
    let answers = running.into_iter().map(|(topic, answer)| {
        let left = end.saturating_duration_since(Instant::now());
        let late = |_| {
            let late = look(topic, "this check did not come to an end in 10 seconds");
            vec![late.fix("run it again: what it asks may be slow the first time")]
        };
        answer.recv_timeout(left).unwrap_or_else(late)
    });
    answers.flatten().collect()
}
