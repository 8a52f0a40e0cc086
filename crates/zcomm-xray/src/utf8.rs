//! Checks UTF-8 text that arrives in pieces.
//!
//! A frame may end in the middle of a character (RFC 6455 section 5.6), so a piece cannot be
//! checked alone. If the checker stored the whole text, a peer could fill the memory. So the
//! checker stores at most three bytes: the start of one character.

#[derive(Default)]
pub(crate) struct Utf8 {
    /// The start of an incomplete character: at most three bytes.
    begun: Vec<u8>,
    /// Whether the text contains a byte that is not UTF-8.
    pub(crate) wrong: bool,
}

impl Utf8 {
    /// Reads the next piece. Returns false if this piece or an earlier piece is not UTF-8.
    pub(crate) fn follow(&mut self, piece: &[u8]) -> bool {
        if self.wrong {
            return false;
        }
        let text = [&self.begun, piece].concat();
        self.begun.clear();
        if let Err(error) = std::str::from_utf8(&text) {
            self.wrong = error.error_len().is_some();
            if !self.wrong {
                self.begun.extend_from_slice(&text[error.valid_up_to()..]);
            }
        }
        !self.wrong
    }

    /// Whether the text ends in the middle of a character.
    pub(crate) fn ends_in_half(&self) -> bool {
        !self.begun.is_empty()
    }
}

/// Returns the text at the start of these bytes, up to the first byte that is not UTF-8.
pub(crate) fn text_at_start(bytes: &[u8]) -> &str {
    let first = bytes.utf8_chunks().next();
    first.map_or("", |chunk| chunk.valid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Generates bytes that are UTF-8, nearly UTF-8 or random.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let text = any::<String>().prop_map(String::into_bytes);
        let cut = (any::<String>(), any::<u8>(), any::<prop::sample::Index>()).prop_map(
            |(text, byte, at)| {
                let mut bytes = text.into_bytes();
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
                bytes
            },
        );
        let any_bytes = prop::collection::vec(any::<u8>(), 0..8);
        prop_oneof![text, cut, any_bytes]
    }

    proptest! {
        #[test]
        fn pieces_are_checked_like_the_whole(bytes in bytes(), size in 1usize..5) {
            let mut utf8 = Utf8::default();
            for (at, piece) in bytes.chunks(size).enumerate() {
                let so_far = &bytes[..at * size + piece.len()];
                let possible = match std::str::from_utf8(so_far) {
                    Ok(_) => true,
                    Err(error) => error.error_len().is_none(),
                };
                prop_assert_eq!(utf8.follow(piece), possible);
            }
            let whole = !utf8.wrong && !utf8.ends_in_half();
            prop_assert_eq!(whole, std::str::from_utf8(&bytes).is_ok());
        }
    }
}
