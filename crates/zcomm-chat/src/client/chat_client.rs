//! A client of the chat. If a message is lost, the client tells its caller.
//!
//! [`Client`] reconnects by itself. But it does not know which messages a broken connection
//! lost. `conversation` solves this problem together with the server, in three ways:
//!
//! - **positions**: the client reconnects with the last position that it saw in each log. The
//!   server sends the messages after this position, and the caller gets each message once;
//! - **gaps**: the server's gap message names the messages that the server cannot send any more.
//!   The caller gets the gap message;
//! - **the outbox**: the client keeps each message until the server acknowledges the message.
//!
//! ```no_run
//! # use zcomm_chat::{ChatClient, ChatEvent, envelope::LOBBY};
//! # use zcomm_core::{ConnectOptions, Result};
//! # async fn talk(options: ConnectOptions) -> Result<()> {
//! let mut chat = ChatClient::new(options, "Ada")?;
//! chat.join(LOBBY);
//! chat.chat(LOBBY, "hello");
//! while let Some(event) = chat.next().await {
//!     match event {
//!         ChatEvent::Received(message) => println!("{message:?}"),
//!         ChatEvent::Acknowledged { id } => println!("{id} is in the log"),
//!         other => println!("{other:?}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The outbox is in memory and is lost when the program ends. In production, keep the outbox on
//! disk.

use tokio::time::{Instant, timeout_at};

use zcomm_core::{Client, CloseReason, ConnectError, ConnectOptions, Error, Event, Result, Token};

use crate::{
    client::{
        conversation::Conversation,
        event::ChatEvent,
        link::{Link, WELCOME_TIMEOUT},
    },
    envelope::ClientMessage,
};

/// A client of the chat.
pub struct ChatClient {
    client: Client,
    /// The address of the server, without the query that this client adds.
    url: String,
    /// The name to ask for.
    wanted: String,
    conversation: Conversation,
    /// The id of a message is this prefix and a number.
    id_prefix: String,
    last_id: u64,
}

impl ChatClient {
    /// Makes a client with these options. The client connects at the first call of
    /// [`next`](ChatClient::next) and asks the server for `name`. If the name is taken, the
    /// server gives the client another [`name`](ChatClient::name).
    ///
    /// # Errors
    /// When the query of the address already has a parameter that this client adds. When the
    /// operating system has no random bytes.
    pub fn new(options: ConnectOptions, name: &str) -> Result<ChatClient> {
        let (_, query) = options.url.split_once('?').unwrap_or_default();
        let mut names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
        if names.any(|name| ["name", "session", "direct", "broadcast"].contains(&&*name)) {
            return Err(ConnectError::Url {
                url: options.shown_url().to_owned(),
                reason: "remove name, session, direct and broadcast from its query, because this \
                         client adds them (zcomm chat: --name NAME)",
            }
            .into());
        }
        let (_, mut id_prefix) = Token::random()?;
        id_prefix.truncate(11);
        let mut chat = ChatClient {
            url: options.url.clone(),
            client: Client::new(options),
            wanted: name.to_owned(),
            conversation: Conversation::default(),
            id_prefix,
            last_id: 0,
        };
        chat.connect_anew();
        Ok(chat)
    }

    /// The name that the server gave this client. Before the server's welcome, this is the name
    /// that the client asks for.
    #[must_use]
    pub fn name(&self) -> &str {
        let me = self.conversation.me.as_ref();
        me.map_or(&self.wanted, |me| &me.name)
    }

    /// Whether a message with this client id is from this client. Two clients can choose the
    /// same message id, so compare the client id.
    #[must_use]
    pub fn is_own(&self, client_id: &str) -> bool {
        let me = self.conversation.me.as_ref();
        me.is_some_and(|me| me.client_ids.iter().any(|own| own == client_id))
    }

    /// The rooms that the client is in, or will join when it is connected.
    #[must_use]
    pub fn rooms(&self) -> &[String] {
        &self.conversation.rooms
    }

