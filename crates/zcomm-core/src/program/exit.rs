//! Runs a program, reports its error and returns its exit code.
//!
//! A program that fails must print the error on stderr, even if `RUST_LOG` hides errors. It
//! must return an exit code: 78 if a setting must change, otherwise 1. It must write the last
//! log lines before the process ends. These three duties are easy to forget in a `main`.

use std::{
    future::Future,
    io::{self, Write},
    process::ExitCode,
};

use crate::{
    error::{Error, Result},
    program::logging,
};

/// Starts logging and runs a program to its end. An error becomes two lines on stderr and an
/// exit code.
pub async fn program(run: impl Future<Output = Result<()>>) -> ExitCode {
    let _logs = logging::init();
    let Err(error) = run.await else {
        return ExitCode::SUCCESS;
    };
    report(&error)
}

/// Prints an error and its help on stderr, and returns its exit code.
pub fn report(error: &Error) -> ExitCode {
    let help = error.help();
    let help = help.map(|help| format!("help: {help}\n"));
    // If stderr is closed, the exit code still reports the error.
    write!(io::stderr(), "error: {error}\n{}", help.unwrap_or_default()).ok();
    ExitCode::from(error.exit_code())
}
