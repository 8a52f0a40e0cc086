//! The board stores which faults are on, for all connections.
//!
//! Scripts, keys and lines on stdin change the faults only on the board. Each connection reads
//! the faults from a `watch` channel. The channel always contains the current faults, and wakes
//! the connection after a change.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::{Notify, watch};

use super::{
    commands::Command,
    faults::{Active, Entry, Faults},
    teller::{Line, Teller},
};
use crate::proxy::asks_to_upgrade;

/// The current faults, and how often the user has reset or cut the connections.
#[derive(Clone, Default)]
pub(super) struct Controls {
    pub(super) faults: Faults,
    /// The number of times that the user has reset the connections.
    pub(super) resets: u64,
    /// The number of times that the user has cut the connections.
    pub(super) cuts: u64,
}

/// Which connections have faults, and how often.
#[derive(Clone, Copy, Default, clap::Args)]
#[command(next_help_heading = "When")]
pub(super) struct Scope {
    /// Apply faults to the first N connections only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    first: Option<u64>,

    /// Apply faults to every N-th connection only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    every: Option<u64>,

    /// Break or corrupt N connections in all, then no more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    times: Option<u64>,
}

impl Scope {
    /// Whether faults apply to the connection with this number.
    fn includes(&self, number: u64) -> bool {
        let first = self.first.is_none_or(|first| number <= first);
        let every = self.every.is_none_or(|every| number.is_multiple_of(every));
        first && every
    }

    /// The options that select the connections, after ` of `. Empty if faults apply to all.
    fn of_options(&self) -> String {
        let option = |name, value: Option<u64>| value.map(|value| format!("{name} {value}"));
        let options = [option("--first", self.first), option("--every", self.every)];
        let options: Vec<_> = options.into_iter().flatten().collect();
        match options.is_empty() {
            true => String::new(),
            false => format!(" of {}", options.join(" ")),
        }
    }

    /// Returns how many connections may be broken or corrupted; `u64::MAX` means no limit.
    fn max_breaks(&self) -> u64 {
        self.times.unwrap_or(u64::MAX)
    }
}

/// Switches faults on and off for all connections.
pub(super) struct Board {
    controls: watch::Sender<Controls>,
    /// The controls of connections to which no faults apply. These controls never change.
    no_faults: watch::Sender<Controls>,
    /// The faults on the command line. If a key switches one of them on, the fault has the value
    /// from the command line.
    given: Faults,
    scope: Scope,
    /// The number of connections that may still be broken or corrupted.
    breaks_left: AtomicU64,
    connections: AtomicU64,
    /// Notified when a client has connected.
    pub(super) begun: Notify,
    pub(super) seed: u64,
    /// Whether the X-ray shows every byte.
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
            breaks_left: AtomicU64::new(scope.max_breaks()),
            connections: AtomicU64::new(0),
            begun: Notify::new(),
            seed,
            xray,
            teller: Teller::new(),
        }
    }

    /// Counts a new connection with this request; returns its number and its controls.
    pub(super) fn open(&self, request: &[u8]) -> (u64, watch::Receiver<Controls>) {
        let number = self.connections.fetch_add(1, Relaxed) + 1;
        self.begun.notify_one();
        let (controls, event) = match self.scope.includes(number) {
            true => (&self.controls, "opened"),
            false => (&self.no_faults, "opened without faults"),
        };
        // A browser loads a page and its files through the proxy, too.
        let what = match asks_to_upgrade(request) {
            true => "",
            false => ", for a page or a file",
        };
        self.report(number, format!("{event}{what}"));
        (number, controls.subscribe())
    }

    /// Whether a fault may break or corrupt one more connection. Each `true` lowers `breaks_left`
    /// by 1.
    pub(super) fn may_break(&self) -> bool {
        let left = |left: u64| left.checked_sub(1);
        self.breaks_left
            .fetch_update(Relaxed, Relaxed, left)
            .is_ok()
    }

    /// Runs a command; returns `false` if the program must end.
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
            Command::Toggle(entry) if self.is_on(entry) => Some(self.switch_off(entry)),
            Command::Toggle(entry) => {
                let active = self.given.get(entry.fault).or_else(|| entry.usual());
                active.map(|active| self.switch_on(active))
            }
            Command::Clear => {
                self.change(|controls| controls.faults = Faults::default());
                Some("ALL OFF".to_owned())
            }
            Command::Reset => {
                self.change(|controls| controls.resets += 1);
                Some(format!("RESET all connections{}", self.scope.of_options()))
            }
            Command::Cut => {
                self.change(|controls| controls.cuts += 1);
                let of = self.scope.of_options();
                Some(format!("CUT each connection{of} in its next message"))
            }
        };
        let done = done.map_or_else(String::new, |done| format!("{done} | "));
        self.status(format!("{done}now: {}", self.controls.borrow().faults));
        true
    }

    fn change(&self, change: impl FnOnce(&mut Controls)) {
        self.controls.send_modify(change);
    }

    fn is_on(&self, entry: &Entry) -> bool {
        self.controls.borrow().faults.get(entry.fault).is_some()
    }

    fn switch_on(&self, active: Active) -> String {
        // Reset the limit of `--times`, because the user wants to see this fault.
        self.breaks_left.store(self.scope.max_breaks(), Relaxed);
        self.change(|controls| controls.faults.put(active));
        format!("ON {active}")
    }

    fn switch_off(&self, entry: &Entry) -> String {
        if !self.is_on(entry) {
            return format!("{} was off", entry.name);
        }
        self.change(|controls| controls.faults.remove(entry.fault));
        format!("OFF {}", entry.name)
    }

    /// Prints a status line. The limit of lines per second does not apply to status lines.
    pub(super) fn status(&self, line: String) {
        self.print(Line::Status(line));
    }

    pub(super) fn report(&self, number: u64, event: String) {
        self.print(Line::Event { number, event });
    }

    pub(super) fn print(&self, line: Line) {
        self.teller.tell(line);
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
    fn a_key_switches_on_the_value_of_the_command_line() {
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
        let Ok(Command::On(bandwidth)) = Command::parse("bandwidth 8kB/s") else {
            panic!();
        };
        let mut given = Faults::default();
        given.put(bandwidth);
        let board = Board::new(given, Scope::default(), 0, false);
        assert_eq!(say(&board, "w"), "no faults");
        assert_eq!(say(&board, "w"), "bandwidth 8kB/s");
    }

    #[test]
    fn connections_outside_the_scope_have_no_faults() {
        let scope = Scope {
            first: Some(4),
            every: Some(2),
            times: None,
        };
        let board = board(scope);
        say(&board, "drop-pongs");
        let hit = |_| {
            board
                .open(b"")
                .1
                .borrow()
                .faults
                .get(Fault::DropPongs)
                .is_some()
        };
        let hits: Vec<bool> = (1..=6).map(hit).collect();
        assert_eq!(hits, [false, true, false, true, false, false]);
        assert_eq!(scope.of_options(), " of --first 4 --every 2");
        assert_eq!(Scope::default().of_options(), "");
    }

    #[test]
    fn times_counts_broken_connections_and_starts_again_with_a_new_fault() {
        let scope = Scope {
            times: Some(1),
            ..Scope::default()
        };
        let board = board(scope);
        assert!(board.may_break());
        assert!(!board.may_break());
        say(&board, "cut-mid-frame");
        assert!(board.may_break());
    }
}
