//! The life of one connection: open, wait for the others, work, say goodbye.
//!
//! A task of its own on one thread, so its counters need no lock. It reads from the first
//! moment on: a client that does not is one that the server pings in vain.

use std::{
    cell::RefCell,
    pin::pin,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use zcomm_core::{ClientSocket, CloseReason, Error, Message};

use super::{
    echo,
    fanout::{self, Subscriber},
    marker::Marker,
    plan::Shape,
    run::{Counted, Phase, Run},
    tally::{Tally, record},
};

/// After so long without an answer a closed loop sends again, or it would stand still for
/// ever after one message that was lost.
pub(super) const QUIET: Duration = Duration::from_secs(2);

/// One of many.
pub(super) struct Connection {
    pub(super) run: Arc<Run>,
    pub(super) number: usize,
    pub(super) socket: ClientSocket,
    pub(super) tally: Rc<RefCell<Tally>>,
    phase: watch::Receiver<Phase>,
    /// The message that came with the start.
    first: Option<Message>,
    /// Where the marker stood in the last message.
    place: usize,
}

/// What a connection is for.
enum Role<'a> {
    Sender {
        turn: usize,
        wake: Arc<Notify>,
        _busy: Counted<'a>,
    },
    Subscriber {
        _listening: Subscriber<'a>,
    },
}

impl Role<'_> {
    fn new(run: &Run, number: usize) -> Role<'_> {
        if !run.plan.is_sender(number) {
            let _listening = run.board.join();
            return Role::Subscriber { _listening };
        }
        let (turn, wake) = run.take_turn();
        let _busy = Counted::new(run, &run.busy);
        Role::Sender { turn, wake, _busy }
    }
}

/// Opens one, and lives its life.
pub(super) async fn live(run: Arc<Run>, number: usize, tally: Rc<RefCell<Tally>>) {
    let mut phase = run.phase.subscribe();
    let opened = tokio::select! {
        opened = open(&run, number, &tally) => Some(opened),
        _ = phase.wait_for(|phase| *phase != Phase::Opening) => None,
    };
    let socket = match opened {
        Some(Ok(socket)) => socket,
        failed => {
            match failed {
                Some(Err(error)) => tally.borrow_mut().failures.not_opened(&error),
                _ => tally.borrow_mut().failures.too_late(),
            }
            run.failed.fetch_add(1, Relaxed);
            run.changed.notify_one();
            return;
        }
    };
    let all = Arc::clone(&run);
    let _open = Counted::new(&all, &all.open);
    // Before it counts as opened: at the start everybody has a role.
    let role = Role::new(&all, number);
    run.opened.fetch_add(1, Relaxed);
    run.changed.notify_one();
    let mut connection = Connection {
        run,
        number,
        socket,
        tally,
        phase,
        first: None,
        place: 0,
    };
    connection.work(role).await;
    connection.leave().await;
}

async fn open(run: &Run, number: usize, tally: &RefCell<Tally>) -> Result<ClientSocket, Error> {
    let spread = run
        .plan
        .ramp_up
        .mul_f64(number as f64 / run.plan.connections as f64);
    if !spread.is_zero() {
        sleep(spread).await;
    }
    // It is never closed.
    let _permit = run.handshakes.acquire().await.map_err(|_| Error::Closed)?;
    let begun = run.now();
    let mut socket = ClientSocket::connect_with(&run.options).await?;
    record(&mut tally.borrow_mut().handshakes, run.now() - begun);
    if let Some(hello) = &run.plan.hello {
        let hello = hello.replace("{number}", &number.to_string());
        // Whether the server has ended it, is seen by whoever reads next.
        socket.send(hello).await.ok();
    }
    Ok(socket)
}

impl Connection {
    async fn work(&mut self, role: Role<'_>) {
        if !self.until_start().await {
            return;
        }
        match (role, self.run.plan.shape) {
            (Role::Sender { turn, wake, .. }, Shape::Echo) => echo::talk(self, turn, &wake).await,
            (Role::Sender { turn, wake, .. }, _) => fanout::publish(self, turn, &wake).await,
            (Role::Subscriber { .. }, _) => fanout::listen(self).await,
        }
    }

    /// Waits until all are open. False when the connection has ended, or the run.
    async fn until_start(&mut self) -> bool {
        loop {
            tokio::select! {
                biased;
                started = self.phase.wait_for(|phase| *phase != Phase::Opening) => {
                    return started.is_ok_and(|phase| *phase == Phase::Load);
                }
                received = self.socket.recv() => {
                    // Greetings are nobody's messages. But who sent the first message knew of
                    // the start, and here it may come before the news.
                    self.first = received;
                    if self.first.is_none() { return false }
                }
            }
        }
    }

    /// The next message; `None` once the connection has ended. Cancel-safe.
    pub(super) async fn recv(&mut self) -> Option<Message> {
        match self.first.take() {
            Some(first) => Some(first),
            None => self.socket.recv().await,
        }
    }

    /// Waits for the end of the run.
    pub(super) fn over(&self) -> impl Future<Output = ()> + use<> {
        let mut phase = self.phase.clone();
        async move {
            // The run outlives its connections.
            phase.wait_for(|phase| *phase == Phase::Over).await.ok();
        }
    }

    /// Hands a message to the codec, which sends it when this connection waits next. False
    /// when it takes none for now, or the connection has ended.
    pub(super) fn feed(&mut self, number: u64, intended: u64, now: u64) -> bool {
        let marker = Marker {
            // At most a million.
            sender: self.number as u32,
            number,
            intended,
        };
        let message = self.run.messages.make(marker);
        let bytes = message.len();
        let fed = self.socket.feed(message).unwrap_or(false);
        if fed {
            let mut tally = self.tally.borrow_mut();
            tally.sent(self.run.span(), intended, now, bytes);
        }
        fed
    }

    /// The marker in a message; without one the message is only counted.
    pub(super) fn find(&mut self, message: &Message) -> Option<Marker> {
        let found = self.run.messages.find(message, &mut self.place);
        if found.is_none() {
            self.tally.borrow_mut().other += 1;
        }
        found
    }

    /// Waits for the end of the run and says goodbye; or says what has ended it before.
    async fn leave(&mut self) {
        let mut over = pin!(self.over());
        loop {
            tokio::select! {
                () = &mut over => break,
                received = self.socket.recv() => if received.is_none() { break },
            }
        }
        match self.socket.end() {
            Some(end) => self.tally.borrow_mut().failures.ended(end),
            // Whether the server agrees in time changes nothing that was measured.
            None => drop(self.socket.close(CloseReason::NORMAL, "").await),
        }
    }
}
