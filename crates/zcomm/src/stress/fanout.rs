//! Some send, all others expect every message.
//!
//! A closed loop needs to know when a message has reached everybody. The subscribers write
//! it on a board: for each message in flight, how many have it or a later one. Whoever is
//! the last wakes the publisher. Nobody else is told anything, and an open loop needs no
//! board at all.
//!
//! Lost is what was expected and never came: each message that left, once for each
//! subscriber that was open at the start.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{
    connection::{Connection, QUIET},
    marker::{Marker, NUMBER_BITS},
    plan::{Pace, Plan, Shape},
};

/// Of a number on the board, the bits that count subscribers.
const COUNT_BITS: u32 = u64::BITS - NUMBER_BITS;

/// Who has what.
pub(super) struct Board {
    /// Subscribers that are open now.
    subscribers: AtomicUsize,
    publishers: Vec<Progress>,
}

/// How far the messages of one publisher are.
struct Progress {
    /// For each message in flight its number and how many have it, in one word; empty in an
    /// open loop.
    slots: Vec<AtomicU64>,
    /// All messages below this number have reached everybody.
    finished: AtomicU64,
    wake: Mutex<Option<Arc<Notify>>>,
}

/// A subscriber, while it exists.
pub(super) struct Subscriber<'a>(&'a Board);

impl Board {
    pub(super) fn new(plan: &Plan) -> Board {
        let publishers = match plan.shape {
            Shape::Echo => 0,
            Shape::Fanout(publishers) => publishers,
        };
        let slots = match plan.pace {
            Pace::Window(window) => window as usize,
            Pace::Rate(_) => 0,
        };
        let progress = || Progress {
            slots: (0..slots).map(|_| AtomicU64::new(u64::MAX)).collect(),
            finished: AtomicU64::new(0),
            wake: Mutex::default(),
        };
        Board {
            subscribers: AtomicUsize::new(0),
            publishers: (0..publishers).map(|_| progress()).collect(),
        }
    }

    pub(super) fn join(&self) -> Subscriber<'_> {
        self.subscribers.fetch_add(1, Relaxed);
        Subscriber(self)
    }

    /// Subscribers that are open now.
    pub(super) fn subscribers(&self) -> usize {
        self.subscribers.load(Relaxed)
    }

    /// A subscriber has the messages of this publisher from `from` to `to`, or has missed
    /// them: both is over.
    fn passed(&self, publisher: usize, from: u64, to: u64) {
        let Some(progress) = self.publishers.get(publisher) else {
            return;
        };
        let slots = progress.slots.len() as u64;
        if slots == 0 {
            return;
        }
        // What is further back is no longer on the board.
        for number in from.max((to + 1).saturating_sub(slots))..=to {
            let slot = &progress.slots[(number % slots) as usize];
            let counted = slot.fetch_update(AcqRel, Acquire, |word| {
                (word >> COUNT_BITS == number).then_some(word + 1)
            });
            let Ok(word) = counted else { continue };
            let count = (word + 1) & ((1 << COUNT_BITS) - 1);
            if count >= self.subscribers() as u64 {
                progress.finished.fetch_max(number + 1, Release);
                let wake = progress.wake.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(wake) = &*wake {
                    wake.notify_one();
                }
            }
        }
    }
}

impl Drop for Subscriber<'_> {
    fn drop(&mut self) {
        self.0.subscribers.fetch_sub(1, Relaxed);
    }
}

