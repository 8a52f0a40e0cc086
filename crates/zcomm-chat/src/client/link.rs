//! What a client of the chat knows of one connection.
//!
//! A client joins its rooms again on each connection, and a request of the last connection gets no
//! answer on the next. So all of this is in one value, which a break replaces.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    client::positions::Positions,
    envelope::{ClientMessage, Seq},
};

/// The time for the server's welcome. A server that does not send one is not a chat.
pub(crate) const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);
/// The time to read what a room's log has already, before the client sends its own messages there:
/// one of them may be in that log. After it, a message twice is better than a message never sent.
const CATCH_UP: Duration = Duration::from_secs(3);

/// One connection to the chat.
#[derive(Default)]
pub(crate) struct Link {
    /// The time by which the welcome must come; `None` without a connection.
    welcome_due: Option<Instant>,
    /// The welcome has come: the server accepts messages.
    pub(crate) welcomed: bool,
    outgoing: VecDeque<ClientMessage>,
    /// Rooms that the client has asked to join, in that order, without an answer.
    joining: VecDeque<String>,
    /// The time at which to ask for them again.
    pub(crate) rejoin: Option<Instant>,
    joined: HashMap<String, JoinedRoom>,
}

struct JoinedRoom {
    epoch: String,
    /// The end of its log at the time of the join.
    end: u64,
    since: Instant,
}

impl Link {
    /// A connection that was opened now.
    pub(crate) fn opened(now: Instant) -> Link {
        Link {
            welcome_due: Some(now + WELCOME_TIMEOUT),
            ..Link::default()
        }
    }

    /// A connection on which the welcome has come.
    pub(crate) fn welcomed() -> Link {
        Link {
            welcomed: true,
            ..Link::default()
        }
    }

    /// Whether the server has sent no welcome in time.
    pub(crate) fn is_silent(&self, now: Instant) -> bool {
        self.welcome_due.is_some_and(|due| due <= now)
    }

    /// Sends a message now. Without a connection it is dropped.
    pub(crate) fn transmit(&mut self, message: ClientMessage) {
        if self.welcomed {
            self.outgoing.push_back(message);
        }
    }

    /// The next message to send that is not in the outbox.
    pub(crate) fn outgoing(&mut self, seen: &Positions, now: Instant) -> Option<ClientMessage> {
        if self.rejoin.take_if(|due| *due <= now).is_some() {
            for room in std::mem::take(&mut self.joining) {
                self.join(room, seen);
            }
        }
        self.outgoing.pop_front()
    }

    /// Asks to join a room from the last position that the client has seen.
    pub(crate) fn join(&mut self, room: String, seen: &Positions) {
        // Once, however often the server says that the client is not in the room.
        if self.welcomed && !self.joining.contains(&room) {
            self.joined.remove(&room);
            self.joining.push_back(room.clone());
            let last = seen.position(&room);
            let (epoch, since) = last.map(|last| (last.epoch.clone(), Seq(last.seq))).unzip();
            self.transmit(ClientMessage::Join { room, epoch, since });
        }
    }

    /// Returns the room that the server has refused. It answers in the order of the requests.
    pub(crate) fn refused(&mut self) -> Option<String> {
        self.joining.pop_front()
    }

    /// Notes that the client is in this room, whose log has `end` messages.
    pub(crate) fn joined(&mut self, room: &str, epoch: &str, end: u64, since: Instant) {
        self.joining.retain(|other| other != room);
        let epoch = epoch.to_owned();
        let joined = JoinedRoom { epoch, end, since };
        self.joined.insert(room.to_owned(), joined);
    }

    /// Notes that the client is not in this room, and does not ask to join it.
    pub(crate) fn left(&mut self, room: &str) {
        self.joined.remove(room);
        self.joining.retain(|other| other != room);
    }

    /// The epoch of a room that the client is in.
    pub(crate) fn epoch(&self, room: &str) -> Option<&str> {
        Some(self.joined.get(room)?.epoch.as_str())
    }

    /// Whether a message of the outbox can be sent now.
    pub(crate) fn may_send(&self, message: &ClientMessage, seen: &Positions, now: Instant) -> bool {
        match message {
            ClientMessage::Chat { room, .. } => {
                let joined = self.joined.get(room);
                joined.is_some_and(|joined| joined.ready_at(room, seen) <= now)
            }
            _ => self.welcomed,
        }
    }

    /// The time at which there is something to do although no message has come.
    pub(crate) fn due(&self, seen: &Positions, now: Instant) -> Option<Instant> {
        let rooms = self.joined.iter();
        let ready = rooms.map(|(room, joined)| joined.ready_at(room, seen));
        let others = self.rejoin.into_iter().chain(self.welcome_due);
        ready.filter(|ready| *ready > now).chain(others).min()
    }
}

impl JoinedRoom {
    /// The time from which on the client can send to this room: as soon as it has read the log up
    /// to `end`.
    fn ready_at(&self, room: &str, seen: &Positions) -> Instant {
        match seen.has(room, &self.epoch, self.end) {
            true => self.since,
            false => self.since + CATCH_UP,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server may say ten thousand times that the client is not in a room.
    #[tokio::test(start_paused = true)]
    async fn the_client_asks_for_a_room_once_until_there_is_an_answer() {
        let (mut link, seen, now) = (Link::welcomed(), Positions::default(), Instant::now());
        for _ in 0..3 {
            link.join("lobby".into(), &seen);
        }
        assert!(link.outgoing(&seen, now).is_some());
        assert_eq!(link.outgoing(&seen, now), None);
        link.rejoin = Some(now);
        assert!(link.outgoing(&seen, now).is_some());
        assert_eq!(link.outgoing(&seen, now), None);
        link.joined("lobby", "epoch", 0, now);
        link.join("lobby".into(), &seen);
        assert!(link.outgoing(&seen, now).is_some());
    }
}
