//! What a line that somebody types means.
//!
//! Plain text is for the room; a line that begins with `/` is for us. Nothing is guessed: a
//! command that is misspelt is told and not sent, because what stands in a chat cannot be
//! taken back.
//!
//! Names may have spaces in them (`Ada 2`), so `/msg` looks for the longest name that it
//! knows; quotes name somebody whom it does not know.

/// What somebody wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Say(String),
    Broadcast(String),
    Message {
        to: String,
        text: String,
    },
    Join(String),
    /// This room, or the one that plain text goes to.
    Leave(Option<String>),
    Who,
    Ping,
    Stats,
    Help,
    Exit,
}

/// The commands: what to type, and what it does.
pub(super) const COMMANDS: &[(&str, &str)] = &[
    (
        "/broadcast TEXT",
        "say something to everybody on the server",
    ),
    (
        "/msg NAME TEXT",
        "say something to one person; \"NAME\" where it has spaces",
    ),
    ("/join ROOM", "enter a room, or turn to one that you are in"),
    ("/leave [ROOM]", "leave a room"),
    ("/who", "who is in this room"),
    ("/ping", "how long the way to the server and back takes"),
    ("/stats", "some figures about the server"),
    ("/help", "this list"),
    ("/exit", "leave; Ctrl-D does the same"),
];

impl Command {
    /// Reads a line, or says what is wrong with it. `None` for an empty one. `names` are
    /// those that are known.
    pub(super) fn parse(line: &str, names: &[String]) -> Option<Result<Command, String>> {
        let line = line.trim();
        let Some(command) = line.strip_prefix('/') else {
            return (!line.is_empty()).then(|| Ok(Command::Say(line.to_owned())));
        };
        // Two of them are for a text that begins with one.
        if command.starts_with('/') {
            return Some(Ok(Command::Say(command.to_owned())));
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
            "broadcast" => text(Command::Broadcast),
            "msg" => addressed(rest, names).ok_or_else(|| usage(word)),
            "join" => text(Command::Join),
            "leave" => Ok(Command::Leave((!rest.is_empty()).then(|| rest.to_owned()))),
            "who" => Ok(Command::Who),
            "ping" => Ok(Command::Ping),
            "stats" => Ok(Command::Stats),
            "help" => Ok(Command::Help),
            "exit" | "quit" => Ok(Command::Exit),
            _ => Err(format!(
                "there is no /{word}; /help shows what there is, and //{word} says it as text"
            )),
        })
    }
}

fn usage(word: &str) -> String {
    let form = COMMANDS
        .iter()
        .find(|(form, _)| form[1..].starts_with(word));
    form.map_or_else(String::new, |(form, _)| format!("it is {form}"))
}

/// The name at the beginning, and the text behind it.
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
    (!to.is_empty() && !text.is_empty()).then(|| Command::Message {
        to: to.to_owned(),
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Result<Command, String>> {
        let names = ["Ada", "Ada 2", "Ben"].map(str::to_owned);
        Command::parse(line, &names)
    }

    fn message(to: &str, text: &str) -> Option<Result<Command, String>> {
        let (to, text) = (to.to_owned(), text.to_owned());
        Some(Ok(Command::Message { to, text }))
    }

    #[test]
    fn plain_text_is_for_the_room() {
        assert_eq!(
            parse("  hello you "),
            Some(Ok(Command::Say("hello you".into())))
        );
        assert_eq!(
            parse("//etc/passwd"),
            Some(Ok(Command::Say("/etc/passwd".into())))
        );
        assert_eq!(parse(" \t "), None);
    }

    #[test]
    fn a_name_is_the_longest_that_is_known() {
        assert_eq!(parse("/msg Ada 2 psst"), message("Ada 2", "psst"));
        assert_eq!(parse("/msg Ada 2"), message("Ada", "2"));
        assert_eq!(parse("/msg Adam 2 psst"), message("Adam", "2 psst"));
        assert_eq!(parse("/msg \"Eve 3\" psst"), message("Eve 3", "psst"));
        assert_eq!(parse("/msg Ben"), Some(Err("it is /msg NAME TEXT".into())));
        assert_eq!(
            parse("/msg \"\" x"),
            Some(Err("it is /msg NAME TEXT".into()))
        );
    }

    #[test]
    fn what_is_misspelt_is_told_and_not_said() {
        for line in ["/brodcast all", "/", "/Join x"] {
            let told = parse(line).unwrap().unwrap_err();
            assert!(told.contains("/help"), "{told}");
        }
        assert_eq!(parse("/join"), Some(Err("it is /join ROOM".into())));
        assert_eq!(parse("/leave"), Some(Ok(Command::Leave(None))));
        assert_eq!(parse("/quit"), Some(Ok(Command::Exit)));
    }

    #[test]
    fn every_command_of_the_list_is_one() {
        for (form, _) in COMMANDS {
            let line = form.replace(['[', ']'], "");
            assert!(matches!(parse(&line), Some(Ok(_))), "{form}");
        }
    }
}
