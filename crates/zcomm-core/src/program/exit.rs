//! From start to exit code: the frame around every demo.
//!
//! A program that fails owes its user a sentence on stderr — whatever `RUST_LOG` says — and
//! its caller a code: 78 when a setting has to change, 1 otherwise. And what was logged
//! last must be written before the process is gone. All three are easy to forget in a
//! `main`, so they are here once.
//!
//! Production lets a service manager read the code and decide whether to start again.

use std::{
    future::Future,
    io::{self, Write},
    process::ExitCode,
};

use crate::{
    error::{Error, Result},
    program::logging,
};

/// Starts logging, runs a program to its end, and turns an error into two lines on stderr
/// and an exit code.
pub async fn program(run: impl Future<Output = Result<()>>) -> ExitCode {
    let _logs = logging::init();
    let Err(error) = run.await else {
        return ExitCode::SUCCESS;
    };
    report(&error)
}

/// Writes an error as two lines on stderr, and makes the exit code of it.
pub fn report(error: &Error) -> ExitCode {
    let help = error.help();
    let help = help.map(|help| format!("help: {help}\n"));
    // When stderr is gone too, the exit code is all that is left to say it.
    write!(io::stderr(), "error: {error}\n{}", help.unwrap_or_default()).ok();
    ExitCode::from(error.exit_code())
}
