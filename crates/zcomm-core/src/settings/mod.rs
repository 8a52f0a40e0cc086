//! Settings: their sources, the accepted forms of each setting, and the resulting `Config`.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod table;
pub(crate) mod zenv;

pub(crate) mod parse;

pub(crate) mod tls_files;
pub(crate) mod unknown;
pub(crate) mod xray;

pub(crate) mod config;

pub(crate) mod review;
