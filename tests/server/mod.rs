//! The server under load, and behind a proxy.

mod announce;
#[cfg(unix)]
mod recipes;
mod stop;
mod storms;
