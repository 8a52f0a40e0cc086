//! Plays the story: runs and prints each act. Stops if an expected message does not arrive.
//!
//! Each wait for a message has a time limit. While the tour waits for Enter, the connections
//! still receive messages and answer pings. Without these answers, the server would close the
//! connections.

use std::{future::pending, io, time::Duration};

use serde_json::{Value, json};
use tokio::{
    task::unconstrained,
    time::{Instant, timeout},
};
use zcomm_chat::envelope::{ServerMessage, Stamped};
use zcomm_core::{ConnectError, ConnectOptions, End, Error};

use super::{
    client::Client,
    narrator::Narrator,
    script::{Act, Person, Step},
    stopped::{ITS_LOG, NOT_CHAT, Stopped},
    story::STORY,
    variables::Variables,
};

/// The limit for a received message (bytes).
const MAX_MESSAGE: usize = 64 * 1024;
/// After a signal, the time limit to wait for the server's Close frames.
const LEAVING: Duration = Duration::from_secs(1);

pub(super) struct Play {
    options: ConnectOptions,
    /// Whether the tour has started the server itself.
    own_server: bool,
    narrator: Narrator,
    ada: Option<Client>,
    ben: Option<Client>,
    /// Ben's first connection, after he has opened a second connection.
    older: Option<Client>,
    variables: Variables,
    sent_at: Instant,
    /// The time from the last sent message to the last received message.
    round_trip: Duration,
}

impl Play {
    pub(super) fn new(
        mut options: ConnectOptions,
        own_server: bool,
        mut narrator: Narrator,
    ) -> Result<Play, Stopped> {
        options.max_message_bytes = MAX_MESSAGE;
        narrator.keep_secret(options.token.as_deref().unwrap_or_default());
        Ok(Play {
            options,
            own_server,
            narrator,
            ada: None,
            ben: None,
            older: None,
            variables: Variables::new()?,
            sent_at: Instant::now(),
            round_trip: Duration::ZERO,
        })
    }

    pub(super) async fn all(&mut self) -> Result<(), Stopped> {
        let server = self.options.shown_url().to_owned();
        let chat = if self.own_server {
            "its own chat"
        } else {
            "the chat"
        };
        self.narrator
            .print(format_args!("This tour uses {chat} at {server}\n"))?;
        for (number, step) in (1..).zip(STORY) {
            self.narrator.title(number, STORY.len(), step)?;
            let played = self.step(step).await;
            played.map_err(|stopped| self.in_step(number, step, stopped))?;
            self.narrator
                .print(format_args!("\nNotice: {}\n", step.notice))?;
            if number < STORY.len() {
                self.pause().await?;
            }
        }
        self.narrator
            .print("The tour is complete: every message came as expected.")?;
        Ok(())
    }

    /// Closes the connections that are still open. So a running chat_app sees a Close frame, and
    /// not a broken connection. Takes at most [`LEAVING`].
    pub(super) async fn leave(&mut self) {
        let clients = [self.ada.take(), self.ben.take(), self.older.take()];
        let all = async {
            for mut client in clients.into_iter().flatten() {
                // Ignore an error: it means that the connection has ended already.
                client.close().await.ok();
            }
        };
        // Ignore a server that does not answer: the tour has ended.
        timeout(LEAVING, all).await.ok();
    }

    async fn step(&mut self, step: &Step) -> Result<(), Stopped> {
        for act in step.acts {
            match *act {
                Act::Connects(person, query) => self.connects(person, query).await?,
                Act::ConnectsAgain(person, query) => {
                    self.older = self.seat(person).take();
                    self.connects(person, query).await?;
                }
                Act::Sends(person, text) => self.sends(person, text).await?,
                Act::Receives(person, fields) => self.receives(person, fields).await?,
                Act::RoundTrip => {
                    let milliseconds = self.round_trip.as_secs_f64() * 1000.0;
                    self.narrator
                        .aside(&format!("round trip: {milliseconds:.2} ms"))?;
                }
                Act::OwnServerOnly if self.own_server => {}
                Act::OwnServerOnly => {
                    self.narrator
                        .aside("only with the tour's own server: zcomm demo without an address")?;
                    return Ok(());
                }
                Act::Floods(person, times) => self.floods(person, times).await?,
                Act::Breaks(person) => {
                    *self.seat(person) = None;
                    self.narrator
                        .aside(&format!("{}'s connection breaks", person.name()))?;
                }
                Act::Replaced(person, code) => self.replaced(person, code).await?,
                Act::RefusesEve => self.refuses_eve().await?,
                Act::Closes(person) => {
                    self.narrator.sends(person.name(), "Close 1000")?;
                    let why = self.client(person)?.close().await?;
                    self.narrator
                        .receives(person.name(), &format!("Close {why}"))?;
                }
            }
        }
        Ok(())
    }

    async fn connects(&mut self, person: Person, query: &str) -> Result<(), Stopped> {
        let options = self.options.clone();
        let client = self.connect(person.name(), query, options).await?;
        *self.seat(person) = Some(client);
        Ok(())
    }

    async fn connect(
        &mut self,
        name: &str,
        query: &str,
        mut options: ConnectOptions,
    ) -> Result<Client, Stopped> {
        let query = self.variables.query(query);
        let shown = format!("connects to {}?{query}", options.shown_url());
        self.narrator.sends(name, &shown)?;
        let joint = if options.url.contains('?') { '&' } else { '?' };
        options.url = format!("{}{joint}{query}", options.url);
        Ok(Client::connect(&options).await?)
    }

    async fn sends(&mut self, person: Person, text: &str) -> Result<(), Stopped> {
        let text = self.variables.json(text);
        self.narrator.sends(person.name(), &text)?;
        self.sent_at = Instant::now();
        self.client(person)?.send(&text).await?;
        Ok(())
    }

