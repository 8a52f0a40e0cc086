//! Code that several subcommands use: options, input, output, signals, errors and processes.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod failure;
pub(crate) mod handshake;
pub(crate) mod lines;
pub(crate) mod run;
pub(crate) mod text;

pub(crate) mod processes;
