//! A client of the chat that loses nothing in silence.
//!
//! [`Client`] comes back by itself, but what was said and heard around the break is nobody's.
//! Three agreements with the server close that hole, and `conversation` keeps them:
//!
//! - **positions** (`seen`): it comes back with the last number it has seen of each log, so
//!   that the server sends what is behind it, and nothing is shown twice;
//! - **gaps**: what the server cannot send any more it names, and that is told like a message;
//! - **the outbox** (`outbox`): what is said is kept until it is acknowledged.
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
//!         ChatEvent::Heard(message) => println!("{message:?}"),
//!         ChatEvent::Settled { id } => println!("{id} is in the log"),
//!         other => println!("{other:?}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What waits is in memory, and ends with the program; production keeps it on disk.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use zcomm_core::{Client, CloseReason, ConnectOptions, End, Error, Event, Result, Token};

use crate::{
    client::{conversation::Conversation, event::ChatEvent},
    envelope::ClientMessage,
};

/// For the first word of the server. One that says nothing is no chat.
const GREETING: Duration = Duration::from_secs(10);

/// A client of the chat.
pub struct ChatClient {
    client: Client,
    /// Where to, without what we add.
    url: String,
    /// What we would like to be called.
    wanted: String,
    conversation: Conversation,
    /// When the connection was opened, as long as it is.
    connected: Option<Instant>,
    /// What all our ids begin with, and how many there are.
    mark: String,
    said: u64,
}

impl ChatClient {
    /// A client that will connect as these options say, under this name if it is free, at
    /// the first call of [`next`](ChatClient::next).
    ///
    /// # Errors
    /// When the operating system has no random bytes.
    pub fn new(options: ConnectOptions, name: &str) -> Result<ChatClient> {
        let (_, mut mark) = Token::random()?;
        mark.truncate(11);
        let mut chat = ChatClient {
            url: options.url.clone(),
            client: Client::new(options),
            wanted: name.to_owned(),
            conversation: Conversation::default(),
            connected: None,
            mark,
            said: 0,
        };
        chat.begin_anew();
        Ok(chat)
    }

    /// What the server calls us; before it has, what we would like to be called.
    #[must_use]
    pub fn name(&self) -> &str {
        let me = self.conversation.me.as_ref();
        me.map_or(&self.wanted, |me| &me.name)
    }

    /// The rooms that we are in, or enter as soon as there is a connection.
    #[must_use]
    pub fn rooms(&self) -> &[String] {
        &self.conversation.rooms
    }

