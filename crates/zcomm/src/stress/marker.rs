//! A marker in each message identifies the message when it comes back from the server.
//!
//! A server may send a message back unchanged, put a word before it, or put it into JSON. The
//! marker stays the same, because it contains only letters, digits and dots between two `#`.
//! The marker names the run, the connection that sent the message, and the message's number.
//! It also contains the time at which the message should have left. The tool looks for a
//! marker in every message that arrives.
//!
//! The text around the marker is made only once in a run. For each message, only the marker is
//! new.

use std::fmt::Write;

use zcomm_core::Message;

/// The smallest message that always has space for a marker (bytes).
pub(super) const SMALLEST: usize = 40;

/// A message's number has at most this many bits. A marker with a larger number is not from
/// this tool.
pub(super) const NUMBER_BITS: u32 = 40;

/// The characters that fill a message up to its size. They need no escapes, for example in JSON.
const FILLING: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.-";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    /// The number of the connection that sent the message.
    pub(super) sender: u32,
    /// The number of the message among its sender's messages, from 0.
    pub(super) number: u64,
    /// The time at which the message should have left (nanoseconds of the run's clock).
    pub(super) intended: u64,
}

/// Makes the messages of one run, and recognises the messages that come back.
pub(super) struct Messages {
    /// The beginning of every marker of this run. Each run has a different tag.
    tag: String,
    before: String,
    after: String,
    filling: String,
    size: usize,
}

impl Messages {
    /// Prepares messages of `size` bytes, with the text of the template around each message.
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

    pub(super) fn make(&self, marker: Marker) -> Message {
        let length = self.before.len() + self.size + self.after.len();
        let mut text = String::with_capacity(length);
        let (before, tag) = (&self.before, &self.tag);
        let Marker {
            sender,
            number,
            intended,
        } = marker;
        // Writing to a String does not fail.
        write!(text, "{before}{tag}{sender:x}.{number:x}.{intended:x}#").ok();
        let missing = (self.before.len() + self.size).saturating_sub(text.len());
        text.push_str(&self.filling[..missing]);
        text.push_str(&self.after);
        Message::from(text)
    }

    /// Finds the marker in a message. Returns `None` if the message has no marker of this run.
    /// `place` is the position of the marker in the last message. The search begins at `place`,
    /// because the position is usually the same.
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
        let end = rest.iter().take(SMALLEST).position(|byte| *byte == b'#')?;
        let (sender, rest) = str::from_utf8(&rest[..end]).ok()?.split_once('.')?;
        let (number, intended) = rest.split_once('.')?;
        let marker = Marker {
            sender: u32::from_str_radix(sender, 16).ok()?,
            number: u64::from_str_radix(number, 16).ok()?,
            intended: u64::from_str_radix(intended, 16).ok()?,
        };
        (marker.number >> NUMBER_BITS == 0).then_some(marker)
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
