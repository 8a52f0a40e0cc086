//! Who is who.
//!
//! A client that connects becomes a new person, or shows the secret of a session and is the
//! one it was. The secret is random, long, and compared in constant time; what is shown
//! says in front which epoch and which person it is for, so one lookup is enough, and after
//! a restart the server knows that the epoch is over.
//!
//! A name belongs to one person at a time: whoever comes second gets a number. A name that
//! belongs to a token is nobody else's, with or without a number.
//!
//! A person without a connection stays for two minutes, and only so many do: the one that
//! has been away longest goes first. There is no clock that tidies up; whoever comes does.
//!
//! Production looks sessions up in a store, where they outlive a restart of the server.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use zcomm_core::{ClientId, NAME_RULE, Result, Token, folded, name};

use crate::envelope::{Code, Fault, Secret};

use crate::server::{
    numbers::{is_numbered, numbered, split_number},
    session::Session,
};

/// How long a session outlives its connection …
const ASLEEP: Duration = Duration::from_secs(120);
/// … and how many may: with full inboxes and all ids remembered they are 200 MiB.
const MAX_ASLEEP: usize = 1024;
/// The name of whoever asks for none.
const GUEST: &str = "guest";

pub(crate) struct Sessions {
    epoch: Arc<str>,
    /// Names that belong to tokens, folded.
    reserved: HashSet<String>,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    last: u64,
    /// Counts who has come through a connection, ever.
    turns: u64,
    sessions: HashMap<u64, Entry>,
    /// By folded name.
    names: HashMap<String, Named>,
    /// Who has no connection, since when.
    asleep: BTreeSet<(Instant, u64)>,
}

struct Entry {
    session: Arc<Session>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Connected(ClientId),
    Asleep(Instant),
}

struct Named {
    number: u64,
    /// Below this, every number behind the name is taken.
    free: u64,
}

/// Which session a client showed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// None, or something that was never one.
    Nothing,
    /// One that was here.
    Known,
    /// One of this epoch that is gone, or one of another.
    Lost { epoch: String },
}

/// A client that has become a person.
pub(crate) struct Entered {
    pub(crate) session: Arc<Session>,
    /// What to show to come back.
    pub(crate) secret: Secret,
    pub(crate) shown: Shown,
    /// An older connection of the same person.
    pub(crate) replaced: Option<ClientId>,
    /// Which of a person's connections is the newest: the one with the highest turn. (The
    /// connections' own numbers do not tell: two can be replaced in either order.)
    pub(crate) turn: u64,
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

    /// Makes a person of a client; the inner error is what to tell it when its name cannot
    /// be one.
    pub(crate) fn enter(
        &self,
        secret: Option<&str>,
        wish: Option<&str>,
        bound: Option<&str>,
        connection: ClientId,
    ) -> Result<Result<Entered, Fault>> {
        let shown = match secret.and_then(Ticket::read) {
            None => Shown::Nothing,
            Some(ticket) => {
                if let Some(known) = self.resume(&ticket, bound, connection) {
                    let secret = Secret(secret.unwrap_or_default().to_owned());
                    return Ok(Ok(Entered { secret, ..known }));
                }
                let epoch = ticket.epoch.to_owned();
                Shown::Lost { epoch }
            }
        };
        let name = match self.wished(wish, bound) {
            Ok(name) => name,
            Err(fault) => return Ok(Err(fault)),
        };
        let (secret, text) = Token::random()?;
        let mut table = self.lock();
        table.tidy();
        let name = table.free_name(&name, &self.reserved);
        table.last += 1;
        let (number, turn) = (table.last, table.next_turn());
        let free = 2;
        table.names.insert(folded(&name), Named { number, free });
        let session = Arc::new(Session::new(
            number,
            name,
            bound.is_some(),
            secret,
            Arc::clone(&self.epoch),
        ));
        let entry = Entry {
            session: Arc::clone(&session),
            state: State::Connected(connection),
        };
        table.sessions.insert(number, entry);
        Ok(Ok(Entered {
            session,
            secret: Secret(format!("{}.{number}.{text}", self.epoch)),
            shown,
            replaced: None,
            turn,
        }))
    }

    fn resume(
        &self,
        ticket: &Ticket<'_>,
        bound: Option<&str>,
        connection: ClientId,
    ) -> Option<Entered> {
        let mut table = self.lock();
        table.tidy();
        let entry = table.sessions.get_mut(&ticket.number)?;
        let session = Arc::clone(&entry.session);
        // A session serves whoever may have its name, and nobody else.
        let same_token = match bound {
            Some(name) => session.bound && is_numbered(&session.name, name),
            None => !session.bound,
        };
        if ticket.epoch != &*self.epoch || !same_token || !session.secret.matches(ticket.secret) {
            return None;
        }
        let before = std::mem::replace(&mut entry.state, State::Connected(connection));
        let replaced = match before {
            State::Connected(older) => Some(older),
            State::Asleep(since) => {
                table.asleep.remove(&(since, ticket.number));
                None
            }
        };
        Some(Entered {
            session,
            secret: Secret(String::new()),
            shown: Shown::Known,
            replaced,
            turn: table.next_turn(),
        })
    }

