//! All sessions of a server, by number and by name.
//!
//! A client that connects opens a new session, or resumes a session with a ticket. A ticket is
//! `epoch.number.secret`. The epoch shows whether the ticket is from before a restart. The
//! number finds the session with one lookup. The secret is random and long. It is compared in
//! constant time, so the time of an answer does not help an attacker to guess the secret.
//!
//! A name belongs to one session at a time. If a client asks for a taken name, the server adds
//! the number of the new session: `Ada#7`. A client cannot ask for a name with a `#`, so it
//! cannot take the name of a later session. The settings can give a name to a token. Then only
//! a client with this token gets the name.
//!
//! A session whose connection broke is kept for two minutes. There is no timer: each call first
//! removes the expired sessions. When a client closes with code 1000 (a goodbye), its session
//! ends at once, and its name is free.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use zcomm_core::{ClientId, MAX_NAME, NAME_RULE, Result, Token, folded, name, shows_token};

use crate::envelope::{Code, Fault, Secret, Seq};

use crate::server::session::Session;

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
    epoch: Arc<str>,
    /// The names that belong to tokens, folded: upper and lower case are equal.
    reserved: HashSet<String>,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// The number of the newest session.
    last: u64,
    sessions: HashMap<u64, Entry>,
    /// The sessions by name. The names are folded: upper and lower case are equal.
    names: HashMap<String, Arc<Session>>,
    /// Sessions without a connection: the time when the connection ended, and the session's
    /// number. The oldest session comes first.
    disconnected: VecDeque<(Instant, u64)>,
}

struct Entry {
    session: Arc<Session>,
    connection: Option<ClientId>,
    logins: u64,
}

/// A session that a connection has opened or resumed.
pub(crate) struct Login {
    pub(crate) session: Arc<Session>,
    /// The ticket with which a later connection resumes the session.
    pub(crate) ticket: Secret,
    /// The older connection that used the session until this login, if there is one.
    pub(crate) replaced: Option<ClientId>,
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

    pub(crate) fn count(&self) -> usize {
        self.lock().sessions.len()
    }

    /// Opens a new session. `name` must come from [`check_name`](Sessions::check_name).
    ///
    /// # Errors
    /// When the operating system has no random bytes.
    pub(crate) fn open(
        &self,
        name: String,
        token_name: Option<&str>,
        connection: ClientId,
    ) -> Result<Login> {
        let (secret, text) = Token::random()?;
        let mut table = self.lock();
        let (number, name) = table.unique_name(name, &self.reserved);
        let session = Arc::new(Session::new(
            number,
            name,
            token_name.map(str::to_owned),
            secret,
            Arc::clone(&self.epoch),
        ));
        let names = &mut table.names;
        names.insert(folded(&session.name), Arc::clone(&session));
        let entry = Entry {
            session: Arc::clone(&session),
            connection: Some(connection),
            logins: 1,
        };
        table.sessions.insert(number, entry);
        Ok(Login {
            session,
            ticket: Secret(format!("{}.{number}.{text}", self.epoch)),
            replaced: None,
            number: 1,
        })
    }

    /// Resumes the session of this ticket. Returns `None` if the session has ended, the secret
    /// or the epoch is wrong, or the session was opened with another token.
    pub(crate) fn resume(
        &self,
        ticket: &Ticket<'_>,
        token_name: Option<&str>,
        connection: ClientId,
    ) -> Option<Login> {
        let mut table = self.lock();
        let entry = table.sessions.get_mut(&ticket.number)?;
        let session = Arc::clone(&entry.session);
        let same_token = session.token_name.as_deref() == token_name;
        if ticket.epoch != &*self.epoch || !same_token || !session.secret.matches(ticket.secret) {
            return None;
        }
        let replaced = entry.connection.replace(connection);
        entry.logins += 1;
        let number = entry.logins;
        table
            .disconnected
            .retain(|(_, other)| *other != ticket.number);
        Some(Login {
            session,
            ticket: Secret(ticket.text.to_owned()),
            replaced,
            number,
        })
    }

    /// Records that a connection has ended. Does nothing if the session has a newer connection.
    pub(crate) fn disconnect(&self, number: u64, connection: ClientId) {
        let mut table = self.lock();
        if let Some(entry) = table.sessions.get_mut(&number)
            && entry.connection == Some(connection)
        {
            entry.connection = None;
            table.disconnected.push_back((Instant::now(), number));
        }
    }

    /// Ends the session of a client that has said goodbye. Does nothing if the session has a newer
    /// connection.
    pub(crate) fn leave(&self, number: u64, connection: ClientId) {
        let mut table = self.lock();
        let entry = table.sessions.get(&number);
        if entry.is_some_and(|entry| entry.connection == Some(connection)) {
            table.remove(number);
        }
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

    /// Locks the table and removes expired sessions.
    fn lock(&self) -> MutexGuard<'_, Table> {
        // After a panic in another task, the table is usable: at most, one name has no session.
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.expire();
        table
    }
}

