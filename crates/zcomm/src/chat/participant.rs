//! One participant of a chat: sends what the user types, and shows what the server sends.

use std::{collections::VecDeque, fmt::Display, process::ExitCode, time::Duration};

use tokio::time::{Instant, sleep_until, timeout};
use zcomm_chat::{
    ChatClient, ChatEvent,
    envelope::{Action, ClientMessage, LOBBY, ServerMessage},
};
use zcomm_core::{End, Error, Event, Message, Result, StopSignals};

use super::{
    commands::{COMMANDS, Command, To},
    ending,
    people::People,
    render,
    screen::Screen,
};
use crate::shared::{
    answers::{Answers, Patience},
    input::Input,
    run::{INTERRUPTED, until},
    text::{BAD, FAINT, counted, named, visible},
};

/// The client remembers at most this number of sent messages, and of pings without an answer.
const REMEMBERED: usize = 400;
/// After the end of the input, the time limit for confirmations from the server.
const CONFIRMATION: Duration = Duration::from_secs(15);
/// A chat server sends a welcome at once. After this time, a note says that the welcome is
/// missing.
const WELCOME: Duration = Duration::from_millis(300);
/// Before the client reads its input from a pipe, it waits until it has joined the first room, at
/// most this long. Commands need the list of people in this room.
const JOINED: Duration = Duration::from_secs(5);
/// After the end of the last connection, the time limit to find out whether a pipe has ended.
const END_OF_PIPE: Duration = Duration::from_millis(500);
/// At most this number of characters of an unknown message are shown.
const SHOWN: usize = 200;

pub(super) struct Participant {
    client: ChatClient,
    screen: Screen,
    people: People,
    /// The room that plain text is sent to.
    room: String,
    /// The latest messages that this user sent: id and text.
    sent: VecDeque<(String, String)>,
    /// When each unanswered ping was sent.
    pings: VecDeque<Instant>,
    /// Whether at least one message was not delivered. If so, the exit code is 1.
    lost: bool,
    /// Whether the server has accepted this client.
    welcomed: bool,
    /// When to print a note that the welcome is missing. `None` after the note, after the
    /// welcome, and without a connection.
    welcome_due: Option<Instant>,
    /// How the last connection ended.
    end: Option<End>,
    /// The client does not read the input before this time.
    read_at: Instant,
    /// When to stop waiting for confirmations. `None` before the end of the input.
    give_up_at: Option<Instant>,
    /// Decides how long to stay after the end of a pipe. `None` after the user has left.
    answers: Option<Answers>,
    /// The error that ended the input.
    failed: Option<Error>,
}

impl Participant {
    /// `wait` is the time to stay after the end of a pipe.
    pub(super) fn new(mut client: ChatClient, room: &str, wait: Option<Duration>) -> Participant {
        client.join(room);
        let screen = Screen::open(&prompt(room));
        let patience = wait.map_or(Patience::Answers, Patience::Exactly);
        Participant {
            client,
            read_at: match screen.is_terminal() {
                true => Instant::now(),
                false => Instant::now() + JOINED,
            },
            screen,
            people: People::default(),
            room: room.to_owned(),
            sent: VecDeque::new(),
            pings: VecDeque::new(),
            lost: false,
            welcomed: false,
            welcome_due: None,
            end: None,
            give_up_at: None,
            answers: Some(Answers::new(patience)),
            failed: None,
        }
    }

    /// Runs until the user leaves or the server refuses this client.
    pub(super) async fn run(mut self) -> Result<ExitCode> {
        let ended = self.take_part().await;
        // In every case, send the server a Close frame if there is still a connection.
        self.client.close().await.ok();
        self.screen.close().await;
        ended
    }

    async fn take_part(&mut self) -> Result<ExitCode> {
        let mut signals = StopSignals::new()?;
        loop {
            let waiting = self.client.waiting();
            let ended = self.give_up_at.is_some();
            let leave_at = match &self.answers {
                Some(answers) => answers.close_at(),
                None => self.give_up_at.map(|_| Instant::now()),
            };
            let may_leave = ended && waiting == 0 && self.welcomed;
            let read_at = self.read_at;
            // `select!` polls in random order. So a server that never stops sending cannot
            // block the input, and an endless input cannot block the events.
            tokio::select! {
                event = self.client.next() => match event {
                    Some(event) => self.show(event)?,
                    None => return self.over().await,
                },
                input = read(&mut self.screen, read_at), if !ended && !self.client.is_full() => {
                    if let Some(code) = self.input(input)? {
                        return Ok(ExitCode::from(code));
                    }
                }
                code = signals.next() => return Ok(ExitCode::from(code)),
                () = until(self.welcome_due) => self.miss_welcome(),
                () = until(leave_at), if may_leave => return self.leave_chat().await,
                () = until(self.give_up_at), if !may_leave => return Err(unconfirmed(waiting)),
            }
        }
    }

