//! The parts of a story: steps, and the acts of the people in each step.
//!
//! An act is only data, so that the story is easy to read. `play` runs the acts.

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
    /// The person connects, with this query in the address.
    Connects(Person, &'static str),
    /// The person connects a second time, with this query in the address. The first connection
    /// stays open.
    ConnectsAgain(Person, &'static str),
    /// The person sends this text.
    Sends(Person, &'static str),
    /// The person receives a message that has these fields (a JSON object).
    Receives(Person, &'static str),
    /// The tour shows the time from the last sent message to the last received message.
    RoundTrip,
    /// The tour skips the rest of this step if it does not use its own server.
    OwnServerOnly,
    /// The person joins and leaves the room this many times, without a pause.
    Floods(Person, usize),
    /// The person's connection breaks, without a Close frame.
    Breaks(Person),
    /// The server closes the person's first connection with this close code.
    Replaced(Person, u16),
    /// The server refuses a client without a token.
    RefusesEve,
    /// The person closes the connection.
    Closes(Person),
}
