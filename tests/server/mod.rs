//! The server under load, and behind a proxy.

#[cfg(unix)]
mod recipes;
mod storms;
