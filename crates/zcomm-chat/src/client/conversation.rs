//! What a client of the chat knows, and what follows from each thing it hears.
//!
//! No socket is in here: messages go in, and messages to send and events to tell come out.
//! So every case can be read, and tested, without a network; `chat_client` does the moving.
//!
//! What is known for good (who we are, what we have seen, what nobody has acknowledged) is
//! apart from what ends with the connection: a break forgets the second and nothing of the
//! first.
//!
//! Production writes the first to disk.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use zcomm_core::Message;

use crate::{
    client::{event::ChatEvent, link::Link, outbox::Outbox, positions::Positions},
    envelope::{ClientMessage, Code, Fault, Seq, ServerMessage, Stamped},
};

/// The names that a gap has for what is no room: the server's own log …
const EVERYONE: &str = "*";
/// … and our inbox.
const INBOX: &str = "@";
/// For a server that says "later" without a time, and the longest that it may ask for.
const LATER: Duration = Duration::from_secs(1);
const LONGEST_LATER: Duration = Duration::from_secs(60);
/// The numbers that one server has given us, of which any may stand on a message of ours.
const NUMBERS: usize = 20;

/// A conversation over any number of connections.
#[derive(Default)]
pub(crate) struct Conversation {
    pub(crate) me: Option<Me>,
    pub(crate) rooms: Vec<String>,
    pub(crate) outbox: Outbox,
    seen: Positions,
    connection: Link,
    /// What is to be told.
    pub(crate) events: VecDeque<ChatEvent>,
}

/// Who we are for the server.
pub(crate) struct Me {
    pub(crate) name: String,
    /// The secret by which it knows us again.
    session: String,
    /// Its run.
    epoch: String,
    numbers: VecDeque<String>,
}

impl Conversation {
    /// The connection has ended.
    pub(crate) fn break_off(&mut self) {
        self.connection = Link::default();
        self.outbox.again(None);
    }

    /// Whether the server has greeted us on this connection.
    pub(crate) fn welcomed(&self) -> bool {
        self.connection.welcomed
    }

    /// What to show when we come back: who we are, and what we have seen.
    pub(crate) fn introduction(&self) -> Vec<(&'static str, String)> {
        let Some(me) = &self.me else { return vec![] };
        let positions = [("direct", INBOX), ("broadcast", EVERYONE)]
            .into_iter()
            .filter_map(|(key, log)| Some((key, self.seen.position(log)?.seq.to_string())));
        std::iter::once(("session", me.session.clone()))
            .chain(positions)
            .collect()
    }

    /// What is to be sent next.
    pub(crate) fn outgoing(&mut self, now: Instant) -> Option<ClientMessage> {
        let next = self.connection.outgoing(&self.seen, now);
        let may = |message: &_| self.connection.may_send(message, &self.seen, now);
        next.or_else(|| self.outbox.send(now, may))
    }