/// Sends until the end, and until everybody has everything.
pub(super) async fn publish(connection: &mut Connection, turn: usize, wake: &Arc<Notify>) {
    let run = Arc::clone(&connection.run);
    let Some(progress) = run.board.publishers.get(connection.number) else {
        return;
    };
    *progress.wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(wake));
    let mut over = pin!(connection.over());
    let mut check = pin!(sleep_until(Instant::now() + QUIET));
    let (mut next, mut passed, mut seen) = (0, 0, 0);
    loop {
        let now = run.now();
        let ended = now >= run.span().end;
        match run.plan.pace {
            Pace::Window(window) => {
                passed = progress.finished.load(Acquire).max(passed);
                if ended && passed >= next {
                    return;
                }
                while !ended && next - passed < window {
                    let slot = &progress.slots[(next % window) as usize];
                    slot.store(next << COUNT_BITS, Release);
                    if !connection.feed(next, now, now) {
                        break;
                    }
                    next += 1;
                }
            }
            Pace::Rate(rate) => loop {
                let due = run.due_of(rate, turn, next);
                if due > now || ended || !connection.feed(next, due, now) {
                    break;
                }
                next += 1;
            },
        }
        tokio::select! {
            biased;
            // Its own messages are not counted, should the server send them back.
            message = connection.socket.recv() => if message.is_none() { return },
            () = wake.notified() => {}
            () = &mut check => {
                if passed == seen {
                    // Somebody will never have it.
                    passed = next;
                }
                seen = passed;
                check.as_mut().reset(Instant::now() + QUIET);
            }
            () = &mut over => return,
        }
    }
}

/// Receives until the run is over.
pub(super) async fn listen(connection: &mut Connection) {
    let run = Arc::clone(&connection.run);
    // Of each publisher, the number that comes next.
    let mut expected = vec![0; run.board.publishers.len()];
    let mut over = pin!(connection.over());
    loop {
        let message = tokio::select! {
            biased;
            message = connection.recv() => message,
            () = &mut over => return,
        };
        let Some(message) = message else { return };
        let Some(marker) = connection.find(&message) else {
            continue;
        };
        let Marker {
            sender,
            number,
            intended,
        } = marker;
        let mut tally = connection.tally.borrow_mut();
        match expected.get_mut(sender as usize) {
            Some(expected) if number >= *expected => {
                tally.received(run.span(), intended, run.now(), message.len());
                let from = std::mem::replace(expected, number + 1);
                run.board.passed(sender as usize, from, number);
            }
            _ => tally.repeated += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn board(window: u64) -> Board {
        Board::new(&Plan {
            connections: 3,
            shape: Shape::Fanout(1),
            pace: Pace::Window(window),
            size: 64,
            duration: Duration::ZERO,
            warm_up: Duration::ZERO,
            ramp_up: Duration::ZERO,
            handshakes: 1,
            threads: 1,
            hello: None,
        })
    }

    fn sent(board: &Board, number: u64) {
        let slots = &board.publishers[0].slots;
        slots[number as usize % slots.len()].store(number << COUNT_BITS, Release);
    }

    fn finished(board: &Board) -> u64 {
        board.publishers[0].finished.load(Acquire)
    }

    #[test]
    fn a_message_is_finished_when_the_last_subscriber_has_it() {
        let board = board(2);
        let _subscribers = [board.join(), board.join()];
        sent(&board, 0);
        board.passed(0, 0, 0);
        assert_eq!(finished(&board), 0);
        board.passed(0, 0, 0);
        assert_eq!(finished(&board), 1);
    }

    /// A message that one subscriber never gets must not hold up the publisher for ever.
    #[test]
    fn whoever_has_a_later_message_is_not_waited_for() {
        let board = board(2);
        let _subscribers = [board.join(), board.join()];
        sent(&board, 0);
        sent(&board, 1);
        board.passed(0, 0, 0);
        board.passed(0, 1, 1);
        assert_eq!(finished(&board), 0);
        // This one missed the first.
        board.passed(0, 0, 1);
        assert_eq!(finished(&board), 2);
    }

    #[test]
    fn a_late_word_about_an_old_message_changes_nothing() {
        let board = board(1);
        let _subscriber = board.join();
        sent(&board, 5);
        board.passed(0, 4, 4);
        assert_eq!(finished(&board), 0);
        board.passed(0, 5, 5);
        assert_eq!(finished(&board), 6);
    }
}
