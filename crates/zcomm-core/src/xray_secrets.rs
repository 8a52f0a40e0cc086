//! Secrets in a handshake, found before anybody sees them.
//!
//! An X-ray shows everything, to a class or into a file; and a handshake is where tokens
//! are. So the values of some headers and of some parts of an address are replaced before
//! there is an event. Whoever writes down what an X-ray shows cannot write down these.
//!
//! What is hidden: headers whose name has `authorization`, `cookie`, `token`, `secret`,
//! `session`, `password` or `api-key` in it, and in any address the value of a name like
//! those. What clients say in their messages is shown: that is what an X-ray is for.
//!
//! Production has its secrets found by the one who knows them: the part that checks them.

use std::borrow::Cow;

/// In place of a secret.
const HIDDEN: &str = "***";
/// A name with one of these in it has a secret for a value.
const SECRET: [&str; 8] = [
    "authorization",
    "cookie",
    "token",
    "secret",
    "session",
    "password",
    "api-key",
    "api_key",
];

/// Whether the value that belongs to this name is to be hidden.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}

/// The value of a header as it may be shown.
pub(crate) fn header_value(name: &str, value: &str) -> String {
    match is_secret(name) {
        true => HIDDEN.to_owned(),
        false => address(value),
    }
}

/// A text that may have an address in it, with the secrets of its query replaced. A value
/// reaches up to the next `&`, as it does for whoever reads the query.
pub(crate) fn address(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['?', '&', '#']) {
        let (before, after) = rest.split_at(at + 1);
        shown.push_str(before);
        rest = after;
        let name = rest.split(['=', '&']).next().unwrap_or_default();
        if rest[name.len()..].starts_with('=') && is_secret(&decoded(name)) {
            shown.push_str(name);
            shown.push('=');
            shown.push_str(HIDDEN);
            rest = &rest[rest.find('&').unwrap_or(rest.len())..];
        }
    }
    shown + rest
}

/// A name as the server will read it: `%74oken` is `token`, too.
fn decoded(name: &str) -> Cow<'_, str> {
    let mut pairs = form_urlencoded::parse(name.as_bytes());
    pairs.next().map_or(Cow::Borrowed(name), |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_secret_is_replaced_and_nothing_else() {
        for (text, shown) in [
            ("/?token=abc", "/?token=***"),
            ("/?token=abc&a=1", "/?token=***&a=1"),
            ("/ws?a=1&session=x.y#z", "/ws?a=1&session=***"),
            ("/?%74oken=abc", "/?%74oken=***"),
            ("/?TOKEN=abc", "/?TOKEN=***"),
            ("/?token=a;b?c=d e,f", "/?token=***"),
            ("/?a=b?token=abc", "/?a=b?token=***"),
            ("http://a/#token=abc", "http://a/#token=***"),
            ("/?a?b=c&token=x&token=y", "/?a?b=c&token=***&token=***"),
            // Near misses: no secret, so they are shown.
            ("/token=abc", "/token=abc"),
            ("/?tok=abc", "/?tok=abc"),
            ("/?attempt=token", "/?attempt=token"),
            ("/?token", "/?token"),
            ("", ""),
        ] {
            assert_eq!(address(text), shown, "{text}");
        }
    }

    #[test]
    fn a_header_is_known_by_its_name() {
        for name in [
            "Authorization",
            "cookie",
            "SET-COOKIE",
            "X-Api-Key",
            "Proxy-Authorization",
        ] {
            assert_eq!(header_value(name, "abc"), "***", "{name}");
        }
        assert_eq!(header_value("Sec-WebSocket-Key", "abc"), "abc");
        assert_eq!(
            header_value("Referer", "http://a/?token=b"),
            "http://a/?token=***"
        );
    }
}
