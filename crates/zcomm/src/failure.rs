//! What ends a subcommand early: a sentence, what to type next, and an exit code.
//!
//! Most of what fails is an error of the library, which brings its own help. This is for the
//! rest, where the help is an option of this very command.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use zcomm_core::Error;

/// Two lines for stderr, and a code.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    help: Option<String>,
    code: u8,
}

impl Failure {
    /// It failed.
    pub(crate) fn new(what: impl Into<String>, help: impl Into<String>) -> Failure {
        Failure {
            what: what.into(),
            help: Some(help.into()),
            code: 1,
        }
    }

    /// It was asked for in a way that cannot be.
    pub(crate) fn usage(what: impl Into<String>, help: impl Into<String>) -> Failure {
        let code = 2;
        Failure {
            code,
            ..Failure::new(what, help)
        }
    }

    /// Says it, and makes the exit code of it.
    pub(crate) fn report(&self) -> ExitCode {
        let help = self.help.as_ref().map(|help| format!("help: {help}\n"));
        let what = &self.what;
        // When stderr is gone, too, the exit code is all that is left to say it.
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
