//! Plays the story: does each act, shows it, and stops where something does not come.
//!
//! What a later act needs is taken from the messages themselves, as a page does: the names
//! that were given, the epoch of the room, the positions that Ben has seen.
//!
//! Production has a type for each message instead of a text with holes; here the text is
//! what is to be seen.

use std::{collections::BTreeMap, io, time::Duration};

use serde_json::Value;
use tokio::{task::unconstrained, time::Instant};
use zcomm_core::{ConnectError, ConnectOptions, End, Error, Token, envelope::ServerMessage};

use super::{
    Stopped,
    narrator::Narrator,
    story::{Act, Place, STORY, Step, Who},
    visitor::{Heard, Missed, PATIENCE, Visitor},
};

/// A session as our servers make them; anything else could not stand in an address.
const MAX_SESSION: usize = 128;
/// The largest message that is expected (bytes).
const MAX_MESSAGE: usize = 64 * 1024;

const NOT_CHAT: &str = "is chat_app the program there? cargo run --bin chat_app starts one; without \
                        an address the tour has its own";
const ITS_TOKEN: &str = "the token of the server goes behind --token";
const ITS_LOG: &str = "the log of the server says more; zcomm demo without an address tells the same \
                       story with a server of its own";

pub(super) struct Play {
    options: ConnectOptions,
    own: bool,
    narrator: Narrator,
    ada: Option<Visitor>,
    ben: Option<Visitor>,
    /// Ben's older connection.
    older: Option<Visitor>,
    /// What is filled in.
    known: BTreeMap<&'static str, String>,
    said: Instant,
    heard: Instant,
}

impl Play {
    pub(super) fn new(
        mut options: ConnectOptions,
        own: bool,
        mut narrator: Narrator,
    ) -> Result<Play, Stopped> {
        options.max_message_bytes = MAX_MESSAGE;
        narrator.keep_secret(options.token.as_deref().unwrap_or_default());
        // A room that nobody else is in.
        let (_, random) = Token::random()?;
        let room = format!("tour-{}", &random[..8]);
        let known = [("room", room), ("seen", "0".into())];
        let known = known
            .into_iter()
            .chain([("direct", "0".into()), ("broadcast", "0".into())]);
        Ok(Play {
            options,
            own,
            narrator,
            ada: None,
            ben: None,
            older: None,
            known: known.collect(),
            said: Instant::now(),
            heard: Instant::now(),
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
        let server = without_query(&self.options.url).to_owned();
        let whose = if self.own { "of its own, at" } else { "at" };
        self.narrator
            .words(&format!("With a chat {whose} {server}\n"))?;
        for (index, step) in steps.iter().enumerate() {
            let (number, of) = (index + 1, steps.len());
            self.narrator.title(number, of, step.title, step.words)?;
            self.step(step)
                .await
                .map_err(|stopped| named(stopped, number, step))?;
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
                    let visitor = self.connect(&format!("{who:?}"), query, true).await?;
                    *self.place(who) = Some(visitor);
                }
                Act::ComesAgain(who, query) => {
                    self.older = self.place(who).take();
                    let visitor = self.connect(&format!("{who:?}"), query, true).await?;
                    *self.place(who) = Some(visitor);
                }
                Act::Says(who, text) => self.says(who, text).await?,
                Act::Hears(who, fields) => self.hears(who, fields).await?,
                Act::Took => {
                    let took = self.heard.saturating_duration_since(self.said);
                    self.narrator
                        .aside(&format!("there and back: {}", shown(took)))?;
                }
                Act::Hurries(who, times) => self.hurries(who, times).await?,
                Act::Breaks(who) => {
                    *self.place(who) = None;
                    self.narrator
                        .aside(&format!("{who:?}'s connection is gone"))?;
                }
                Act::Replaced(who, code) => self.replaced(who, code).await?,
                Act::Strangers => self.strangers().await?,
                Act::Leaves(who) => {
                    self.narrator.out(&format!("{who:?}"), "Close 1000")?;
                    let why = self.visitor(who)?.leaves().await?;
                    self.narrator
                        .back(&format!("{who:?}"), &format!("Close {why}"))?;
                }
            }
        }
        Ok(())
    }

    async fn connect(&mut self, who: &str, query: &str, token: bool) -> Result<Visitor, Stopped> {
        let mut options = self.options.clone();
        if !token {
            // Neither in the header nor in the address.
            options.token = None;
            options.url = without_query(&options.url).to_owned();
        }
        let query = self.filled(query, str::to_owned);
        let shown = format!("connects to {}?{query}", without_query(&options.url));
        self.narrator.out(who, &shown)?;
        let joint = if options.url.contains('?') { '&' } else { '?' };
        options.url = format!("{}{joint}{query}", options.url);
        Ok(Visitor::connect(&options).await?)
    }

    async fn says(&mut self, who: Who, text: &str) -> Result<(), Stopped> {
        let text = self.filled(text, as_json);
        self.narrator.out(&format!("{who:?}"), &text)?;
        self.said = Instant::now();
        self.visitor(who)?.says(&text).await?;
        Ok(())
    }

