//! The state of a client of the chat, and how each message from the server changes it.
//!
//! This file uses no socket. It receives messages. It returns the messages to send, and events
//! for the caller. So a test needs no network. `chat_client` sends and receives over the network.
//!
//! The name, the positions and the outbox stay when a connection breaks. The state of one
//! connection is in the [`Link`], and a new connection gets a new `Link`.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use zcomm_core::{CloseReason, End, Message};

use crate::{
    client::{
        event::ChatEvent,
        link::Link,
        me::Me,
        outbox::Outbox,
        positions::{Log, Positions},
    },
    envelope::{ClientMessage, Code, Digest, Fault, Seq, ServerMessage, Stamped},
};

/// The pause when a server asks the client to wait but does not say how long.
const DEFAULT_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause that a server can ask for.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// A conversation, which goes on when a new connection replaces a broken one.
#[derive(Default)]
pub(crate) struct Conversation {
    pub(crate) me: Option<Me>,
    /// The rooms to join again on each connection.
    pub(crate) rooms: Vec<String>,
    pub(crate) outbox: Outbox,
    pub(crate) link: Link,
    positions: Positions,
    /// Events for the caller.
    pub(crate) events: VecDeque<ChatEvent>,
}

impl Conversation {
    /// Handles the end of a connection. If a message was too large for the server, this message
    /// fails. Then returns true: without this message, the client can connect again.
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

