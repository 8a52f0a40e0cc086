//! Finds a frame that has arrived completely.
//!
//! A [`Splitter`](crate::Splitter) reads frames in pieces of any size, so it stores what it has
//! read. But most frames are short, and arrive with one read. A server can read such a frame at
//! once, and stores nothing: this takes less time.

/// A frame that has arrived, from its first byte to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WholeFrame<'a> {
    /// The FIN bit, the reserved bits and the opcode.
    pub first_byte: u8,
    /// The masking key. `None` if the frame is not masked.
    pub mask: Option<[u8; 4]>,
    /// The payload as it has arrived. If the frame is masked, the payload is masked.
    pub payload: &'a [u8],
    /// The length of the header and the payload (bytes).
    pub size: usize,
}

impl WholeFrame<'_> {
    /// Finds the frame at the front of `bytes`. `None` if some of its bytes are missing.
    #[inline]
    pub fn find(bytes: &[u8]) -> Option<WholeFrame<'_>> {
        let (&[first_byte, second], mut rest) = bytes.split_first_chunk()?;
        let length = match second & 0x7f {
            126 => u16::from_be_bytes(split_off(&mut rest)?).into(),
            127 => u64::from_be_bytes(split_off(&mut rest)?),
            length => length.into(),
        };
        let mask = match second & 0x80 {
            0 => None,
            _ => Some(split_off(&mut rest)?),
        };
        let payload = rest.get(..usize::try_from(length).ok()?)?;
        Some(WholeFrame {
            first_byte,
            mask,
            payload,
            size: bytes.len() - rest.len() + payload.len(),
        })
    }
}

/// Removes the next bytes from the front.
fn split_off<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splitter::{Piece, Splitter};
    use proptest::prelude::*;

    /// Finds the frame at the front of `bytes` with a splitter.
    fn found_by_a_splitter(bytes: &[u8]) -> Option<WholeFrame<'_>> {
        let (mut splitter, mut rest) = (Splitter::default(), bytes);
        let Some(Piece::Header(header)) = splitter.next(&mut rest) else {
            return None;
        };
        let start = bytes.len() - rest.len();
        if splitter.left > 0 {
            splitter.next(&mut rest);
        }
        let size = bytes.len() - rest.len();
        (splitter.left == 0).then(|| WholeFrame {
            first_byte: header.as_bytes()[0],
            mask: header.mask(),
            payload: &bytes[start..size],
            size,
        })
    }

    proptest! {
        /// The second byte has the mask bit and the form of the length.
        #[test]
        fn a_splitter_finds_the_same_frame(
            first: u8,
            second in prop_oneof![any::<u8>(), prop::sample::select(vec![126, 127, 254, 255])],
            length in prop_oneof![0..300_u64, 65_530..65_540_u64, any::<u64>()],
            next in prop::collection::vec(any::<u8>(), 0..20),
            missing in 0..20_usize,
        ) {
            let mut bytes = vec![first, second];
            match second & 0x7f {
                126 => bytes.extend((length as u16).to_be_bytes()),
                127 => bytes.extend(length.to_be_bytes()),
                _ => {}
            }
            let length = length.min(70_000) as usize;
            bytes.extend((0..length).map(|n| n as u8).chain(next));
            bytes.truncate(bytes.len().saturating_sub(missing));
            prop_assert_eq!(WholeFrame::find(&bytes), found_by_a_splitter(&bytes));
        }
    }

    #[test]
    fn a_frame_is_found_when_its_last_byte_has_arrived() {
        let bytes = b"\x81\x82\x01\x02\x03\x04hi\x88";
        for end in 0..bytes.len() {
            assert_eq!(WholeFrame::find(&bytes[..end]).is_some(), end >= 8, "{end}");
        }
        let frame = WholeFrame::find(bytes).unwrap();
        assert_eq!((frame.first_byte, frame.mask), (0x81, Some([1, 2, 3, 4])));
        assert_eq!((frame.payload, frame.size), (&b"hi"[..], 8));
    }
}