    /// When there may be something to send, though nothing has happened.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let outbox = self.outbox.due().filter(|_| self.connection.welcomed);
        self.connection
            .due(&self.seen, now)
            .into_iter()
            .chain(outbox)
            .min()
    }

    /// Something to be sent now, or never.
    pub(crate) fn transmit(&mut self, message: ClientMessage) {
        self.connection.transmit(message);
    }

    pub(crate) fn join(&mut self, room: &str) {
        if !self.rooms.iter().any(|other| other == room) {
            self.rooms.push(room.to_owned());
        }
        self.connection.ask_for(room.to_owned(), &self.seen);
    }

    pub(crate) fn leave(&mut self, room: &str) {
        self.rooms.retain(|other| other != room);
        self.connection.left(room);
        self.seen.forget(room);
        self.fail_outside("you left the room");
        let room = room.to_owned();
        self.transmit(ClientMessage::Leave { room });
    }

    /// Keeps something to be said. `false` when as much waits as may.
    pub(crate) fn say(&mut self, id: String, message: ClientMessage) -> bool {
        let kept = self.outbox.put(id, message);
        self.fail_outside("you are not in this room: join it first");
        kept
    }

    /// Gives up what waits for a room that we neither are in nor have asked for: it would
    /// wait for ever.
    fn fail_outside(&mut self, why: &str) {
        let rooms = &self.rooms;
        let outside = self.outbox.take_all(
            |message| matches!(message, ClientMessage::Chat { room, .. } if !rooms.contains(room)),
        );
        for id in outside {
            self.fail(id, why);
        }
    }

    /// Gives up all that waits.
    pub(crate) fn fail_all(&mut self, why: &str) {
        for id in self.outbox.take_all(|_| true) {
            self.fail(id, why);
        }
    }

    pub(crate) fn fail(&mut self, id: String, why: &str) {
        let why = why.to_owned();
        self.events.push_back(ChatEvent::Failed { id, why });
    }

    /// The server has said this.
    pub(crate) fn hear(&mut self, message: Message, now: Instant) {
        let read = match &message {
            Message::Text(text) => serde_json::from_str::<Stamped>(text).ok(),
            Message::Binary(_) => None,
        };
        let Some(said) = read else {
            return self.events.push_back(ChatEvent::Unknown(message));
        };
        let news = self.take_in(&said.message, now);
        let settled = self.settles(&said.message).filter(|_| news);
        if news {
            self.events.push_back(ChatEvent::Heard(said));
        }
        if let Some(id) = settled
            && self.outbox.take(&id).is_some()
        {
            self.events.push_back(ChatEvent::Settled { id });
        }
    }

    /// Changes what we know, and says whether it is to be told.
    fn take_in(&mut self, message: &ServerMessage, now: Instant) -> bool {
        match message {
            ServerMessage::Welcome { .. } => self.welcome(message),
            ServerMessage::Joined {
                room, epoch, seq, ..
            } => return self.joined(room, epoch, seq.0, now),
            ServerMessage::Gap {
                room, epoch, to, ..
            } => self.gap(room, epoch, to.map(|seq| seq.0)),
            ServerMessage::Chat { room, seq, .. } => return self.advance(room, *seq),
            ServerMessage::Direct { seq, .. } => return self.advance(INBOX, *seq),
            ServerMessage::Broadcast { seq, .. } => return self.advance(EVERYONE, *seq),
            ServerMessage::Error(fault) => return self.error(fault, now),
            _ => {}
        }
        true
    }

    /// The id of a message that this shows to be in the log. One of ours that comes back is as
    /// good as its ack; but an id is its sender's own choice, and can be one of ours: only
    /// with our number it is our message.
    fn settles(&self, message: &ServerMessage) -> Option<String> {
        match message {
            ServerMessage::Ack { id, .. } => Some(id.clone()),
            ServerMessage::Chat { id, client_id, .. }
            | ServerMessage::Direct { id, client_id, .. }
            | ServerMessage::Broadcast { id, client_id, .. } => {
                let me = self.me.as_ref()?;
                id.clone().filter(|_| me.numbers.contains(client_id))
            }
            _ => None,
        }
    }

    fn welcome(&mut self, welcome: &ServerMessage) {
        let ServerMessage::Welcome {
            client_id,
            name,
            session,
            epoch,
            direct,
            broadcast,
            ..
        } = welcome
        else {
            return;
        };
        // Another run of the server counts anew.
        let before = self.me.take().filter(|me| me.epoch == *epoch);
        let mut numbers = before.map(|me| me.numbers).unwrap_or_default();
        if !numbers.contains(client_id) {
            numbers.truncate(NUMBERS - 1);
            numbers.push_front(client_id.clone());
        }
        self.seen.begin(INBOX, &session.0, direct.0);
        self.seen.begin(EVERYONE, epoch, broadcast.0);
        self.me = Some(Me {
            name: name.clone(),
            session: session.0.clone(),
            epoch: epoch.clone(),
            numbers,
        });
        self.connection = Link::default();
        self.connection.welcomed = true;
        for room in self.rooms.clone() {
            self.connection.ask_for(room, &self.seen);
        }
    }

    fn joined(&mut self, room: &str, epoch: &str, end: u64, now: Instant) -> bool {
        if !self.rooms.iter().any(|other| other == room) {
            return false; // left meanwhile
        }
        let last = self.seen.position(room);
        if last.is_some_and(|last| last.epoch == epoch && last.seq > end) {
            self.seen.forget(room); // what nobody has ever seen
        }
        if end == 0 {
            self.seen.begin(room, epoch, 0);
        }
        self.connection.entered(room, epoch, end, now);
        true
    }

    /// What will not come has been told; the next time we ask for what is behind it.
    fn gap(&mut self, log: &str, epoch: &str, to: Option<u64>) {
        if let Some(current) = self.epoch_of(log) {
            // Where another epoch is over, we are at the beginning of this one. (The inbox is
            // named after the server, but counts with the session.)
            let same = log == INBOX || epoch == current;
            let to = to.filter(|_| same).unwrap_or(0);
            self.seen.advance(log, &current, to);
        }
    }

    /// Whether this position of a log is news.
    fn advance(&mut self, log: &str, seq: Seq) -> bool {
        let epoch = self.epoch_of(log);
        epoch.is_some_and(|epoch| self.seen.advance(log, &epoch, seq.0))
    }

    /// The epoch in which this log is counted now; `None` for a room that we are not in.
    fn epoch_of(&self, log: &str) -> Option<String> {
        match log {
            INBOX => self.me.as_ref().map(|me| me.session.clone()),
            EVERYONE => self.me.as_ref().map(|me| me.epoch.clone()),
            room => self.connection.epoch(room).map(str::to_owned),
        }
    }

    /// Deals with what was not taken, and says whether it is to be told.
    fn error(&mut self, fault: &Fault, now: Instant) -> bool {
        let id = fault.id.as_deref();
        let room = match id.and_then(|id| self.outbox.get(id)) {
            Some(ClientMessage::Chat { room, .. }) => Some(room.clone()),
            _ => None,
        };
        match (fault.code, id, room) {
            (Code::RateLimited | Code::Busy, ..) => {
                // What it was does not matter: to ask again does no harm.
                let asked = fault.retry_ms.map_or(LATER, Duration::from_millis);
                let later = now + asked.min(LONGEST_LATER);
                self.outbox.again(Some(later));
                self.connection.ask_again(later);
                false
            }
            (Code::NotJoined, Some(_), Some(room)) => {
                self.outbox.again(None);
                self.connection.ask_for(room, &self.seen);
                false
            }
            (_, Some(id), _) if self.outbox.take(id).is_some() => {
                self.fail(id.to_owned(), &fault.message);
                false
            }
            (Code::TooManyRooms | Code::BadName, None, _)
                if fault.field.as_deref() == Some("room") =>
            {
                // Answers come in the order of what was asked.
                if let Some(refused) = self.connection.refused() {
                    self.rooms.retain(|room| *room != refused);
                    self.fail_outside(&fault.message);
                }
                true
            }
            _ => true,
        }
    }
}