    /// The query of the next connection's address: the session and the last positions.
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        let Some(me) = &self.me else { return vec![] };
        let positions = [("direct", Log::Inbox), ("broadcast", Log::Server)]
            .into_iter()
            .filter_map(|(key, log)| {
                Some((key, self.positions.position(&log)?.seen().to_string()))
            });
        std::iter::once(("session", me.session.clone()))
            .chain(positions)
            .collect()
    }

    /// Returns the next message that can be sent now.
    pub(crate) fn outgoing(&mut self, now: Instant) -> Option<ClientMessage> {
        let next = self.link.outgoing(&self.positions, now);
        let may = |message: &_| self.link.may_send(message, &self.positions, now);
        next.or_else(|| self.outbox.send(now, may))
    }

    /// The next time at which the client must act, even if no message arrives.
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
        self.positions.forget(&Log::room(room));
        self.fail_outside("you left the room");
        let room = room.to_owned();
        self.link.transmit(ClientMessage::Leave { room });
    }

    fn is_in(&self, room: &str) -> bool {
        self.rooms.iter().any(|other| other == room)
    }

    /// Puts a message with an id into the outbox. Returns `false` when the outbox is full.
    pub(crate) fn say(&mut self, message: ClientMessage) -> bool {
        let kept = self.outbox.put(message);
        self.fail_outside("you are not in this room: join it first");
        kept
    }

    /// Removes messages to rooms that are not in `rooms`. The client does not join these rooms,
    /// so the messages would wait forever.
    fn fail_outside(&mut self, why: &str) {
        let rooms = &self.rooms;
        let outside = self.outbox.remove_all(
            |message| matches!(message, ClientMessage::Chat { room, .. } if !rooms.contains(room)),
        );
        self.fail(outside, why);
    }

    /// Removes all messages from the outbox. The caller gets a `Failed` event for each message.
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

    pub(crate) fn receive(&mut self, message: Message, now: Instant) {
        let parsed = match &message {
            Message::Text(text) => serde_json::from_str::<Stamped>(text).ok(),
            Message::Binary(_) => None,
        };
        let Some(stamped) = parsed else {
            return self.events.push_back(ChatEvent::Unknown(message));
        };
        let is_new = self.apply(&stamped, now);
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

    /// Updates the state. Returns true if the caller must get the message as an event.
    fn apply(&mut self, stamped: &Stamped, now: Instant) -> bool {
        let at = |seq: &Seq| (seq.0, stamped.digest);
        match &stamped.message {
            ServerMessage::Welcome {
                client_id,
                name,
                session,
                epoch,
                direct,
                broadcast,
                broadcast_digest,
                ..
            } => {
                let end = (broadcast.0, *broadcast_digest);
                self.positions.begin(&Log::Server, epoch, end);
                let end = (direct.0, None);
                self.positions.begin(&Log::Inbox, &session.0, end);
                self.me = Some(Me {
                    name: name.clone(),
                    session: session.0.clone(),
                    epoch: epoch.clone(),
                    client_ids: Me::client_ids(self.me.as_ref(), epoch, client_id),
                });
                self.welcomed();
            }
            ServerMessage::Joined {
                room, epoch, seq, ..
            } => return self.joined(room, epoch, seq.0, now),
            ServerMessage::Gap {
                room, epoch, to, ..
            } => self.gap(&Log::of_gap(room), epoch, to.map(|seq| seq.0)),
            ServerMessage::Chat { room, seq, .. } => {
                return self.advance(&Log::room(room), at(seq));
            }
            ServerMessage::Direct { seq, .. } => return self.advance(&Log::Inbox, at(seq)),
            ServerMessage::Broadcast { seq, .. } => return self.advance(&Log::Server, at(seq)),
            ServerMessage::Error(fault) => return self.error(fault, now),
            _ => {}
        }
        true
    }

    /// Returns the message id if `message` proves that a message of this client is in the log.
    /// The proof is an ack, or the server's copy of the message. Another client can choose the
    /// same message id, so the copy must have a client id of this client.
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

    fn welcomed(&mut self) {
        self.link = Link::welcomed();
        for room in &self.rooms {
            self.link.join(room.clone(), &self.positions);
        }
    }

    fn joined(&mut self, room: &str, epoch: &str, end: u64, now: Instant) -> bool {
        if !self.is_in(room) {
            return false; // the client has left the room
        }
        let log = Log::room(room);
        let last = self.positions.position(&log);
        if last.is_some_and(|last| last.epoch == epoch && last.seq > end) {
            self.positions.forget(&log); // this log never had that position
        }
        if end == 0 {
            self.positions.begin(&log, epoch, (0, None));
        }
        self.link.joined(room, epoch, end, now);
        true
    }

    /// Sets the position after a gap, so the next connection does not ask for lost messages. The
    /// position goes back if the log that the client saw is lost.
    fn gap(&mut self, log: &Log, epoch: &str, to: Option<u64>) {
        if let Some(current) = self.epoch_of(log) {
            // After a gap in an older epoch, continue at the start of the current epoch. (The
            // epoch of an inbox gap does not matter: inbox positions belong to the session.)
            let is_current = *log == Log::Inbox || epoch == current;
            let to = to.filter(|_| is_current).unwrap_or(0);
            self.positions.set(log, &current, (to, None));
        }
    }

    /// Moves to this position in a log. Returns true if the position is new.
    fn advance(&mut self, log: &Log, at: (u64, Option<Digest>)) -> bool {
        let epoch = self.epoch_of(log);
        epoch.is_some_and(|epoch| self.positions.advance(log, &epoch, at))
    }

    /// The current epoch of a log; `None` for a room that the client is not in.
    fn epoch_of(&self, log: &Log) -> Option<String> {
        match log {
            Log::Inbox => self.me.as_ref().map(|me| me.session.clone()),
            Log::Server => self.me.as_ref().map(|me| me.epoch.clone()),
            Log::Room(room) => self.link.epoch(room).map(str::to_owned),
        }
    }

    /// Handles a fault. Returns true if the caller must get the fault as an event.
    fn error(&mut self, fault: &Fault, now: Instant) -> bool {
        let id = fault.id.as_deref();
        let message = id.and_then(|id| self.outbox.get(id)).cloned();
        match (fault.code, message) {
            (Code::RateLimited | Code::Busy | Code::Unavailable, _) => {
                // The fault may be about any open request. Sending all of them again does no
                // harm.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{LOBBY, Secret};

    fn stamped(message: ServerMessage) -> Stamped {
        Stamped {
            message,
            timestamp: String::new(),
            digest: None,
        }
    }

    /// Opens the next connection to a server of this epoch. Returns the position that the client
    /// sends to join the lobby again.
    fn reconnect(conversation: &mut Conversation, epoch: &str) -> Option<(String, u64)> {
        conversation.disconnected(&End::Broken(String::new()));
        let welcome = ServerMessage::Welcome {
            client_id: "1".to_owned(),
            name: "Ada".to_owned(),
            session: Secret(format!("{epoch}.1.secret")),
            epoch: epoch.to_owned(),
            resumed: false,
            direct: Seq(0),
            broadcast: Seq(0),
            broadcast_digest: None,
            heartbeat_seconds: 20,
        };
        conversation.apply(&stamped(welcome), Instant::now());
        match conversation.outgoing(Instant::now()) {
            Some(ClientMessage::Join { epoch, since, .. }) => {
                epoch.zip(since.map(|seen| seen.seq.0))
            }
            other => panic!("not a join: {other:?}"),
        }
    }

    fn joined(conversation: &mut Conversation, epoch: &str, end: u64) {
        let joined = ServerMessage::Joined {
            room: LOBBY.to_owned(),
            epoch: epoch.to_owned(),
            seq: Seq(end),
            recovered: false,
            missed: Seq(0),
            users: vec![],
            user_count: 1,
        };
        conversation.apply(&stamped(joined), Instant::now());
    }

    /// A client that has seen nine messages in the lobby of epoch `a`.
    fn at_nine() -> Conversation {
        let mut conversation = Conversation::default();
        conversation.join(LOBBY);
        assert_eq!(reconnect(&mut conversation, "a"), None);
        joined(&mut conversation, "a", 9);
        assert!(conversation.advance(&Log::room(LOBBY), (9, None)));
        conversation
    }

    /// With the old position, the server can say which messages of the old epoch are lost.
    #[test]
    fn a_shorter_log_of_another_epoch_does_not_replace_the_position() {
        let mut conversation = at_nine();
        let seen = Some(("a".to_owned(), 9));
        assert_eq!(reconnect(&mut conversation, "b"), seen);
        joined(&mut conversation, "b", 3);
        assert_eq!(reconnect(&mut conversation, "b"), seen);
        joined(&mut conversation, "b", 3);
        assert!(conversation.advance(&Log::room(LOBBY), (1, None)));
        let seen = Some(("b".to_owned(), 1));
        assert_eq!(reconnect(&mut conversation, "b"), seen);
    }

    #[test]
    fn a_position_that_its_log_never_had_is_forgotten() {
        let mut conversation = at_nine();
        joined(&mut conversation, "a", 8);
        assert_eq!(reconnect(&mut conversation, "a"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_can_ask_for_a_pause_of_a_minute_at_most() {
        for (asked, pause) in [
            (None, 1000),
            (Some(0), 0),
            (Some(1500), 1500),
            (Some(60_000), 60_000),
            (Some(u64::MAX), 60_000),
        ] {
            let mut conversation = at_nine();
            let mut fault = Fault::new(Code::RateLimited, "too fast");
            fault.retry_ms = asked;
            let now = Instant::now();
            conversation.apply(&stamped(ServerMessage::Error(fault)), now);
            let later = now + Duration::from_millis(pause);
            assert_eq!(conversation.link.rejoin, Some(later), "{asked:?}");
        }
    }
}