    async fn receives(&mut self, person: Person, fields: &str) -> Result<(), Stopped> {
        let fields = self.variables.json(fields);
        let expected: Value = serde_json::from_str(&fields).map_err(io::Error::other)?;
        let missed = match self.client(person)?.receive(&expected).await {
            Ok(text) => return self.received(person, &text),
            Err(missed) => missed,
        };
        Err(match expected["type"] == "welcome" {
            true => Stopped::no_welcome(person.name(), self.options.shown_url(), missed),
            false => Stopped::not_received(person.name(), &fields, missed),
        })
    }

    /// Prints a received message, and keeps the values that a later step needs.
    fn received(&mut self, person: Person, text: &str) -> Result<(), Stopped> {
        self.round_trip = self.sent_at.elapsed();
        let parsed = serde_json::from_str::<Stamped>(text);
        let message = parsed.map(|stamped| stamped.message);
        if let Ok(ServerMessage::Welcome { session, .. }) = &message {
            self.narrator.keep_secret(&session.0);
        }
        let name = person.name();
        if !message.is_ok_and(|message| self.variables.learn(person, &message)) {
            let what = format!("{name} receives a message that chat_app does not send: {text}");
            return Err(Stopped::wrong(what, NOT_CHAT));
        }
        self.narrator.receives(name, text)?;
        Ok(())
    }

    /// Fills a log faster than the server can send the messages of this log. The tour's own
    /// server runs in this thread, so the server runs only when this task waits. Normally,
    /// Tokio makes a busy task wait from time to time. `unconstrained` turns this rule off for
    /// this task.
    async fn floods(&mut self, person: Person, times: usize) -> Result<(), Stopped> {
        let name = person.name();
        let [join, leave] = ["join", "leave"].map(|kind| {
            self.variables
                .json(&format!(r#"{{"type":"{kind}","room":"$room"}}"#))
        });
        for text in [&join, &leave] {
            self.narrator.sends(name, text)?;
        }
        self.narrator
            .aside(&format!("both {times} times, without a pause"))?;
        let client = self.client(person)?;
        unconstrained(async {
            for _ in 0..times {
                client.send(&join).await?;
                client.send(&leave).await?;
            }
            client.send(r#"{"type":"ping","id":"last"}"#).await
        })
        .await?;
        // Wait for the last reply. Then drop all replies, because they would fill the screen.
        let last = json!({"type": "pong", "id": "last"});
        let reply = client.receive(&last).await;
        client.forget();
        reply.map_err(|missed| Stopped::not_received(name, "the replies", missed))?;
        Ok(())
    }

    async fn replaced(&mut self, person: Person, code: u16) -> Result<(), Stopped> {
        let closed = match &mut self.older {
            Some(older) => older.closed().await,
            None => None,
        };
        let ended = match closed {
            Some(End::ByPeer(why)) if why.code() == code => {
                let name = format!("{} (first connection)", person.name());
                self.narrator.receives(&name, &format!("Close {why}"))?;
                self.older = None;
                return Ok(());
            }
            Some(end) => format!("it ended: {end}"),
            None => "it is still open".into(),
        };
        let what = format!("the server should close the first connection with {code}, but {ended}");
        Err(Stopped::wrong(what, ITS_LOG))
    }

    /// Connects as Eve, without a token. The server may refuse her in the handshake, or close
    /// the WebSocket at once.
    async fn refuses_eve(&mut self) -> Result<(), Stopped> {
        let options = ConnectOptions {
            token: None,
            // Use the address without its query, because the query may contain a token.
            url: self.options.shown_url().to_owned(),
            ..self.options.clone()
        };
        let refused = match self.connect("Eve", "name=Eve", options).await {
            Err(Stopped::Error(Error::Connect(ConnectError::Http {
                status: 401,
                reason,
                ..
            }))) => format!("HTTP 401 {reason}"),
            Err(other) => return Err(other),
            Ok(mut eve) => match eve.closed().await {
                Some(End::ByPeer(why)) if why.code() == 1008 => format!("Close {why}"),
                _ => {
                    let what = "the server does not refuse Eve, who has no token";
                    return Err(Stopped::wrong(what, NOT_CHAT));
                }
            },
        };
        self.narrator.receives("Eve", &refused)?;
        Ok(())
    }

    /// Waits for Enter. The connections receive messages during the wait.
    async fn pause(&mut self) -> Result<(), Stopped> {
        async fn listen(client: &mut Option<Client>) {
            match client {
                Some(client) => client.listen().await,
                None => pending().await,
            }
        }
        tokio::select! {
            paused = self.narrator.pause() => Ok(paused?),
            () = listen(&mut self.ada) => Ok(()),
            () = listen(&mut self.ben) => Ok(()),
        }
    }

    /// Returns the field with this person's connection.
    fn seat(&mut self, person: Person) -> &mut Option<Client> {
        match person {
            Person::Ada => &mut self.ada,
            Person::Ben => &mut self.ben,
        }
    }

    fn client(&mut self, person: Person) -> Result<&mut Client, Error> {
        self.seat(person).as_mut().ok_or(Error::Closed)
    }

    /// Adds the step's number and title to an error. The error may contain text from the server,
    /// so this text is made safe for a terminal.
    fn in_step(&self, number: usize, step: &Step, stopped: Stopped) -> Stopped {
        let Stopped::Wrong { what, help } = stopped else {
            return stopped;
        };
        let (title, what) = (step.title, self.narrator.shown(&what));
        Stopped::wrong(format!("step {number}, \"{title}\": {what}"), help)
    }
}
