//! What a story is made of: steps, and what people do in them.
//!
//! An act is a word with its details and no code, so that the story can be read aloud. What
//! each of them does is in `play`.
//!
//! Production has such a script in a file of its own, and more than one.

/// Who takes part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Ada,
    Ben,
}

impl Who {
    pub(super) fn name(self) -> &'static str {
        match self {
            Who::Ada => "Ada",
            Who::Ben => "Ben",
        }
    }
}

/// Where a step can be told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    /// With a server that the tour has started, and nobody else uses.
    Own,
    /// With any other.
    Elsewhere,
}

pub(super) struct Step {
    pub(super) title: &'static str,
    pub(super) words: &'static str,
    pub(super) acts: &'static [Act],
    pub(super) notice: &'static str,
    pub(super) place: Place,
}

pub(super) enum Act {
    /// Connects with this query.
    Comes(Who, &'static str),
    /// Connects a second time, and keeps the first connection.
    ComesAgain(Who, &'static str),
    /// Says this, as it stands.
    Says(Who, &'static str),
    /// Hears a message with these fields.
    Hears(Who, &'static str),
    /// How long it was from the last that was said to the last that was heard.
    Took,
    /// Enters the room and leaves it, so often, without looking up.
    Hurries(Who, usize),
    /// The connection is gone, without a Close frame.
    Breaks(Who),
    /// The first of two connections is closed with this code.
    Replaced(Who, u16),
    /// Somebody without a token tries to come in.
    Strangers,
    /// Says goodbye.
    Leaves(Who),
}
