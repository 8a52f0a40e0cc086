//! `zcomm chat`: take part in a chat, from the terminal.
//!
//! Plain text is for the room, what begins with `/` is for the program. What others say
//! comes in above the line that is being typed. The connection may break at any time: what
//! was said waits and is sent again, what was missed comes, and what is lost is told.
//!
//! In a pipe it is a program like any other: each line of the input is said, and it ends
//! when all of them are known to have arrived.
//!
//! Production of a chat for people has windows; this is for looking at one from outside.

mod commands;
mod people;
mod screen;
mod words;

use std::{collections::VecDeque, process::ExitCode, time::Duration};

use tokio::time::Instant;
use zcomm_chat::{
    ChatClient, ChatEvent,
    envelope::{Action, ClientMessage, LOBBY, ServerMessage},
};
use zcomm_core::{Error, Event, Message, Result, report};

use crate::{
    handshake::Handshake,
    output::{counted, visible},
    paint::{BAD, FAINT},
    program::{INTERRUPTED, block_on, until},
    signals::Signals,
};
use commands::{COMMANDS, Command};
use people::People;
use screen::{Input, Screen};

/// What was said lately, to be known again.
const REMEMBERED: usize = 400;
/// After the end of the input, for what was said to arrive.
const LAST_WORDS: Duration = Duration::from_secs(15);

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm chat --token TOKEN                with the chat_app on this machine
  zcomm chat --token TOKEN --name Ada     the same, under a name
  echo hi | zcomm chat --token TOKEN      say one thing and leave

The token stands in the link that chat_app prints, behind #token=.
Type /help for what can be said. Plain text is for the room.

Exit code: 0 after a goodbye, 1 when it was refused or something did not arrive,
130 after Ctrl-C.")]
pub(crate) struct Arguments {
    /// Where the chat is
    #[arg(default_value = "ws://127.0.0.1:8765/")]
    url: String,

    /// What to be called; another gets a number behind it when it is taken
    #[arg(long, default_value = "guest")]
    name: String,

    /// The room to begin in
    #[arg(long, default_value = LOBBY)]
    room: String,

    #[command(flatten)]
    handshake: Handshake,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    block_on(talk(arguments)).unwrap_or_else(|error| report(&error))
}

async fn talk(arguments: &Arguments) -> Result<ExitCode> {
    let options = arguments.handshake.options(&arguments.url)?;
    let mut client = ChatClient::new(options, &arguments.name)?;
    client.join(&arguments.room);
    let mut chat = Chat {
        client,
        screen: Screen::open(prompt(&arguments.room)),
        people: People::default(),
        room: arguments.room.clone(),
        said: VecDeque::new(),
        pings: VecDeque::new(),
        lost: false,
        welcomed: false,
        advice: None,
    };
    let ended = chat.take_part().await;
    chat.screen.close().await;
    ended
}

fn prompt(room: &str) -> String {
    format!("{}> ", visible(room))
}

struct Chat {
    client: ChatClient,
    screen: Screen,
    people: People,
    /// Where plain text goes.
    room: String,
    /// What was said from here: the id, and the text.
    said: VecDeque<(String, String)>,
    /// When each ping left that is not answered.
    pings: VecDeque<Instant>,
    /// Something that was said did not arrive.
    lost: bool,
    /// The server has greeted us, once: it is a chat, and lets us in.
    welcomed: bool,
    /// What can be done about the end of the last connection.
    advice: Option<&'static str>,
}

impl Chat {
    /// Until the end, and how it was.
    async fn take_part(&mut self) -> Result<ExitCode> {
        let mut signals = Signals::new()?;
        // Once the input has ended: how long what waits may take.
        let mut leaving = None;
        loop {
            let waiting = self.client.waiting();
            let listening = leaving.is_none() && !self.client.is_full();
            // By chance, and not one before the other: a server that never stops talking, or
            // an input that never ends, must not keep the other from being heard.
            tokio::select! {
                event = self.client.next() => match event {
                    Some(event) => if let Some(ended) = self.tell(event) { return ended },
                    None => return Err(Error::Ended {
                        what: "the server does not want this client back".into(),
                        help: self.advice,
                    }),
                },
                input = self.screen.input(), if listening => match input {
                    Input::Line(line) => match self.act(&line) {
                        true => leaving = Some(Instant::now() + LAST_WORDS),
                        false => self.screen.ready(prompt(&self.room)),
                    },
                    Input::End => leaving = Some(Instant::now() + LAST_WORDS),
                    Input::Interrupted => return self.interrupted(INTERRUPTED).await,
                    Input::Failed(error) => {
                        self.client.close().await.ok();
                        return Err(error.into());
                    }
                },
                code = signals.next() => return self.interrupted(code).await,
                () = std::future::ready(()), if leaving.is_some() && waiting == 0 && self.welcomed => {
                    return self.goodbye().await;
                }
                () = until(leaving) => {
                    self.client.close().await.ok();
                    return Err(Error::Ended {
                        what: format!("not known to have arrived: {waiting} of your messages"),
                        help: Some("look in the room whether they are there before you say them again"),
                    });
                }
            }
        }
    }

    async fn goodbye(&mut self) -> Result<ExitCode> {
        let closed = self.client.close().await;
        // What has happened and was not told yet: it may be that not all has arrived.
        while let Some(event) = self.client.next().await {
            if let Some(ended) = self.tell(event) {
                return ended;
            }
        }
        match closed {
            // Without a connection there is nobody to say it to.
            Ok(_) | Err(Error::Closed) if !self.lost => Ok(ExitCode::SUCCESS),
            Ok(_) | Err(Error::Closed) => Ok(ExitCode::FAILURE),
            Err(error) => Err(error),
        }
    }