    /// Handles a part of the input. Returns the exit code after Ctrl-C, otherwise `None`.
    fn input(&mut self, input: Input<String>) -> Result<Option<u8>> {
        match input {
            Input::Item(line) => match self.act(&line) {
                true => self.end_of_input(false),
                false => self.screen.ready(&prompt(&self.room)),
            },
            Input::End => self.end_of_input(!self.screen.is_terminal()),
            Input::Interrupted => return Ok(Some(INTERRUPTED)),
            Input::Refused(error) if self.screen.is_terminal() => {
                self.warn(error.with_help());
                self.screen.ready(&prompt(&self.room));
            }
            // The server must still confirm the earlier lines.
            Input::Refused(error) | Input::Failed(error) => {
                self.failed = Some(error);
                self.end_of_input(true);
            }
        }
        Ok(None)
    }

    fn end_of_input(&mut self, stay: bool) {
        self.give_up_at = Some(Instant::now() + CONFIRMATION);
        match &mut self.answers {
            Some(answers) if stay => answers.input_ended(false),
            answers => *answers = None,
        }
    }

    async fn leave_chat(&mut self) -> Result<ExitCode> {
        let closed = self.client.close().await;
        // The last events may say that a message was not delivered.
        while let Some(event) = self.client.next().await {
            self.show(event)?;
        }
        self.failed.take().map_or(Ok(()), Err)?;
        match closed {
            // Without a connection there is nothing to close.
            Ok(_) | Err(Error::Closed) => Ok(ExitCode::from(u8::from(self.lost))),
            Err(error) => Err(error),
        }
    }

    /// Returns the exit code when the connection has ended and the client does not reconnect.
    async fn over(&mut self) -> Result<ExitCode> {
        let all_read = self.give_up_at.is_some()
            || self.screen.is_terminal()
            // The server may close before the client has noticed the end of the pipe.
            || matches!(timeout(END_OF_PIPE, self.screen.input()).await, Ok(Input::End));
        self.failed.take().map_or(Ok(()), Err)?;
        ending::check(self.end.as_ref(), all_read)?;
        Ok(ExitCode::from(u8::from(self.lost)))
    }

    /// Counts a message to which the server sends one answer.
    fn asked(&mut self) {
        self.answers.iter_mut().for_each(Answers::sent);
    }

    /// Counts an answer from the server.
    fn answered(&mut self) {
        self.answers.iter_mut().for_each(Answers::received);
    }

    /// Runs the command in a typed line. Returns true if the user leaves.
    fn act(&mut self, line: &str) -> bool {
        match Command::parse(line, &self.people.names()) {
            None => false,
            Some(Ok(command)) => self.execute(command),
            Some(Err(why)) => {
                self.warn(visible(&why));
                false
            }
        }
    }

    fn execute(&mut self, command: Command) -> bool {
        match command {
            Command::Send(to, text) => self.send(&to, text),
            Command::Join(room) => self.join(room),
            Command::Leave(room) => self.leave(room),
            Command::Who => self.note(self.people.list(&self.room)),
            Command::Ping => self.ping(),
            Command::Stats => {
                self.asked();
                self.client.ask(ClientMessage::Custom {
                    action: Action::GetStats,
                });
            }
            Command::Help => self.help(),
            Command::Exit => return true,
        }
        false
    }

    fn send(&mut self, to: &To, text: String) {
        let id = match to {
            To::Room => self.client.chat(&self.room, &text),
            To::Everybody => self.client.broadcast(&text),
            To::Person(name) => self.client.direct(name, &text),
        };
        let Some(id) = id else {
            self.lost = true;
            let text = visible(&text);
            return self.warn(format!("not sent, too many messages are waiting: {text}"));
        };
        self.asked();
        if self.sent.len() == REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back((id, text));
    }

    /// Returns the text of the sent message with this id.
    fn text_of(&self, id: &str) -> Option<&str> {
        let sent = self.sent.iter().find(|(ours, _)| ours == id);
        sent.map(|(_, text)| text.as_str())
    }

    fn join(&mut self, room: String) {
        if !self.client.rooms().contains(&room) {
            self.client.join(&room);
        }
        self.room = room;
    }

    /// Leaves a room. Without a name, leaves the room that plain text is sent to.
    fn leave(&mut self, room: Option<String>) {
        let room = room.unwrap_or_else(|| self.room.clone());
        if !self.client.rooms().contains(&room) {
            return self.warn(format!("you are not in {}", named(&room)));
        }
        self.client.leave(&room);
        self.stay_in_a_room();
    }

    /// Chooses another room for plain text if the client is not in the current room any more.
    /// The user may have left this room, or the server may have refused the client.
    fn stay_in_a_room(&mut self) {
        let rooms = self.client.rooms();
        if !rooms.contains(&self.room) {
            self.room = rooms
                .first()
                .map_or_else(|| LOBBY.to_owned(), String::clone);
        }
    }

