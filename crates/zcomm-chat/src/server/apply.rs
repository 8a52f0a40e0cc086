//! How each command changes the state, and its outcome.

use std::sync::{Arc, atomic::Ordering};

use zcomm_core::{Appended, ClientId, Error, Result};

use crate::{
    envelope::{Code, Fault, Seq, ServerMessage},
    server::{
        command::{Command, Entered, LogIn, Outcome},
        moment::Moment,
        session::Session,
        sessions::Login,
        state::{ChatState, Origin},
    },
};

impl ChatState {
    /// Applies a command. The outcome follows from the state and the arguments only.
    pub(crate) fn apply(&self, command: Command, from: &Origin, time: Moment) -> Outcome {
        self.sessions.expire(time.clock);
        match command {
            Command::LogIn(login) => Outcome::LoggedIn(self.log_in(login, from)),
            Command::End {
                session,
                client,
                login,
                goodbye,
            } => {
                let peer = from.peer(client);
                match goodbye {
                    true => self.sessions.leave(session, &peer),
                    false => self.sessions.disconnect(session, &peer, time.clock),
                }
                self.rooms.leave_all(session, login, time);
                Outcome::Done
            }
            Command::Enter {
                session,
                login,
                room,
            } => Outcome::Entered(self.enter(&room, session, login, time)),
            Command::Leave {
                session,
                login,
                room,
            } => {
                if let Some(room) = self.rooms.get(&room) {
                    room.leave(session, login, time);
                }
                Outcome::Done
            }
            Command::Say {
                session,
                room,
                text,
                id,
            } => Outcome::Said(self.say(session, &room, text, id, time)),
            Command::Broadcast { session, text, id } => {
                Outcome::Said(self.broadcast(session, text, id, time))
            }
            Command::Direct {
                session,
                to,
                text,
                id,
            } => Outcome::Said(self.direct(session, &to, (&text, id), time)),
            Command::Stop => {
                self.server_stops(&from.server, time);
                Outcome::Done
            }
            // The state cannot replace itself: see `replica`.
            Command::Begin { .. } => Outcome::Done,
            Command::Typing {
                session,
                client,
                room,
            } => {
                let client = ClientId::from(client);
                let room = self.rooms.get(&room);
                if let (Some(room), Some(session)) = (room, self.sessions.get(session)) {
                    room.typing(&session, from.here.then_some(client), time);
                }
                Outcome::Done
            }
        }
    }

    fn log_in(&self, login: LogIn, from: &Origin) -> Option<Login> {
        let (peer, token_name) = (from.peer(login.client), login.token_name);
        let known = login.ticket.and_then(|ticket| {
            let peer = peer.clone();
            self.sessions.resume(&ticket, token_name.as_deref(), peer)
        });
        known.or_else(|| {
            let opened = self
                .sessions
                .open(login.name?, token_name, login.secret, peer);
            Some(opened)
        })
    }

    fn enter(&self, name: &str, session: u64, login: u64, time: Moment) -> Result<Entered, Fault> {
        let session = self.session(session)?;
        let (room, presence) = self.rooms.enter(name, &session, login, time)?;
        let held = room.messages.held();
        Ok(Entered {
            room,
            presence,
            held,
        })
    }

    fn say(
        &self,
        session: u64,
        name: &str,
        text: String,
        id: Option<String>,
        time: Moment,
    ) -> Result<Option<ServerMessage>, Fault> {
        let session = self.session(session)?;
        let room = self.rooms.get(name).filter(|room| room.has(session.number));
        let room = room.ok_or_else(not_joined)?;
        self.once(&session, id, |id| {
            let appended = room.say(&session, text, id, time)?;
            Ok(self.without_sender(appended, || room.member_count()))
        })
    }

    fn broadcast(
        &self,
        session: u64,
        text: String,
        id: Option<String>,
        time: Moment,
    ) -> Result<Option<ServerMessage>, Fault> {
        let session = self.session(session)?;
        let log = self.log.get().ok_or_else(ended)?;
        self.once(&session, id, |id| {
            let appended = log.broadcast_at(|position| {
                let said = ServerMessage::Broadcast {
                    seq: Seq(position + 1),
                    id,
                    client_id: session.number.to_string(),
                    name: session.name.clone(),
                    text,
                };
                said.at(time.wall, time.digest)
            })?;
            Ok(self.without_sender(appended, || self.sessions.connected()))
        })
    }

    fn direct(
        &self,
        session: u64,
        to: &str,
        (text, id): (&str, Option<String>),
        time: Moment,
    ) -> Result<Option<ServerMessage>, Fault> {
        let me = self.session(session)?;
        let Some(receiver) = self.sessions.find(to) else {
            return Err(Fault::new(Code::NoSuchUser, "no user has this name").field("to"));
        };
        self.once(&me, id, |id| {
            let write = |position| {
                let said = ServerMessage::Direct {
                    seq: Seq(position + 1),
                    id: id.clone(),
                    client_id: me.number.to_string(),
                    name: me.name.clone(),
                    to: receiver.name.clone(),
                    text: text.to_owned(),
                };
                said.at(time.wall, time.digest)
            };
            let to_myself = receiver.number == me.number;
            if !to_myself {
                receiver.inbox.broadcast_at(write)?;
            }
            // The sender gets a copy, too: a resumed connection shows the sender's own
            // messages.
            let copy = me.inbox.broadcast_at(write)?;
            let recipients = usize::from(!to_myself);
            Ok(Appended { recipients, ..copy })
        })
    }

