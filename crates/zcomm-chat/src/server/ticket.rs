//! The ticket with which a client resumes its session: `epoch.number.secret`.
//!
//! The epoch shows whether the ticket is from before a restart. The number finds the session with
//! one lookup. The secret is random and long. The comparison of two secrets always takes the same
//! time, so the time of an answer tells an attacker nothing about the secret.

use serde::{Deserialize, Serialize};
use zcomm_core::Token;

use crate::{envelope::Seq, server::digest};

/// What a client sends to resume a session: `epoch.number.secret`.
pub(crate) struct Ticket<'a> {
    pub(crate) epoch: &'a str,
    number: u64,
    secret: &'a str,
}

/// A ticket that a client has shown. The secret is stored as its digest.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ShownTicket {
    pub(crate) epoch: String,
    pub(crate) session: u64,
    #[serde(with = "digest")]
    pub(crate) secret: Token,
}

impl Ticket<'_> {
    /// Reads a ticket in the form in which the server writes it. `None` for any other form.
    pub(crate) fn parse(text: &str) -> Option<Ticket<'_>> {
        let (epoch, rest) = text.split_once('.')?;
        let (number, secret) = rest.split_once('.')?;
        // The server sends the epoch back in a gap message, so check its form.
        let legal = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if epoch.len() != 11 || !epoch.bytes().all(legal) {
            return None;
        }
        Some(Ticket {
            epoch,
            number: Seq::parse(number)?.0,
            secret,
        })
    }

    /// `None` if the secret cannot be the secret of a session.
    pub(crate) fn shown(&self) -> Option<ShownTicket> {
        Some(ShownTicket {
            epoch: self.epoch.to_owned(),
            session: self.number,
            secret: Token::new(self.secret).ok()?,
        })
    }
}
