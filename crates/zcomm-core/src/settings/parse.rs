//! The forms that a setting may take.
//!
//! Each function reads one kind of value, or says which forms it accepts. They accept what
//! people write (`on`, `Yes`, a slash at the end of an origin) as long as it can mean only
//! one thing, and refuse the rest: a guess that weakens protection is worse than a server
//! that does not start.
//!
//! Production reads richer values (sizes with units, lists from files) the same way.

use std::{fmt::Display, path::PathBuf, str::FromStr, time::Duration};

use crate::{
    access::{
        origin::{Authority, Origin},
        token::{NamedToken, Token},
    },
    error::{Error, Result},
    protocol::message::excerpt,
    settings::zenv::Settings,
    text::names,
    xray::Form,
};

/// Reads one setting with its parser, and says which setting it was when that fails.
pub(crate) fn read<T, E: Display>(
    settings: &Settings,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>> {
    let Some(value) = settings.get(name) else {
        return Ok(None);
    };
    let secret = name.starts_with("WEBSOCKET_TOKEN") || value.contains("-----BEGIN");
    parse(value).map(Some).map_err(|reason| Error::Setting {
        name,
        value: if secret { "***" } else { excerpt(value) }.to_owned(),
        reason: reason.to_string(),
    })
}

/// Each handshake compares with all of them.
const MAX_NAMED_TOKENS: usize = 256;

pub(crate) fn host(text: &str) -> Result<String, String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare.parse::<std::net::IpAddr>().is_ok();
    let name = Authority::parse(text, 0).is_some_and(|authority| authority.port == 0);
    if !address && !name {
        return Err("expected an address or a name, e.g. 127.0.0.1, ::1 or 0.0.0.0".into());
    }
    Ok(bare.to_owned())
}

pub(crate) fn number<T: FromStr + PartialOrd + Display + Copy>(
    least: T,
    most: T,
) -> impl Fn(&str) -> Result<T, String> {
    move |text| match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("expected a number from {least} to {most}")),
    }
}

pub(crate) fn switch(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("expected true, 1, yes, on or false, 0, no, off"),
    }
}

/// How an X-ray is shown; `None`: not at all.
pub(crate) fn xray(text: &str) -> Result<Option<Form>, &'static str> {
    if text.eq_ignore_ascii_case("json") {
        return Ok(Some(Form::Json));
    }
    let on = switch(text).map_err(|_| "expected off, on or json")?;
    Ok(on.then_some(Form::Text))
}

pub(crate) fn seconds(text: &str) -> Result<Duration, &'static str> {
    match text.parse() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected seconds from 0.1 to 3600"),
    }
}

pub(crate) fn rate(text: &str) -> Result<Option<u32>, &'static str> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    number(1, 1_000_000)(text)
        .map(Some)
        .map_err(|_| "expected messages per second from 1 to 1000000, or off")
}

/// A list separated by commas; empty entries are left out, so an empty list is possible.
pub(crate) fn list<T>(
    entry: fn(&str) -> Result<T, String>,
) -> impl Fn(&str) -> Result<Vec<T>, String> {
    move |text| {
        text.split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(entry)
            .collect()
    }
}

/// `alice:…,bob:…`. What is wrong is told by its place: an entry without a name may be a
/// secret and nothing else.
pub(crate) fn named_tokens(text: &str) -> Result<Vec<NamedToken>, String> {
    let mut tokens: Vec<NamedToken> = Vec::new();
    let entries = text
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty());
    for (at, entry) in entries.enumerate() {
        let wrong = |why: &str| format!("entry {}: {why}", at + 1);
        let (name, token) = entry
            .split_once(':')
            .ok_or_else(|| wrong("expected a name and a token, as in alice:…"))?;
        let name = names::name(name).ok_or_else(|| wrong(names::NAME_RULE))?;
        let token = Token::new(token.trim()).map_err(|why| wrong(&format!("the token {why}")))?;
        let known = |other: &NamedToken| {
            other.token.is(&token) || names::folded(&other.name) == names::folded(&name)
        };
        if tokens.iter().any(known) {
            return Err(wrong("this name or this token is there twice"));
        }
        if at == MAX_NAMED_TOKENS {
            return Err(format!("expected at most {MAX_NAMED_TOKENS} names"));
        }
        tokens.push(NamedToken { name, token });
    }
    if tokens.is_empty() {
        return Err("is empty: give names and tokens, or leave it out".into());
    }
    Ok(tokens)
}

/// The path of a file; a relative one counts from the folder the program runs in.
pub(crate) fn file(text: &str) -> Result<PathBuf, &'static str> {
    match text.is_empty() || text.contains("-----BEGIN") || text.contains(char::is_control) {
        true => Err("expected the path of a file, not what is in it"),
        false => Ok(text.into()),
    }
}

pub(crate) fn origin(text: &str) -> Result<Origin, String> {
    match text {
        "*" => Err("* would let every web site in; list the origins".into()),
        // What a page opened by double click sends is `null`; people write what they see.
        "file://" => Ok(Origin::Null),
        _ => Origin::parse(text.strip_suffix('/').unwrap_or(text)).ok_or_else(|| {
            "expected origins such as https://app.example.com or http://localhost:3000, with \
             http:// or https:// and without a path, separated by commas; null for a \
             double-clicked page"
                .into()
        }),
    }
}

pub(crate) fn authority(text: &str) -> Result<Authority, String> {
    Authority::parse(text, 0)
        .ok_or_else(|| "expected names such as board.local or board.local:8765".into())
}
