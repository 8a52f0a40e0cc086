//! Runs a program, reports its error and returns its exit code.
//!
//! If a program fails, the function `program` does three tasks:
//! - It prints the error on stderr, even if `RUST_LOG` hides errors.
//! - It returns an exit code: 78 if a setting must change, 2 if an argument must change,
//!   otherwise 1.
//! - It writes the last log lines before the process ends.

use std::{
    future::Future,
    io::{self, Write},
    process::ExitCode,
};

use crate::{
    error::{Error, Result},
    program::{help::help, logging},
    text::hidden::hidden,
};

/// Starts logging and runs a program to its end. If the program fails, prints the error and a
/// help line on stderr, and returns an exit code.
///
/// With the argument `--help` or `-h`, prints `about` and the settings, and does not run the
/// program. `about` can also be the source code of the program. Then only the first comment of
/// the source code is printed. Set `about` to `""` if the program reads its own arguments.
pub async fn program(about: &str, run: impl Future<Output = Result<()>>) -> ExitCode {
    let asks = |argument| argument == "--help" || argument == "-h";
    if !about.is_empty() && std::env::args_os().any(asks) {
        // Ignore an error: if stdout is closed, no user reads the help.
        io::stdout().write_all(help(about).as_bytes()).ok();
        return ExitCode::SUCCESS;
    }
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
    // Ignore an error of the write: if stderr is closed, the exit code still reports `error`.
    let text = format!("error: {error}\n{}", help.unwrap_or_default());
    io::stderr().write_all(hidden(&text).as_bytes()).ok();
    ExitCode::from(error.exit_code())
}
