//! The metrics of an application, in addition to the metrics of its server.
//!
//! A server can count connections and messages, but only the application knows its own
//! numbers, e.g. the number of members of a room. So the application gives the server a
//! function that returns these numbers. Each request for `/metrics` calls this function, so no
//! number is stored in two places.
//!
//! The label of a metric must have few different values. A monitor stores one series of
//! numbers for each value of the label, and keeps each series for months. If every user name
//! were a value, the series would fill the monitor's disk.

/// The type of a metric in Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureKind {
    /// A number that goes up and down, such as the number of members of a room.
    Gauge,
    /// A number that only goes up, until the server restarts. The name of a counter ends in
    /// `_total`.
    Counter,
}

/// One metric of an application, with one number for each value of its label.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The metric's name in `/metrics`, e.g. `zcomm_room_members`: ASCII letters, digits and
    /// `_`.
    pub name: &'static str,
    /// The metric's description, in one line.
    pub help: &'static str,
    /// The metric's type.
    pub kind: FigureKind,
    /// The name of the metric's label, e.g. `room`.
    pub label: &'static str,
    /// The values of the label, each with its number. `/metrics` shows at most 1,024 values.
    pub values: Vec<(String, u64)>,
}
