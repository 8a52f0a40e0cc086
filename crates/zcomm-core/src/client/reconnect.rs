//! A client that connects again by itself.
//!
//! Connections break: a laptop sleeps, a server restarts, a phone loses its network. A
//! [`Client`] connects, waits after each failure, and connects again. It reports each step as
//! an event.
//!
//! The client does *not* connect again after a normal close, after a refusal, or after a close
//! code of the application. A refusal is, for example, HTTP 401, HTTP 403 or close code 1008. The
//! client also does not connect again if it does not trust the server's certificate. A client
//! that repeats a refused request for ever acts like an attacker.
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
//! A message that was sent just before a connection broke may have arrived or not. If an
//! application must know whether a message arrived, its messages need ids and acknowledgements.

use std::{future::Future, pin::Pin, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    client::{backoff::Backoff, opening::Opening, options::ConnectOptions, socket::ClientSocket},
    error::{Error, Result, connect::ConnectError},
    protocol::{close_reason::CloseReason, message::Message},
    wire::end::End,
};
use zcomm_xray::CloseCode;

/// After a connection of at least this duration, the next delay is at most 0.5 s again.
const STABLE: Duration = Duration::from_secs(10);

/// An event of a [`Client`].
#[derive(Debug)]
pub enum Event {
    /// The connection is open. The value is what the client learned while it connected.
    Connected(Opening),
    /// A message has arrived.
    Message(Message),
    /// The connection has ended.
    Disconnected(End),
    /// There is no connection. The client connects again after a delay.
    Reconnecting {
        /// The delay before the next attempt to connect.
        wait: Duration,
        /// Why the last attempt failed; `None` if an open connection has ended.
        why: Option<Error>,
    },
    /// The last attempt to connect failed with this error, and the client does not try again.
    ///
    /// This event does not come after the end of an open connection. In that case, the last event
    /// is [`Disconnected`](Event::Disconnected).
    GaveUp(Error),
}

/// A client that connects again when its connection breaks.
pub struct Client {
    options: ConnectOptions,
    state: State,
    backoff: Backoff,
}

enum State {
    Connecting(Pin<Box<dyn Future<Output = Result<ClientSocket>> + Send>>),
    Open(Box<ClientSocket>, Instant),
    Ended(End),
    Waiting(Instant),
    Over,
}

impl Client {
    /// A client with these options. It connects at the first call of [`next`](Client::next).
    #[must_use]
    pub fn new(options: ConnectOptions) -> Client {
        Client {
            state: connecting(&options),
            backoff: Backoff::new(options.longest_wait),
            options,
        }
    }

    /// The options for the next connection. The program may change these options.
    pub fn options(&mut self) -> &mut ConnectOptions {
        &mut self.options
    }

    /// Waits for the next event. Returns `None` once the client does not connect again.
    /// Cancel-safe: dropping this call loses no event.
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
                State::Ended(end) if may_reconnect(end) => return Some(self.wait(None)),
                State::Waiting(until) => {
                    sleep_until(*until).await;
                    self.state = connecting(&self.options);
                }
                State::Ended(_) | State::Over => return None,
            }
        }
    }

    /// Calls `handler` for each message. Returns once the client does not connect again.
    pub async fn on_message(&mut self, mut handler: impl FnMut(Message)) {
        while let Some(event) = self.next().await {
            if let Event::Message(message) = event {
                handler(message);
            }
        }
    }

    /// Sends a message and waits until the network has accepted it, as [`ClientSocket::send`]
    /// does.
    ///
    /// # Errors
    /// [`Error::Closed`] while there is no connection.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<()> {
        match &mut self.state {
            State::Open(socket, _) => socket.send(message).await,
            _ => Err(Error::Closed),
        }
    }

    /// Closes the connection. The client does not connect again. Returns the server's close code
    /// and reason.
    ///
    /// # Errors
    /// The errors of [`ClientSocket::close`]; [`Error::Closed`] while there is no connection.
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<CloseReason> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Open(mut socket, _) => socket.close(code, reason).await,
            _ => Err(Error::Closed),
        }
    }

    fn failed(&mut self, error: Error) -> Event {
        if may_retry(&error) {
            return self.wait(Some(error));
        }
        self.state = State::Over;
        Event::GaveUp(error)
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

/// Whether to connect again after this error: only if the next attempt can succeed with the same
/// address and options.
fn may_retry(error: &Error) -> bool {
    match error {
        Error::Connect(error) => match error {
            ConnectError::NotFound { .. }
            | ConnectError::Refused { .. }
            | ConnectError::Unreachable { .. }
            | ConnectError::Timeout { .. }
            | ConnectError::Tls { .. } => true,
            // With these statuses, the server may accept the client later. After any other
            // status, the server would refuse the client again.
            ConnectError::Http { status, .. } => matches!(status, 408 | 429 | 500..=599),
            _ => false,
        },
        _ => false,
    }
}

/// Whether to connect again after the end of a connection. For most close codes, the table in
/// `zcomm-xray` decides. The web pages use this table too.
fn may_reconnect(end: &End) -> bool {
    match end {
        End::Broken(_) => true,
        End::ByUs(_) => false,
        // A server that sends a forbidden close code breaks the protocol.
        End::ByPeer(why) if why.is_forbidden() => false,
        // A slow network can cause the reason "Too slow", so connect again. After any other reason,
        // the server would refuse the client again.
        End::ByPeer(why) if why.code() == CloseReason::POLICY => {
            why.reason() == CloseReason::TOO_SLOW
        }
        End::ByPeer(why) => CloseCode::may_retry(why.code()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reason matters only for code 1008: the client connects again only after "Too slow".
    #[test]
    fn a_client_comes_back_after_the_codes_of_the_table_and_after_too_slow() {
        let by_peer =
            |code, reason| may_reconnect(&End::ByPeer(CloseReason::received(code, reason)));
        for known in zcomm_xray::CLOSE_CODES {
            let back = match known.code {
                1006 => may_reconnect(&End::Broken(String::new())),
                code => by_peer(code, ""),
            };
            assert_eq!(back, known.retry, "{}", known.code);
        }
        assert!(by_peer(CloseReason::POLICY, "Too slow"));
        for (code, reason) in [
            (1008, "too slow"),
            (1000, "Too slow"),
            (1008, "Message too slow"),
        ] {
            assert!(!by_peer(code, reason), "{code} {reason}");
        }
    }
}
