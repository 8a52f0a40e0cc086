//! Names with a number behind them.
//!
//! Whoever comes second under a name gets a number, so that nobody is two people. A number
//! makes no other name of it: what belongs to somebody belongs to them with every number,
//! and whatever looks like a number counts as one.
//!
//! Production shows an account's own mark beside a name, which nobody can type.

use zcomm_core::{MAX_NAME, folded};

/// `Ada 2`, cut so that it stays a name.
pub(crate) fn numbered(name: &str, number: u64) -> String {
    let number = number.to_string();
    let room = MAX_NAME - 1 - number.len();
    let base: String = name.chars().take(room).collect();
    format!("{} {number}", base.trim_end())
}

pub(crate) fn split_number(name: &str) -> Option<(&str, &str)> {
    let (base, number) = name.rsplit_once(' ')?;
    // Of any script and any length: it shall not look like one.
    number
        .chars()
        .all(char::is_numeric)
        .then_some((base, number))
}

/// Whether this is the name, with or without a number.
pub(crate) fn is_numbered(text: &str, name: &str) -> bool {
    let same = |other: &str| folded(other) == folded(name);
    let cut = |number: &str| match number.parse() {
        Ok(number) => folded(&numbered(name, number)) == folded(text),
        Err(_) => false,
    };
    same(text) || split_number(text).is_some_and(|(base, number)| same(base) || cut(number))
}
