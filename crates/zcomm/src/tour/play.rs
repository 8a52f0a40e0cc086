//! Plays the story: does each act, shows it, and stops where something does not come.
//!
//! All waits have an end, and the people hear what is said also while nobody presses Enter:
//! a server asks them now and then whether they are there.
//!
//! Production runs such a script from several places at once, and compares.

use std::{io, time::Duration};

use serde_json::Value;
use tokio::{task::unconstrained, time::Instant};
use zcomm_chat::envelope::ServerMessage;
use zcomm_core::{ConnectError, ConnectOptions, End, Error};

use super::{
    memory::Memory,
    narrator::Narrator,
    script::{Act, Place, Step, Who},
    stopped::{ITS_LOG, NOT_CHAT, Stopped},
    story::STORY,
    visitor::{Heard, Visitor},
};

/// The largest message that is expected (bytes).
const MAX_MESSAGE: usize = 64 * 1024;

pub(super) struct Play {
    options: ConnectOptions,
    own: bool,
    narrator: Narrator,
    ada: Option<Visitor>,
    ben: Option<Visitor>,
    /// Ben's older connection.
    older: Option<Visitor>,
    memory: Memory,
    said_at: Instant,
    heard_at: Instant,
}

impl Play {
    pub(super) fn new(
        mut options: ConnectOptions,
        own: bool,
        mut narrator: Narrator,
    ) -> Result<Play, Stopped> {
        options.max_message_bytes = MAX_MESSAGE;
        narrator.keep_secret(options.token.as_deref().unwrap_or_default());
        Ok(Play {
            options,
            own,
            narrator,
            ada: None,
            ben: None,
            older: None,
            memory: Memory::new()?,
            said_at: Instant::now(),
            heard_at: Instant::now(),
        })
    }

    /// From the first step to the last.
    pub(super) async fn all(&mut self) -> Result<(), Stopped> {
        let place = if self.own {
            Place::Own
        } else {
            Place::Elsewhere
        };
        let steps: Vec<_> = STORY
            .iter()
            .filter(|step| step.place == Place::Anywhere || step.place == place)
            .collect();
        let server = self.options.shown_url().to_owned();
        let whose = if self.own { "of its own, at" } else { "at" };
        self.narrator
            .words(&format!("With a chat {whose} {server}\n"))?;
        for (index, step) in steps.iter().enumerate() {
            let (number, of) = (index + 1, steps.len());
            self.narrator.title(number, of, step.title, step.words)?;
            self.step(step)
                .await
                .map_err(|stopped| self.told(stopped).in_step(number, step.title))?;
            self.narrator.notice(step.notice)?;
            if number < of {
                self.pause().await?;
            }
        }
        self.narrator
            .words("That was all of it: every message came as it had to.")?;
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), Stopped> {
        for act in step.acts {
            match *act {
                Act::Comes(who, query) => {
                    *self.place(who) = None;
                    self.comes(who, query).await?;
                }
                Act::ComesAgain(who, query) => {
                    self.older = self.place(who).take();
                    self.comes(who, query).await?;
                }
                Act::Says(who, text) => self.says(who, text).await?,
                Act::Hears(who, fields) => self.hears(who, fields).await?,
                Act::Took => {
                    let took = self.heard_at.saturating_duration_since(self.said_at);
                    self.narrator
                        .aside(&format!("there and back: {}", shown(took)))?;
                }
                Act::Hurries(who, times) => self.hurries(who, times).await?,
                Act::Breaks(who) => {
                    *self.place(who) = None;
                    self.narrator
                        .aside(&format!("{}'s connection is gone", who.name()))?;
                }
                Act::Replaced(who, code) => self.replaced(who, code).await?,
                Act::Strangers => self.strangers().await?,
                Act::Leaves(who) => {
                    self.narrator.out(who.name(), "Close 1000")?;
                    let why = self.visitor(who)?.leaves().await?;
                    self.narrator.back(who.name(), &format!("Close {why}"))?;
                }
            }
        }
        Ok(())
    }

    async fn comes(&mut self, who: Who, query: &str) -> Result<(), Stopped> {
        let visitor = self.connect(who.name(), query, true).await?;
        *self.place(who) = Some(visitor);
        Ok(())
    }

    async fn connect(&mut self, who: &str, query: &str, token: bool) -> Result<Visitor, Stopped> {
        let mut options = self.options.clone();
        if !token {
            // Neither in the header nor in the address.
            options.token = None;
            options.url = options.shown_url().to_owned();
        }
        let query = self.memory.query(query);
        let shown = format!("connects to {}?{query}", options.shown_url());
        self.narrator.out(who, &shown)?;
        let joint = if options.url.contains('?') { '&' } else { '?' };
        options.url = format!("{}{joint}{query}", options.url);
        Ok(Visitor::connect(&options).await?)
    }

    async fn says(&mut self, who: Who, text: &str) -> Result<(), Stopped> {
        let text = self.memory.json(text);
        self.narrator.out(who.name(), &text)?;
        self.said_at = Instant::now();
        self.visitor(who)?.says(&text).await?;
        Ok(())
    }

