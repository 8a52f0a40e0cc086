//! The query of an address: `?name=Ada&room=lobby`.
//!
//! A page cannot set headers on a WebSocket. So a page uses the query to send data before the
//! first message. The server itself reads the values of `token` and `attempt`. The handler
//! reads and checks all other values, because only the handler knows what they mean.
//!
//! The server refuses a handshake if its query has no clear meaning. If a name occurs twice, a
//! proxy may have checked the first value, and the handler would read the second. Bytes that are
//! not UTF-8 have no clear text.

use std::{borrow::Cow, collections::HashSet};

/// Names that the server uses itself. Their values are secrets, so a handler cannot read them.
const OWN: [&str; 2] = ["token", "attempt"];

/// The reason to refuse a request with two tokens.
pub(crate) const TOKEN_TWICE: &str = "the token was given twice";

/// The maximum number of names for a handler, and the maximum length of a name or a value
/// (bytes). Names and values use memory until the connection ends, so they need limits.
const MAX_NAMES: usize = 8;
const MAX_LENGTH: usize = 512;

/// The names and values of a query, decoded.
#[derive(Default)]
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Decodes a query (`application/x-www-form-urlencoded`).
    pub(crate) fn parse(query: Option<&'a str>) -> Query<'a> {
        let pairs = query.map(|query| form_urlencoded::parse(query.as_bytes()));
        Query(pairs.into_iter().flatten().collect())
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &Cow<'a, str>> {
        let pairs = self.0.iter().filter(move |(known, _)| known == name);
        pairs.map(|(_, value)| value)
    }

    /// Checks a query that [`parse`](Query::parse) has read from `raw`.
    ///
    /// # Errors
    /// The rule that the query breaks.
    pub(crate) fn check(&self, raw: Option<&str>) -> Result<(), &'static str> {
        let raw = percent_encoding::percent_decode_str(raw.unwrap_or_default());
        if raw.decode_utf8().is_err() {
            return Err("the query of the address is not UTF-8");
        }
        let mut names = HashSet::new();
        if let Some((twice, _)) = self.0.iter().find(|(name, _)| !names.insert(name)) {
            return Err(match &**twice {
                "token" => TOKEN_TWICE,
                _ => "a name occurs twice in the query of the address",
            });
        }
        let for_handler = || self.0.iter().filter(|(name, _)| !OWN.contains(&&**name));
        if for_handler().count() > MAX_NAMES {
            return Err("the query of the address has more than 8 names");
        }
        let too_long = |text: &str| text.len() > MAX_LENGTH;
        match for_handler().any(|(name, value)| too_long(name) || too_long(value)) {
            true => Err("a name or a value in the query of the address has more than 512 bytes"),
            false => Ok(()),
        }
    }

    /// Returns the value of a name. `None` if the name is missing or occurs more than once.
    pub(crate) fn only(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        let only = values.next()?;
        values.next().is_none().then_some(only)
    }

    /// Copies the query for the handler, without the names that the server uses itself. Call this
    /// only for a query that has passed [`check`](Query::check), because the copy is stored.
    pub(crate) fn kept(&self) -> Query<'static> {
        let owned = |text: &str| Cow::Owned(text.to_owned());
        let kept = self.0.iter().filter(|(name, _)| !OWN.contains(&&**name));
        let mut kept: Vec<_> = kept
            .map(|(name, value)| (owned(name), owned(value)))
            .collect();
        kept.shrink_to_fit();
        Query(kept)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str) -> Result<(), &'static str> {
        Query::parse(Some(raw)).check(Some(raw))
    }

    #[test]
    fn a_client_does_not_decide_how_much_is_kept() {
        let names = |count| -> String { (0..count).map(|n| format!("n{n}={n}&")).collect() };
        let full = names(8) + "token=a&attempt=b";
        assert_eq!(check(&full), Ok(()));
        let kept = Query::parse(Some(&full)).kept();
        assert_eq!((kept.0.len(), kept.0.capacity()), (MAX_NAMES, MAX_NAMES));
        assert_eq!(kept.only("n7"), Some("7"));
        assert!(check(&names(9)).unwrap_err().contains("8 names"));
        let long = |length| format!("name={}", "ä".repeat(length));
        assert_eq!(check(&long(256)), Ok(()));
        assert!(check(&long(257)).unwrap_err().contains("512 bytes"));
        assert!(check(&"n".repeat(513)).unwrap_err().contains("512 bytes"));
    }

    #[test]
    fn a_query_with_two_meanings_is_refused() {
        for (raw, words) in [
            ("name=A&name=B", "occurs twice"),
            ("name=A&name=A", "occurs twice"),
            ("name&x=1&n%61me=", "occurs twice"),
            ("token=a&token=a", TOKEN_TWICE),
            ("name=%ff", "not UTF-8"),
            ("name=%C3", "not UTF-8"),
            ("name=%C3&x=%A4", "not UTF-8"),
            ("%ED%A0%80", "not UTF-8"),
        ] {
            assert!(check(raw).unwrap_err().contains(words), "{raw}");
        }
        for raw in [
            "",
            "name=A&Name=B",
            "name=%C3%A4",
            "name=%EF%BF%BD",
            "a=50%&b=%zz",
            "name=A&&",
        ] {
            assert_eq!(check(raw), Ok(()), "{raw}");
        }
    }

    #[test]
    fn values_are_decoded_and_the_token_is_not_kept() {
        let query = Query::parse(Some("name=Ad%C3%A4+L&token=secret&attempt=x"));
        assert_eq!(query.only("token"), Some("secret"));
        let kept = query.kept();
        assert_eq!(kept.only("name"), Some("Adä L"));
        assert_eq!(kept.all("token").chain(kept.all("attempt")).count(), 0);
        assert!(Query::parse(Some("token=a")).kept().is_empty());
        assert!(Query::parse(None).is_empty());
    }
}
