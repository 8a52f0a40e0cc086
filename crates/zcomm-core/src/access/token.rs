//! The token: a secret that a client sends to be allowed to connect.
//!
//! A token must not leak by accident. So a [`Token`] contains a SHA-256 digest instead of the
//! text, has no `Display`, and its `Debug` prints `***`.
//!
//! No log line shows a token from the settings, or a token that a server made: see
//! `text/hidden`.
//!
//! The time of an answer must not leak the token either. `==` stops at the first different
//! byte, so a patient client can measure the time and learn a secret byte by byte. To prevent
//! this, two digests of equal length are compared in constant time.
//!
//! One shared token does not show who the client is. In production, give each user a token that
//! expires and can be revoked.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::text::{hidden::hide, secrets::SHORTEST_TOKEN};

/// The public token of the course. Every learner knows this token. So a server that other
/// machines can reach does not start with this token.
pub const DEMO_TOKEN: &str = "demo_secure_token_123";

/// The minimum length of a token (bytes). A shorter token can be guessed.
pub(crate) const MIN_LENGTH: usize = SHORTEST_TOKEN;

/// The maximum length of a token (bytes). A longer text is refused before it is hashed.
pub(crate) const MAX_LENGTH: usize = 512;

/// A secret, stored as its SHA-256 digest.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// Makes a token from a text of 16 to 512 bytes. From then on, no log line shows this text.
    ///
    /// # Errors
    /// If the text is too short or too long. The message names the limits, not the token.
    pub fn new(text: &str) -> Result<Token, String> {
        match text.len() {
            0 => Err(
                "is empty: set a secret, or remove the setting so that the server makes a token"
                    .into(),
            ),
            MIN_LENGTH..=MAX_LENGTH => {
                hide(text);
                Ok(Token::digest(text))
            }
            _ => Err(format!(
                "must have {MIN_LENGTH} to {MAX_LENGTH} bytes: choose another, or remove the setting so that the server makes a token"
            )),
        }
    }

    /// Makes a new token of 144 random bits. Also returns its text: 24 characters that need no
    /// escaping in a link, in JSON or in a shell. The caller must show this text to the user, and
    /// then call [`hide`] with the text.
    ///
    /// # Errors
    /// If the operating system has no random bytes.
    pub fn random() -> std::io::Result<(Token, String)> {
        let mut bytes = [0; 18];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        let text = BASE64URL_NOPAD.encode(&bytes);
        Ok((Token::digest(&text), text))
    }

    /// Makes a token from a text that a client sent. `None` if the text is longer than any token.
    pub(crate) fn shown(text: &str) -> Option<Token> {
        (text.len() <= MAX_LENGTH).then(|| Token::digest(text))
    }

    /// Compares two tokens in constant time.
    #[must_use]
    pub fn equals(&self, other: &Token) -> bool {
        self.is(other)
    }

    /// Compares two tokens in constant time.
    pub(crate) fn is(&self, other: &Token) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// Whether a text from a client is this token. The check of an almost correct text takes
    /// the same time as the check of any other text of the same length.
    #[must_use]
    pub fn matches(&self, shown: &str) -> bool {
        Token::shown(shown).is_some_and(|shown| self.is(&shown))
    }

    /// The digest as text, for a store that several servers share. The token cannot be
    /// calculated from its digest.
    #[must_use]
    pub fn digest_text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// The token with this digest; `None` if the text is not a digest.
    #[must_use]
    pub fn from_digest_text(text: &str) -> Option<Token> {
        let digest = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        Some(Token(digest.try_into().ok()?))
    }

    fn digest(text: &str) -> Token {
        Token(Sha256::digest(text.as_bytes()).into())
    }
}

/// A token that belongs to one person.
#[derive(Clone, Debug)]
pub struct NamedToken {
    /// The name of the person.
    pub name: String,
    /// The token.
    pub token: Token,
}

/// Where a client finds the token. The help of a refusal names this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenPlace {
    /// In the output of the server. The server made the token at its start and printed it.
    Printed,
    /// In the setting `WEBSOCKET_TOKEN`.
    Setting,
    /// In the setting `WEBSOCKET_TOKENS`: each client has its own token.
    Named,
}

pub(crate) struct Tokens {
    pub(crate) shared: Option<Token>,
    /// A token for a client that runs in the same program as the server.
    pub(crate) own: Option<Token>,
    pub(crate) named: Vec<NamedToken>,
}

