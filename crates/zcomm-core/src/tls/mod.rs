//! Certificates and keys: how to read them, how to make them, and which servers to trust.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod host;
pub(crate) mod pem;

pub(crate) mod key_kind;

pub(crate) mod formats;

pub(crate) mod certificate;

pub(crate) mod distrust;
pub(crate) mod error;

pub(crate) mod development_ca;
pub(crate) mod files;
pub(crate) mod identity;

pub(crate) mod renewal;

pub(crate) mod witness;

pub(crate) mod trust;