    /// The number of messages without an ack.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.conversation.outbox.len()
    }

    /// Whether the outbox is full, with 100 messages.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.conversation.outbox.is_full()
    }

    /// Sends a message to a room, and returns the id of the message. A later
    /// [`ChatEvent::Acknowledged`] or [`ChatEvent::Failed`] has this id. The message fails at
    /// once if the client has not [joined](ChatClient::join) the room. Returns `None` when the
    /// outbox is full, with 100 messages.
    pub fn chat(&mut self, room: &str, text: &str) -> Option<String> {
        self.post(|id| ClientMessage::Chat {
            room: room.to_owned(),
            text: text.to_owned(),
            id,
        })
    }

    /// Sends a message to all clients. Returns an id, as [`chat`](ChatClient::chat) does.
    pub fn broadcast(&mut self, text: &str) -> Option<String> {
        self.post(|id| ClientMessage::Broadcast {
            text: text.to_owned(),
            id,
        })
    }

    /// Sends a message to one person. Returns an id, as [`chat`](ChatClient::chat) does.
    pub fn direct(&mut self, to: &str, text: &str) -> Option<String> {
        self.post(|id| ClientMessage::Direct {
            to: to.to_owned(),
            text: text.to_owned(),
            id,
        })
    }

    /// Joins a room now, and again after each reconnect.
    pub fn join(&mut self, room: &str) {
        self.conversation.join(room);
    }

    /// Leaves a room. Messages to this room that are still in the outbox fail.
    pub fn leave(&mut self, room: &str) {
        self.conversation.leave(room);
    }

    /// Sends a message that gets no ack, such as a [`ClientMessage::Ping`]. Without a
    /// connection, the message is dropped.
    pub fn ask(&mut self, message: ClientMessage) {
        self.conversation.link.transmit(message);
    }

    /// Waits for the next event. Returns `None` after the last event. Cancel-safe: dropping
    /// this call loses no event.
    pub async fn next(&mut self) -> Option<ChatEvent> {
        loop {
            if let Some(event) = self.conversation.events.pop_front() {
                return Some(event);
            }
            while let Some(message) = self.conversation.outgoing(Instant::now()) {
                // If this fails, the connection has ended. The next event reports the end.
                self.client.send(message).await.ok();
            }
            let event = match self.conversation.due(Instant::now()) {
                None => self.client.next().await,
                Some(due) => match timeout_at(due, self.client.next()).await {
                    Ok(event) => event,
                    Err(_) if self.conversation.link.is_silent(Instant::now()) => {
                        self.close().await.ok();
                        Some(Event::GaveUp(no_chat()))
                    }
                    Err(_) => continue,
                },
            };
            match event {
                Some(event) => self.handle(event),
                None => {
                    self.conversation.fail_all();
                    return self.conversation.events.pop_front();
                }
            }
        }
    }

    /// Closes the connection and does not reconnect. The messages in the outbox fail.
    ///
    /// # Errors
    /// The errors of [`Client::close`].
    pub async fn close(&mut self) -> Result<CloseReason> {
        self.client.close(CloseReason::NORMAL, "").await
    }

    fn post(&mut self, message: impl FnOnce(Option<String>) -> ClientMessage) -> Option<String> {
        self.last_id += 1;
        let id = format!("{}-{}", self.id_prefix, self.last_id);
        let kept = self.conversation.say(message(Some(id.clone())));
        kept.then_some(id)
    }

    fn handle(&mut self, event: Event) {
        match &event {
            Event::Message(message) => {
                return self.conversation.receive(message.clone(), Instant::now());
            }
            Event::Connected(_) => self.conversation.link = Link::opened(Instant::now()),
            Event::Disconnected(end) => {
                if self.conversation.disconnected(end) {
                    self.connect_anew();
                }
            }
            Event::Reconnecting { .. } => self.client.options().url = self.address(),
            Event::GaveUp(_) => self.conversation.fail_all(),
        }
        let event = ChatEvent::Connection(event);
        self.conversation.events.push_back(event);
    }

    /// Makes a new [`Client`], because after some close codes the old client does not connect
    /// again.
    fn connect_anew(&mut self) {
        let url = self.address();
        let options = self.client.options().clone();
        self.client = Client::new(ConnectOptions { url, ..options });
    }

    /// The address of the next connection. Its query contains the name and the session. Browsers
    /// use the same server, and a browser can send the name and the session only in the query.
    fn address(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("name", &self.wanted);
        query.extend_pairs(self.conversation.query());
        let separator = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{separator}{}", self.url, query.finish())
    }
}

fn no_chat() -> Error {
    let seconds = WELCOME_TIMEOUT.as_secs();
    Error::Ended {
        what: format!("the server did not send a welcome within {seconds} s"),
        help: Some("is it a chat? cargo run --bin chat_app starts one"),
    }
}
