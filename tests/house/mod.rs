//! Rules for the repository itself.

mod imports;
mod links;
mod signals;
pub mod tidy;
