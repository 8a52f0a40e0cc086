//! The server under load, and behind a proxy.

mod announce;
#[cfg(unix)]
mod recipes;
#[cfg(unix)]
mod recipes_limits;
mod slow_stop;
mod stop;
mod storms;
