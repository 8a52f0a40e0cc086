//! Rules for the repository itself.

mod imports;
mod links;
mod signals;
mod tidy;