    /// How many messages wait for their ack.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.conversation.outbox.len()
    }

    /// Whether as many wait as may: 100.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.conversation.outbox.is_full()
    }

    /// Says something in a room. Returns the id with which it will be [`ChatEvent::Settled`] or
    /// [`ChatEvent::Failed`], at once where we have not [joined](ChatClient::join); `None`
    /// when 100 messages wait already.
    pub fn chat(&mut self, room: &str, text: &str) -> Option<String> {
        self.post(|id| ClientMessage::Chat {
            room: room.to_owned(),
            text: text.to_owned(),
            id,
        })
    }

    /// Says something to everybody; the rest as [`chat`](ChatClient::chat).
    pub fn broadcast(&mut self, text: &str) -> Option<String> {
        self.post(|id| ClientMessage::Broadcast {
            text: text.to_owned(),
            id,
        })
    }

    /// Says something to one person; the rest as [`chat`](ChatClient::chat).
    pub fn direct(&mut self, to: &str, text: &str) -> Option<String> {
        self.post(|id| ClientMessage::Direct {
            to: to.to_owned(),
            text: text.to_owned(),
            id,
        })
    }

    /// Enters a room, now and after each reconnect.
    pub fn join(&mut self, room: &str) {
        self.conversation.join(room);
    }

    /// Leaves a room. What waits to be said there has failed.
    pub fn leave(&mut self, room: &str) {
        self.conversation.leave(room);
    }

    /// Asks for something that is not kept, e.g. a [`ClientMessage::Ping`]: without a
    /// connection it is dropped.
    pub fn ask(&mut self, message: ClientMessage) {
        self.conversation.transmit(message);
    }

    /// Waits for what happens next; `None` once it is over. Cancel-safe.
    pub async fn next(&mut self) -> Option<ChatEvent> {
        loop {
            if let Some(event) = self.conversation.events.pop_front() {
                return Some(event);
            }
            while let Some(message) = self.conversation.outgoing(Instant::now()) {
                // When this fails, the end is what comes next.
                self.client.send(message).await.ok();
            }
            let greeting = self.connected.filter(|_| !self.conversation.welcomed());
            let greeting = greeting.map(|since| since + GREETING);
            let due = greeting.or_else(|| self.conversation.due(Instant::now()));
            let event = match due {
                None => self.client.next().await,
                Some(due) => match timeout_at(due, self.client.next()).await {
                    Ok(event) => event,
                    Err(_) if greeting.is_some() => {
                        self.close().await.ok();
                        Some(Event::GaveUp(no_chat()))
                    }
                    Err(_) => continue,
                },
            };
            match event {
                Some(event) => self.happens(event),
                None => {
                    self.conversation.fail_all("the connection is over");
                    return self.conversation.events.pop_front();
                }
            }
        }
    }

    /// Says goodbye, and does not come back. What waits in the outbox has failed.
    ///
    /// # Errors
    /// As [`Client::close`].
    pub async fn close(&mut self) -> Result<CloseReason> {
        self.client.close(CloseReason::NORMAL, "").await
    }

    fn post(&mut self, message: impl FnOnce(Option<String>) -> ClientMessage) -> Option<String> {
        self.said += 1;
        let id = format!("{}-{}", self.mark, self.said);
        let message = message(Some(id.clone()));
        let kept = self.conversation.say(id.clone(), message);
        kept.then_some(id)
    }

    fn happens(&mut self, event: Event) {
        match &event {
            Event::Connected(_) => self.connected = Some(Instant::now()),
            Event::Disconnected(end) => {
                self.connected = None;
                let worth_another = self.too_large(end);
                self.conversation.break_off();
                if worth_another {
                    self.begin_anew();
                }
            }
            Event::Reconnecting { .. } => self.client.options().url = self.address(),
            Event::GaveUp(_) => self.conversation.fail_all("the connection is over"),
            Event::Message(_) => {}
        }
        match event {
            Event::Message(message) => self.conversation.hear(message, Instant::now()),
            event => self
                .conversation
                .events
                .push_back(ChatEvent::Connection(event)),
        }
    }

    /// Whether it ended because of what was under way, which then has failed: sent again it
    /// would end each connection.
    fn too_large(&mut self, end: &End) -> bool {
        let blamed = matches!(end, End::ByPeer(why) if why.code() == CloseReason::TOO_BIG);
        let outbox = &mut self.conversation.outbox;
        let Some(id) = outbox.under_way().filter(|_| blamed).map(str::to_owned) else {
            return false;
        };
        outbox.take(&id);
        self.conversation
            .fail(id, "it is too large for this server");
        true
    }

    fn begin_anew(&mut self) {
        let url = self.address();
        let options = self.client.options().clone();
        self.client = Client::new(ConnectOptions { url, ..options });
    }

    /// Where to connect. Who we are stands in the query, since that is the one place that a
    /// browser has, too.
    fn address(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("name", &self.wanted);
        query.extend_pairs(self.conversation.introduction());
        let sign = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{sign}{}", self.url, query.finish())
    }
}

fn no_chat() -> Error {
    let seconds = GREETING.as_secs();
    Error::Ended {
        what: format!("the server did not say welcome within {seconds} s"),
        help: Some("is it a chat? cargo run --bin chat_app starts one"),
    }
}