    /// A connection has ended: from now on its person is asleep, unless it has another.
    pub(crate) fn leave(&self, number: u64, connection: ClientId) {
        let mut table = self.lock();
        let now = Instant::now();
        if let Some(entry) = table.sessions.get_mut(&number)
            && matches!(entry.state, State::Connected(known) if known == connection)
        {
            entry.state = State::Asleep(now);
            table.asleep.insert((now, number));
        }
        table.tidy();
    }

    /// The person of this name, awake or asleep.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Session>> {
        let mut table = self.lock();
        table.tidy();
        let number = table.names.get(&folded(name))?.number;
        let entry = table.sessions.get(&number)?;
        Some(Arc::clone(&entry.session))
    }

    /// The name that a client asks for, or has from its token.
    fn wished(&self, wish: Option<&str>, bound: Option<&str>) -> Result<String, Fault> {
        if let Some(bound) = bound {
            return Ok(bound.to_owned());
        }
        let bad = |why| Fault::new(Code::BadName, why).field("name");
        let wish = name(wish.unwrap_or(GUEST)).ok_or_else(|| bad(NAME_RULE))?;
        if self.reserved.iter().any(|name| is_numbered(&wish, name)) {
            return Err(bad("this name belongs to a token: show that one"));
        }
        Ok(wish)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // What a panic could leave half done is a name without a person, which is free.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    /// The name itself, or with the first number that is free.
    fn free_name(&mut self, wish: &str, reserved: &HashSet<String>) -> String {
        let Some(named) = self.names.get(&folded(wish)) else {
            return wish.to_owned();
        };
        let mut number = named.free;
        let free = loop {
            let candidate = numbered(wish, number);
            let key = folded(&candidate);
            if !self.names.contains_key(&key) && !reserved.contains(&key) {
                break candidate;
            }
            number += 1;
        };
        if let Some(named) = self.names.get_mut(&folded(wish)) {
            named.free = number;
        }
        free
    }

    /// Lets go of whoever has been away too long.
    fn tidy(&mut self) {
        let now = Instant::now();
        while let Some(&(since, number)) = self.asleep.first()
            && (now - since >= ASLEEP || self.asleep.len() > MAX_ASLEEP)
        {
            self.asleep.pop_first();
            let Some(gone) = self.sessions.remove(&number) else {
                continue;
            };
            let name = &gone.session.name;
            self.names.remove(&folded(name));
            if let Some((base, number)) = split_number(name)
                && let Ok(number) = number.parse()
                && let Some(named) = self.names.get_mut(&folded(base))
            {
                named.free = named.free.min(number);
            }
        }
    }
}

/// What a client shows to come back: `epoch.number.secret`.
struct Ticket<'a> {
    epoch: &'a str,
    number: u64,
    secret: &'a str,
}

