//! What is switched on, for all connections; the one place where it changes.
//!
//! Whoever switches, a script, a key, a line of stdin, does it here, and every connection
//! hears of it through a `watch`: a value that can be looked at any time, and a word when it
//! has changed.
//!
//! Production keeps such switches away from its users, in a configuration service.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::sync::{Notify, watch};

use super::{
    faults::{Active, Faults},
    teller::{Line, Teller},
    words::{ACTS, Change, KINDS, usual},
};

/// What connections look at.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) faults: Faults,
    /// How often all connections were reset by hand, and cut.
    pub(super) resets: u64,
    pub(super) cuts: u64,
}

/// Which connections have faults.
#[derive(Clone, Copy, Default)]
pub(super) struct Which {
    /// The first so many.
    pub(super) first: Option<u64>,
    /// Of so many one.
    pub(super) every: Option<u64>,
    /// So often a connection is ended or spoiled, all together.
    pub(super) times: Option<u64>,
}

/// The switches.
pub(super) struct Board {
    state: watch::Sender<State>,
    /// For connections that are spared: nothing is ever switched on here.
    calm: watch::Sender<State>,
    /// What a key switches on.
    given: Faults,
    which: Which,
    /// Strikes that are left.
    strikes: Mutex<Option<u64>>,
    connections: AtomicU64,
    /// Somebody has connected.
    pub(super) begun: Notify,
    pub(super) seed: u64,
    /// Whether the bytes are shown.
    pub(super) xray: bool,
    teller: Teller,
}

impl Board {
    pub(super) fn new(faults: Faults, which: Which, seed: u64, xray: bool) -> Board {
        Board {
            given: faults.clone(),
            state: watch::Sender::new(State {
                faults,
                ..State::default()
            }),
            calm: watch::Sender::default(),
            which,
            strikes: Mutex::new(which.times),
            connections: AtomicU64::new(0),
            begun: Notify::new(),
            seed,
            xray,
            teller: Teller::new(),
        }
    }

    /// A connection: its number, and the switches that it follows.
    pub(super) fn open(&self) -> (u64, watch::Receiver<State>) {
        let number = self.connections.fetch_add(1, Relaxed) + 1;
        self.begun.notify_one();
        let first = self.which.first.is_none_or(|first| number <= first);
        let every = self
            .which
            .every
            .is_none_or(|every| number.is_multiple_of(every));
        let (state, words) = match first && every {
            true => (&self.state, "opened"),
            false => (&self.calm, "opened, and spared"),
        };
        self.struck(number, words.into());
        (number, state.subscribe())
    }

    /// Whether a connection may be ended or spoiled; then that has happened once more.
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

    /// Does what was said; `false` when that is to end.
    pub(super) fn apply(&self, change: Change) -> bool {
        let told = match change {
            Change::Quit => return false,
            Change::List => {
                self.list();
                None
            }
            Change::Now => None,
            Change::On(active) => Some(self.put(active)),
            Change::Off(name) => Some(self.take(name)),
            Change::Toggle(name) if self.state.borrow().faults.get(name).is_some() => {
                Some(self.take(name))
            }
            Change::Toggle(name) => {
                let active = self.given.get(name).or_else(|| usual(name));
                active.map(|active| self.put(active))
            }
            Change::Clear => {
                self.state.send_modify(|state| state.faults.clear());
                Some("ALL OFF".to_owned())
            }
            Change::Reset => {
                self.state.send_modify(|state| state.resets += 1);
                Some("RESET every connection".to_owned())
            }
            Change::Cut => {
                self.state.send_modify(|state| state.cuts += 1);
                Some("CUT each connection in its next frame".to_owned())
            }
        };
        let told = told.map_or_else(String::new, |told| format!("{told} | "));
        self.status(format!("{told}now: {}", self.state.borrow().faults));
        true
    }

    fn put(&self, active: Active) -> String {
        // Whoever switches something on wants to see it happen.
        *self.strikes.lock().unwrap_or_else(PoisonError::into_inner) = self.which.times;
        self.state.send_modify(|state| state.faults.put(active));
        format!("ON {active}")
    }

    fn take(&self, name: &str) -> String {
        let mut was_on = false;
        self.state
            .send_modify(|state| was_on = state.faults.take(name));
        match was_on {
            true => format!("OFF {name}"),
            false => format!("{name} was off"),
        }
    }

    fn list(&self) {
        for kind in &KINDS {
            let form = format!("{} {}", kind.name, kind.form);
            self.status(format!("{}  {form:<26} {}", kind.key, kind.what));
        }
        for (key, name, what) in ACTS {
            self.status(format!("{key}  {name:<26} {what}"));
        }
    }

    pub(super) fn status(&self, words: String) {
        self.teller.tell(Line::Status(words));
    }

    /// Tells what happened to a connection.
    pub(super) fn struck(&self, number: u64, words: String) {
        self.teller.tell(Line::Struck { number, words });
    }

    pub(super) fn tell(&self, line: Line) {
        self.teller.tell(line);
    }

    /// Waits until all is printed.
    pub(super) fn close(self) {
        self.teller.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(which: Which) -> Board {
        Board::new(Faults::default(), which, 0, false)
    }

    fn say(board: &Board, line: &str) -> String {
        assert!(board.apply(Change::parse(line).unwrap()), "{line}");
        board.state.borrow().faults.to_string()
    }

    #[test]
    fn a_key_switches_on_and_off_with_the_value_that_was_given() {
        let board = board(Which::default());
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
        assert!(!board.apply(Change::Quit));
        let mut given = Faults::default();
        given.put(usual("bandwidth").unwrap());
        let board = Board::new(given, Which::default(), 0, false);
        assert_eq!(say(&board, "w"), "no faults");
        assert_eq!(say(&board, "w"), "bandwidth 8kB/s");
    }

    #[test]
    fn some_connections_are_spared() {
        let which = Which {
            first: Some(4),
            every: Some(2),
            times: None,
        };
        let board = board(which);
        say(&board, "drop-pongs");
        let hit = |_| board.open().1.borrow().faults.get("drop-pongs").is_some();
        let hits: Vec<bool> = (1..=6).map(hit).collect();
        assert_eq!(hits, [false, true, false, true, false, false]);
    }

    #[test]
    fn strikes_are_counted_and_begin_anew_with_what_is_switched_on() {
        let which = Which {
            times: Some(1),
            ..Which::default()
        };
        let board = board(which);
        assert!(board.may_strike());
        assert!(!board.may_strike());
        say(&board, "cut-mid-frame");
        assert!(board.may_strike());
    }
}
