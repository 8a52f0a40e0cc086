//! The state of a client of the chat, and how each message from the server changes it.
//!
//! There is no socket here: messages come in, and messages to send and events for the caller come
//! out. So a test needs no network; `chat_client` moves the messages.
//!
//! What outlives a connection (who we are, what we have seen, what is not acknowledged) is apart
//! from the [`Link`], which a break replaces.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use zcomm_core::{CloseReason, End, Message};

use crate::{
    client::{event::ChatEvent, link::Link, outbox::Outbox, positions::Positions},
    envelope::{ClientMessage, Code, Fault, INBOX, SERVER_LOG, Seq, ServerMessage, Stamped},
};

/// The pause when a server says "later" without a time.
const DEFAULT_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause that a server can ask for.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// The client ids of one server that are remembered. Any of them may be on a message of ours.
const MAX_CLIENT_IDS: usize = 20;

/// A conversation over any number of connections.
#[derive(Default)]
pub(crate) struct Conversation {
    pub(crate) me: Option<Me>,
    /// The rooms to join on each connection.
    pub(crate) rooms: Vec<String>,
    pub(crate) outbox: Outbox,
    pub(crate) link: Link,
    positions: Positions,
    /// Events for the caller.
    pub(crate) events: VecDeque<ChatEvent>,
}

/// Who we are for the server, as the last welcome says.
pub(crate) struct Me {
    pub(crate) name: String,
    /// The secret that resumes our session.
    session: String,
    /// The run of the server.
    epoch: String,
    /// The ids that this run of the server has given us, the newest first.
    client_ids: VecDeque<String>,
}

impl Conversation {
    /// Notes the end of the connection. Returns whether to connect again although the server
    /// closed for good: a message that was too large is given up, and would not end the next one.
    pub(crate) fn disconnected(&mut self, end: &End) -> bool {
        let too_large = matches!(end, End::ByPeer(why) if why.code() == CloseReason::TOO_BIG);
        let id = self.outbox.under_way().filter(|_| too_large);
        let id = id.map(str::to_owned);
        if let Some(id) = &id {
            self.outbox.remove(id);
            self.fail(vec![id.clone()], "the message is too large for this server");
        }
        self.link = Link::default();
        self.outbox.send_again(None);
        id.is_some()
    }

