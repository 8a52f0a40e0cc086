//! Clients: ours, the examples, and those of others.

mod callback;
mod counter;
mod dial;
mod large;
mod peers;
