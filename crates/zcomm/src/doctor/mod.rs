//! `zcomm doctor`: finds common problems on the machine of a learner.
//!
//! Each check is one file and one question: is the port free, are the settings valid, do
//! clients accept the certificates? A check changes nothing. Each problem shows what to type or do
//! to fix it. Only the check of Redis connects to another machine: the machine in the settings.
//!
//! An *error* means that a server does not start, that clients refuse to connect to it, or that
//! clients can send nothing. Then the exit code is 1. A *warning* means that the lessons work,
//! but the user should look at the problem.
//!
//! The checks run in parallel, each in its own thread, because some systems answer slowly.
//! A check that takes too long is shown as a warning. The other results are still shown.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod addresses;
mod finding;
mod firewall;
mod redis_facts;
mod situation;

mod browser;
mod certificates;
mod clock;
mod descriptors;
mod localhost;
mod network;
mod ports;
mod redis;
mod settings;
mod toolchain;

use std::{
    process::ExitCode,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use crate::shared::{failure::Failure, print::print_json, text::print, values::server_port};
use finding::{Finding, Report, warning};
use situation::Situation;

/// The time limit for all checks together.
const TIME_LIMIT: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm doctor               check the folder where you run the lessons
  zcomm doctor --port 9000   check another port
  zcomm doctor --json        print JSON for a program

Each line begins with a verdict:
  ok     no problem
  note   good to know
  warn   the lessons work, but look at this
  error  a server does not start, or clients cannot use it

Exit code: 0 without errors, 1 otherwise.")]
pub(crate) struct Arguments {
    /// Check this port, instead of those of the lessons or the settings
    #[arg(long, value_parser = server_port)]
    port: Option<u16>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

type Check = fn(&Situation) -> Vec<Finding>;

/// The checks after the port checks. The report shows their results in this order.
const CHECKS: [(&str, Check); 9] = [
    ("localhost", |_| vec![localhost::check()]),
    ("settings", settings::check),
    ("redis", redis::check),
    ("certificates", certificates::check),
    ("network", |situation| vec![network::check(situation)]),
    ("clock", |situation| vec![clock::check(situation)]),
    ("descriptors", |situation| {
        vec![descriptors::check(situation)]
    }),
    ("browser", |_| vec![browser::check()]),
    ("rust", |_| vec![toolchain::check()]),
];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let report = examine(Situation::new(arguments.port));
    match arguments.json {
        true => print_json(report.json())?,
        false => print(report.text())?,
    }
    Ok(ExitCode::from(u8::from(report.has_errors())))
}

fn examine(situation: Situation) -> Report {
    let situation = Arc::new(situation);
    let mut running = Vec::new();
    for port in situation.ports.clone() {
        let check = move |_: &Situation| vec![ports::check(port)];
        running.push((format!("port {port}"), start(&situation, check)));
    }
    for (topic, check) in CHECKS {
        running.push((topic.to_owned(), start(&situation, check)));
    }
    let end = Instant::now() + TIME_LIMIT;
    let mut report = Report(Vec::new());
    for (topic, answer) in running {
        let left = end.saturating_duration_since(Instant::now());
        let findings = answer.recv_timeout(left).unwrap_or_else(|_| {
            let late = warning("this check did not finish within 10 seconds");
            vec![late.fix("run it again: the system may answer slowly the first time")]
        });
        let findings = findings.into_iter().map(|one| (topic.clone(), one));
        report.0.extend(findings);
    }
    report
}

/// Runs a check in a thread, and returns a channel for its findings. If the check never ends,
/// its thread ends together with the program.
fn start(
    situation: &Arc<Situation>,
    check: impl FnOnce(&Situation) -> Vec<Finding> + Send + 'static,
) -> mpsc::Receiver<Vec<Finding>> {
    let (sender, answer) = mpsc::channel();
    let situation = Arc::clone(situation);
    std::thread::spawn(move || sender.send(check(&situation)));
    answer
}
