//! An entry of the shared log, and its position.
//!
//! A number alone does not identify an entry. A replica can become the master before it has
//! received the newest entries. Then it gives their numbers to other entries. So a position also
//! has a digest, which depends on all entries up to this position.

use std::time::Duration;

use bytes::Bytes;

/// The time between two signs of life of a server.
pub(crate) const ALIVE: Duration = Duration::from_secs(2);

/// A sign of life ends with these bytes if its server asks for a copy of the state.
pub(crate) const ASKS: &[u8] = b"copy";

/// Where an entry is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The random name of the log. After a loss of the whole log, the new log has another name.
    pub epoch: String,
    /// The number of the entry: 1, 2, 3 … without gaps.
    pub seq: u64,
    /// Eight hexadecimal digits, calculated from this entry and the entry before it.
    pub digest: String,
}

/// What an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An entry of the service, which decides what the payload means.
    Data,
    /// A sign of life. Every server appends one every two seconds.
    Alive,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Data => "data",
            Kind::Alive => "alive",
        }
    }
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where the entry is.
    pub position: Position,
    /// The random name of the server that appended the entry.
    pub server: String,
    /// Whether the server that reads the entry has also appended it.
    pub own: bool,
    /// What the entry is for.
    pub kind: Kind,
    /// The time of the append, in milliseconds, to measure durations. Never earlier than the time of
    /// the entry before this one. If the clock of Redis never went back, this is the same as `wall`.
    pub time: u64,
    /// The time of the append by the clock of Redis, in milliseconds since 1970.
    pub wall: u64,
    /// The content.
    pub payload: Bytes,
    /// The number of the request. Each server counts its own requests.
    pub(crate) number: u64,
    /// The digest of the entry before this one.
    pub(crate) before: String,
    /// The service that the log belongs to.
    pub(crate) service: String,
}

/// An entry as Redis returns it: the id, then the fields as name, value, name, value …
pub(crate) type Fields = (String, Vec<Bytes>);

impl Entry {
    /// Reads an entry. `None` if the entry does not come from [`append`](crate::append).
    pub(crate) fn read((id, fields): Fields, server: &str) -> Option<Entry> {
        let value = |name: &str| {
            let mut pairs = fields.chunks_exact(2);
            pairs.find(|pair| pair[0] == name).map(|pair| &pair[1])
        };
        let text = |name| Some(std::str::from_utf8(value(name)?).ok()?.to_owned());
        let origin = text("server")?;
        let time = text("time")?.parse().ok()?;
        Some(Entry {
            position: Position {
                epoch: text("epoch")?,
                seq: id.strip_suffix("-0")?.parse().ok()?,
                digest: text("digest")?,
            },
            own: origin == server,
            server: origin,
            kind: match text("kind")?.as_str() {
                "data" => Kind::Data,
                "alive" => Kind::Alive,
                _ => return None,
            },
            time,
            // An older version of this program writes one time only.
            wall: text("wall").map_or(Some(time), |wall| wall.parse().ok())?,
            payload: value("payload")?.clone(),
            number: text("number")?.parse().ok()?,
            before: text("before")?,
            service: text("service")?,
        })
    }

    /// Whether another server asks for a copy of the state.
    pub(crate) fn asks(&self) -> bool {
        self.kind == Kind::Alive && !self.own && self.payload.ends_with(ASKS)
    }

    /// Whether this entry is the next one after `position`.
    pub(crate) fn follows(&self, position: Option<&Position>) -> bool {
        match position {
            None => self.position.seq == 1,
            Some(last) => {
                self.position.epoch == last.epoch
                    && self.position.seq == last.seq + 1
                    && self.before == last.digest
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(id: &str, kind: &str, number: &str) -> Fields {
        let pairs = [
            ("epoch", "e"),
            ("before", "aaaa0000"),
            ("digest", "bbbb0000"),
            ("server", "me"),
            ("number", number),
            ("kind", kind),
            ("time", "1763648571007"),
            ("payload", "hello"),
            ("service", "chat_app"),
        ];
        let flat = pairs.into_iter().flat_map(|(name, value)| [name, value]);
        let flat = flat.map(|text| Bytes::copy_from_slice(text.as_bytes()));
        (id.to_owned(), flat.collect())
    }

    #[test]
    fn an_entry_is_read_whole_or_not_at_all() {
        let entry = Entry::read(fields("7-0", "data", "3"), "me").unwrap();
        assert_eq!((entry.position.seq, entry.number, entry.own), (7, 3, true));
        assert_eq!(
            (entry.payload.as_ref(), entry.time),
            (&b"hello"[..], 1_763_648_571_007)
        );
        assert_eq!(entry.wall, entry.time, "an older version has one time only");
        assert!(
            !Entry::read(fields("7-0", "data", "3"), "other")
                .unwrap()
                .own
        );
        for wrong in [
            fields("7-1", "data", "3"),
            fields("7", "data", "3"),
            fields("7-0", "unknown", "3"),
            fields("7-0", "data", "x"),
            ("7-0".to_owned(), Vec::new()),
        ] {
            assert_eq!(Entry::read(wrong, "me"), None);
        }
    }

    #[test]
    fn an_entry_follows_only_the_entry_before_it() {
        let entry = Entry::read(fields("7-0", "data", "3"), "me").unwrap();
        let position = |epoch: &str, seq, digest: &str| Position {
            epoch: epoch.into(),
            seq,
            digest: digest.into(),
        };
        assert!(entry.follows(Some(&position("e", 6, "aaaa0000"))));
        for other in [
            position("f", 6, "aaaa0000"),
            position("e", 5, "aaaa0000"),
            position("e", 7, "aaaa0000"),
            position("e", 6, "aaaa0001"),
        ] {
            assert!(!entry.follows(Some(&other)), "{other:?}");
        }
        assert!(!entry.follows(None));
        let first = Entry::read(fields("1-0", "data", "1"), "me").unwrap();
        assert!(first.follows(None));
    }
}
