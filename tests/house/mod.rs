//! Rules for the repository itself.

mod imports;
mod tidy;
