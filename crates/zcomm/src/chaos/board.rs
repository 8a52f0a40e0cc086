//! The faults that are on, for all connections: the one place where they change.
//!
//! A script, a key and a line on stdin all change them here. Each connection reads them from a
//! `watch` channel: the current value at any time, and a wake-up when it has changed.

use std::{
    num::NonZeroU64,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::sync::{Notify, watch};

use super::{
    commands::Command,
    faults::{Active, Entry, Faults},
    teller::{Line, Teller},
};

/// What a connection must do now.
#[derive(Clone, Default)]
pub(super) struct Controls {
    pub(super) faults: Faults,
    /// How often the user has reset all connections.
    pub(super) resets: u64,
    /// How often the user has cut all connections.
    pub(super) cuts: u64,
}

/// Which connections have faults, and how often.
#[derive(Clone, Copy, Default, clap::Args)]
#[command(next_help_heading = "When")]
pub(super) struct Scope {
    /// Apply faults to the first N connections only
    #[arg(long, value_name = "N")]
    first: Option<NonZeroU64>,

    /// Apply faults to every N-th connection only
    #[arg(long, value_name = "N")]
    every: Option<NonZeroU64>,

    /// Break or corrupt N connections in all, then no more
    #[arg(long, value_name = "N")]
    times: Option<NonZeroU64>,
}

impl Scope {
    /// Whether the connection of this number has faults.
    fn includes(&self, number: u64) -> bool {
        let first = self.first.is_none_or(|first| number <= first.get());
        let every = self
            .every
            .is_none_or(|every| number.is_multiple_of(every.get()));
        first && every
    }

    fn strikes(&self) -> Option<u64> {
        self.times.map(NonZeroU64::get)
    }
}

/// All switches.
pub(super) struct Board {
    controls: watch::Sender<Controls>,
    /// For connections without faults: it never changes.
    no_faults: watch::Sender<Controls>,
    /// The faults of the command line: a key switches on the value given there.
    given: Faults,
    scope: Scope,
    /// How many connections may still be broken or corrupted; `None` is any number.
    strikes: Mutex<Option<u64>>,
    connections: AtomicU64,
    /// Wakes when a client has connected.
    pub(super) begun: Notify,
    pub(super) seed: u64,
    /// Whether every byte is shown.
    pub(super) xray: bool,
    teller: Teller,
}

impl Board {
    pub(super) fn new(faults: Faults, scope: Scope, seed: u64, xray: bool) -> Board {
        Board {
            given: faults.clone(),
            controls: watch::Sender::new(Controls {
                faults,
                ..Controls::default()
            }),
            no_faults: watch::Sender::default(),
            scope,
            strikes: Mutex::new(scope.strikes()),
            connections: AtomicU64::new(0),
            begun: Notify::new(),
            seed,
            xray,
            teller: Teller::new(),
        }
    }

    /// Counts a new connection; returns its number and its controls.
    pub(super) fn open(&self) -> (u64, watch::Receiver<Controls>) {
        let number = self.connections.fetch_add(1, Relaxed) + 1;
        self.begun.notify_one();
        let (controls, event) = match self.scope.includes(number) {
            true => (&self.controls, "opened"),
            false => (&self.no_faults, "opened without faults"),
        };
        self.report(number, event.into());
        (number, controls.subscribe())
    }

    /// Whether one more connection may be broken or corrupted; `true` counts as one.
    pub(super) fn may_strike(&self) -> bool {
        let mut strikes = self.strikes.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *strikes {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    /// Does a command; returns `false` if the program must end.
    pub(super) fn apply(&self, command: Command) -> bool {
        let done = match command {
            Command::Quit => return false,
            Command::List => {
                Command::list().for_each(|line| self.status(line));
                None
            }
            Command::Now => None,
            Command::On(active) => Some(self.switch_on(active)),
            Command::Off(entry) => Some(self.switch_off(entry)),
            Command::Toggle(entry) => self.toggle(entry),
            Command::Clear => {
                self.controls
                    .send_modify(|controls| controls.faults.clear());
                Some("ALL OFF".to_owned())
            }
            Command::Reset => {
                self.controls.send_modify(|controls| controls.resets += 1);
                Some("RESET all connections".to_owned())
            }
            Command::Cut => {
                self.controls.send_modify(|controls| controls.cuts += 1);
                Some("CUT each connection in its next message".to_owned())
            }
        };
        let done = done.map_or_else(String::new, |done| format!("{done} | "));
        self.status(format!("{done}now: {}", self.controls.borrow().faults));
        true
    }

    fn toggle(&self, entry: &'static Entry) -> Option<String> {
        if self.controls.borrow().faults.get(entry.fault).is_some() {
            return Some(self.switch_off(entry));
        }
        let given = self.given.get(entry.fault);
        given
            .or_else(|| entry.usual())
            .map(|active| self.switch_on(active))
    }

    fn switch_on(&self, active: Active) -> String {
        // The user wants to see the fault, even if all strikes are used up.
        *self.strikes.lock().unwrap_or_else(PoisonError::into_inner) = self.scope.strikes();
        self.controls
            .send_modify(|controls| controls.faults.put(active));
        format!("ON {active}")
    }

    fn switch_off(&self, entry: &Entry) -> String {
        let was_on = self.controls.borrow().faults.get(entry.fault).is_some();
        self.controls
            .send_modify(|controls| controls.faults.remove(entry.fault));
        match was_on {
            true => format!("OFF {}", entry.name),
            false => format!("{} was off", entry.name),
        }
    }

    /// Prints a line that is always shown.
    pub(super) fn status(&self, line: String) {
        self.teller.tell(Line::Status(line));
    }

    /// Prints what happened to a connection.
    pub(super) fn report(&self, number: u64, event: String) {
        self.teller.tell(Line::Struck {
            number,
            words: event,
        });
    }

    pub(super) fn print(&self, line: Line) {
        self.teller.tell(line);
    }

    /// Waits until all lines are printed.
    pub(super) fn close(self) {
        self.teller.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::faults::Fault;

    fn board(scope: Scope) -> Board {
        Board::new(Faults::default(), scope, 0, false)
    }

    fn say(board: &Board, line: &str) -> String {
        assert!(board.apply(Command::parse(line).unwrap()), "{line}");
        board.controls.borrow().faults.to_string()
    }

    #[test]
    fn a_key_switches_on_and_off_with_the_value_that_was_given() {
        let board = board(Scope::default());
        assert_eq!(say(&board, "l"), "latency 200ms");
        assert_eq!(say(&board, "p"), "latency 200ms, drop-pongs");
        assert_eq!(say(&board, "l"), "drop-pongs");
        assert_eq!(
            say(&board, "latency 1s to-client"),
            "drop-pongs, latency 1s to-client"
        );
        assert_eq!(say(&board, "latency 2s"), "drop-pongs, latency 2s");
        assert_eq!(say(&board, "latency off"), "drop-pongs");
        assert_eq!(say(&board, "0"), "no faults");
        assert!(!board.apply(Command::Quit));
        let mut given = Faults::default();
        given.put(Entry::named("bandwidth").unwrap().usual().unwrap());
        let board = Board::new(given, Scope::default(), 0, false);
        assert_eq!(say(&board, "w"), "no faults");
        assert_eq!(say(&board, "w"), "bandwidth 8kB/s");
    }

    #[test]
    fn some_connections_are_spared() {
        let scope = Scope {
            first: NonZeroU64::new(4),
            every: NonZeroU64::new(2),
            times: None,
        };
        let board = board(scope);
        say(&board, "drop-pongs");
        let hit = |_| {
            board
                .open()
                .1
                .borrow()
                .faults
                .get(Fault::DropPongs)
                .is_some()
        };
        let hits: Vec<bool> = (1..=6).map(hit).collect();
        assert_eq!(hits, [false, true, false, true, false, false]);
    }

    #[test]
    fn strikes_are_counted_and_begin_anew_with_what_is_switched_on() {
        let scope = Scope {
            times: NonZeroU64::new(1),
            ..Scope::default()
        };
        let board = board(scope);
        assert!(board.may_strike());
        assert!(!board.may_strike());
        say(&board, "cut-mid-frame");
        assert!(board.may_strike());
    }
}
