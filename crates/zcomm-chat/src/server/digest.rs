//! Writes the digest of a secret as text, and reads it. The secret itself is never written.

use serde::{Deserialize, Deserializer, Serializer, de};
use zcomm_core::Token;

pub(crate) fn serialize<S: Serializer>(token: &Token, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&token.digest_text())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Token, D::Error> {
    let text = String::deserialize(from)?;
    Token::from_digest_text(&text).ok_or_else(|| de::Error::custom("expected a digest"))
}
