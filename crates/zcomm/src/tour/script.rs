//! The parts of a story: steps, and the acts of the people in each step.
//!
//! An act is only data, so that the story is easy to read. `play` runs the acts.

/// A person of the story.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Person {
    Ada,
    Ben,
}

impl Person {
    pub(super) fn name(self) -> &'static str {
        match self {
            Person::Ada => "Ada",
            Person::Ben => "Ben",
        }
    }
}

pub(super) struct Step {
    pub(super) title: &'static str,
    pub(super) intro: &'static str,
    pub(super) acts: &'static [Act],
    pub(super) notice: &'static str,
}

pub(super) enum Act {
    /// Connects with this query.
    Connects(Person, &'static str),
    /// Connects a second time with this query. The first connection stays open.
    ConnectsAgain(Person, &'static str),
    /// Sends this text.
    Sends(Person, &'static str),
    /// Receives a message that has these fields.
    Receives(Person, &'static str),
    /// Shows the time from the last sent message to the last received message.
    RoundTrip,
    /// If the tour uses another server, skips the rest of this step.
    OwnServerOnly,
    /// Joins and leaves the room this many times, without a pause.
    Floods(Person, usize),
    /// The connection breaks, without a Close frame.
    Breaks(Person),
    /// The server closes the first of two connections with this code.
    Replaced(Person, u16),
    /// The server refuses a client without a token.
    RefusesEve,
    /// Closes the connection.
    Closes(Person),
}
