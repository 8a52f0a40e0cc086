//! The marker in each message, by which it is recognised when it comes back.
//!
//! A server may send a message back as it is, put a word before it, or wrap it in JSON. The
//! marker survives all three: letters and digits between two `#`. It names the run, the
//! connection that sent the message, the message's number, and the time at which it should
//! have left. Every message that arrives is searched for it.
//!
//! The template and the filling are made once; for each message only the marker is written.

use zcomm_core::Message;

/// The smallest message that always holds a marker (bytes).
pub(super) const SMALLEST: usize = 40;

/// The bits of a message's number. A marker with a larger number is not of this tool.
pub(super) const NUMBER_BITS: u32 = 40;

/// Filling that needs no escapes in any format.
const FILLING: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.-";

/// The facts in a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    /// The number of the connection that sent the message.
    pub(super) sender: u32,
    /// The number of the message among its sender's messages, from 0.
    pub(super) number: u64,
    /// The time at which it should have left (nanoseconds of the run's clock).
    pub(super) intended: u64,
}

/// Makes the messages of one run, and recognises them.
pub(super) struct Messages {
    /// The beginning of every marker of this run. Another run may use the same server.
    tag: String,
    before: String,
    after: String,
    filling: String,
    size: usize,
}

impl Messages {
    /// Messages of `size` bytes, with the template around them.
    pub(super) fn new(size: usize, template: Option<&str>) -> Messages {
        let (before, after) = template
            .and_then(|template| template.split_once("{payload}"))
            .unwrap_or_default();
        let run = fastrand::u32(..);
        Messages {
            tag: format!("#z{run:08x}."),
            before: before.to_owned(),
            after: after.to_owned(),
            filling: FILLING.chars().cycle().take(size).collect(),
            size,
        }
    }

    /// Makes a message to send.
    pub(super) fn make(&self, marker: Marker) -> Message {
        let length = self.before.len() + self.size + self.after.len();
        let mut text = String::with_capacity(length);
        text.push_str(&self.before);
        text.push_str(&self.tag);
        let parts = [marker.sender.into(), marker.number, marker.intended];
        for (value, end) in parts.into_iter().zip(['.', '.', '#']) {
            push_hex(&mut text, value);
            text.push(end);
        }
        let missing = (self.before.len() + self.size).saturating_sub(text.len());
        text.push_str(&self.filling[..missing]);
        text.push_str(&self.after);
        Message::from(text)
    }

    /// Finds the marker in a message of this run. `place` is where the last marker stood: the
    /// search begins there, because the next one is likely to stand at the same place.
    pub(super) fn find(&self, message: &Message, place: &mut usize) -> Option<Marker> {
        let bytes = match message {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        };
        let tag = self.tag.as_bytes();
        let here = bytes.get(*place..).unwrap_or_default();
        if !here.starts_with(tag) {
            *place = bytes.windows(tag.len()).position(|part| part == tag)?;
        }
        let rest = &bytes[*place + tag.len()..];
        let (mut parts, mut part) = ([0; 3], 0);
        for byte in rest.iter().take(SMALLEST) {
            match (byte, char::from(*byte).to_digit(16)) {
                (_, Some(digit)) => parts[part] = parts[part] << 4 | u64::from(digit),
                (b'.', _) if part < 2 => part += 1,
                (b'#', _) if part == 2 => {
                    let [sender, number, intended] = parts;
                    if number >> NUMBER_BITS != 0 {
                        return None;
                    }
                    return Some(Marker {
                        sender: u32::try_from(sender).ok()?,
                        number,
                        intended,
                    });
                }
                _ => return None,
            }
        }
        None
    }
}

/// Appends a number in hexadecimal. The formatter of the standard library is slower, because
/// it can do much more.
fn push_hex(text: &mut String, value: u64) {
    let digits = (u64::BITS - (value | 1).leading_zeros()).div_ceil(4);
    for digit in (0..digits).rev() {
        let digit = (value >> (4 * digit)) & 0xf;
        text.push(char::from(b"0123456789abcdef"[digit as usize]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER: Marker = Marker {
        sender: 999_999,
        number: 1 << 35,
        intended: 2 * 3600 * 1_000_000_000,
    };

    #[test]
    fn a_message_has_its_size_and_is_recognised_when_it_comes_back() {
        let messages = Messages::new(SMALLEST, None);
        let message = messages.make(MARKER);
        assert_eq!(message.len(), SMALLEST);
        let Message::Text(text) = &message else {
            panic!("it is text")
        };
        let mut place = 0;
        for back in [
            text.to_string(),
            format!("Echo: {}", &**text),
            format!("Echo: {}", &**text),
            format!("{{\"n\":\"#1\",\"text\":\"{}\"}}", &**text),
        ] {
            let found = messages.find(&Message::from(back), &mut place);
            assert_eq!(found, Some(MARKER));
        }
        let bytes = Message::Binary(text.as_bytes().to_vec().into());
        assert_eq!(messages.find(&bytes, &mut place), Some(MARKER));
    }

    #[test]
    fn numbers_are_hexadecimal() {
        for value in [0, 1, 15, 16, 0xabc, u64::MAX] {
            let mut text = String::new();
            push_hex(&mut text, value);
            assert_eq!(text, format!("{value:x}"));
        }
    }

    #[test]
    fn a_template_stands_around_it() {
        let messages = Messages::new(100, Some("{\"text\":\"{payload}\"}"));
        let Message::Text(text) = messages.make(MARKER) else {
            panic!("it is text")
        };
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["text"].as_str().unwrap().len(), 100);
    }

    #[test]
    fn a_message_of_another_run_is_not_recognised() {
        let messages = Messages::new(64, None);
        let other = Messages::new(64, None).make(MARKER);
        let Message::Text(text) = messages.make(MARKER) else {
            panic!("it is text")
        };
        let (tag, _) = text.split_once('.').unwrap();
        let beyond = format!("{tag}.0.{:x}.0#", u64::MAX);
        let back = [other, "".into(), "#z".into(), (&text[..20]).into()];
        for back in back.into_iter().chain([Message::from(beyond)]) {
            assert_eq!(messages.find(&back, &mut 5), None);
        }
    }
}
