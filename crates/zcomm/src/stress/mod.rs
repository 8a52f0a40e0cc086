//! `zcomm stress`: load-tests a server.
//!
//! **Closed loop** (`--window`): each connection sends its next message when an earlier message
//! is back. A closed loop measures throughput. While the server stalls, no message is sent, so
//! only a few latencies include the stall. This error is called *coordinated omission*. It is the
//! usual reason why a load test hides latency.
//!
//! **Open loop** (`--rate`): messages leave at fixed times, as the messages of real users do.
//! The latency is counted from when a message *should* have left, so the latency includes a
//! stall.
//!
//! The report says how late the tool sent its messages. The report also says whether the tool,
//! and not the server, may have limited the results.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod addresses;
mod capacity;
mod failures;
mod marker;
mod markup;
mod server;
mod span;
mod table;
mod units;

mod axis;

mod deliveries;
mod plan;
mod tally;

mod arguments;
mod run;

mod pacer;
mod report;
mod sender;

mod chart;
mod client;
mod compare;
mod csv;
mod growth;
mod json;
mod text;

mod echo;
mod fanout;
mod histogram;
mod lifecycle;
mod timeline;

mod load;

mod notes;

mod verdict;

mod html;

use std::{
    fs::{self, File},
    io,
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use zcomm_core::{ConnectOptions, Error, shown_path};

use self::run::Run;
pub(crate) use self::{addresses::first_public, arguments::Arguments};
use crate::shared::{failure::Failure, print::print_json, text::print};

const HOW_TO_WRITE: &str =
    "--csv, --html and --svg name a file in a folder that exists and is yours";

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Some(url) = &arguments.url else {
        draw(arguments)?;
        return Ok(ExitCode::SUCCESS);
    };
    arguments.plan.check()?;
    let options = options(arguments, url).await?;
    capacity::check(arguments.plan.connections, arguments.plan.threads())?;
    // Before the run, check that the files of the report can be written.
    let table = arguments.csv.as_deref().map(table::read).transpose()?;
    let table = table.unwrap_or_default();
    if arguments.label.is_some() && !table.takes("label") {
        return Err(Failure::usage(
            "the table has no column label, so --label has no place in it",
            "--csv names a new file, or a table whose first line also names label",
        ));
    }
    let files = [&arguments.csv, &arguments.html, &arguments.svg];
    for file in files.into_iter().flatten() {
        can_be_written(file)?;
    }
    let run = Arc::new(Run::new(arguments.plan.clone(), options));
    let report = load::measure(&run).await?;
    // Print the report before writing files, so that a full disk does not lose the results.
    let printed = match arguments.json {
        true => print_json(format!("{}\n", report.json())),
        false => print(report.text()),
    };
    let row = csv::row(&report, arguments.label.as_deref());
    if let Some(file) = &arguments.csv {
        written(file, csv::append(file, &table.columns, &row))?;
    }
    if let Some(file) = &arguments.html {
        written(
            file,
            fs::write(file, html::page(&report, &row, &table.rows)),
        )?;
    }
    draw(arguments)?;
    printed?;
    Ok(match (report.interrupted, report.is_good()) {
        (Some(code), _) => ExitCode::from(code),
        (None, true) => ExitCode::SUCCESS,
        (None, false) => ExitCode::FAILURE,
    })
}

/// Returns the options to connect with. Rejects a server on a public address, unless
/// `--i-own-this-server` is set.
async fn options(arguments: &Arguments, url: &str) -> Result<ConnectOptions, Failure> {
    let mut options = arguments.handshake.options(url)?;
    options.addresses = options.lookup().await.map_err(Error::from)?;
    if let Some(address) = first_public(&options.addresses)
        && !arguments.i_own_this_server
    {
        return Err(Failure::usage(
            format!("{address} is neither this machine nor on a private network"),
            "a load test on another person's server is an attack; if the server is yours and your \
             provider agrees, add --i-own-this-server",
        ));
    }
    // Turn pings off: a busy connection does not need pings, and their timers cost too much time.
    options.ping_interval = None;
    options.max_message_bytes = options.max_message_bytes.max(4 * arguments.plan.size);
    Ok(options)
}

/// Draws the rows of the table, if `--svg` names a file for the picture.
fn draw(arguments: &Arguments) -> Result<(), Failure> {
    let (Some(rows), Some(picture)) = (&arguments.csv, &arguments.svg) else {
        return Ok(());
    };
    let svg = growth::svg(rows, &table::read(rows)?.rows)?;
    written(picture, fs::write(picture, svg))
}

/// Checks that a file can be written. Makes the file if it does not exist, but does not change
/// its content.
fn can_be_written(file: &Path) -> Result<(), Failure> {
    let opened = File::options().append(true).create(true).open(file);
    opened.map(|_| ()).map_err(|error| {
        Failure::usage(
            format!("cannot write {}: {error}", shown_path(file)),
            HOW_TO_WRITE,
        )
    })
}

fn written(file: &Path, result: io::Result<()>) -> Result<(), Failure> {
    result.map_err(|error| {
        Failure::new(
            format!("cannot write {}: {error}", shown_path(file)),
            HOW_TO_WRITE,
        )
    })
}
