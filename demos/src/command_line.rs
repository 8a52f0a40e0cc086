//! Reads the command line of a program.
//!
//! The parser clap repeats a wrong argument in its error. The argument may be a token, or an
//! address with a token, and errors stay in logs. So this file replaces an argument that may be
//! a secret by `***`.

use clap::{
    Parser,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};
use zcomm_core::may_be_secret;

/// Returns the parsed command line. Exits if the command line is wrong or asks for help.
#[must_use]
pub fn command_line<T: Parser>() -> T {
    T::try_parse().unwrap_or_else(|error| without_secrets(error).exit())
}

fn without_secrets(mut error: Error) -> Error {
    let mut kinds = vec![ContextKind::InvalidValue, ContextKind::InvalidSubcommand];
    // For an unknown argument, `InvalidArg` is the text that the user typed. In other errors,
    // `InvalidArg` is the name of an option.
    if error.kind() == ErrorKind::UnknownArgument {
        kinds.push(ContextKind::InvalidArg);
    }
    for kind in kinds {
        let Some(ContextValue::String(typed)) = error.get(kind) else {
            continue;
        };
        if may_be_secret(typed) && !is_option(typed) {
            error.insert(kind, ContextValue::String("***".into()));
            // clap's suggestion may repeat the wrong argument.
            error.remove(ContextKind::Suggested);
        }
    }
    error
}

/// Whether a text looks like an option: `--`, and then only lower-case letters and `-`. A random
/// token usually has digits or capital letters.
fn is_option(text: &str) -> bool {
    let name = text.strip_prefix("--");
    name.is_some_and(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    #[command(name = "zcomm")]
    struct Example {
        url: Option<String>,
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
        port: Option<u16>,
        #[arg(long, num_args = 0..=1, require_equals = true, value_parser = ["on", "json"])]
        xray: Option<String>,
    }

    fn error(arguments: &[&str]) -> String {
        let arguments = ["zcomm"].iter().chain(arguments);
        let error = Example::try_parse_from(arguments).err().unwrap();
        without_secrets(error).to_string()
    }

    #[test]
    fn an_error_does_not_repeat_what_may_be_a_secret() {
        for arguments in [
            &["ws://h/", "canary-token-7Qp2xV9d"][..],
            &["ws://h/", "ws://h/?token=canary"],
            &["--port", "canary-token-7Qp2xV9d"],
            &["--port", "http://h/#token=canary"],
            &["--port=http://canary@h"],
            &["--xray=canary-token-7Qp2xV9d"],
            &["--canary-token-7Qp2xV9d"],
            &["--tokn=canary-token-7Qp2xV9d"],
        ] {
            let error = error(arguments);
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn an_error_names_a_short_value_and_an_unknown_option() {
        for (arguments, named) in [
            (&["--port", "eighty"][..], "'eighty' for '--port"),
            (&["--a-long-unknown-option"], "'--a-long-unknown-option'"),
            (&["--prt=1"], "'--port'"),
        ] {
            let error = error(arguments);
            assert!(error.contains(named), "{error}");
        }
    }
}
