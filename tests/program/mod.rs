//! What a program prints.

mod secrets;
