//! Code that several subcommands use: options, input, output, signals, errors and processes.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod answers;
pub(crate) mod failure;
pub(crate) mod handshake;
pub(crate) mod input;
pub(crate) mod run;
pub(crate) mod shell;
pub(crate) mod text;
pub(crate) mod values;

pub(crate) mod console;
pub(crate) mod print;
pub(crate) mod program;

pub(crate) mod processes;
