//! All sessions of a server, by number and by name.
//!
//! A client that connects opens a new session, or resumes a session with a ticket (see `ticket`).
//!
//! A name belongs to one session at a time. If a client asks for a taken name, the server adds
//! the number of the new session: `Ada#7`. A client cannot ask for a name with a `#`, so it
//! cannot take the name of a later session. The settings can give a name to a token. Then only
//! a client with this token gets the name.
//!
//! A session whose connection broke is kept for two minutes. There is no timer: each command first
//! removes the expired sessions. When a client closes with code 1000 (a goodbye), its session
//! ends at once, and its name is free.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use zcomm_core::{MAX_NAME, NAME_RULE, Result, Token, folded, name, shows_token};

use crate::envelope::{Code, Fault};

use crate::server::{session::Session, ticket::ShownTicket};

/// How long a session is kept without a connection.
const EXPIRY: Duration = Duration::from_secs(120);
/// The maximum number of sessions without a connection. If all inboxes and all lists of message
/// ids are full, these sessions use 200 MiB.
const MAX_DISCONNECTED: usize = 1024;
/// The name of a client that does not ask for a name.
const GUEST: &str = "guest";
/// `#` and the two characters that Unicode treats as its variants.
const NUMBER_SIGNS: [char; 3] = ['#', '\u{ff03}', '\u{fe5f}'];

pub(crate) struct Sessions {
    pub(crate) epoch: Arc<str>,
    /// The names that belong to tokens, folded: upper and lower case are equal.
    reserved: HashSet<String>,
    table: Mutex<Table>,
}

#[derive(Default)]
pub(crate) struct Table {
    /// The number of the newest session.
    pub(crate) last: u64,
    pub(crate) sessions: HashMap<u64, Entry>,
    /// The sessions by name. The names are folded: upper and lower case are equal.
    pub(crate) names: HashMap<String, Arc<Session>>,
    /// Sessions without a connection: the time when the connection ended, and the session's
    /// number. The oldest session comes first.
    pub(crate) disconnected: VecDeque<(Duration, u64)>,
}

pub(crate) struct Entry {
    pub(crate) session: Arc<Session>,
    pub(crate) connection: Option<Peer>,
    pub(crate) logins: u64,
}

/// A connection of the chat: the server, and the client's number there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The name of the server; empty for a server alone.
    pub(crate) server: Arc<str>,
    pub(crate) client: u64,
}

/// A session that a connection has opened or resumed.
pub(crate) struct Login {
    pub(crate) session: Arc<Session>,
    pub(crate) resumed: bool,
    /// The older connection that used the session until this login, if there is one.
    pub(crate) replaced: Option<Peer>,
    /// The number of this login in its session: 1, 2, 3 … A newer login has a higher number.
    /// (The ids of the connections do not show which login is newer, because logins can come in
    /// any order.)
    pub(crate) number: u64,
}

