//! Who is who.
//!
//! A client that connects becomes a new person, or shows the secret of a session and is the
//! one it was. The secret is random, long, and compared in constant time; what is shown
//! says in front which epoch and which person it is for, so one lookup is enough, and after
//! a restart the server knows that the epoch is over.
//!
//! A name belongs to one session at a time. A session that asks for a taken name gets its own
//! number behind it: `Ada#7`. Only the server writes the `#`, so no client can ask for a name
//! that another session could get. A name that belongs to a token needs that token.
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
use zcomm_core::{ClientId, MAX_NAME, NAME_RULE, Result, Token, folded, name};

use crate::envelope::{Code, Fault, Secret};

use crate::server::session::Session;

/// How long a session outlives its connection …
const ASLEEP: Duration = Duration::from_secs(120);
/// … and how many may: with full inboxes and all ids remembered they are 200 MiB.
const MAX_ASLEEP: usize = 1024;
/// The name of a client that asks for none.
const GUEST: &str = "guest";
/// `#` and the two characters that Unicode treats as its variants.
const NUMBER_SIGNS: [char; 3] = ['#', '\u{ff03}', '\u{fe5f}'];

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
    /// The number of the session, by folded name.
    names: HashMap<String, u64>,
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
        let (number, name) = table.unique_name(name, &self.reserved);
        let turn = table.next_turn();
        table.names.insert(folded(&name), number);
        let session = Arc::new(Session::new(
            number,
            name,
            bound.map(str::to_owned),
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
        let same_token = session.token_name.as_deref() == bound;
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
        let number = table.names.get(&folded(name))?;
        let entry = table.sessions.get(number)?;
        Some(Arc::clone(&entry.session))
    }

    /// The name that a client asks for, or has from its token.
    fn wished(&self, wish: Option<&str>, bound: Option<&str>) -> Result<String, Fault> {
        if let Some(bound) = bound {
            return Ok(bound.to_owned());
        }
        let bad = |why| Fault::new(Code::BadName, why).field("name");
        let wish = name(wish.unwrap_or(GUEST)).ok_or_else(|| bad(NAME_RULE))?;
        if wish.contains(NUMBER_SIGNS) {
            return Err(bad(
                "a name must not contain #: the server adds it to a name that is taken",
            ));
        }
        if self.reserved.contains(&folded(&wish)) {
            return Err(bad(
                "this name belongs to a token: connect with that token, or choose another name",
            ));
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

    /// The number of the next session, and its name: the wished one if it is free.
    fn unique_name(&mut self, wish: String, reserved: &HashSet<String>) -> (u64, String) {
        let is_taken = self.names.contains_key(&folded(&wish));
        loop {
            self.last += 1;
            if !is_taken {
                return (self.last, wish);
            }
            let name = numbered(&wish, self.last);
            // The settings may give a token such a name; no other session has this number.
            if !reserved.contains(&folded(&name)) {
                return (self.last, name);
            }
        }
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
            self.names.remove(&folded(&gone.session.name));
        }
    }
}

/// `Ada#7`. The name is cut if the two together are longer than a name can be.
fn numbered(name: &str, number: u64) -> String {
    let suffix = format!("#{number}");
    let base: String = name.chars().take(MAX_NAME - suffix.len()).collect();
    format!("{}{suffix}", base.trim_end())
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

    fn refused(sessions: &Sessions, wish: &str) -> Option<(Code, String)> {
        let fault = sessions.enter(None, Some(wish), None, id(1)).unwrap().err();
        fault.map(|fault| (fault.code, fault.message))
    }

    #[test]
    fn a_taken_name_gets_the_number_of_its_session() {
        let sessions = sessions();
        let names =
            ["Ada", "ada", "Ben", "Ada"].map(|wish| enter(&sessions, wish, 1).session.name.clone());
        assert_eq!(names, ["Ada", "ada#2", "Ben", "Ada#4"]);
        let found = sessions.find("ADA#2").map(|session| session.number);
        assert_eq!(found, Some(2));
        let guest = sessions.enter(None, None, None, id(1)).unwrap().unwrap();
        assert_eq!(guest.session.name, "guest");
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
            enter(&sessions, &wish, 1);
            let second = enter(&sessions, &wish, 1).session.name.clone();
            assert_eq!(second, expected);
            assert_eq!(name(&second), Some(second.clone()), "it can be written to");
        }
    }

    /// Otherwise a client could take the name of another session before it is given out.
    #[test]
    fn a18_no_client_can_ask_for_a_name_with_a_number_sign() {
        let sessions = sessions();
        enter(&sessions, "Ada", 1);
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
        // Without the sign it is an ordinary name.
        for wish in ["Ada 2", "Ada2"] {
            assert_eq!(enter(&sessions, wish, 1).session.name, wish);
        }
        assert_eq!(enter(&sessions, "Ada", 1).session.name, "Ada#4");
    }

    #[test]
    fn a18_a_name_that_belongs_to_a_token_needs_that_token() {
        let sessions = sessions();
        for wish in ["Alice", "alice", "ALICE", " Alice ", "\u{202e}"] {
            assert_eq!(refused(&sessions, wish).unwrap().0, Code::BadName, "{wish}");
        }
        let names = [1, 2].map(|n| {
            let entered = sessions.enter(None, Some("Bob"), Some("Alice"), id(n));
            entered.unwrap().unwrap()
        });
        assert_eq!(names[0].session.name, "Alice");
        assert_eq!(names[1].session.name, "Alice#2");
        // A session that a token opened needs that token, too.
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
        assert_eq!(own.unwrap().unwrap().session.name, "Alice#2");
    }

    /// The settings may give a token a name with a `#`. No other session gets that name.
    #[test]
    fn a18_a_number_that_would_make_the_name_of_a_token_is_skipped() {
        let sessions = Sessions::new("epoch_of_it", ["Ada#2", "Ada#3"].into_iter());
        let names = ["Ada", "Ada"].map(|wish| enter(&sessions, wish, 1).session.name.clone());
        assert_eq!(names, ["Ada", "Ada#4"]);
        let own = sessions.enter(None, None, Some("Ada#2"), id(1));
        assert_eq!(own.unwrap().unwrap().session.name, "Ada#2");
        let own = sessions.enter(None, None, Some("Ada#2"), id(1));
        assert_eq!(own.unwrap().unwrap().session.name, "Ada#2#6");
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
    async fn only_so_many_sleep_and_the_longest_away_goes_first() {
        let sessions = sessions();
        let first = enter(&sessions, "Ada", 1).session.number;
        for n in 2..MAX_ASLEEP as u64 + 10 {
            let number = enter(&sessions, "Ada", n).session.number;
            tokio::time::advance(Duration::from_millis(1)).await;
            sessions.leave(number, id(n));
        }
        assert_eq!(sessions.count(), MAX_ASLEEP + 1);
        assert_eq!(sessions.find("Ada").map(|ada| ada.number), Some(first));
        assert!(sessions.find("Ada#9").is_none());
        assert!(sessions.find("Ada#10").is_some());
    }
}
