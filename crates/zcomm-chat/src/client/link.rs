//! What a client of the chat knows only as long as one connection lasts.
//!
//! Rooms are entered anew on each connection, and what was asked for on the last one will
//! not be answered on this one. So all of it stands in one place, and a break drops the
//! place.
//!
//! Production drops it too.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    client::positions::Positions,
    envelope::{ClientMessage, Seq},
};

/// So long we wait to see in a room's log what of ours is there already, before we say the
/// rest: then a message that is there twice is better than one that is not sent.
const CATCH_UP: Duration = Duration::from_secs(3);

/// One connection to the chat.
#[derive(Default)]
pub(crate) struct Link {
    /// The server has greeted us: from now on it listens.
    pub(crate) welcomed: bool,
    /// What is to be sent, the first first.
    outgoing: VecDeque<ClientMessage>,
    /// Rooms that we have asked for and heard nothing of.
    joining: VecDeque<String>,
    /// When to ask for them again.
    rejoin: Option<Instant>,
    entered: HashMap<String, Entered>,
}

/// A room that we are in.
struct Entered {
    epoch: String,
    /// The end of its log when we came.
    end: u64,
    since: Instant,
}

impl Link {
    /// Something to be sent now, or never.
    pub(crate) fn transmit(&mut self, message: ClientMessage) {
        if self.welcomed {
            self.outgoing.push_back(message);
        }
    }

    /// What is to be sent next, and waits for nothing.
    pub(crate) fn outgoing(&mut self, seen: &Positions, now: Instant) -> Option<ClientMessage> {
        if self.rejoin.take_if(|due| *due <= now).is_some() {
            for room in std::mem::take(&mut self.joining) {
                self.ask_for(room, seen);
            }
        }
        self.outgoing.pop_front()
    }

    /// Asks for a room, from where we have seen it.
    pub(crate) fn ask_for(&mut self, room: String, seen: &Positions) {
        // Once is enough, however often the server says that we are not there.
        if self.welcomed && !self.joining.contains(&room) {
            self.entered.remove(&room);
            self.joining.push_back(room.clone());
            let last = seen.position(&room);
            let (epoch, since) = last.map(|last| (last.epoch.clone(), Seq(last.seq))).unzip();
            self.transmit(ClientMessage::Join { room, epoch, since });
        }
    }

    /// Asks later for what was not answered.
    pub(crate) fn ask_again(&mut self, at: Instant) {
        self.rejoin = Some(at);
    }

    /// A room was refused; answers come in the order of what was asked.
    pub(crate) fn refused(&mut self) -> Option<String> {
        self.joining.pop_front()
    }

    /// We are in this room, whose log has so many messages.
    pub(crate) fn entered(&mut self, room: &str, epoch: &str, end: u64, since: Instant) {
        self.joining.retain(|other| other != room);
        let epoch = epoch.to_owned();
        let entered = Entered { epoch, end, since };
        self.entered.insert(room.to_owned(), entered);
    }

    /// We are in it no more, and ask for it no more.
    pub(crate) fn left(&mut self, room: &str) {
        self.entered.remove(room);
        self.joining.retain(|other| other != room);
    }

    /// The epoch of a room that we are in.
    pub(crate) fn epoch(&self, room: &str) -> Option<&str> {
        Some(self.entered.get(room)?.epoch.as_str())
    }

    /// Whether a message of the outbox can be sent now.
    pub(crate) fn may_send(&self, message: &ClientMessage, seen: &Positions, now: Instant) -> bool {
        match message {
            ClientMessage::Chat { room, .. } => {
                let there = self.entered.get(room);
                there.is_some_and(|there| there.ready_at(room, seen) <= now)
            }
            _ => self.welcomed,
        }
    }

    /// When more may be sent, though nothing has happened.
    pub(crate) fn due(&self, seen: &Positions, now: Instant) -> Option<Instant> {
        let rooms = self.entered.iter();
        let ready = rooms.map(|(room, there)| there.ready_at(room, seen));
        ready.filter(|ready| *ready > now).chain(self.rejoin).min()
    }
}

impl Entered {
    /// When something can be said here: as soon as all is seen that was there when we came.
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

    /// A server that says "you are not there" ten thousand times is asked once to be let in.
    #[tokio::test(start_paused = true)]
    async fn a_room_is_asked_for_once_until_it_is_answered() {
        let (mut connection, seen, now) = (Link::default(), Positions::default(), Instant::now());
        connection.welcomed = true;
        for _ in 0..3 {
            connection.ask_for("lobby".into(), &seen);
        }
        assert!(connection.outgoing(&seen, now).is_some());
        assert_eq!(connection.outgoing(&seen, now), None);
        connection.ask_again(now);
        assert!(connection.outgoing(&seen, now).is_some());
        assert_eq!(connection.outgoing(&seen, now), None);
        connection.entered("lobby", "epoch", 0, now);
        connection.ask_for("lobby".into(), &seen);
        assert!(connection.outgoing(&seen, now).is_some());
    }
}