    /// What the address of the next connection says: our session, and what we have seen.
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        let Some(me) = &self.me else { return vec![] };
        let positions = [("direct", INBOX), ("broadcast", SERVER_LOG)]
            .into_iter()
            .filter_map(|(key, log)| Some((key, self.positions.position(log)?.seq.to_string())));
        std::iter::once(("session", me.session.clone()))
            .chain(positions)
            .collect()
    }

    /// The next message to send now.
    pub(crate) fn outgoing(&mut self, now: Instant) -> Option<ClientMessage> {
        let next = self.link.outgoing(&self.positions, now);
        let may = |message: &_| self.link.may_send(message, &self.positions, now);
        next.or_else(|| self.outbox.send(now, may))
    }

    /// The time at which there is something to do although no message has come.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let outbox = self.outbox.due().filter(|_| self.link.welcomed);
        let link = self.link.due(&self.positions, now);
        link.into_iter().chain(outbox).min()
    }

    pub(crate) fn join(&mut self, room: &str) {
        if !self.is_in(room) {
            self.rooms.push(room.to_owned());
        }
        self.link.join(room.to_owned(), &self.positions);
    }

    pub(crate) fn leave(&mut self, room: &str) {
        self.rooms.retain(|other| other != room);
        self.link.left(room);
        self.positions.forget(room);
        self.fail_outside("you left the room");
        let room = room.to_owned();
        self.link.transmit(ClientMessage::Leave { room });
    }

    fn is_in(&self, room: &str) -> bool {
        self.rooms.iter().any(|other| other == room)
    }

    /// Puts a message with an id into the outbox. Returns `false` when that is full.
    pub(crate) fn say(&mut self, message: ClientMessage) -> bool {
        let kept = self.outbox.put(message);
        self.fail_outside("you are not in this room: join it first");
        kept
    }

    /// Gives up the messages for rooms that we do not join: they would wait for ever.
    fn fail_outside(&mut self, why: &str) {
        let rooms = &self.rooms;
        let outside = self.outbox.remove_all(
            |message| matches!(message, ClientMessage::Chat { room, .. } if !rooms.contains(room)),
        );
        self.fail(outside, why);
    }

    /// Gives up all messages of the outbox.
    pub(crate) fn fail_all(&mut self) {
        let all = self.outbox.remove_all(|_| true);
        self.fail(all, "the connection has ended");
    }

    fn fail(&mut self, ids: Vec<String>, why: &str) {
        for id in ids {
            let why = why.to_owned();
            self.events.push_back(ChatEvent::Failed { id, why });
        }
    }

    /// Handles a message from the server.
    pub(crate) fn receive(&mut self, message: Message, now: Instant) {
        let parsed = match &message {
            Message::Text(text) => serde_json::from_str::<Stamped>(text).ok(),
            Message::Binary(_) => None,
        };
        let Some(stamped) = parsed else {
            return self.events.push_back(ChatEvent::Unknown(message));
        };
        let is_new = self.apply(&stamped.message, now);
        let acknowledged = self.acknowledged(&stamped.message).filter(|_| is_new);
        if is_new {
            self.events.push_back(ChatEvent::Received(stamped));
        }
        if let Some(id) = acknowledged
            && self.outbox.remove(&id)
        {
            self.events.push_back(ChatEvent::Acknowledged { id });
        }
    }

    /// Updates the state. Returns whether the caller gets the message.
    fn apply(&mut self, message: &ServerMessage, now: Instant) -> bool {
        match message {
            ServerMessage::Welcome {
                client_id,
                name,
                session,
                epoch,
                direct,
                broadcast,
                ..
            } => {
                self.positions.begin(INBOX, &session.0, direct.0);
                self.positions.begin(SERVER_LOG, epoch, broadcast.0);
                self.me = Some(Me {
                    name: name.clone(),
                    session: session.0.clone(),
                    epoch: epoch.clone(),
                    client_ids: self.client_ids(epoch, client_id),
                });
                self.welcomed();
            }
            ServerMessage::Joined {
                room, epoch, seq, ..
            } => return self.joined(room, epoch, seq.0, now),
            ServerMessage::Gap {
                room, epoch, to, ..
            } => self.gap(room, epoch, to.map(|seq| seq.0)),
            ServerMessage::Chat { room, seq, .. } => return self.advance(room, *seq),
            ServerMessage::Direct { seq, .. } => return self.advance(INBOX, *seq),
            ServerMessage::Broadcast { seq, .. } => return self.advance(SERVER_LOG, *seq),
            ServerMessage::Error(fault) => return self.error(fault, now),
            _ => {}
        }
        true
    }

    /// The id of the message that is in the log, as this message shows. A message of ours that
    /// comes back counts as its ack. It must have a client id of ours: another client can choose
    /// the same message id.
    fn acknowledged(&self, message: &ServerMessage) -> Option<String> {
        match message {
            ServerMessage::Ack { id, .. } => Some(id.clone()),
            ServerMessage::Chat { id, client_id, .. }
            | ServerMessage::Direct { id, client_id, .. }
            | ServerMessage::Broadcast { id, client_id, .. } => {
                let me = self.me.as_ref()?;
                id.clone().filter(|_| me.client_ids.contains(client_id))
            }
            _ => None,
        }
    }

    /// Our client ids with this one. Another run of the server counts from 1 again.
    fn client_ids(&self, epoch: &str, newest: &String) -> VecDeque<String> {
        let before = self.me.as_ref().filter(|me| me.epoch == epoch);
        let mut ids = before.map_or_else(VecDeque::new, |me| me.client_ids.clone());
        if !ids.contains(newest) {
            ids.truncate(MAX_CLIENT_IDS - 1);
            ids.push_front(newest.clone());
        }
        ids
    }

    fn welcomed(&mut self) {
        self.link = Link::welcomed();
        for room in &self.rooms {
            self.link.join(room.clone(), &self.positions);
        }
    }

    fn joined(&mut self, room: &str, epoch: &str, end: u64, now: Instant) -> bool {
        if !self.is_in(room) {
            return false; // left in the meantime
        }
        let last = self.positions.position(room);
        if last.is_some_and(|last| last.epoch == epoch && last.seq > end) {
            self.positions.forget(room); // a position that this log never had
        }
        if end == 0 {
            self.positions.begin(room, epoch, 0);
        }
        self.link.joined(room, epoch, end, now);
        true
    }

    /// Moves past a gap, so that the next connection does not ask for it.
    fn gap(&mut self, log: &str, epoch: &str, to: Option<u64>) {
        if let Some(current) = self.epoch_of(log) {
            // The gap of an older epoch leads to the beginning of this one. (A gap of the inbox
            // has the server's epoch, although its positions belong to the session.)
            let is_current = log == INBOX || epoch == current;
            let to = to.filter(|_| is_current).unwrap_or(0);
            self.positions.advance(log, &current, to);
        }
    }

    /// Moves to this position of a log, and returns whether it is new.
    fn advance(&mut self, log: &str, seq: Seq) -> bool {
        let epoch = self.epoch_of(log);
        epoch.is_some_and(|epoch| self.positions.advance(log, &epoch, seq.0))
    }

    /// The epoch of this log now; `None` for a room that we are not in.
    fn epoch_of(&self, log: &str) -> Option<String> {
        match log {
            INBOX => self.me.as_ref().map(|me| me.session.clone()),
            SERVER_LOG => self.me.as_ref().map(|me| me.epoch.clone()),
            room => self.link.epoch(room).map(str::to_owned),
        }
    }

    /// Handles a fault. Returns whether the caller gets it.
    fn error(&mut self, fault: &Fault, now: Instant) -> bool {
        let id = fault.id.as_deref();
        let message = id.and_then(|id| self.outbox.get(id)).cloned();
        match (fault.code, message) {
            (Code::RateLimited | Code::Busy, _) => {
                // For any message: to send it again is safe.
                let pause = fault.retry_ms.map_or(DEFAULT_PAUSE, Duration::from_millis);
                let later = now + pause.min(MAX_PAUSE);
                self.outbox.send_again(Some(later));
                self.link.rejoin = Some(later);
                false
            }
            (Code::NotJoined, Some(ClientMessage::Chat { room, .. })) => {
                self.outbox.send_again(None);
                self.link.join(room, &self.positions);
                false
            }
            (_, Some(_)) => {
                let failed = self.outbox.remove_all(|message| message.id() == id);
                self.fail(failed, &fault.message);
                false
            }
            (Code::TooManyRooms | Code::BadName, None)
                if id.is_none() && fault.field.as_deref() == Some("room") =>
            {
                if let Some(refused) = self.link.refused() {
                    self.rooms.retain(|room| *room != refused);
                    self.fail_outside(&fault.message);
                }
                true
            }
            _ => true,
        }
    }
}
