//! `zcomm check`: tests a WebSocket server or client, in any language. A failed case names a
//! section of the standard, RFC 6455.
//!
//! ```text
//! cases (tables) ──▶ run ──▶ link ──▶ server
//!                     ▲       │ zcomm-xray reads
//!                     └─ judge ◀──────┘  ──▶ verdict ──▶ report
//! ```
//!
//! A [`case`] is data: what to send, what to accept, what RFC 6455 says. `run` plays each case on
//! a connection of its own. This command has no decoder of its own: the X-ray reads the answers.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod arguments;
mod bytes;
mod request;
mod response;

mod case;

mod cases;
mod words;

mod link;
mod verdict;

mod opening;
mod reading;
mod waiter;

mod watch;

mod judge;

mod server;

mod attack;

mod run;

mod client;
mod report;

mod actor;
mod plan;

use std::{fs, io, path::Path, process::ExitCode, sync::Arc, time::Duration};

use zcomm_core::{ConnectOptions, StopSignals, shown_path};

use crate::{
    shared::{failure::Failure, print::print_json, text::print},
    stress::first_public,
};
pub(crate) use actor::{Actor, Heard, Opened};
pub(crate) use arguments::Arguments;
use case::{Of, Setting, Talk};
pub(crate) use client::port::{Arrived, Port};
use plan::{about_client, about_server, divide, select, talk};
use report::{Context, Score};
use run::{Outcome, play_all};
use server::{Server, limit};

/// The shortest time limit of an answer, for `zcomm learn`.
pub(crate) const LEAST: Duration = Duration::from_secs(2);

/// Tests a server or a client. The exit code is 0 if all cases that ran have passed, 1 if a case
/// failed, and 2 if no case ran.
pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let (context, outcomes) = match (&arguments.url, &arguments.exec) {
        (Some(url), _) => test_server(arguments, url).await?,
        (None, command) => {
            let mut signals = StopSignals::new()?;
            let command = command.as_deref().unwrap_or_default();
            // A signal drops the future of `test_client`. This kills all programs of the client.
            tokio::select! {
                tested = test_client(arguments, command) => tested?,
                code = signals.next() => return Ok(ExitCode::from(code)),
            }
        }
    };
    if let Some(file) = &arguments.junit {
        write_file(file, &report::to_junit(&outcomes, &context))?;
    }
    match arguments.json {
        true => print_json(report::to_json(&outcomes, &context))?,
        false => print(report::to_text(&outcomes, &context))?,
    }
    Ok(Score::of(&outcomes).exit_code())
}

async fn test_server(arguments: &Arguments, url: &str) -> Result<(Context, Vec<Outcome>), Failure> {
    let mut options = arguments.handshake.options(url)?;
    if arguments.hostile && !arguments.i_own_this_server {
        only_private(&mut options).await?;
    }
    let of = if arguments.hostile {
        Of::Hostile
    } else {
        Of::Server
    };
    let context = about_server(arguments, url, options.shown_url());
    let selected = select(of, &arguments.only)?;
    let server = Server::new(options).map_err(Failure::misuse)?;
    let measured = server.measure(arguments.timeout).await?;
    let setting = Setting {
        talk: talk(arguments),
        limit: limit(measured.round_trip, arguments.timeout),
    };
    announce(arguments, &context, measured.round_trip, setting.limit)?;
    let closed = (!measured.opens).then_some("ws/4.2.2/1");
    let (mut outcomes, cases) = divide(selected, arguments.strict, &setting.talk, closed);
    // Play one attack at a time. Otherwise one attack could make another attack's case fail.
    let alone = arguments.hostile || !measured.together;
    let jobs = if alone { 1 } else { jobs(arguments, 16) };
    let server = Arc::new(server);
    let play = |case| run::play(case, Arc::clone(&server), setting.clone());
    outcomes.extend(play_all(cases, jobs, play).await);
    Ok((context, in_order(of, outcomes)))
}

/// Plays cases with a server for `zcomm learn`. Returns the name of the first case that failed, and
/// its explanation.
pub(crate) async fn first_failed(
    options: ConnectOptions,
    names: &[String],
    echo: bool,
) -> Result<Option<(&'static str, String)>, Failure> {
    let selected = select(Of::Server, names)?;
    let server = Server::new(options).map_err(Failure::misuse)?;
    let measured = server.measure(LEAST).await?;
    let setting = Setting {
        talk: if echo { Talk::Echo } else { Talk::Unknown },
        limit: limit(measured.round_trip, LEAST),
    };
    let closed = (!measured.opens).then_some("ws/4.2.2/1");
    let (skipped, cases) = divide(selected, false, &setting.talk, closed);
    let jobs = if measured.together { 16 } else { 1 };
    let server = Arc::new(server);
    let play = |case| run::play(case, Arc::clone(&server), setting.clone());
    let mut outcomes = play_all(cases, jobs, play).await;
    outcomes.extend(skipped);
    Ok(report::first_failed(&in_order(Of::Server, outcomes)))
}

/// Looks up the server, and refuses a public address.
async fn only_private(options: &mut ConnectOptions) -> Result<(), Failure> {
    options.addresses = options.lookup().await.map_err(Failure::misuse)?;
    match first_public(&options.addresses) {
        None => Ok(()),
        Some(address) => Err(Failure::usage(
            format!("{address} is neither this machine nor on a private network"),
            "--hostile attacks a server; if the server is yours and your provider agrees, add \
             --i-own-this-server",
        )),
    }
}

async fn test_client(
    arguments: &Arguments,
    command: &str,
) -> Result<(Context, Vec<Outcome>), Failure> {
    let context = about_client(arguments, command);
    let selected = select(Of::Client, &arguments.only)?;
    let client = client::meet(command, arguments.timeout).await?;
    let setting = Setting {
        talk: talk(arguments),
        limit: client.limit,
    };
    announce(arguments, &context, client.round_trip, setting.limit)?;
    let closed = (!client.asks).then_some("ws/4.1/3 and ws/4.1/4");
    let (mut outcomes, cases) = divide(selected, arguments.strict, &setting.talk, closed);
    let play = |case| client::play(case, Arc::clone(&client.house), setting.clone());
    outcomes.extend(play_all(cases, jobs(arguments, 4), play).await);
    Ok((context, in_order(Of::Client, outcomes)))
}

fn jobs(arguments: &Arguments, default: usize) -> usize {
    arguments.jobs.map_or(default, |jobs| jobs.get().into())
}

fn announce(
    arguments: &Arguments,
    context: &Context,
    round_trip: Duration,
    limit: Duration,
) -> io::Result<()> {
    match arguments.json {
        true => Ok(()),
        false => print(report::head(context, round_trip, limit)),
    }
}

fn in_order(of: Of, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let order: Vec<_> = cases::of(of).iter().map(|case| case.id).collect();
    outcomes.sort_by_key(|outcome| order.iter().position(|id| *id == outcome.case.id));
    outcomes
}

fn write_file(file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|error| {
        let what = format!("cannot write {}: {error}", shown_path(file));
        Failure::usage(
            what,
            "--junit names a file in a folder that you can write to",
        )
    })
}
