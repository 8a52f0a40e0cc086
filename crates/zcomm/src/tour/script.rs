//! What a story is made of: steps, and the acts of the people in them.
//!
//! An act is data without code, so that the story can be read aloud. `play` carries the acts
//! out.

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
    /// Connects a second time; the first connection stays open.
    ConnectsAgain(Person, &'static str),
    /// Sends this text.
    Sends(Person, &'static str),
    /// Receives a message that has these fields.
    Receives(Person, &'static str),
    /// Shows the time from the last message sent to the last one received.
    RoundTrip,
    /// Skips the other acts of the step, unless the tour has started the server itself.
    OwnServerOnly,
    /// Joins the room and leaves it, this number of times, without a pause.
    Floods(Person, usize),
    /// The connection breaks: there is no Close frame.
    Breaks(Person),
    /// The server closes the first of two connections with this code.
    Replaced(Person, u16),
    /// The server refuses a client without a token.
    RefusesEve,
    /// Closes the connection.
    Closes(Person),
}
