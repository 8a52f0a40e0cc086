//! What a program prints.

mod help;
mod links;
mod secrets;
