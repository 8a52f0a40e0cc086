//! The query of an address: `?name=Ada&room=lobby`.
//!
//! A page cannot set headers on a WebSocket. So a page uses the query to send data before the
//! first message. The server itself reads the values of `token` and `attempt`. The handler
//! reads and checks all other values, because only the handler knows what they mean.

use std::borrow::Cow;

/// Names that the server uses itself. A handler cannot read their values, because they are
/// secrets.
const OWN: [&str; 2] = ["token", "attempt"];

/// The maximum number of names that are kept for a handler, and the maximum length of a name or
/// a value (bytes). Kept names use memory until the connection ends, so a client must not
/// choose their size.
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

    /// Returns the value of a name. `None` if the name is missing or occurs more than once.
    pub(crate) fn only(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        let only = values.next()?;
        values.next().is_none().then_some(only)
    }

    /// Copies the query for the handler: the first eight names, each with its first value. The
    /// copy does not contain the names that the server uses itself. A longer name or value is
    /// cut at 512 bytes.
    pub(crate) fn kept(&self) -> Query<'static> {
        let mut kept = Query::default();
        for (name, value) in &self.0 {
            let is_new = !OWN.contains(&&**name) && kept.all(cut(name)).next().is_none();
            if is_new && kept.0.len() < MAX_NAMES {
                let owned = |text: &str| Cow::Owned(cut(text).to_owned());
                kept.0.push((owned(name), owned(value)));
            }
        }
        kept.0.shrink_to_fit();
        kept
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns the part of a text that is kept: at most 512 bytes, without half a character.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_LENGTH);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_does_not_decide_how_much_is_kept() {
        let names: String = (0..500).map(|n| format!("n{n}={n}&")).collect();
        let kept = Query::parse(Some(&names)).kept();
        assert_eq!((kept.0.len(), kept.0.capacity()), (MAX_NAMES, MAX_NAMES));
        assert_eq!(kept.only("n7"), Some("7"));
        let same = "a=b&".repeat(1000);
        assert_eq!(Query::parse(Some(&same)).kept().0.len(), 1);
        let long = format!("name=x{}", "ä".repeat(2000));
        let kept = Query::parse(Some(&long)).kept();
        assert_eq!(kept.only("name").map(str::len), Some(511));
    }

    #[test]
    fn values_are_decoded_and_the_token_is_not_kept() {
        let query = Query::parse(Some("name=Ad%C3%A4+L&token=secret&attempt=x&name=Bob"));
        assert_eq!(query.all("name").collect::<Vec<_>>(), ["Adä L", "Bob"]);
        assert_eq!(
            (query.only("name"), query.only("token")),
            (None, Some("secret"))
        );
        let kept = query.kept();
        assert_eq!(kept.all("name").next().map(|name| &**name), Some("Adä L"));
        assert_eq!(kept.all("token").chain(kept.all("attempt")).count(), 0);
        assert!(Query::parse(Some("token=a")).kept().is_empty());
        assert!(Query::parse(None).is_empty());
    }
}