    async fn hears(&mut self, who: Who, fields: &str) -> Result<(), Stopped> {
        let fields = self.filled(fields, as_json);
        let expected: Value = serde_json::from_str(&fields).map_err(io::Error::other)?;
        match self.visitor(who)?.hears(&expected).await {
            Ok(heard) => self.learns(who, &heard),
            Err(missed) => Err(self.missed(who, &fields, &expected["type"], missed)),
        }
    }

    /// Shows what came, and keeps what is needed later.
    fn learns(&mut self, who: Who, heard: &Heard) -> Result<(), Stopped> {
        self.heard = heard.at;
        let Some(message) = &heard.message else {
            let what = format!(
                "not a message of this chat: {}",
                self.narrator.shown(&heard.text)
            );
            return Err(Stopped::Wrong {
                what,
                help: NOT_CHAT,
            });
        };
        let mut news = Vec::new();
        match message {
            ServerMessage::Welcome {
                name,
                session,
                broadcast,
                ..
            } => {
                if !is_plain(&session.0) {
                    let what = "the welcome has no session as chat_app makes them".into();
                    return Err(Stopped::Wrong {
                        what,
                        help: NOT_CHAT,
                    });
                }
                self.narrator.keep_secret(&session.0);
                news.push((if who == Who::Ada { "ada" } else { "ben" }, name.clone()));
                if who == Who::Ben {
                    news.push(("session", session.0.clone()));
                    news.push(("broadcast", broadcast.0.to_string()));
                }
            }
            ServerMessage::Joined { epoch, .. } => news.push(("epoch", epoch.clone())),
            ServerMessage::Chat { seq, .. } if who == Who::Ben => {
                news.push(("seen", seq.0.to_string()));
            }
            ServerMessage::Direct { seq, .. } if who == Who::Ben => {
                news.push(("direct", seq.0.to_string()));
            }
            ServerMessage::Broadcast { seq, .. } if who == Who::Ben => {
                news.push(("broadcast", seq.0.to_string()));
            }
            _ => {}
        }
        self.known.extend(news);
        self.narrator.back(&format!("{who:?}"), &heard.text)?;
        Ok(())
    }

    fn missed(&self, who: Who, fields: &str, kind: &Value, missed: Missed) -> Stopped {
        let shown = |text: &str| self.narrator.shown(text);
        let wanted = format!("{who:?} waits for {}", shown(fields));
        let greeting = kind == "welcome";
        let (what, help) = match missed {
            Missed::Late(heard) => {
                let seconds = PATIENCE.as_secs();
                let late = format!("{wanted}, and it does not come within {seconds} s");
                let near = heard
                    .iter()
                    .rev()
                    .find(|heard| heard.value["type"] == *kind);
                match near.or(heard.last()) {
                    _ if greeting => {
                        let server = without_query(&self.options.url);
                        let what = format!(
                            "{} is a WebSocket, but no chat: it does not greet with a welcome",
                            shown(server)
                        );
                        (what, NOT_CHAT)
                    }
                    Some(heard) => (
                        format!("{late}; what came is {}", shown(&heard.text)),
                        ITS_LOG,
                    ),
                    None => (late, ITS_LOG),
                }
            }
            Missed::Refused(heard) => (
                format!("{wanted}, and hears {}", shown(&heard.text)),
                ITS_LOG,
            ),
            Missed::Ended(end) if greeting => (format!("{who:?} is not let in: {end}"), ITS_TOKEN),
            Missed::Ended(end) => (format!("{wanted}, but {end}"), ITS_LOG),
        };
        Stopped::Wrong { what, help }
    }

    /// The server's tasks run when this one waits: it writes everything before it does.
    async fn hurries(&mut self, who: Who, times: usize) -> Result<(), Stopped> {
        let [join, leave] = ["join", "leave"]
            .map(|kind| self.filled(&format!(r#"{{"type":"{kind}","room":"$room"}}"#), as_json));
        for text in [&join, &leave] {
            self.narrator.out(&format!("{who:?}"), text)?;
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
            return Err(self.missed(who, "the answers to all that", &last["type"], missed));
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
                let first = format!("{who:?}, the first connection,");
                self.narrator.back(&first, &format!("Close {why}"))?;
                self.older = None;
                Ok(())
            }
            other => {
                let ended = other.map_or("stays open".into(), |end| format!("ends so: {end}"));
                let what =
                    format!("the first connection should be closed with {code}, and {ended}");
                Err(Stopped::Wrong {
                    what,
                    help: ITS_LOG,
                })
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
                    let what = "nobody refuses Eve, who shows no token".into();
                    return Err(Stopped::Wrong {
                        what,
                        help: NOT_CHAT,
                    });
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

    /// A text with what is known in the place of its holes.
    fn filled(&self, text: &str, form: impl Fn(&str) -> String) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.known {
            text = text.replace(&format!("${name}"), &form(value));
        }
        text
    }
}

/// As it stands between the quotes of a JSON text.
fn as_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn is_plain(session: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_SESSION).contains(&session.len()) && session.bytes().all(plain)
}

/// Behind the `?` may be a token.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

fn shown(took: Duration) -> String {
    format!("{:.2} ms", took.as_secs_f64() * 1000.0)
}

/// Says in which step it was.
fn named(stopped: Stopped, number: usize, step: &Step) -> Stopped {
    match stopped {
        Stopped::Wrong { what, help } => Stopped::Wrong {
            what: format!("step {number}, \"{}\": {what}", step.title),
            help,
        },
        other => other,
    }
}
