//! Cuts a long frame into fragments (RFC 6455 section 5.4).
//!
//! When the codec reads the header of a frame, it reserves memory for the whole frame. So a
//! header of 14 bytes could reserve 64 MiB, even if no payload arrives. To prevent this, the
//! codec gets a long frame as fragments of 64 KiB. Then the memory of the codec grows only
//! with the bytes that arrive:
//!
//! ```text
//!  from the peer    text, FIN, 150 KiB
//!  to the codec     text, 64 KiB │ continuation, 64 KiB │ continuation, FIN, 22 KiB
//! ```

use zcomm_xray::FrameHeader;

/// The longest frame that the codec gets (bytes). It is a multiple of 4, so every fragment can
/// use the masking key of the whole frame.
pub(crate) const FRAGMENT: u64 = 64 * 1024;

pub(crate) struct LongFrame {
    header: FrameHeader,
    /// The number of bytes that are missing in the current fragment.
    pub(crate) left: u64,
}

impl LongFrame {
    /// Begins to cut a frame that is longer than a fragment. `bytes` is the header of the
    /// frame, and becomes the header of the first fragment.
    pub(crate) fn begin(header: FrameHeader, bytes: &mut [u8]) -> LongFrame {
        let first = header.as_bytes()[0] & 0x7f;
        let frame = LongFrame {
            header,
            left: FRAGMENT,
        };
        frame.write_header(first, bytes);
        frame
    }

    /// If the current fragment is complete, writes the header of the next fragment into
    /// `buffer` and returns its length. Otherwise returns `None`. `left` is the number of bytes
    /// that are missing in the whole frame.
    pub(crate) fn next(&mut self, left: u64, buffer: &mut [u8]) -> Option<usize> {
        if self.left > 0 || left == 0 {
            return None;
        }
        self.left = left.min(FRAGMENT);
        let last = self.left == left && self.header.fin();
        Some(self.write_header(u8::from(last) << 7, buffer))
    }

    /// Writes a header with the mask of the whole frame, and a length of 64 bits.
    fn write_header(&self, first: u8, buffer: &mut [u8]) -> usize {
        let whole = self.header.as_bytes();
        buffer[..whole.len()].copy_from_slice(whole);
        buffer[0] = first;
        buffer[2..10].copy_from_slice(&self.left.to_be_bytes());
        whole.len()
    }
}
