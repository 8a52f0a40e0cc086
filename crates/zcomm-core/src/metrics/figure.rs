//! The metrics of an application, beside those of its server.
//!
//! A server knows connections and messages; only a chat knows rooms. So an application passes in
//! a function that returns its current metrics, and each request for `/metrics` calls it. No
//! number has to be kept up to date in two places.
//!
//! Use a label with few values. A monitor keeps a series for each value for months; a label with
//! the names of users would fill its disk.

/// The type of a metric, in Prometheus's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureKind {
    /// It goes up and down, such as the number of members of a room.
    Gauge,
    /// It only goes up, until the server restarts. Its name ends in `_total`.
    Counter,
}

/// One metric of an application, with one number for each value of its label.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its name in `/metrics`, e.g. `zcomm_room_members`: ASCII letters, digits and `_`.
    pub name: &'static str,
    /// Its description, in one line.
    pub help: &'static str,
    /// Its type.
    pub kind: FigureKind,
    /// The name of its label, e.g. `room`.
    pub label: &'static str,
    /// The values of the label, each with its number. At most 1,024 of them are shown.
    pub values: Vec<(String, u64)>,
}
