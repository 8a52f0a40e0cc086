//! A client that comes back by itself.
//!
//! Connections break: a laptop sleeps, a server restarts, a lift swallows the network. What
//! a program wants is one conversation with interruptions, told as events. So [`Client`]
//! connects, reports, waits and connects again.
//!
//! It does *not* come back where that would help nobody: after a refusal (close 1008, HTTP
//! 401 or 403), to a server whose certificate it does not believe, or after a goodbye. A
//! client that hammers on a closed door is an attack.
//!
//! ```no_run
//! # use zcomm_core::{Client, ConnectOptions, Event, Result, Trust};
//! # async fn listen(trust: &Trust) -> Result<()> {
//! let mut client = Client::new(ConnectOptions::new("ws://127.0.0.1:8765/", trust));
//! while let Some(event) = client.next().await {
//!     match event {
//!         Event::Connected(_) => client.send("hello").await?,
//!         Event::Message(message) => println!("{message:?}"),
//!         Event::Reconnecting { wait, .. } => println!("back in {wait:?}"),
//!         Event::Disconnected(_) | Event::GaveUp(_) => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What was sent and not answered when a connection broke may have arrived or not: only an
//! agreement above this one (ids and acks, as in the chat) can tell.

use std::{future::Future, pin::Pin, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    client::{backoff::Backoff, opening::Opening, options::ConnectOptions, socket::ClientSocket},
    error::{Error, Result},
    protocol::{close_reason::CloseReason, message::Message},
    wire::codec::End,
};

/// A connection that lived so long was a good one: the next wait is a short one again.
const STABLE: Duration = Duration::from_secs(10);

/// What happens to a [`Client`].
#[derive(Debug)]
pub enum Event {
    /// The connection is open; so much was learned.
    Connected(Opening),
    /// A message has come.
    Message(Message),
    /// The connection has ended.
    Disconnected(End),
    /// There is no connection; the next attempt is made after this time.
    Reconnecting {
        /// The time until then.
        wait: Duration,
        /// Why the last attempt failed; `None` after an open connection.
        why: Option<Error>,
    },
    /// There will be none, for this reason. A goodbye, or a refusal in a Close frame, has
    /// been told already, as [`Disconnected`](Event::Disconnected).
    GaveUp(Error),
}

/// A client that connects again.
pub struct Client {
    options: ConnectOptions,
    state: State,
    backoff: Backoff,
}

enum State {
    Connecting(Pin<Box<dyn Future<Output = Result<ClientSocket>> + Send>>),
    Open(Box<ClientSocket>, Instant),
    /// The connection has ended like this.
    Ended(End),
    Waiting(Instant),
    Over,
}

impl Client {
    /// A client that will connect as these options say, at the first call of
    /// [`next`](Client::next).
    #[must_use]
    pub fn new(options: ConnectOptions) -> Client {
        Client {
            state: connecting(&options),
            backoff: Backoff::new(options.longest_wait),
            options,
        }
    }

    /// Changes how the next connection is made, e.g. what its address asks for.
    pub fn options(&mut self) -> &mut ConnectOptions {
        &mut self.options
    }

    /// Waits for what happens next; `None` once it is over. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match &mut self.state {
                State::Connecting(connecting) => match connecting.as_mut().await {
                    Ok(socket) => {
                        let opening = socket.opening().clone();
                        self.state = State::Open(Box::new(socket), Instant::now());
                        return Some(Event::Connected(opening));
                    }
                    Err(error) => return Some(self.failed(error)),
                },
                State::Open(socket, since) => match socket.recv().await {
                    Some(message) => return Some(Event::Message(message)),
                    None => {
                        let end = socket.end().cloned();
                        let end = end.unwrap_or_else(|| End::Broken(String::new()));
                        if since.elapsed() >= STABLE {
                            self.backoff = Backoff::new(self.options.longest_wait);
                        }
                        self.state = State::Ended(end.clone());
                        return Some(Event::Disconnected(end));
                    }
                },
                State::Ended(end) if may_come_back(end) => return Some(self.wait(None)),
                State::Waiting(until) => {
                    sleep_until(*until).await;
                    self.state = connecting(&self.options);
                }
                State::Ended(_) | State::Over => return None,
            }
        }
    }

    /// Calls this for each message, until it is over. The shortest client there is.
    pub async fn on_message(&mut self, mut heard: impl FnMut(Message)) {
        while let Some(event) = self.next().await {
            if let Event::Message(message) = event {
                heard(message);
            }
        }
    }

    /// Sends a message and waits until the network has taken it, at most 5 s.
    ///
    /// # Errors
    /// [`Error::Closed`] while there is no connection.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<()> {
        match &mut self.state {
            State::Open(socket, _) => socket.send(message).await,
            _ => Err(Error::Closed),
        }
    }

    /// Closes, and does not come back. Returns the code and reason the server closed with.
    ///
    /// # Errors
    /// As [`ClientSocket::close`]; [`Error::Closed`] while there is no connection.
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<CloseReason> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Open(mut socket, _) => socket.close(code, reason).await,
            _ => Err(Error::Closed),
        }
    }

    fn failed(&mut self, error: Error) -> Event {
        let again = matches!(&error, Error::Connect(error) if !error.is_final());
        match again {
            true => self.wait(Some(error)),
            false => {
                self.state = State::Over;
                Event::GaveUp(error)
            }
        }
    }

    fn wait(&mut self, why: Option<Error>) -> Event {
        let wait = self.backoff.next();
        self.state = State::Waiting(Instant::now() + wait);
        Event::Reconnecting { wait, why }
    }
}

fn connecting(options: &ConnectOptions) -> State {
    let options = options.clone();
    State::Connecting(Box::pin(async move {
        ClientSocket::connect_with(&options).await
    }))
}

/// Whether a connection that ended like this is worth another. RFC 6455 section 7.4.1 names
/// the codes; 4000 to 4999 are the application's, and ours says goodbye with them.
fn may_come_back(end: &End) -> bool {
    match end {
        End::Broken(_) => true,
        End::ByUs(_) => false,
        // The one breach of the rules that is the network's fault.
        End::ByPeer(why) if why.code() == CloseReason::POLICY => {
            why.reason() == CloseReason::TOO_SLOW
        }
        End::ByPeer(why) => !matches!(
            why.code(),
            CloseReason::NORMAL | 1002 | 1003 | 1007 | 1009 | 1010 | 4000..=4999
        ),
    }
}