    fn ping(&mut self) {
        self.pings.truncate(REMEMBERED);
        self.pings.push_back(Instant::now());
        self.asked();
        self.client.ask(ClientMessage::Ping { id: None });
    }

    fn help(&mut self) {
        for (form, what) in COMMANDS {
            self.note(format!("{form:<17} {what}"));
        }
    }

    /// Shows an event. Fails if the client has stopped reconnecting.
    fn show(&mut self, event: ChatEvent) -> Result<()> {
        match event {
            ChatEvent::Received(said) => self.show_message(&said.message),
            ChatEvent::Unknown(Message::Text(text)) => {
                let text: String = visible(&text).chars().take(SHOWN).collect();
                self.note(format!("unknown message from the server: {text}"));
            }
            ChatEvent::Unknown(Message::Binary(data)) => {
                let bytes = counted(data.len() as u64, "byte");
                self.note(format!("binary message from the server: {bytes}"));
            }
            ChatEvent::Acknowledged { .. } => self.answered(),
            ChatEvent::Failed { id, why } => {
                self.answered();
                self.lost = true;
                let text = visible(self.text_of(&id).unwrap_or_default());
                self.warn(format!("not delivered, because {}: {text}", visible(&why)));
            }
            ChatEvent::Connection(event) => return self.show_connection(event),
        }
        Ok(())
    }

    fn miss_welcome(&mut self) {
        self.welcome_due = None;
        self.note("connected, and waiting for the welcome: is this server a chat?");
    }

    fn show_connection(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Connected(_) => self.welcome_due = Some(Instant::now() + WELCOME),
            Event::Message(_) => {}
            Event::Disconnected(end) => {
                self.welcome_due = None;
                self.pings.clear();
                self.warn(visible(&end.to_string()));
                self.end = Some(end);
            }
            Event::Reconnecting { wait, why } => {
                let why = why.map_or_else(String::new, |why| format!("{}; ", why.with_help()));
                let waiting = match self.client.waiting() {
                    0 => String::new(),
                    count => format!("; {} still to be sent", counted(count as u64, "message")),
                };
                let wait = wait.as_secs_f32();
                self.note(format!("{why}trying again in {wait:.1} s{waiting}"));
            }
            Event::GaveUp(why) => return Err(why),
        }
        Ok(())
    }

    /// Updates the times that depend on messages: when to read the input, and when to leave.
    fn count(&mut self, message: &ServerMessage) {
        self.answers.iter_mut().for_each(Answers::active);
        match message {
            ServerMessage::Stats { .. } => self.answered(),
            // The client has joined the first room, or was refused. So read the input now.
            ServerMessage::Joined { .. } | ServerMessage::Error(_) => {
                self.read_at = self.read_at.min(Instant::now());
            }
            _ => {}
        }
    }

    fn show_message(&mut self, message: &ServerMessage) {
        self.count(message);
        if self.people.update(message) {
            self.screen.complete(self.people.typeable());
        }
        match message {
            ServerMessage::Welcome { name, .. } => {
                (self.welcomed, self.welcome_due) = (true, None);
                let name = named(name);
                self.note(format!("you are {name}; type /help for the commands"));
            }
            ServerMessage::Pong { .. } => {
                if let Some(sent) = self.pings.pop_front() {
                    self.answered();
                    let ms = sent.elapsed().as_secs_f64() * 1000.0;
                    self.note(format!("round trip to the server: {ms:.2} ms"));
                }
            }
            // This text came from the input, so do not print it.
            ServerMessage::Chat {
                id: Some(id),
                client_id,
                ..
            }
            | ServerMessage::Broadcast {
                id: Some(id),
                client_id,
                ..
            }
            | ServerMessage::Direct {
                id: Some(id),
                client_id,
                ..
            } if self.client.is_own(client_id) && self.text_of(id).is_some() => {}
            message => {
                if let Some(line) = render::line(message, &self.room) {
                    self.screen.print(line);
                }
                if matches!(message, ServerMessage::Error(_)) {
                    self.stay_in_a_room();
                }
            }
        }
    }

    fn note(&mut self, text: impl Display) {
        self.screen.print(format!("{FAINT}* {text}{FAINT:#}"));
    }

    fn warn(&mut self, text: impl Display) {
        self.screen.print(format!("{BAD}! {text}{BAD:#}"));
    }
}

/// Waits until this time, and then for the next input.
async fn read(screen: &mut Screen, at: Instant) -> Input<String> {
    sleep_until(at).await;
    screen.input().await
}

fn prompt(room: &str) -> String {
    format!("{}> ", named(room))
}

fn unconfirmed(count: usize) -> Error {
    let messages = counted(count as u64, "message");
    Error::Ended {
        what: format!("the server did not confirm {messages}"),
        help: Some("look in the room before you send them again"),
    }
}
