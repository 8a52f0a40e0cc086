//! Whether the other servers accept the same tokens.
//!
//! A client that comes back at another server shows the same token there. If the tokens differ, it
//! is refused. The most frequent cause: no token is set, and each server made its own.
//!
//! So each sign of life has one byte that follows from the tokens. The tokens themselves, or whole
//! digests of them, would help those who can read Redis to guess them.

use crate::{
    entry::{Entry, Kind},
    link::Address,
};

/// The marks of other servers that the log has named.
pub(crate) struct Neighbours {
    own: Vec<u8>,
    named: [bool; 256],
}

impl Neighbours {
    pub(crate) fn new(address: &Address) -> Neighbours {
        Neighbours {
            own: address.mark().to_vec(),
            named: [false; 256],
        }
    }

    /// Warns once of each mark that differs. An older version has none.
    pub(crate) fn heard(&mut self, entry: &Entry) {
        if entry.kind == Kind::Alive
            && let ([mark], [own]) = (&*entry.payload, &*self.own)
            && mark != own
            && !std::mem::replace(&mut self.named[usize::from(*mark)], true)
        {
            tracing::warn!(
                "another server of this service accepts other tokens, so clients of one server cannot \
                 come back at the other: set the same WEBSOCKET_TOKEN and WEBSOCKET_TOKENS for all \
                 servers (a server without both makes a token of its own)"
            );
        }
    }
}