    async fn hears(&mut self, who: Who, fields: &str) -> Result<(), Stopped> {
        let fields = self.memory.json(fields);
        let expected: Value = serde_json::from_str(&fields).map_err(io::Error::other)?;
        let missed = match self.visitor(who)?.hears(&expected).await {
            Ok(heard) => return self.heard(who, &heard),
            Err(missed) => missed,
        };
        Err(match expected["type"] == "welcome" {
            true => Stopped::not_greeted(who.name(), self.options.shown_url(), missed),
            false => Stopped::not_heard(who.name(), &fields, missed),
        })
    }

    /// Shows what came, and keeps what is needed later.
    fn heard(&mut self, who: Who, heard: &Heard) -> Result<(), Stopped> {
        self.heard_at = heard.at;
        if let Some(ServerMessage::Welcome { session, .. }) = &heard.message {
            self.narrator.keep_secret(&session.0);
        }
        let message = heard.message.as_ref();
        if !message.is_some_and(|message| self.memory.learn(who, message)) {
            let what = format!("{} hears what no chat_app says: {}", who.name(), heard.text);
            return Err(Stopped::wrong(what, NOT_CHAT));
        }
        self.narrator.back(who.name(), &heard.text)?;
        Ok(())
    }

    /// The server's tasks run when this one waits, so it writes everything before it does:
    /// `unconstrained`, for tokio otherwise makes a task wait that has done so much.
    async fn hurries(&mut self, who: Who, times: usize) -> Result<(), Stopped> {
        let [join, leave] = ["join", "leave"].map(|kind| {
            self.memory
                .json(&format!(r#"{{"type":"{kind}","room":"$room"}}"#))
        });
        for text in [&join, &leave] {
            self.narrator.out(who.name(), text)?;
        }
        self.narrator
            .aside(&format!("and so on, {times} times without a pause"))?;
        let visitor = self.visitor(who)?;
        unconstrained(async {
            for _ in 0..times {
                visitor.says(&join).await?;
                visitor.says(&leave).await?;
            }
            visitor
                .says(r#"{"type":"ping","id":"out of breath"}"#)
                .await
        })
        .await?;
        // The answers to all that would fill the screen.
        let last = serde_json::json!({"type": "pong", "id": "out of breath"});
        if let Err(missed) = visitor.hears(&last).await {
            return Err(Stopped::not_heard(
                who.name(),
                "the answers to all that",
                missed,
            ));
        }
        visitor.forget();
        Ok(())
    }

    async fn replaced(&mut self, who: Who, code: u16) -> Result<(), Stopped> {
        let closed = match &mut self.older {
            Some(older) => older.closed().await,
            None => None,
        };
        match closed {
            Some(End::ByPeer(why)) if why.code() == code => {
                let first = format!("{}, the first connection,", who.name());
                self.narrator.back(&first, &format!("Close {why}"))?;
                self.older = None;
                Ok(())
            }
            other => {
                let ended = other.map_or("stays open".into(), |end| format!("ends so: {end}"));
                let what =
                    format!("the first connection should be closed with {code}, and {ended}");
                Err(Stopped::wrong(what, ITS_LOG))
            }
        }
    }

    /// A server may refuse in the handshake, or after it; both are right.
    async fn strangers(&mut self) -> Result<(), Stopped> {
        let refused = match self.connect("Eve", "name=Eve", false).await {
            Err(Stopped::Error(Error::Connect(ConnectError::Http {
                status: 401,
                reason,
            }))) => {
                format!("HTTP 401 {reason}")
            }
            Err(other) => return Err(other),
            Ok(mut eve) => match eve.closed().await {
                Some(End::ByPeer(why)) if why.code() == 1008 => format!("Close {why}"),
                _ => {
                    let what = "nobody refuses Eve, who shows no token";
                    return Err(Stopped::wrong(what, NOT_CHAT));
                }
            },
        };
        self.narrator.back("Eve", &refused)?;
        Ok(())
    }

    /// The people go on hearing, or the server would take them for gone.
    async fn pause(&mut self) -> Result<(), Stopped> {
        async fn listen(visitor: &mut Option<Visitor>) {
            match visitor {
                Some(visitor) => visitor.listen().await,
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            paused = self.narrator.pause() => Ok(paused?),
            () = listen(&mut self.ada) => Ok(()),
            () = listen(&mut self.ben) => Ok(()),
        }
    }

    fn place(&mut self, who: Who) -> &mut Option<Visitor> {
        match who {
            Who::Ada => &mut self.ada,
            Who::Ben => &mut self.ben,
        }
    }

    fn visitor(&mut self, who: Who) -> Result<&mut Visitor, Error> {
        self.place(who).as_mut().ok_or(Error::Closed)
    }

    /// Its words, safe to show: they may repeat what a server has sent.
    fn told(&self, stopped: Stopped) -> Stopped {
        match stopped {
            Stopped::Wrong { what, help } => Stopped::wrong(self.narrator.shown(&what), help),
            other => other,
        }
    }
}

fn shown(took: Duration) -> String {
    format!("{:.2} ms", took.as_secs_f64() * 1000.0)
}
