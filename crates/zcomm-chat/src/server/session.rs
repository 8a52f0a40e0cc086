//! A session: what the server stores about a person, even while the person has no connection.
//!
//! The inbox is a log with the direct messages to this person. The session also stores the name,
//! and the ids of the last messages that the person sent. So a person whose connection breaks
//! keeps the name and the direct messages.
//!
//! A sender that gets no ack cannot know whether the message or the ack was lost. So the sender
//! sends the message again with the same id. The session finds the id in its list. It repeats the
//! first ack and does not deliver the message a second time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use zcomm_core::{Appended, Hub, HubLimits, Result, Token};

use crate::envelope::{INBOX, Seq, ServerMessage};

use crate::server::{digest, log_image::LogImage, resume::gap};

/// The messages to keep in an inbox: at most 64, and at most 128 KiB.
const INBOX_LIMITS: HubLimits = HubLimits {
    entries: 64,
    bytes: 128 * 1024,
    message_bytes: 64 * 1024,
};
/// The number of message ids that a session remembers.
const MAX_RECENT: usize = 256;

/// A copy of an inbox has at most this number of bytes.
const COPIED_INBOX: usize = 16 * 1024;

/// A copy of a session.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionImage {
    pub(crate) number: u64,
    name: String,
    token_name: Option<String>,
    #[serde(with = "digest")]
    secret: Token,
    inbox: LogImage,
    /// The remembered ids, each with the position and the number of recipients of its message.
    recent: Vec<(String, u64, usize)>,
}

pub(crate) struct Session {
    /// The `client_id` in messages. (The type `ClientId` is the id of one connection.)
    pub(crate) number: u64,
    pub(crate) name: String,
    /// The name that belongs to the client's token, if it connected with a token.
    pub(crate) token_name: Option<String>,
    pub(crate) secret: Token,
    pub(crate) inbox: Hub,
    /// The ids of the last delivered messages, and the content of their acks.
    recent: Mutex<VecDeque<(String, Appended)>>,
}

impl Session {
    pub(crate) fn new(
        number: u64,
        name: String,
        token_name: Option<String>,
        secret: Token,
        epoch: Arc<str>,
    ) -> Session {
        let lost = move |from, to| gap(INBOX, &epoch, from, Some(to)).into();
        Session {
            number,
            name,
            token_name,
            secret,
            inbox: Hub::with_gap_words(INBOX_LIMITS, lost),
            recent: Mutex::default(),
        }
    }

    /// A copy of the session.
    pub(crate) fn image(&self) -> SessionImage {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = recent
            .iter()
            .map(|(id, appended)| (id.clone(), appended.position, appended.recipients));
        SessionImage {
            number: self.number,
            name: self.name.clone(),
            token_name: self.token_name.clone(),
            secret: self.secret.clone(),
            inbox: LogImage::of(&self.inbox, COPIED_INBOX),
            recent: recent.collect(),
        }
    }

    /// Makes a session from a copy.
    pub(crate) fn from_image(image: SessionImage, epoch: Arc<str>) -> Session {
        let recent = image.recent.into_iter().map(|(id, position, recipients)| {
            (
                id,
                Appended {
                    position,
                    recipients,
                },
            )
        });
        let recent = Mutex::new(recent.collect());
        let SessionImage {
            number,
            name,
            token_name,
            ..
        } = image;
        let session = Session {
            recent,
            ..Session::new(number, name, token_name, image.secret, epoch)
        };
        image.inbox.restore(&session.inbox);
        session
    }

    /// Delivers a message, unless it has the id of a delivered message. Returns the ack, or
    /// `None` if the message has no id.
    pub(crate) fn once(
        &self,
        id: Option<String>,
        deliver: impl FnOnce(Option<String>) -> Result<Appended>,
    ) -> Result<Option<ServerMessage>> {
        let Some(id) = id else {
            deliver(None)?;
            return Ok(None);
        };
        // Hold the lock during the delivery, so a second message with the same id must wait.
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, appended)) = recent.iter().find(|(known, _)| *known == id) {
            return Ok(Some(ack(id, *appended, true)));
        }
        let appended = deliver(Some(id.clone()))?;
        if recent.len() == MAX_RECENT {
            recent.pop_front();
        }
        recent.push_back((id.clone(), appended));
        Ok(Some(ack(id, appended, false)))
    }
}

fn ack(id: String, appended: Appended, duplicate: bool) -> ServerMessage {
    ServerMessage::Ack {
        id,
        seq: Seq(appended.position + 1),
        recipients: appended.recipients,
        duplicate,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn session(number: u64, name: &str) -> Session {
        let secret = Token::new("a secret of a test").unwrap();
        Session::new(number, name.to_owned(), None, secret, "e".into())
    }

    fn send(session: &Session, log: &Hub, id: Option<&str>) -> Option<(u64, bool)> {
        let deliver = |_| Ok(log.broadcast_at(|_| "x".into()).unwrap());
        match session.once(id.map(str::to_owned), deliver).unwrap() {
            Some(ServerMessage::Ack { seq, duplicate, .. }) => Some((seq.0, duplicate)),
            None => None,
            other => panic!("not an ack: {other:?}"),
        }
    }

    #[test]
    fn a17_an_id_is_delivered_once_within_256_messages() {
        let (session, log) = (session(1, "Ada"), Hub::default());
        assert_eq!(send(&session, &log, Some("a")), Some((1, false)));
        assert_eq!(send(&session, &log, Some("a")), Some((1, true)));
        assert_eq!(send(&session, &log, None), None);
        assert_eq!(log.position(), 2);
        for n in 1..=255 {
            send(&session, &log, Some(&n.to_string()));
        }
        assert_eq!(send(&session, &log, Some("a")), Some((1, true)));
        send(&session, &log, Some("256"));
        assert_eq!(send(&session, &log, Some("1")), Some((3, true)));
        assert_eq!(send(&session, &log, Some("a")), Some((259, false)));
    }
}
