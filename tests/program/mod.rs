//! What a program prints.

mod links;
mod secrets;
