//! Figures of an application, beside those of its server.
//!
//! A server knows connections and messages; what a room is, only the chat knows. So an
//! application hands in a function that says how things are *now*, and it is called for each
//! reading: nothing has to be kept up to date in two places, and nothing is counted twice.
//!
//! Production gives a label few values that it knows beforehand. Each one is a series that a
//! monitor keeps for months; a label with the names of users in it fills its disk.

/// How a figure moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureKind {
    /// Up and down, e.g. who is there.
    Gauge,
    /// Only up, until a restart; its name ends in `_total`.
    Counter,
}

/// One figure, with one value for each value of its label.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its name in `/metrics`, e.g. `zcomm_room_members`: ASCII letters, digits and `_`.
    pub name: &'static str,
    /// What it says, in one line.
    pub help: &'static str,
    /// How it moves.
    pub kind: FigureKind,
    /// What its values differ in, e.g. `room`.
    pub label: &'static str,
    /// The values; at most 1,024 of them are shown.
    pub values: Vec<(String, u64)>,
}
