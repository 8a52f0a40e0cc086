//! Why a connection failed: the reason that a browser does not show to its page.
//!
//! When a server refuses a handshake with an HTTP status, the browser gives the page only code
//! 1006. If the page could read the status, a page of one site could learn what runs on another
//! site.
//!
//! To learn the reason, a page of this course connects with `?attempt=` and a random word. The
//! server stores the refusal under this word, and the page asks `/why?attempt=` with the same
//! word. Only a client that knows the word gets the answer.
//!
//! A stored refusal is called a note. The server keeps at most 256 notes. A note expires after
//! a minute, and can be read only once. A note contains the random word, and no other part of
//! the request.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::access::refusal::Refusal;

/// The maximum number of notes. When this number is reached, a new note replaces the oldest.
const CAPACITY: usize = 256;
/// How long a note is kept.
const LIFETIME: Duration = Duration::from_secs(60);

/// The refusals of the last minute, each with the random word of its attempt.
#[derive(Default)]
pub(crate) struct Why {
    notes: Mutex<VecDeque<(Instant, String, Refusal)>>,
}

impl Why {
    /// Stores the refusal of an attempt. Stores nothing if `attempt` is `None` or not valid.
    pub(crate) fn note(&self, attempt: Option<&str>, refusal: Refusal) {
        let Some(attempt) = attempt.filter(|attempt| is_attempt(attempt)) else {
            return;
        };
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() == CAPACITY {
            notes.pop_front();
        }
        notes.push_back((Instant::now(), attempt.to_owned(), refusal));
    }

    /// Returns the refusal of an attempt and deletes its note. `None` if there is no note.
    pub(crate) fn answer(&self, attempt: &str) -> Option<Refusal> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.retain(|(since, ..)| since.elapsed() < LIFETIME);
        let index = notes.iter().position(|(_, known, _)| known == attempt)?;
        notes.remove(index).map(|(.., refusal)| refusal)
    }
}

/// Whether a word can be an attempt: 16 to 64 letters and digits. A shorter word could be guessed.
pub(crate) fn is_attempt(word: &str) -> bool {
    (16..=64).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_told_once_to_whoever_knows_the_attempt() {
        let why = Why::default();
        why.note(Some("0123456789abcdef"), Refusal::Origin);
        assert_eq!(why.answer("0123456789abcdee"), None);
        assert_eq!(why.answer("0123456789abcdef"), Some(Refusal::Origin));
        assert_eq!(why.answer("0123456789abcdef"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_forgotten_after_a_minute() {
        let why = Why::default();
        why.note(Some("0123456789abcdef"), Refusal::Origin);
        tokio::time::advance(Duration::from_millis(59_900)).await;
        why.note(Some("fedcba9876543210"), Refusal::Origin);
        assert_eq!(why.answer("0123456789abcdef"), Some(Refusal::Origin));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(why.answer("fedcba9876543210"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn short_attempts_are_not_kept_and_the_oldest_makes_room() {
        let why = Why::default();
        why.note(Some("1"), Refusal::Host);
        assert_eq!(why.answer("1"), None);
        for n in 0..=256 {
            why.note(Some(&format!("{n:032}")), Refusal::Host);
        }
        assert_eq!(why.answer(&format!("{:032}", 0)), None);
        assert_eq!(why.answer(&format!("{:032}", 1)), Some(Refusal::Host));
    }
}