impl Table {
    /// Returns the number and name of the next session. The name is `wish`. If another session
    /// has this name, the name is `wish` and the number.
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

    /// Removes sessions without a connection: expired ones, and the oldest if there are too many.
    fn expire(&mut self) {
        let now = Instant::now();
        while let Some(&(since, number)) = self.disconnected.front()
            && (now - since >= EXPIRY || self.disconnected.len() > MAX_DISCONNECTED)
        {
            self.disconnected.pop_front();
            self.remove(number);
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

/// What a client sends to resume a session: `epoch.number.secret`.
pub(crate) struct Ticket<'a> {
    text: &'a str,
    pub(crate) epoch: &'a str,
    number: u64,
    secret: &'a str,
}

impl Ticket<'_> {
    /// Reads a ticket in the form in which the server writes it. `None` for any other form.
    pub(crate) fn parse(text: &str) -> Option<Ticket<'_>> {
        let (epoch, rest) = text.split_once('.')?;
        let (number, secret) = rest.split_once('.')?;
        // The server sends the epoch back in a gap message, so check its form.
        let legal = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if epoch.len() != 11 || !epoch.bytes().all(legal) {
            return None;
        }
        Some(Ticket {
            text,
            epoch,
            number: Seq::parse(number)?.0,
            secret,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> ClientId {
        ClientId::from(n)
    }

    fn sessions() -> Sessions {
        Sessions::new("epoch_of_it", ["Alice"].into_iter())
    }

    fn open(sessions: &Sessions, wish: &str, connection: u64) -> Login {
        let name = sessions.check_name(Some(wish), None).unwrap();
        sessions.open(name, None, id(connection)).unwrap()
    }

    fn open_with(sessions: &Sessions, token_name: &str, connection: u64) -> Login {
        let name = sessions.check_name(Some("Bob"), Some(token_name)).unwrap();
        let login = sessions.open(name, Some(token_name), id(connection));
        login.unwrap()
    }

    fn resume(sessions: &Sessions, ticket: &Secret, connection: u64) -> Option<Login> {
        sessions.resume(&Ticket::parse(&ticket.0)?, None, id(connection))
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
        let ticket = Ticket::parse(&logins[1].ticket.0).unwrap();
        let own = sessions.resume(&ticket, Some("Alice"), id(4)).unwrap();
        assert_eq!(own.session.name, "Alice#2");
        assert!(sessions.resume(&ticket, Some("Bob"), id(5)).is_none());
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

    #[tokio::test(start_paused = true)]
    async fn a_session_outlives_its_connection_by_two_minutes() {
        let sessions = sessions();
        let ada = open(&sessions, "Ada", 1);
        sessions.disconnect(ada.session.number, id(1));
        tokio::time::advance(Duration::from_secs(119)).await;
        let second = resume(&sessions, &ada.ticket, 2).unwrap();
        assert_eq!((second.session.number, second.replaced), (1, None));
        assert_eq!(second.ticket, ada.ticket);
        let third = resume(&sessions, &ada.ticket, 3).unwrap();
        assert_eq!(third.replaced, Some(id(2)));
        assert!(third.number > second.number);
        // The older connection ends late: this changes nothing.
        sessions.disconnect(1, id(2));
        tokio::time::advance(Duration::from_secs(1000)).await;
        assert!(sessions.find("ADA").is_some());
        sessions.disconnect(1, id(3));
        tokio::time::advance(Duration::from_secs(120)).await;
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
            sessions.leave(ada.session.number, id(connection));
            sessions.disconnect(ada.session.number, id(connection));
            assert!(resume(&sessions, &ada.ticket, 9).is_none());
            assert_eq!(sessions.count(), 0);
        }
        // Connection 2 has resumed the session. If connection 1 closes after that, the session
        // does not end.
        let ada = open(&sessions, "Ada", 1);
        resume(&sessions, &ada.ticket, 2).unwrap();
        sessions.leave(ada.session.number, id(1));
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

    #[tokio::test(start_paused = true)]
    async fn of_1024_disconnected_sessions_the_oldest_is_removed_first() {
        let sessions = sessions();
        let first = open(&sessions, "Ada", 1).session.number;
        for n in 2..MAX_DISCONNECTED as u64 + 10 {
            let number = open(&sessions, "Ada", n).session.number;
            tokio::time::advance(Duration::from_millis(1)).await;
            sessions.disconnect(number, id(n));
        }
        assert_eq!(sessions.count(), MAX_DISCONNECTED + 1);
        assert_eq!(sessions.find("Ada").map(|ada| ada.number), Some(first));
        assert!(sessions.find("Ada#9").is_none());
        assert!(sessions.find("Ada#10").is_some());
    }
}
