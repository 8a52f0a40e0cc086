//! Settings: their sources, the accepted forms of each setting, and the resulting `Config`.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod lines;
pub(crate) mod table;

pub(crate) mod zenv;

pub(crate) mod parse;
pub(crate) mod redis;

pub(crate) mod tls_files;
pub(crate) mod unknown;
pub(crate) mod xray;

pub(crate) mod config;

pub(crate) mod review;
