//! `zcomm chat`: joins a chat from the terminal.
//!
//! Plain text is sent to the room. A line that begins with `/` is a command. The messages of
//! other people appear above the line that the user is typing.
//!
//! After a broken connection, the client reconnects. Then the client again sends each message
//! that the server has not confirmed. The client also shows the messages that it missed, and
//! reports lost messages.
//!
//! With input from a pipe, the program first joins the room. Then it handles each line like a
//! typed line. After the last line, the program waits for the answers of the server, and ends
//! when no more messages arrive.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod commands;
mod ending;
mod people;
mod render;

mod screen;

mod participant;

use std::{process::ExitCode, time::Duration};

use zcomm_chat::{ChatClient, envelope::LOBBY};

use crate::shared::{
    failure::Failure,
    handshake::{Handshake, wait},
};
use participant::Participant;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm chat --token TOKEN                join the chat_app on this machine
  zcomm chat --token TOKEN --name Ada     join under a name
  echo hi | zcomm chat --token TOKEN      send one message and leave

The token is in the link that chat_app prints, after #token=, or it is
WEBSOCKET_TOKEN in its settings.
Plain text is sent to the room. Type /help for the commands.

After the end of a pipe, the command waits until the server has confirmed every
message and answered every command. Then it waits until no message has arrived
for 1 s, at most 5 s. /exit, and Ctrl-D at a terminal, leave at once.

If no server answers, or the connection breaks, the command tries again, without
end: Ctrl-C stops it. --connect-timeout limits each attempt, not all attempts
together. After a refusal, the command does not try again.

Exit code: 0 after a normal close by this command or by the server, 1 after a
refusal or a lost message, 2 for a wrong option, address or file, 130 after
Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.")]
pub(crate) struct Arguments {
    /// The address of the chat
    #[arg(default_value = "ws://127.0.0.1:8765/")]
    url: String,

    /// Your name; the server adds a number if the name is taken
    #[arg(long, default_value = "guest")]
    name: String,

    /// The first room to join
    #[arg(long, default_value = LOBBY)]
    room: String,

    /// After the end of a pipe, stay in the chat for this time, e.g. 500ms, 10s or 2m
    #[arg(long, value_name = "TIME", value_parser = wait)]
    wait: Option<Duration>,

    #[command(flatten)]
    handshake: Handshake,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let options = arguments.handshake.options(&arguments.url)?;
    let client = ChatClient::new(options, &arguments.name)?;
    let participant = Participant::new(client, &arguments.room, arguments.wait);
    Ok(participant.run().await?)
}