impl Ticket<'_> {
    fn read(text: &str) -> Option<Ticket<'_>> {
        let (epoch, rest) = text.split_once('.')?;
        let (number, secret) = rest.split_once('.')?;
        // The epoch may be sent back: it must be one of ours in form.
        let legal = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        let ours = epoch.len() == 11 && epoch.bytes().all(legal);
        let number = number.parse().ok().filter(|_| ours)?;
        Some(Ticket {
            epoch,
            number,
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

    fn enter(sessions: &Sessions, name: &str, connection: u64) -> Entered {
        let entered = sessions.enter(None, Some(name), None, id(connection));
        entered.unwrap().unwrap()
    }

    fn back(sessions: &Sessions, secret: &Secret, connection: u64) -> Entered {
        let entered = sessions.enter(Some(&secret.0), Some("New"), None, id(connection));
        entered.unwrap().unwrap()
    }

    #[test]
    fn who_comes_second_gets_the_first_number_that_is_free() {
        let sessions = sessions();
        let names = ["Ada", "ada", "Ada 3", "Ada", "Ada"]
            .map(|wish| enter(&sessions, wish, 1).session.name.clone());
        assert_eq!(names, ["Ada", "ada 2", "Ada 3", "Ada 4", "Ada 5"]);
        let long = "x".repeat(32);
        enter(&sessions, &long, 1);
        let second = enter(&sessions, &long, 1).session.name.clone();
        assert_eq!(second, format!("{} 2", "x".repeat(30)));
        let guest = sessions.enter(None, None, None, id(1)).unwrap().unwrap();
        assert_eq!(guest.session.name, "guest");
    }

    /// The numbers that are given out by themselves keep to the same rule.
    #[test]
    fn a18_a_number_behind_a_name_makes_nobody_elses_name_either() {
        let reserved = ["Student 2", "Student 3"];
        let sessions = Sessions::new("epoch_of_it", reserved.into_iter());
        let names = ["Student", "Student", "Student"]
            .map(|wish| enter(&sessions, wish, 1).session.name.clone());
        assert_eq!(names, ["Student", "Student 4", "Student 5"]);
        for wish in [
            "Student 2",
            "Student 2 7",
            "student 3 99999999999999999999999",
        ] {
            let fault = sessions.enter(None, Some(wish), None, id(1)).unwrap().err();
            assert_eq!(
                fault.map(|fault| fault.code),
                Some(Code::BadName),
                "{wish:?}"
            );
        }
    }

    #[test]
    fn a18_a_name_that_belongs_to_a_token_is_nobody_elses() {
        let sessions = sessions();
        for wish in ["Alice", "alice", "ALICE 2", "alice 02", "\u{202e}"] {
            let fault = sessions.enter(None, Some(wish), None, id(1)).unwrap().err();
            assert_eq!(fault.map(|fault| fault.code), Some(Code::BadName), "{wish}");
        }
        let names = [1, 2].map(|n| {
            let entered = sessions.enter(None, Some("Bob"), Some("Alice"), id(n));
            entered.unwrap().unwrap()
        });
        assert_eq!(names[0].session.name, "Alice");
        assert_eq!(names[1].session.name, "Alice 2");
        // Nor is the session, for whoever does not show the token.
        let stolen = back(&sessions, &names[0].secret, 3);
        assert_eq!(
            (stolen.session.name.as_str(), &stolen.shown),
            (
                "New",
                &Shown::Lost {
                    epoch: "epoch_of_it".into()
                }
            )
        );
        let own = sessions.enter(Some(&names[1].secret.0), None, Some("Alice"), id(4));
        assert_eq!(own.unwrap().unwrap().session.name, "Alice 2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_outlives_its_connection_by_two_minutes() {
        let sessions = sessions();
        let ada = enter(&sessions, "Ada", 1);
        sessions.leave(ada.session.number, id(1));
        tokio::time::advance(Duration::from_secs(119)).await;
        let again = back(&sessions, &ada.secret, 2);
        assert_eq!((again.session.number, again.replaced), (1, None));
        assert_eq!(again.secret, ada.secret);
        // The older one ends late: nothing happens.
        let third = back(&sessions, &ada.secret, 3);
        assert_eq!(third.replaced, Some(id(2)));
        sessions.leave(1, id(2));
        tokio::time::advance(Duration::from_secs(1000)).await;
        assert!(sessions.find("ADA").is_some());
        sessions.leave(1, id(3));
        tokio::time::advance(Duration::from_secs(120)).await;
        assert!(sessions.find("Ada").is_none());
        let late = back(&sessions, &ada.secret, 4);
        assert_eq!(
            late.shown,
            Shown::Lost {
                epoch: "epoch_of_it".into()
            }
        );
        assert_eq!(enter(&sessions, "Ada", 5).session.name, "Ada");
    }

    #[test]
    fn a_secret_that_is_wrong_in_any_part_opens_nothing() {
        let sessions = sessions();
        let ada = enter(&sessions, "Ada", 1);
        let good = &ada.secret.0;
        for wrong in [
            good[..good.len() - 1].to_owned(),
            format!("{good}x"),
            good.replace(".1.", ".2."),
            good.replace("epoch_of_it", "epoch_of_is"),
        ] {
            assert_ne!(back(&sessions, &Secret(wrong), 2).shown, Shown::Known);
        }
        for nothing in ["", "a.b.c", "x", "..", "epoch_of_it.x.y", "\u{1f980}.1.x"] {
            assert_eq!(
                back(&sessions, &Secret(nothing.into()), 2).shown,
                Shown::Nothing
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_sleep_and_a_number_is_free_again_when_its_owner_is_gone() {
        let sessions = sessions();
        let first = enter(&sessions, "Ada", 1).session.number;
        for n in 2..MAX_ASLEEP as u64 + 10 {
            let number = enter(&sessions, "Ada", n).session.number;
            tokio::time::advance(Duration::from_millis(1)).await;
            sessions.leave(number, id(n));
        }
        assert_eq!(sessions.count(), MAX_ASLEEP + 1);
        assert_eq!(sessions.find("Ada").map(|ada| ada.number), Some(first));
        // Ada 2 to 8 went first, and later ones took their numbers; Ada 9 went last.
        assert_eq!(enter(&sessions, "Ada", 1).session.name, "Ada 9");
    }
}
