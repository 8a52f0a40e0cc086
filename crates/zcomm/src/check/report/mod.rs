//! Reports the results of a run: as text, as JSON, and as a file for JUnit.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod score;

mod json;
mod junit;
mod text;

pub(super) use json::to_json;
pub(super) use junit::to_junit;
pub(super) use score::{Context, Score};
pub(super) use text::{first_failed, head, to_text};
