//! The state of a client on one connection.
//!
//! The server answers a request only on the connection of this request. So a request without an
//! answer ends with its connection, and each connection starts with a new [`Link`].

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    client::positions::{Log, Positions},
    envelope::ClientMessage,
};

/// The time to wait for the server's welcome. A server that sends no welcome is not a chat.
pub(crate) const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest time to read a room's log before the client sends a message to the room. The
/// client reads first, because the log may already contain the message. After this time, the
/// client sends the message in any case: two copies are better than a lost message.
const CATCH_UP: Duration = Duration::from_secs(3);

#[derive(Default)]
pub(crate) struct Link {
    /// The time by which the welcome must arrive; `None` if the client does not wait for it.
    welcome_due: Option<Instant>,
    /// Whether the welcome has arrived. After the welcome, the server accepts messages.
    pub(crate) welcomed: bool,
    outgoing: VecDeque<ClientMessage>,
    /// The rooms whose join request has no answer yet, the oldest request first.
    joining: VecDeque<String>,
    /// The time at which the client asks again to join the rooms in `joining`.
    pub(crate) rejoin: Option<Instant>,
    joined: HashMap<String, JoinedRoom>,
}

struct JoinedRoom {
    epoch: String,
    /// The last position in the room's log when the client joined.
    end: u64,
    since: Instant,
}

impl Link {
    /// The state of a connection that was opened at the time `now`.
    pub(crate) fn opened(now: Instant) -> Link {
        Link {
            welcome_due: Some(now + WELCOME_TIMEOUT),
            ..Link::default()
        }
    }

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

    /// Adds a message to the messages to send. Before the welcome, drops the message.
    pub(crate) fn transmit(&mut self, message: ClientMessage) {
        if self.welcomed {
            self.outgoing.push_back(message);
        }
    }

    /// Returns the next message to send, except for the messages in the outbox.
    pub(crate) fn outgoing(&mut self, seen: &Positions, now: Instant) -> Option<ClientMessage> {
        if self.rejoin.take_if(|due| *due <= now).is_some() {
            for room in std::mem::take(&mut self.joining) {
                self.join(room, seen);
            }
        }
        self.outgoing.pop_front()
    }

    /// Asks to join a room and to get the messages after the last position that the client saw.
    pub(crate) fn join(&mut self, room: String, seen: &Positions) {
        // Ask once, even if the server says many times that the client is not in the room.
        if self.welcomed && !self.joining.contains(&room) {
            self.joined.remove(&room);
            self.joining.push_back(room.clone());
            let last = seen.position(&Log::room(&room));
            let (epoch, since) = last.map(|last| (last.epoch.clone(), last.seen())).unzip();
            self.transmit(ClientMessage::Join { room, epoch, since });
        }
    }

    /// Returns the room that the server refused. This is the room with the oldest request, because
    /// the server answers requests in order.
    pub(crate) fn refused(&mut self) -> Option<String> {
        self.joining.pop_front()
    }

    /// Records that the client is in this room. `end` is the last position in the room's log.
    pub(crate) fn joined(&mut self, room: &str, epoch: &str, end: u64, since: Instant) {
        self.joining.retain(|other| other != room);
        let epoch = epoch.to_owned();
        let joined = JoinedRoom { epoch, end, since };
        self.joined.insert(room.to_owned(), joined);
    }

    /// Records that the client is not in this room and does not ask to join it.
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

    /// The next time at which the client must act, even if no message arrives.
    pub(crate) fn due(&self, seen: &Positions, now: Instant) -> Option<Instant> {
        let rooms = self.joined.iter();
        let ready = rooms.map(|(room, joined)| joined.ready_at(room, seen));
        let others = self.rejoin.into_iter().chain(self.welcome_due);
        ready.filter(|ready| *ready > now).chain(others).min()
    }
}

impl JoinedRoom {
    /// The time at which the client can send to this room: at once if the client has read the
    /// log up to `end`, otherwise after `CATCH_UP`.
    fn ready_at(&self, room: &str, seen: &Positions) -> Instant {
        match seen.has(&Log::room(room), &self.epoch, self.end) {
            true => self.since,
            false => self.since + CATCH_UP,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server may say often that the client is not in a room. The client asks only once.
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

    /// The log may already have the message that the client wants to send again.
    #[tokio::test(start_paused = true)]
    async fn a_client_sends_to_a_room_when_it_has_read_the_log_or_after_three_seconds() {
        let (mut link, mut seen, now) = (Link::welcomed(), Positions::default(), Instant::now());
        let message = ClientMessage::Chat {
            room: "lobby".to_owned(),
            text: "hello".to_owned(),
            id: None,
        };
        assert!(!link.may_send(&message, &seen, now));
        link.joined("lobby", "epoch", 2, now);
        let due = now + Duration::from_secs(3);
        assert_eq!(link.due(&seen, now), Some(due));
        assert!(!link.may_send(&message, &seen, due - Duration::from_millis(1)));
        assert!(link.may_send(&message, &seen, due));
        seen.advance(&Log::room("lobby"), "epoch", (1, None));
        assert!(!link.may_send(&message, &seen, now));
        seen.advance(&Log::room("lobby"), "epoch", (2, None));
        assert!(link.may_send(&message, &seen, now));
    }
}
