//! `zcomm stress`: a load on a server, with numbers that can be defended.
//!
//! **Closed loop** (`--window`): each connection sends its next message when one is back.
//! It finds how much a server takes, and it is kind to it: when the server stalls, nobody
//! sends, and the stall is seen by the few messages that were on their way. That is
//! *coordinated omission*, the usual way in which a load test lies about latency.
//!
//! **Open loop** (`--rate`): messages leave by the clock, as users come. Each is timed from
//! when it *should* have left, so a message that had to wait for a stalled server counts
//! its waiting; nothing has to be corrected afterwards. How late the tool itself was is told
//! beside it.
//!
//! The tool measures itself, too: when it was near a whole core for each of its threads, it
//! may have been the limit, and it says so.
//!
//! Production measures from other machines, for hours, and with what its users really send.

mod aim;
mod arguments;
mod chart;
mod client;
mod deliveries;
mod echo;
mod failures;
mod fanout;
mod lifecycle;
mod load;
mod marker;
mod object;
mod pacer;
mod page;
mod plan;
mod report;
mod run;
mod sender;
mod server;
mod table;
mod tally;
mod text;
mod units;

use std::{io, path::Path, process::ExitCode, sync::Arc};

use zcomm_core::Error;

pub(crate) use self::arguments::Arguments;
use self::{plan::Plan, report::Report, run::Run};
use crate::{
    failure::Failure,
    print::whole,
    program::{INTERRUPTED, block_on},
};

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    block_on(measure(arguments)).unwrap_or_else(|failure| failure.report())
}

async fn measure(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let plan = Plan::new(arguments)?;
    let mut options = arguments.handshake.options(&arguments.url)?;
    options.addresses = options.lookup().await.map_err(Error::from)?;
    if let Some(address) = aim::public(&options.addresses)
        && !arguments.i_own_this_server
    {
        return Err(Failure::usage(
            format!("{address} is neither this machine nor on a private network"),
            "a load test at a server of others is an attack; if it is yours, and your provider agrees: \
             --i-own-this-server",
        ));
    }
    // Who is busy needs no pings, and a timer for each wait costs more than the wait.
    options.ping_interval = None;
    options.max_message_bytes = options.max_message_bytes.max(4 * plan.size);
    plan.check_room(&options.addresses)?;
    // What cannot be written at the end is better known at the beginning.
    if let Some(file) = &arguments.csv {
        table::check(file)?;
    }
    if let Some(file) = &arguments.html {
        std::fs::write(file, "").map_err(|error| cannot_write(file, &error))?;
    }
    let run = Arc::new(Run::new(plan, options, arguments.template.as_deref()));
    let measured = load::direct(&run).await?;
    let report = Report::new(&run, measured);
    let text = match arguments.json {
        true => format!("{}\n", report.json()),
        false => report.text(),
    };
    // First of all: what was measured for an hour is not lost with a disk that is full.
    let told = whole(&mut io::stdout(), text.as_bytes());
    if let Some(file) = &arguments.csv {
        table::append(file, &report).map_err(|error| cannot_write(file, &error))?;
    }
    if let Some(file) = &arguments.html {
        std::fs::write(file, page::page(&report)).map_err(|error| cannot_write(file, &error))?;
    }
    told?;
    Ok(match (report.interrupted, report.is_good()) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
}

fn cannot_write(file: &Path, error: &io::Error) -> Failure {
    Failure::new(
        format!("cannot write {}: {error}", file.display()),
        "name a file in a folder that exists and is yours",
    )
}
