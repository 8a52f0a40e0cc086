//! What a client asks for in the address it connects to.
//!
//! A page cannot set headers on a WebSocket; the query of its address is the one place
//! where it can say something before the first message: `?name=Ada&session=…`. The values
//! are kept for the handler, which checks them, because only it knows what they mean.
//!
//! The token is not among them: it is compared and forgotten. A session's secret is, and
//! therefore nothing here has a `Debug`.
//!
//! Production lets a client say such things in its first message, under a time limit, so
//! that they are in no proxy's log.

/// The values that are kept.
const NAMES: [&str; 4] = ["name", "session", "direct", "broadcast"];

/// What is kept of one value (bytes). The rest of a longer one is cut off; what is left is
/// still too long for any rule.
const MAX_VALUE: usize = 512;

/// What a client asked for.
#[derive(Default)]
pub(crate) struct Asked {
    values: Vec<(&'static str, String)>,
    /// The name that belongs to the token it showed.
    pub(crate) bound_name: Option<String>,
}

impl Asked {
    /// The values of a query, decoded once. Of two with the same name the first counts.
    pub(crate) fn new(query: Option<&str>, bound_name: Option<String>) -> Asked {
        let mut asked = Asked {
            values: Vec::new(),
            bound_name,
        };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let Some(name) = NAMES.into_iter().find(|known| *known == name) else {
                continue;
            };
            if asked.value(name).is_none() {
                let mut end = value.len().min(MAX_VALUE);
                while !value.is_char_boundary(end) {
                    end -= 1;
                }
                asked.values.push((name, value[..end].to_owned()));
            }
        }
        asked
    }

    /// One of the values.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.values.iter();
        values
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Nothing at all was asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.bound_name.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_decoded_and_the_token_is_not_among_them() {
        let asked = Asked::new(
            Some("name=Ad%C3%A4+L&token=secret&session=x&name=Bob"),
            None,
        );
        assert_eq!(asked.value("name"), Some("Adä L"));
        assert_eq!(asked.value("session"), Some("x"));
        assert_eq!(asked.value("token"), None);
        assert_eq!(asked.value("direct"), None);
        assert!(!asked.is_empty());
        assert!(Asked::new(None, None).is_empty());
    }

    #[test]
    fn a_value_is_cut_between_two_characters() {
        let asked = Asked::new(Some(&format!("name=x{}", "ä".repeat(2000))), None);
        assert_eq!(asked.value("name").map(str::len), Some(511));
    }
}
