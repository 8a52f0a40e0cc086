//! "Why did it close?": the answer that a browser does not give to its page.
//!
//! When a handshake is refused with an HTTP status, the browser tells the page only 1006, so
//! that a page of one site cannot learn what runs on another. So our pages connect with
//! `?attempt=<random>`, the server notes the refusal under that number, and the page asks
//! `/why?attempt=<random>`. Only a client that knows the number gets the answer.
//!
//! Notes are few, expire after a minute, are read once, and hold no part of the request.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::access::refusal::Refusal;

/// Notes kept at a time; the oldest is evicted.
const CAPACITY: usize = 256;
/// How long a note is kept.
const LIFETIME: Duration = Duration::from_secs(60);

/// The refusals of the last minute, by attempt.
#[derive(Default)]
pub(crate) struct Why {
    notes: Mutex<VecDeque<(Instant, String, Refusal)>>,
}

impl Why {
    /// Notes a refusal, unless the attempt is too short to be secret.
    pub(crate) fn note(&self, attempt: &str, refusal: Refusal) {
        if !is_attempt(attempt) {
            return;
        }
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() == CAPACITY {
            notes.pop_front();
        }
        notes.push_back((Instant::now(), attempt.to_owned(), refusal));
    }

    /// Returns the refusal of an attempt, and forgets it.
    pub(crate) fn answer(&self, attempt: &str) -> Option<Refusal> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.retain(|(since, ..)| since.elapsed() < LIFETIME);
        let index = notes.iter().position(|(_, known, _)| known == attempt)?;
        notes.remove(index).map(|(.., refusal)| refusal)
    }
}

/// Whether a word is long enough to be a secret of the page that made it.
pub(crate) fn is_attempt(word: &str) -> bool {
    (16..=64).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_told_once_to_whoever_knows_the_attempt() {
        let why = Why::default();
        why.note("0123456789abcdef", Refusal::Origin);
        assert_eq!(why.answer("0123456789abcdee"), None);
        assert_eq!(why.answer("0123456789abcdef"), Some(Refusal::Origin));
        assert_eq!(why.answer("0123456789abcdef"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_forgotten_after_a_minute() {
        let why = Why::default();
        why.note("0123456789abcdef", Refusal::Origin);
        tokio::time::advance(LIFETIME).await;
        assert_eq!(why.answer("0123456789abcdef"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn short_attempts_are_not_kept_and_the_oldest_makes_room() {
        let why = Why::default();
        why.note("1", Refusal::Host);
        assert_eq!(why.answer("1"), None);
        for n in 0..=CAPACITY {
            why.note(&format!("{n:032}"), Refusal::Host);
        }
        assert_eq!(why.answer(&format!("{:032}", 0)), None);
        assert_eq!(why.answer(&format!("{:032}", 1)), Some(Refusal::Host));
    }
}