impl Tokens {
    /// Returns `None` for an unknown token, `Some(None)` for a token without a name, and
    /// `Some(Some(name))` for the token of one person. Always compares with every token, so that
    /// the time does not show which token matched.
    pub(crate) fn whose(&self, shown: &str) -> Option<Option<String>> {
        let shown = Token::shown(shown)?;
        let is_it = |token: &Option<Token>| token.as_ref().is_some_and(|token| token.is(&shown));
        let (shared, own) = (is_it(&self.shared), is_it(&self.own));
        let mut known = (shared || own).then_some(None);
        for named in &self.named {
            if named.token.is(&shown) {
                known = Some(Some(named.name.clone()));
            }
        }
        known
    }

    /// One byte that servers with the same tokens have in common, and other servers rarely. It
    /// reveals little: of 256 guessed tokens, it excludes 255, and a token has many more forms.
    pub(crate) fn mark(&self) -> u8 {
        let mut digests: Vec<_> = self
            .named
            .iter()
            .map(|named| (&*named.name, &named.token))
            .collect();
        digests.extend(self.shared.iter().map(|token| ("", token)));
        digests.sort_by_key(|(name, token)| (*name, token.0));
        let mut all = Sha256::new();
        for (name, token) in digests {
            all.update(token.0);
            all.update(Sha256::digest(name));
        }
        all.finalize()[0]
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_matches() {
        let token = Token::new(DEMO_TOKEN).unwrap();
        assert!(token.matches(DEMO_TOKEN));
        for near_miss in [
            "",
            "demo_secure_token_12",
            "demo_secure_token_1234",
            "Demo_secure_token_123",
            "demo_secure_token_124",
            "demo_secure_token_123 ",
        ] {
            assert!(!token.matches(near_miss), "{near_miss:?}");
        }
    }

    #[test]
    fn a_token_has_sixteen_to_512_bytes() {
        assert!(Token::new("").is_err());
        assert!(Token::new(&"a".repeat(15)).is_err());
        assert!(Token::new(&"a".repeat(16)).is_ok());
        assert!(Token::new(&"a".repeat(512)).is_ok());
        assert!(Token::new(&"a".repeat(513)).is_err());
        assert!(!Token::new(DEMO_TOKEN).unwrap().matches(&"a".repeat(60_000)));
    }

    #[test]
    fn debug_shows_neither_the_token_nor_its_length() {
        assert_eq!(format!("{:?}", Token::new(DEMO_TOKEN).unwrap()), "***");
    }

    #[test]
    fn a_token_is_shared_or_one_persons() {
        let token = |text| Token::new(text).unwrap();
        let tokens = Tokens {
            shared: Some(token(DEMO_TOKEN)),
            own: Some(token("a_token_of_the_program")),
            named: vec![NamedToken {
                name: "alice".into(),
                token: token("a_token_for_alice"),
            }],
        };
        assert_eq!(tokens.whose(DEMO_TOKEN), Some(None));
        assert_eq!(tokens.whose("a_token_of_the_program"), Some(None));
        assert_eq!(
            tokens.whose("a_token_for_alice"),
            Some(Some("alice".into()))
        );
        assert_eq!(tokens.whose("a_token_for_alic"), None);
        assert_eq!(tokens.whose(&"a".repeat(513)), None);
    }

    #[test]
    fn a_random_token_matches_itself_and_no_other() {
        let (token, text) = Token::random().unwrap();
        let (_, other) = Token::random().unwrap();
        assert!(token.matches(&text) && !token.matches(&other));
        assert_eq!(text.len(), 24);
    }

    #[test]
    fn servers_with_the_same_tokens_have_the_same_mark() {
        let token = |text: &str| Token::new(text).unwrap();
        let named = |name: &str, text| NamedToken {
            name: name.into(),
            token: token(text),
        };
        let mark = |shared: Option<&str>, named| {
            let shared = shared.map(token);
            let own = None;
            Tokens { shared, own, named }.mark()
        };
        let (one, two) = ("canary-token-number-1", "canary-token-number-2");
        let both = || vec![named("Ada", one), named("Ben", two)];
        let turned = vec![named("Ben", two), named("Ada", one)];
        assert_eq!(mark(None, both()), mark(None, turned));
        let marks = [
            mark(Some(one), vec![]),
            mark(Some(two), vec![]),
            mark(None, both()),
            mark(None, vec![named("Ada", two), named("Ben", one)]),
            mark(None, vec![named("Ada", one)]),
        ];
        let different: std::collections::HashSet<_> = marks.into_iter().collect();
        assert_eq!(different.len(), marks.len(), "{marks:?}");
    }
}
