//! What several subcommands use: options, input, output, signals, and how a run ends.

pub(crate) mod failure;
pub(crate) mod handshake;
pub(crate) mod lines;
pub(crate) mod processes;
pub(crate) mod run;
pub(crate) mod text;