    /// Delivers a message once, counts it and returns its ack.
    fn once(
        &self,
        session: &Session,
        id: Option<String>,
        deliver: impl FnOnce(Option<String>) -> Result<Appended>,
    ) -> Result<Option<ServerMessage>, Fault> {
        let said = session.once(id, |id| {
            let appended = deliver(id)?;
            self.messages.fetch_add(1, Ordering::Relaxed);
            let (position, reached) = (appended.position, appended.recipients);
            tracing::debug!(client = session.number, position, reached, "chat.said");
            Ok(appended)
        });
        match said {
            // The server stops, so the log is closed. Without an ack, the client keeps the message
            // and sends it again when it has reconnected.
            Err(Error::Closed) => {
                self.stopped.store(true, Ordering::Relaxed);
                Ok(None)
            }
            ack => Ok(ack?),
        }
    }

    /// Subtracts the sender from the recipients, because a log counts the sender, too. A log counts
    /// only the readers of this server. For several servers, `everybody` counts the readers of all.
    fn without_sender(&self, appended: Appended, everybody: impl Fn() -> usize) -> Appended {
        let recipients = match self.is_shared() {
            true => everybody(),
            false => appended.recipients,
        };
        Appended {
            recipients: recipients.saturating_sub(1),
            ..appended
        }
    }

    fn session(&self, number: u64) -> Result<Arc<Session>, Fault> {
        self.sessions.get(number).ok_or_else(ended)
    }
}

pub(crate) fn not_joined() -> Fault {
    let why = "you are not in this room: join it first";
    Fault::new(Code::NotJoined, why).field("room")
}

/// The answer to a connection whose session has ended. The connection will end, too.
fn ended() -> Fault {
    Fault::new(Code::Busy, "your session has ended: connect again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::moment::tests::at;
    use crate::server::ticket::ShownTicket;
    use proptest::prelude::*;
    use zcomm_core::Token;

    /// Commands with only a few sessions, rooms and ids, so many commands affect the same session
    /// or room.
    fn commands() -> impl Strategy<Value = Vec<(u8, Command)>> {
        let session = 1..6_u64;
        let room = prop_oneof!["lobby", "a", "b"];
        let id = proptest::option::of("[0-9]");
        let name = prop_oneof!["Ada", "Ben"];
        let log_in = (session.clone(), name.clone(), any::<bool>()).prop_map(|(n, name, back)| {
            let secret = Token::new("a secret of a test").unwrap();
            let ticket = ShownTicket {
                epoch: "epoch_of_it".into(),
                session: n,
                secret: secret.clone(),
            };
            Command::LogIn(LogIn {
                client: n,
                token_name: None,
                ticket: back.then_some(ticket),
                name: Some(name),
                secret,
            })
        });
        let end = (session.clone(), 1..3_u64, any::<bool>());
        let end = end.prop_map(|(session, login, goodbye)| Command::End {
            session,
            client: session,
            login,
            goodbye,
        });
        let enter = (session.clone(), room.clone()).prop_map(|(session, room)| Command::Enter {
            session,
            login: 1,
            room,
        });
        let say = (session.clone(), room, id.clone());
        let say = say.prop_map(|(session, room, id)| Command::Say {
            session,
            room,
            text: "text".into(),
            id,
        });
        let direct = (session.clone(), name, id.clone());
        let direct = direct.prop_map(|(session, to, id)| Command::Direct {
            session,
            to,
            text: "text".into(),
            id,
        });
        let broadcast = (session, id).prop_map(|(session, id)| Command::Broadcast {
            session,
            text: "text".into(),
            id,
        });
        let command =
            prop_oneof![2 => log_in, 1 => end, 2 => enter, 4 => say, 2 => direct, 1 => broadcast];
        proptest::collection::vec((0..3_u8, command), 0..80)
    }

    fn apply(state: &ChatState, commands: &[(u8, Command)], here: u8, from: usize) {
        for (seconds, (server, command)) in (from as u64..).zip(commands) {
            let (name, time) = (server.to_string(), at(20 * seconds));
            state.heard(&name, 20_000 * seconds, time);
            let from = Origin {
                server: name.into(),
                here: *server == here,
            };
            // Redis stores a command as JSON, so write and read it here, too.
            let written = serde_json::to_vec(command).unwrap();
            state.apply(serde_json::from_slice(&written).unwrap(), &from, time);
        }
    }

    fn image(state: &ChatState) -> String {
        serde_json::to_string(&state.image()).unwrap()
    }

    proptest! {
        /// This is also true for a server that starts in the middle, with a copy of the state.
        #[test]
        fn servers_that_apply_the_same_commands_have_the_same_state(commands in commands()) {
            let new = || ChatState::shared("epoch_of_it", &[], 0);
            let (one, other) = (new(), new());
            let (early, late) = commands.split_at(commands.len() / 2);
            apply(&one, early, 0, 0);
            apply(&other, early, 1, 0);
            let copy = serde_json::from_str(&image(&one)).unwrap();
            let later = ChatState::from_image(copy, &[]);
            for (here, state) in [&one, &other, &later].into_iter().enumerate() {
                apply(state, late, here as u8, early.len());
            }
            prop_assert_eq!(image(&one), image(&other));
            prop_assert_eq!(image(&one), image(&later));
        }
    }
}
