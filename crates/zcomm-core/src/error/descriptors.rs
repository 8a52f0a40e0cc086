//! Recognizes the error "too many open files": no file descriptor is free.
//!
//! Every file and every connection needs a descriptor. So this error can be the cause of an error
//! about an address, a name or a certificate. Then help about the address would mislead the user.

use std::{error::Error, io, iter::successors};

pub(crate) const HELP: &str = "no file descriptor is free: `ulimit -n` shows how many a program may \
     have, and `ulimit -n 1024` in the same terminal allows more; for a service, set LimitNOFILE=";

/// The error numbers. `ENFILE` (23): the system has no free descriptor. `EMFILE` (24): the process
/// has as many descriptors as it may have. On Windows, only sockets have such a limit.
const NUMBERS: &[i32] = if cfg!(windows) { &[10024] } else { &[23, 24] };

/// Whether the cause of this error is that no descriptor is free.
pub(crate) fn are_used_up(error: &(dyn Error + 'static)) -> bool {
    let mut causes = successors(Some(error), |&error| error.source());
    causes.any(|cause| {
        let cause = cause.downcast_ref::<io::Error>();
        let number = cause.and_then(io::Error::raw_os_error);
        number.is_some_and(|number| NUMBERS.contains(&number))
    })
}
