//! Parses the lines that a user types.
//!
//! A line that begins with `/` is a command. Any other line is a message. An unknown command
//! is an error and is not sent as text, because a message in a chat cannot be deleted.
//!
//! A name may contain spaces. `/msg Ada 2 hi` could be a message to `Ada` or to `Ada 2`, so
//! `/msg` uses the longest known name. An unknown name with spaces needs quotes.

/// A parsed line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Send(To, String),
    Join(String),
    /// `None` means the room that plain text is sent to.
    Leave(Option<String>),
    Who,
    Ping,
    Stats,
    Help,
    Exit,
}

/// The receivers of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum To {
    Room,
    Everybody,
    Person(String),
}

/// The commands: what to type, and what the command does.
pub(super) const COMMANDS: &[(&str, &str)] = &[
    (
        "/broadcast TEXT",
        "send a message to everybody on the server",
    ),
    (
        "/msg NAME TEXT",
        "send a private message; write \"NAME\" if it has spaces",
    ),
    ("/join ROOM", "join a room, or switch to it"),
    ("/leave [ROOM]", "leave a room"),
    ("/who", "list the people in this room"),
    ("/ping", "measure the round trip to the server"),
    ("/stats", "show the server's statistics"),
    ("/help", "show this list"),
    ("/exit", "leave the chat; Ctrl-D does the same"),
];

impl Command {
    /// Parses a line. Returns `None` if the line is empty. `names` are the known names.
    pub(super) fn parse(line: &str, names: &[String]) -> Option<Result<Command, String>> {
        let line = line.trim();
        let Some(command) = line.strip_prefix('/') else {
            return (!line.is_empty()).then(|| Ok(Command::Send(To::Room, line.to_owned())));
        };
        // `//` begins a message that starts with `/`.
        if command.starts_with('/') {
            return Some(Ok(Command::Send(To::Room, command.to_owned())));
        }
        let (word, rest) = command
            .split_once(char::is_whitespace)
            .unwrap_or((command, ""));
        let rest = rest.trim();
        let text = |command: fn(String) -> Command| match rest.is_empty() {
            true => Err(usage(word)),
            false => Ok(command(rest.to_owned())),
        };
        Some(match word {
            "broadcast" => text(|text| Command::Send(To::Everybody, text)),
            "msg" => addressed(rest, names).ok_or_else(|| usage(word)),
            "join" => text(Command::Join),
            "leave" => Ok(Command::Leave((!rest.is_empty()).then(|| rest.to_owned()))),
            "who" => Ok(Command::Who),
            "ping" => Ok(Command::Ping),
            "stats" => Ok(Command::Stats),
            "help" => Ok(Command::Help),
            "exit" | "quit" => Ok(Command::Exit),
            _ => Err(format!(
                "unknown command /{word}: type /help for the list, or //{word} to send it as text"
            )),
        })
    }
}

fn usage(word: &str) -> String {
    let form = COMMANDS
        .iter()
        .find(|(form, _)| form[1..].starts_with(word));
    form.map_or_else(String::new, |(form, _)| format!("usage: {form}"))
}

/// Reads `NAME TEXT`, and returns the command that sends TEXT to NAME. Returns `None` if the name
/// or the text is missing.
fn addressed(rest: &str, names: &[String]) -> Option<Command> {
    let known = || {
        let fits = |name: &&String| {
            let behind = rest.strip_prefix(name.as_str());
            behind.is_some_and(|behind| behind.starts_with(char::is_whitespace))
        };
        let longest = names.iter().filter(fits).max_by_key(|name| name.len())?;
        Some((longest.as_str(), &rest[longest.len()..]))
    };
    let quoted = || rest.strip_prefix('"')?.split_once('"');
    let first = || rest.split_once(char::is_whitespace);
    let (to, text) = quoted().or_else(known).or_else(first)?;
    let (to, text) = (to.trim(), text.trim());
    let person = || To::Person(to.to_owned());
    (!to.is_empty() && !text.is_empty()).then(|| Command::Send(person(), text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Result<Command, String>> {
        let names = ["Ada", "Ada 2", "Ben"].map(str::to_owned);
        Command::parse(line, &names)
    }

    fn message(to: &str, text: &str) -> Option<Result<Command, String>> {
        Some(Ok(Command::Send(To::Person(to.into()), text.into())))
    }

    #[test]
    fn plain_text_is_a_message() {
        assert_eq!(
            parse("  hello you "),
            Some(Ok(Command::Send(To::Room, "hello you".into())))
        );
        assert_eq!(
            parse("//etc/passwd"),
            Some(Ok(Command::Send(To::Room, "/etc/passwd".into())))
        );
        assert_eq!(parse(" \t "), None);
    }

    #[test]
    fn a_name_is_the_longest_known_name() {
        assert_eq!(parse("/msg Ada 2 psst"), message("Ada 2", "psst"));
        assert_eq!(parse("/msg Ada 2"), message("Ada", "2"));
        assert_eq!(parse("/msg Adam 2 psst"), message("Adam", "2 psst"));
        assert_eq!(parse("/msg \"Eve 3\" psst"), message("Eve 3", "psst"));
        assert_eq!(parse("/msg Ben"), Some(Err("usage: /msg NAME TEXT".into())));
        assert_eq!(
            parse("/msg \"\" x"),
            Some(Err("usage: /msg NAME TEXT".into()))
        );
    }

    #[test]
    fn a_misspelt_command_is_an_error_and_not_a_message() {
        for line in ["/brodcast all", "/", "/Join x"] {
            let error = parse(line).unwrap().unwrap_err();
            assert!(error.contains("/help"), "{error}");
        }
        assert_eq!(parse("/join"), Some(Err("usage: /join ROOM".into())));
        assert_eq!(parse("/leave"), Some(Ok(Command::Leave(None))));
        assert_eq!(parse("/quit"), Some(Ok(Command::Exit)));
    }

    #[test]
    fn every_command_of_the_list_is_parsed() {
        for (form, _) in COMMANDS {
            let line = form.replace(['[', ']'], "");
            assert!(matches!(parse(&line), Some(Ok(_))), "{form}");
        }
    }
}
