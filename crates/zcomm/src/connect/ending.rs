//! How a connection ended, and which side closed it first.
//!
//! The other side answers our Close frame with a Close frame (RFC 6455 section 5.5.1). So the
//! last frame is from the other side, even if this side closed first. A last frame with our code,
//! with 1000 or without a code is an answer to our Close frame. Any other code means that both
//! sides closed at the same time.

use std::fmt;

use serde_json::{Value, json};
use zcomm_core::{CloseReason, End};

use crate::shared::print;

/// How a connection ended.
pub(super) enum Ending<'a> {
    /// This side closed with the first reason. The other side answered with the second reason.
    Ours(&'a CloseReason, &'a CloseReason),
    Other(&'a End),
}

impl<'a> Ending<'a> {
    /// `ours` is the content of our Close frame, if this side has sent one.
    pub(super) fn new(end: &'a End, ours: Option<&'a CloseReason>) -> Ending<'a> {
        match (end, ours) {
            (End::ByPeer(why), Some(ours))
                if !why.is_forbidden()
                    && (matches!(why.code(), 1000 | 1005) || why.code() == ours.code()) =>
            {
                Ending::Ours(ours, why)
            }
            _ => Ending::Other(end),
        }
    }

    pub(super) fn json(&self) -> Value {
        match self {
            Ending::Ours(ours, answer) => {
                let mut object = print::end(&End::ByUs((*ours).clone()));
                object["answer"] = json!(answer.code());
                object
            }
            Ending::Other(end) => print::end(end),
        }
    }
}

impl fmt::Display for Ending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Ours(ours, answer) if ours.code() == answer.code() => {
                write!(f, "this side closed with {ours}")
            }
            Ending::Ours(ours, answer) => {
                write!(f, "this side closed with {ours}; the answer was {answer}")
            }
            Ending::Other(end) => end.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_our_close_frame_is_not_a_close_by_the_other_side() {
        let ours = CloseReason::new(3001, "done");
        for (code, by) in [(3001, "us"), (1000, "us"), (1008, "peer"), (1001, "peer")] {
            let end = End::ByPeer(CloseReason::new(code, ""));
            let ending = Ending::new(&end, Some(&ours));
            assert_eq!(ending.json()["by"], by, "{code}");
            let words = if by == "us" {
                "this side closed with 3001 (done)"
            } else {
                "the other side"
            };
            assert!(ending.to_string().starts_with(words), "{ending}");
            assert_eq!(Ending::new(&end, None).json()["by"], "peer");
        }
    }
}
