//! Certificates and keys: how to read and make them, and which server to trust.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod host;
pub(crate) mod pem;

pub(crate) mod certificate;

pub(crate) mod distrust;
pub(crate) mod error;

pub(crate) mod development_ca;
pub(crate) mod identity;

pub(crate) mod trust;