    async fn interrupted(&mut self, code: u8) -> Result<ExitCode> {
        // It is over, however the server takes it.
        self.client.close().await.ok();
        Ok(ExitCode::from(code))
    }

    /// Does what was typed; `true` when that is to leave.
    fn act(&mut self, line: &str) -> bool {
        let command = match Command::parse(line, &self.people.names()) {
            None => return false,
            Some(Ok(command)) => command,
            Some(Err(why)) => {
                self.complain(&visible(&why));
                return false;
            }
        };
        match command {
            Command::Say(text) => {
                let id = self.client.chat(&self.room, &text);
                self.remember(id, text);
            }
            Command::Broadcast(text) => {
                let id = self.client.broadcast(&text);
                self.remember(id, text);
            }
            Command::Message { to, text } => {
                let id = self.client.direct(&to, &text);
                self.remember(id, text);
            }
            Command::Join(room) => {
                if !self.client.rooms().contains(&room) {
                    self.client.join(&room);
                }
                self.room = room;
            }
            Command::Leave(room) => self.leave(room),
            Command::Who => self.note(&self.people.who(&self.room)),
            Command::Ping => {
                self.pings.truncate(REMEMBERED);
                self.pings.push_back(Instant::now());
                self.client.ask(ClientMessage::Ping { id: None });
            }
            Command::Stats => {
                let action = Action::GetStats;
                self.client.ask(ClientMessage::Custom { action });
            }
            Command::Help => {
                for (form, what) in COMMANDS {
                    self.note(&format!("{form:<17} {what}"));
                }
            }
            Command::Exit => return true,
        }
        false
    }

    fn leave(&mut self, room: Option<String>) {
        let room = room.unwrap_or_else(|| self.room.clone());
        if !self.client.rooms().contains(&room) {
            return self.complain(&format!("you are not in {}", visible(&room)));
        }
        self.client.leave(&room);
        if self.room == room {
            // Plain text has to go somewhere.
            let other = self.client.rooms().first();
            self.room = other.map_or_else(|| LOBBY.to_owned(), String::clone);
        }
    }

    fn remember(&mut self, id: Option<String>, text: String) {
        let Some(id) = id else {
            self.lost = true;
            return self.complain(&format!(
                "not said, because too much waits: {}",
                visible(&text)
            ));
        };
        if self.said.len() == REMEMBERED {
            self.said.pop_front();
        }
        self.said.push_back((id, text));
    }

    fn is_ours(&self, id: Option<&String>) -> bool {
        id.is_some_and(|id| self.said.iter().any(|(ours, _)| ours == id))
    }

    /// Tells what has happened; the end, if that is what it was.
    fn tell(&mut self, event: ChatEvent) -> Option<Result<ExitCode>> {
        match event {
            ChatEvent::Received(said) => self.heard(&said.message),
            ChatEvent::Unknown(Message::Text(text)) => {
                let text: String = visible(&text).chars().take(200).collect();
                self.note(&format!("the server says what is not known here: {text}"));
            }
            ChatEvent::Unknown(Message::Binary(data)) => {
                let bytes = counted(data.len() as u64, "byte");
                self.note(&format!("the server sends {bytes}"));
            }
            ChatEvent::Acknowledged { .. } => {}
            ChatEvent::Failed { id, why } => {
                self.lost = true;
                let said = self.said.iter().find(|(ours, _)| *ours == id);
                let text = said.map_or("", |(_, text)| text.as_str());
                self.complain(&format!(
                    "not said, because {}: {}",
                    visible(&why),
                    visible(text)
                ));
            }
            ChatEvent::Connection(Event::Connected(_) | Event::Message(_)) => {}
            ChatEvent::Connection(Event::Disconnected(end)) => {
                self.pings.clear();
                self.complain(&visible(&end.to_string()));
                self.advice = end.help();
            }
            ChatEvent::Connection(Event::Reconnecting { wait, why }) => {
                let why = why.map_or_else(String::new, |why| format!("{}; ", why.with_help()));
                let waiting = match self.client.waiting() {
                    0 => String::new(),
                    count => format!("; {} still to be sent", counted(count as u64, "message")),
                };
                let wait = wait.as_secs_f32();
                self.note(&format!("{why}trying again in {wait:.1} s{waiting}"));
            }
            ChatEvent::Connection(Event::GaveUp(why)) => return Some(Err(why)),
        }
        None
    }

    fn heard(&mut self, message: &ServerMessage) {
        if self.people.hear(message) {
            self.screen.complete(self.people.typeable());
        }
        match message {
            ServerMessage::Welcome { name, .. } => {
                self.welcomed = true;
                self.note(&format!(
                    "you are {}; /help shows what you can do",
                    visible(name)
                ));
            }
            ServerMessage::Pong { .. } => {
                if let Some(left) = self.pings.pop_front() {
                    let ms = left.elapsed().as_secs_f64() * 1000.0;
                    self.note(&format!("to the server and back: {ms:.2} ms"));
                }
            }
            // It stands where it was typed.
            ServerMessage::Chat { id, .. }
            | ServerMessage::Broadcast { id, .. }
            | ServerMessage::Direct { id, .. }
                if self.is_ours(id.as_ref()) => {}
            message => {
                if let Some(line) = words::line(message, &self.room) {
                    self.screen.print(line);
                }
            }
        }
    }

    fn note(&mut self, text: &str) {
        self.screen.print(format!("{FAINT}* {text}{FAINT:#}"));
    }

    fn complain(&mut self, text: &str) {
        self.screen.print(format!("{BAD}! {text}{BAD:#}"));
    }
}