impl Sessions {
    pub(crate) fn new<'a>(epoch: &str, reserved: impl Iterator<Item = &'a str>) -> Sessions {
        Sessions {
            epoch: epoch.into(),
            reserved: reserved.map(folded).collect(),
            table: Mutex::default(),
        }
    }

    /// The number of sessions that have not expired at this time.
    pub(crate) fn count(&self, clock: Duration) -> usize {
        let table = self.lock();
        let disconnected = table.disconnected.iter();
        let expired = disconnected.filter(|(since, _)| clock.saturating_sub(*since) >= EXPIRY);
        table.sessions.len() - expired.count()
    }

    /// Opens a new session. `name` must come from [`check_name`](Sessions::check_name).
    pub(crate) fn open(
        &self,
        name: String,
        token_name: Option<String>,
        secret: Token,
        connection: Peer,
    ) -> Login {
        let mut table = self.lock();
        let (number, name) = table.unique_name(name, &self.reserved);
        let epoch = Arc::clone(&self.epoch);
        let session = Arc::new(Session::new(number, name, token_name, secret, epoch));
        let names = &mut table.names;
        names.insert(folded(&session.name), Arc::clone(&session));
        let entry = Entry {
            session: Arc::clone(&session),
            connection: Some(connection),
            logins: 1,
        };
        table.sessions.insert(number, entry);
        Login {
            session,
            resumed: false,
            replaced: None,
            number: 1,
        }
    }

    /// Resumes the session of this ticket. Returns `None` if the session has ended, the secret
    /// or the epoch is wrong, or the session was opened with another token.
    pub(crate) fn resume(
        &self,
        ticket: &ShownTicket,
        token_name: Option<&str>,
        connection: Peer,
    ) -> Option<Login> {
        let mut table = self.lock();
        let entry = table.sessions.get_mut(&ticket.session)?;
        let session = Arc::clone(&entry.session);
        let same_token = session.token_name.as_deref() == token_name;
        if *ticket.epoch != *self.epoch || !same_token || !session.secret.equals(&ticket.secret) {
            return None;
        }
        let replaced = entry.connection.replace(connection);
        entry.logins += 1;
        let number = entry.logins;
        table
            .disconnected
            .retain(|(_, other)| *other != ticket.session);
        Some(Login {
            session,
            resumed: true,
            replaced,
            number,
        })
    }

    /// Records that a connection has ended. Does nothing if the session has a newer connection.
    pub(crate) fn disconnect(&self, number: u64, connection: &Peer, clock: Duration) {
        let mut table = self.lock();
        if let Some(entry) = table.sessions.get_mut(&number)
            && entry.connection.as_ref() == Some(connection)
        {
            entry.connection = None;
            table.disconnected.push_back((clock, number));
        }
    }

    /// Ends the session of a client that has said goodbye. Does nothing if the session has a newer
    /// connection.
    pub(crate) fn leave(&self, number: u64, connection: &Peer) {
        let mut table = self.lock();
        let entry = table.sessions.get(&number);
        if entry.is_some_and(|entry| entry.connection.as_ref() == Some(connection)) {
            table.remove(number);
        }
    }

    /// Removes sessions without a connection: expired ones, and the oldest if there are too many.
    pub(crate) fn expire(&self, clock: Duration) {
        let mut table = self.lock();
        while let Some(&(since, number)) = table.disconnected.front()
            && (clock.saturating_sub(since) >= EXPIRY
                || table.disconnected.len() > MAX_DISCONNECTED)
        {
            table.disconnected.pop_front();
            table.remove(number);
        }
    }

    /// The number of sessions with a connection, to any server.
    pub(crate) fn connected(&self) -> usize {
        let table = self.lock();
        table.sessions.len() - table.disconnected.len()
    }

    /// The connections to a server: for each the session, the newest login, and the client.
    pub(crate) fn of_server(&self, server: &str) -> Vec<(u64, u64, u64)> {
        let table = self.lock();
        let mut found: Vec<_> = table
            .sessions
            .iter()
            .filter_map(|(number, entry)| {
                let peer = entry.connection.as_ref()?;
                let here = *peer.server == *server;
                here.then_some((*number, entry.logins, peer.client))
            })
            .collect();
        // A map has no order, but all servers must use the same order.
        found.sort_unstable();
        found
    }

    /// Returns the session with this number.
    pub(crate) fn get(&self, number: u64) -> Option<Arc<Session>> {
        let table = self.lock();
        let entry = table.sessions.get(&number)?;
        Some(Arc::clone(&entry.session))
    }

    /// Returns the session with this name. The session may have no connection.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Session>> {
        self.lock().names.get(&folded(name)).cloned()
    }

    /// Returns the name of the client's token. Without a token, returns the name that the client
    /// asks for, or a fault if the client cannot have this name.
    pub(crate) fn check_name(
        &self,
        wish: Option<&str>,
        token_name: Option<&str>,
    ) -> Result<String, Fault> {
        if let Some(token_name) = token_name {
            return Ok(token_name.to_owned());
        }
        let bad = |why| Fault::new(Code::BadName, why).field("name");
        let wish = wish.unwrap_or(GUEST);
        if shows_token(wish) {
            return Err(Fault::token_as_name("name"));
        }
        let wish = name(wish).ok_or_else(|| bad(NAME_RULE))?;
        if wish.contains(NUMBER_SIGNS) {
            return Err(bad(
                "a name must not contain #: only the server adds # and a number, when a name is taken",
            ));
        }
        if self.reserved.contains(&folded(&wish)) {
            return Err(bad(
                "this name belongs to a token: connect with that token, or choose another name",
            ));
        }
        Ok(wish)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Table> {
        // After a panic in another task, the table is usable: at most, one name has no session.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Returns the number and the name of the next session. The name is `wish`, or `wish#number` if
    /// another session has the name `wish`.
    fn unique_name(&mut self, wish: String, reserved: &HashSet<String>) -> (u64, String) {
        let is_taken = self.names.contains_key(&folded(&wish));
        loop {
            self.last += 1;
            if !is_taken {
                return (self.last, wish);
            }
            let name = numbered(&wish, self.last);
            // If a token in the settings has this name, try the next number.
            if !reserved.contains(&folded(&name)) {
                return (self.last, name);
            }
        }
    }

    fn remove(&mut self, number: u64) {
        if let Some(removed) = self.sessions.remove(&number) {
            self.names.remove(&folded(&removed.session.name));
        }
    }
}

/// Adds the number to a name: `Ada#7`. Shortens the name if the new name would be too long.
fn numbered(name: &str, number: u64) -> String {
    let suffix = format!("#{number}");
    let base: String = name.chars().take(MAX_NAME - suffix.len()).collect();
    format!("{}{suffix}", base.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{envelope::Secret, server::ticket::Ticket};

    fn id(n: u64) -> Peer {
        Peer {
            server: "".into(),
            client: n,
        }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A login, and the ticket for the next one.
    struct LoggedIn {
        login: Login,
        ticket: Secret,
    }

    impl std::ops::Deref for LoggedIn {
        type Target = Login;

        fn deref(&self) -> &Login {
            &self.login
        }
    }

    fn sessions() -> Sessions {
        Sessions::new("epoch_of_it", ["Alice"].into_iter())
    }

    fn open(sessions: &Sessions, wish: &str, connection: u64) -> LoggedIn {
        let name = sessions.check_name(Some(wish), None).unwrap();
        log_in(sessions, name, None, connection)
    }

    fn open_with(sessions: &Sessions, token_name: &str, connection: u64) -> LoggedIn {
        let name = sessions.check_name(Some("Bob"), Some(token_name)).unwrap();
        log_in(sessions, name, Some(token_name.to_owned()), connection)
    }

    fn log_in(
        sessions: &Sessions,
        name: String,
        token_name: Option<String>,
        connection: u64,
    ) -> LoggedIn {
        let (secret, text) = Token::random().unwrap();
        let login = sessions.open(name, token_name, secret, id(connection));
        let ticket = Secret(format!("epoch_of_it.{}.{text}", login.session.number));
        LoggedIn { login, ticket }
    }

    fn resume(sessions: &Sessions, ticket: &Secret, connection: u64) -> Option<Login> {
        resume_with(sessions, ticket, None, connection)
    }

    fn resume_with(
        sessions: &Sessions,
        ticket: &Secret,
        token_name: Option<&str>,
        connection: u64,
    ) -> Option<Login> {
        let shown = Ticket::parse(&ticket.0)?.shown()?;
        sessions.resume(&shown, token_name, id(connection))
    }

    fn refused(sessions: &Sessions, wish: &str) -> Option<(Code, String)> {
        let fault = sessions.check_name(Some(wish), None).err()?;
        Some((fault.code, fault.message))
    }

    #[test]
    fn a_taken_name_gets_the_number_of_its_session() {
        let sessions = sessions();
        let names =
            ["Ada", "ada", "Ben", "Ada"].map(|wish| open(&sessions, wish, 1).session.name.clone());
        assert_eq!(names, ["Ada", "ada#2", "Ben", "Ada#4"]);
        let found = sessions.find("ADA#2").map(|session| session.number);
        assert_eq!(found, Some(2));
        assert_eq!(sessions.check_name(None, None).unwrap(), "guest");
    }

    #[test]
    fn a_numbered_name_is_no_longer_than_a_name_can_be() {
        let sessions = sessions();
        for (wish, expected) in [
            ("x".repeat(32), format!("{}#2", "x".repeat(30))),
            ("\u{e4}".repeat(31), format!("{}#4", "\u{e4}".repeat(30))),
            (
                format!("{} y", "x".repeat(29)),
                format!("{}#6", "x".repeat(29)),
            ),
        ] {
            open(&sessions, &wish, 1);
            let second = open(&sessions, &wish, 1).session.name.clone();
            assert_eq!(second, expected);
            assert_eq!(name(&second), Some(second.clone()), "it can be written to");
        }
    }

    /// If a client could ask for `Ada#7`, it could take the name that session 7 will get.
    #[test]
    fn a18_no_client_can_ask_for_a_name_with_a_number_sign() {
        let sessions = sessions();
        open(&sessions, "Ada", 1);
        for wish in [
            "Ada#2",
            "Ada#3",
            "ada#1",
            "Ada #2",
            "#",
            "C#",
            "Ada\u{ff03}2",
            "Ada\u{fe5f}2",
        ] {
            let (code, message) = refused(&sessions, wish).unwrap();
            assert_eq!(code, Code::BadName, "{wish:?}");
            assert!(message.contains("must not contain #"), "{message}");
        }
        // Without `#`, these names are ordinary names.
        for wish in ["Ada 2", "Ada2"] {
            assert_eq!(open(&sessions, wish, 1).session.name, wish);
        }
        assert_eq!(open(&sessions, "Ada", 1).session.name, "Ada#4");
    }

    #[test]
    fn a18_a_name_that_belongs_to_a_token_needs_that_token() {
        let sessions = sessions();
        for wish in ["Alice", "alice", "ALICE", " Alice ", "\u{202e}"] {
            assert_eq!(refused(&sessions, wish).unwrap().0, Code::BadName, "{wish}");
        }
        let logins = [1, 2].map(|n| open_with(&sessions, "Alice", n));
        assert_eq!(logins[0].session.name, "Alice");
        assert_eq!(logins[1].session.name, "Alice#2");
        // To resume a session that was opened with a token, a client needs that token, too.
        assert!(resume(&sessions, &logins[0].ticket, 3).is_none());
        let ticket = &logins[1].ticket;
        let own = resume_with(&sessions, ticket, Some("Alice"), 4).unwrap();
        assert_eq!(own.session.name, "Alice#2");
        assert!(resume_with(&sessions, ticket, Some("Bob"), 5).is_none());
    }

    /// The settings may give a token a name with a `#`. No other session gets this name.
    #[test]
    fn a18_a_number_that_would_make_the_name_of_a_token_is_skipped() {
        let sessions = Sessions::new("epoch_of_it", ["Ada#2", "Ada#3"].into_iter());
        let names = ["Ada", "Ada"].map(|wish| open(&sessions, wish, 1).session.name.clone());
        assert_eq!(names, ["Ada", "Ada#4"]);
        let own = [1, 2].map(|n| open_with(&sessions, "Ada#2", n).session.name.clone());
        assert_eq!(own, ["Ada#2", "Ada#2#6"]);
    }

    #[test]
    fn a_session_outlives_its_connection_by_two_minutes() {
        let sessions = sessions();
        let ada = open(&sessions, "Ada", 1);
        sessions.disconnect(ada.session.number, &id(1), at(0));
        sessions.expire(at(119));
        let second = resume(&sessions, &ada.ticket, 2).unwrap();
        assert_eq!((second.session.number, second.replaced), (1, None));
        let third = resume(&sessions, &ada.ticket, 3).unwrap();
        assert_eq!(third.replaced, Some(id(2)));
        assert!(third.number > second.number);
        // The older connection ends late: this changes nothing.
        sessions.disconnect(1, &id(2), at(119));
        sessions.expire(at(1119));
        assert!(sessions.find("ADA").is_some());
        sessions.disconnect(1, &id(3), at(1119));
        sessions.expire(at(1239));
        assert!(sessions.find("Ada").is_none());
        assert!(resume(&sessions, &ada.ticket, 4).is_none());
        assert_eq!(open(&sessions, "Ada", 5).session.name, "Ada");
    }

    #[test]
    fn a_goodbye_ends_the_session_and_frees_its_name() {
        let sessions = sessions();
        for connection in 1..4 {
            let ada = open(&sessions, "Ada", connection);
            assert_eq!(ada.session.name, "Ada");
            sessions.leave(ada.session.number, &id(connection));
            sessions.disconnect(ada.session.number, &id(connection), at(0));
            assert!(resume(&sessions, &ada.ticket, 9).is_none());
            assert_eq!(sessions.count(at(0)), 0);
        }
        // Connection 2 has resumed the session. If connection 1 closes after that, the session
        // does not end.
        let ada = open(&sessions, "Ada", 1);
        resume(&sessions, &ada.ticket, 2).unwrap();
        sessions.leave(ada.session.number, &id(1));
        assert_eq!(open(&sessions, "Ada", 3).session.name, "Ada#5");
    }

    #[test]
    fn a_ticket_that_is_wrong_in_any_part_resumes_nothing() {
        let sessions = sessions();
        let ada = open(&sessions, "Ada", 1);
        let good = &ada.ticket.0;
        for wrong in [
            good[..good.len() - 1].to_owned(),
            format!("{good}x"),
            good.replace(".1.", ".2."),
            good.replace(".1.", ".+1."),
            good.replace(".1.", ".01."),
            good.replace(".1.", ". 1."),
            format!(" {good}"),
            format!("{good} "),
            good.replace("epoch_of_it", "epoch_of_is"),
        ] {
            assert!(resume(&sessions, &Secret(wrong), 2).is_none());
        }
        for nothing in ["", "a.b.c", "x", "..", "epoch_of_it.x.y", "\u{1f980}.1.x"] {
            assert!(Ticket::parse(nothing).is_none());
        }
        assert!(resume(&sessions, &ada.ticket, 2).is_some());
    }

    #[test]
    fn of_1024_disconnected_sessions_the_oldest_is_removed_first() {
        let sessions = sessions();
        let first = open(&sessions, "Ada", 1).session.number;
        for n in 2..MAX_DISCONNECTED as u64 + 10 {
            let number = open(&sessions, "Ada", n).session.number;
            sessions.disconnect(number, &id(n), Duration::from_millis(n));
            sessions.expire(Duration::from_millis(n));
        }
        assert_eq!(sessions.count(at(1)), MAX_DISCONNECTED + 1);
        assert_eq!(sessions.find("Ada").map(|ada| ada.number), Some(first));
        assert!(sessions.find("Ada#9").is_none());
        assert!(sessions.find("Ada#10").is_some());
    }
}
