//! The query of an address: `?name=Ada&room=lobby`.
//!
//! A page cannot set headers on a WebSocket. It uses the query to send data before the first
//! message. The server itself reads the names `token` and `attempt`. The handler reads and
//! checks the other names, because only the handler knows what they mean.

use std::borrow::Cow;

/// Names that the server uses itself. A handler cannot read them: the token is a secret.
const OWN: [&str; 2] = ["token", "attempt"];

/// The names and values of a query, decoded.
#[derive(Default)]
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Decodes a query (`application/x-www-form-urlencoded`).
    pub(crate) fn parse(query: Option<&'a str>) -> Query<'a> {
        let pairs = query.map(|query| form_urlencoded::parse(query.as_bytes()));
        Query(pairs.into_iter().flatten().collect())
    }

    /// Every value with this name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &Cow<'a, str>> {
        let pairs = self.0.iter().filter(move |(known, _)| known == name);
        pairs.map(|(_, value)| value)
    }

    /// The value of a name that the query contains exactly once.
    pub(crate) fn only(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        let only = values.next()?;
        values.next().is_none().then_some(only)
    }

    /// A copy for the handler: every name except those that the server uses itself. The copy
    /// has at most 4 KiB, the limit of an address.
    pub(crate) fn kept(&self) -> Query<'static> {
        let pairs = self.0.iter().filter(|(name, _)| !OWN.contains(&&**name));
        let owned = |text: &Cow<'_, str>| Cow::Owned(text.clone().into_owned());
        Query(
            pairs
                .map(|(name, value)| (owned(name), owned(value)))
                .collect(),
        )
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
