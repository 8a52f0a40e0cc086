//! Text that is for a file or the next program, and of use only whole.
//!
//! Whoever reads may hang up when it has enough (`| head -1`): that is its right, and no
//! failure. A full disk is one: half a script must not pass for a script.

use std::{
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

use zcomm_core::report;

pub(crate) fn print(text: &[u8]) -> ExitCode {
    match whole(&mut io::stdout().lock(), text) {
        Err(error) => report(&error.into()),
        Ok(()) => ExitCode::SUCCESS,
    }
}

/// Writes all of it, or as much as somebody wants to read.
pub(crate) fn whole(out: &mut impl Write, text: &[u8]) -> io::Result<()> {
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
