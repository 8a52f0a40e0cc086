//! Hides the tokens of this process in text that others may read.
//!
//! A user may paste a token into the wrong field: as a name, as the reason of a Close frame,
//! as a part of an address. A server logs these texts. So every log line passes through
//! [`hidden`], which replaces each token with `***`.
//!
//! A process has one log, so it has one list of tokens. The list stores a digest (a SHA-256
//! hash) of each token, not the token itself.
//!
//! Hashing every part of a text would need much time. So the list also stores the length of
//! each token and the sum of its bytes. Only a part with this length and this sum is hashed.
//! The length and the sum say almost nothing about a random token.

use std::{
    borrow::Cow,
    ops::Range,
    sync::{PoisonError, RwLock},
};

use sha2::{Digest, Sha256};

use crate::text::secrets::{HIDDEN, SHORTEST_TOKEN};

/// The length of the longest token (characters). In an address, a byte of a token can need three
/// characters, e.g. `%2F`.
const LONGEST: usize = 3 * 512;

static TOKENS: RwLock<Vec<HiddenToken>> = RwLock::new(Vec::new());

/// A token, or another form of a token (see [`hide`]), in lower case.
#[derive(PartialEq, Eq)]
struct HiddenToken {
    length: usize,
    sum: u32,
    digest: [u8; 32],
}

impl HiddenToken {
    fn new(text: &[u8]) -> HiddenToken {
        HiddenToken {
            length: text.len(),
            sum: text.iter().map(|byte| u32::from(*byte)).sum(),
            digest: Sha256::digest(text).into(),
        }
    }

    /// The places of this token in a text that is in lower case.
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut sum = 0;
        let mut found = Vec::new();
        for (at, byte) in text.iter().enumerate() {
            sum += u32::from(*byte);
            if let Some(before) = at.checked_sub(self.length) {
                sum -= u32::from(text[before]);
            }
            let Some(start) = (at + 1).checked_sub(self.length) else {
                continue;
            };
            let part = start..at + 1;
            if sum == self.sum && Sha256::digest(&text[part.clone()])[..] == self.digest {
                found.push(part);
            }
        }
        found
    }
}

/// Adds a token to the list. From then on, no log line shows this token. The list also gets
/// the forms that the token has in an address and in quotation marks. The case of letters
/// makes no difference, because a host is logged in lower case.
pub fn hide(token: &str) {
    if token.len() < SHORTEST_TOKEN {
        return;
    }
    let in_address = form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let quoted = token.escape_debug().to_string();
    let mut tokens = TOKENS.write().unwrap_or_else(PoisonError::into_inner);
    for form in [token.to_owned(), in_address, quoted] {
        let token = HiddenToken::new(form.to_ascii_lowercase().as_bytes());
        if !tokens.contains(&token) {
            tokens.push(token);
        }
    }
}

/// Returns a text with `***` instead of each token.
pub(crate) fn hidden(text: &str) -> Cow<'_, str> {
    hidden_up_to(text, text.len())
}

/// Whether a text contains a token.
#[must_use]
pub fn shows_token(text: &str) -> bool {
    !find(text.as_bytes()).is_empty()
}

/// Returns the first `count` characters of a text, with `***` instead of each token.
pub(crate) fn hidden_start(text: &str, count: usize) -> Cow<'_, str> {
    let index = |count| text.char_indices().nth(count).map(|(index, _)| index);
    match index(count) {
        // A token that begins before the cut may end after the cut, so search in more text.
        Some(end) => hidden_up_to(&text[..index(count + LONGEST).unwrap_or(text.len())], end),
        None => hidden(text),
    }
}

/// Returns a text up to the byte `end`, with `***` instead of each token that begins before
/// `end`. If the text were cut before the search, the start of a long token would stay.
fn hidden_up_to(text: &str, end: usize) -> Cow<'_, str> {
    let tokens = find(text.as_bytes());
    let first = tokens.iter().position(|token| token.start < end);
    if first.is_none() {
        return Cow::Borrowed(&text[..end]);
    }
    let (mut shown, mut at) = (String::new(), 0);
    for token in tokens.into_iter().filter(|token| token.start < end) {
        // A token may begin inside another token. Then one `***` replaces both.
        if token.start >= at {
            shown += &text[at..token.start];
            shown += HIDDEN;
        }
        at = at.max(token.end);
    }
    shown += text.get(at..end).unwrap_or_default();
    Cow::Owned(shown)
}

/// The places of all tokens in a text, in order.
fn find(text: &[u8]) -> Vec<Range<usize>> {
    if text.len() < SHORTEST_TOKEN {
        return Vec::new();
    }
    let tokens = TOKENS.read().unwrap_or_else(PoisonError::into_inner);
    if tokens.is_empty() {
        return Vec::new();
    }
    let text = text.to_ascii_lowercase();
    let mut found: Vec<_> = tokens.iter().flat_map(|token| token.find(&text)).collect();
    found.sort_by_key(|token| token.start);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All tests of this process share one list, so each test has its own tokens.
    #[test]
    fn a_token_is_hidden_wherever_it_stands() {
        let token = "Stands-Anywhere/7Qp2xV9d";
        hide(token);
        for (text, shown) in [
            ("{}", "***"),
            ("a {} b", "a *** b"),
            ("name=\"{}\"", "name=\"***\""),
            ("http://{}.example", "http://***.example"),
            ("x{}{}y", "x******y"),
            ("ä{}ö", "ä***ö"),
        ] {
            assert_eq!(hidden(&text.replace("{}", token)), shown);
            let lower = token.to_lowercase();
            assert_eq!(hidden(&text.replace("{}", &lower)), shown);
            assert!(shows_token(&text.replace("{}", token)));
        }
        assert_eq!(hidden("/Stands-Anywhere%2F7Qp2xV9d"), "/***");
    }

    #[test]
    fn a_near_miss_is_shown() {
        let token = "near_miss_token_123";
        hide(token);
        for text in [
            "",
            "near_miss_token_12",
            "near_miss_token_124",
            // The same bytes in another order have the same sum.
            "near_miss_token_132",
            "near miss token 123",
        ] {
            assert_eq!(hidden(text), text);
            assert!(!shows_token(text));
        }
    }

    #[test]
    fn a_token_with_quotes_is_hidden_in_a_quoted_text() {
        let token = "a \"quoted\" \\ token";
        hide(token);
        assert_eq!(hidden(&format!("reason={token:?}")), "reason=\"***\"");
        assert_eq!(hidden(token), HIDDEN);
    }

    #[test]
    fn a_cut_leaves_no_part_of_a_token() {
        let token = "c".repeat(100) + "_of_a_long_token";
        hide(&token);
        let text = format!("bearer {token} and more");
        assert_eq!(hidden_up_to(&text, 64), "bearer ***");
        assert_eq!(hidden_up_to(&text, 7), "bearer ");
        assert_eq!(hidden_up_to(&text, text.len()), "bearer *** and more");
    }

    #[test]
    fn overlapping_tokens_are_hidden_as_one() {
        hide("overlap-one-overlap");
        hide("overlap-two-overlap");
        let both = "overlap-one-overlap-two-overlap";
        assert_eq!(hidden(&format!("<{both}>")), "<***>");
    }

    #[test]
    fn a_text_shorter_than_a_token_is_never_hidden() {
        hide("short");
        assert_eq!(
            hidden("a short text, and longer"),
            "a short text, and longer"
        );
    }
}
