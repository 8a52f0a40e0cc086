//! Rules for the repository itself.

mod imports;
mod signals;
mod tidy;
