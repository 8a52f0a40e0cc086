//! One setting, from text to what it means.
//!
//! Every setting fails in the same way: its name, its value, and what was expected. So that
//! is written once, and each form says only what it accepts (`forms`).
//!
//! Production has the same sentence for its hundred settings.

use std::fmt::Display;

use crate::{
    error::{Error, Result},
    message::excerpt,
    zenv::Settings,
};

/// Reads one setting with its parser, and says which setting it was when that fails.
pub(crate) fn read<T, E: Display>(
    settings: &Settings,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>> {
    let Some(value) = settings.get(name) else {
        return Ok(None);
    };
    let secret = name.starts_with("WEBSOCKET_TOKEN") || value.contains("-----BEGIN");
    parse(value).map(Some).map_err(|reason| Error::Setting {
        name,
        value: if secret { "***" } else { excerpt(value) }.to_owned(),
        reason: reason.to_string(),
    })
}
