//! The position of a message in a log, and the digest that proves it.
//!
//! Positions are strings in JSON, because a JavaScript number is exact only up to 2⁵³.
//!
//! If several servers are one chat, a number is not enough. A Redis that has lost its newest
//! messages gives their positions to other messages. So each message also has a digest, which
//! depends on all messages before it.
//!
//! A client sends the digest with its position. If the server's log has another message at this
//! position, the client has seen messages that are lost now.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A position in a log; the first position is 1. In JSON it is a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seq(pub u64);

impl Seq {
    /// Reads a position in the form that the server writes. `+5`, `05` and ` 5` give `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Seq> {
        let number: u64 = text.parse().ok()?;
        (number.to_string() == text).then_some(Seq(number))
    }
}

impl Serialize for Seq {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Seq {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Seq, D::Error> {
        let text = String::deserialize(from)?;
        Seq::parse(&text)
            .ok_or_else(|| de::Error::custom("expected a number as a string, as in \"12\""))
    }
}

/// The digest of a message in the log of several servers: eight hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u32);

impl Digest {
    /// Reads a digest in the form that the server writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Digest> {
        let digest = Digest(u32::from_str_radix(text, 16).ok()?);
        (digest.to_string() == text).then_some(digest)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(from)?;
        Digest::parse(&text).ok_or_else(|| de::Error::custom("expected eight hexadecimal digits"))
    }
}

/// The last position that a client has seen: `12`, or `12:9f3a01bc` if the message at this position
/// had a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The position.
    pub seq: Seq,
    /// The digest of the message at this position.
    pub digest: Option<Digest>,
}

impl Seen {
    /// Reads a position in the form that a client writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Seen> {
        let (seq, digest) = match text.split_once(':') {
            None => (text, None),
            Some((seq, digest)) => (seq, Some(Digest::parse(digest)?)),
        };
        let seq = Seq::parse(seq)?;
        Some(Seen { seq, digest })
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.seq.0)?;
        match self.digest {
            Some(digest) => write!(f, ":{digest}"),
            None => Ok(()),
        }
    }
}

impl Serialize for Seen {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_only_as_it_is_written() {
        for text in ["0", "12", "12:9f3a01bc", "18446744073709551615:00000000"] {
            assert_eq!(Seen::parse(text).unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "+5",
            "05",
            " 5",
            "5:",
            "5:9F3A01BC",
            "5:9f3a01b",
            "5:9f3a01bc0",
            "5:+f3a01bc",
            ":9f3a01bc",
            "5:9f3a01bc:",
            "5.9f3a01bc",
        ] {
            assert_eq!(Seen::parse(wrong), None, "{wrong}");
        }
    }
}
