//! The metrics of an application, in addition to the metrics of its server.
//!
//! A server knows connections and messages; only a chat knows rooms. So an application passes
//! in a function that returns its current metrics. Each request for `/metrics` calls the
//! function, so no number is stored in two places.
//!
//! Use a label with few values. For each value, a monitor stores a series of numbers for
//! months. A label with the names of users would fill the monitor's disk.

/// The type of a metric, with the name that Prometheus uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureKind {
    /// A number that goes up and down, such as the number of members of a room.
    Gauge,
    /// A number that only goes up, until the server restarts. Its name ends in `_total`.
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
