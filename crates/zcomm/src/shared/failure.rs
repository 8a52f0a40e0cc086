//! The error of a subcommand: what happened, what to type, and an exit code. The help of `zcomm`
//! lists the exit codes.
//!
//! Most errors are a [`zcomm_core::Error`], which has its own help. A [`Failure`] can also
//! report another error, whose help often names an option of the command.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use serde_json::{Value, json};
use zcomm_core::Error;

/// An error that is reported in two lines on stderr.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    help: Option<String>,
    code: u8,
}

impl Failure {
    /// Returns a failure with exit code 1.
    pub(crate) fn new(what: impl Into<String>, help: impl Into<String>) -> Failure {
        Failure {
            what: what.into(),
            help: Some(help.into()),
            code: 1,
        }
    }

    /// Returns a failure with exit code 2, for a mistake in the command line.
    pub(crate) fn usage(what: impl Into<String>, help: impl Into<String>) -> Failure {
        let code = 2;
        Failure {
            code,
            ..Failure::new(what, help)
        }
    }

    /// Returns a failure with exit code 2, for a file or an address in the command line that
    /// cannot be used.
    pub(crate) fn misuse(error: impl Into<Error>) -> Failure {
        let code = 2;
        Failure {
            code,
            ..Failure::from(error)
        }
    }

    /// What happened, without the help.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "type": "error", "error": self.what, "help": self.help })
    }

    /// Prints the failure and returns its exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let help = self.help.as_ref().map(|help| format!("help: {help}\n"));
        let what = &self.what;
        // When stderr is closed, the exit code is the only report.
        write!(io::stderr(), "error: {what}\n{}", help.unwrap_or_default()).ok();
        ExitCode::from(self.code)
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        let error = error.into();
        Failure {
            what: error.to_string(),
            help: error.help(),
            code: error.exit_code(),
        }
    }
}
