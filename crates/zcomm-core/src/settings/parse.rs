//! The forms that the value of a setting may have.
//!
//! Each function parses one kind of value, and its error lists the accepted forms. A function
//! accepts what people write (`on`, `Yes`, a slash at the end of an origin) if the text can
//! mean only one thing. A function rejects every other text, because a wrong guess could weaken
//! protection. Weak protection is worse than a server that does not start.

use std::{borrow::Cow, fmt::Display, path::PathBuf, str::FromStr, time::Duration};

use crate::{
    access::{
        origin::{Authority, Origin},
        refusal::RefuseBy,
        token::{NamedToken, Token},
    },
    error::{Error, Result},
    settings::zenv::Settings,
    text::{
        names,
        secrets::{HIDDEN, names_secret},
        time::time,
    },
    xray::Form,
};

/// The maximum number of named tokens. Each handshake compares the token of the client with
/// all named tokens.
const MAX_NAMED_TOKENS: usize = 256;
/// The largest `ECHO_PREFIX` (bytes).
const MAX_PREFIX: usize = 1024;

impl Settings {
    /// Parses a setting with `parse`; `None` if the setting is not set.
    pub(crate) fn read<T, E: Display>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>> {
        let value = self.get(name).map(|value| self.checked(name, value, parse));
        value.transpose()
    }

    /// Parses a setting into `field`. If the setting is not set, `field` does not change.
    pub(crate) fn read_into<T, E: Display>(
        &self,
        field: &mut impl From<T>,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<()> {
        if let Some(value) = self.read(name, parse)? {
            *field = value.into();
        }
        Ok(())
    }

    /// Parses the value of a setting. The error shows the value, or `***` if it may be a secret.
    pub(crate) fn checked<T, E: Display>(
        &self,
        name: &'static str,
        value: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T> {
        let secret = self.is_secret(name, value);
        parse(value).map_err(|reason| wrong(name, value, secret, &reason))
    }
}

/// The error for a wrong value of a setting. If `secret` is true, `***` replaces the value.
pub(crate) fn wrong(name: &'static str, value: &str, secret: bool, reason: &dyn Display) -> Error {
    let value = if secret { HIDDEN } else { value };
    // The user may not expect `***` in a setting that is not for a token, so explain the
    // `***`.
    let reason = match secret && !names_secret(name) {
        true => format!("{reason} ({HIDDEN}: this value is not shown, it may be a secret)"),
        false => reason.to_string(),
    };
    Error::Setting {
        name,
        value: value.to_owned(),
        reason,
    }
}

/// Writes a host name in punycode, as browsers send it: `bücher.example` becomes
/// `xn--bcher-kva.example`. The text can also be an origin, or a host name with a port. A text
/// that is ASCII does not change.
fn in_punycode(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(':').map_or(text.len(), |at| start + at);
    match url::Host::parse(&text[start..end]) {
        Ok(url::Host::Domain(name)) => format!("{}{name}{}", &text[..start], &text[end..]).into(),
        _ => text.into(),
    }
}

pub(crate) fn host(text: &str) -> Result<String, String> {
    let text = &*in_punycode(text);
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

pub(crate) fn refuse(text: &str) -> Result<RefuseBy, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "close" => Ok(RefuseBy::Close),
        "http" => Ok(RefuseBy::Http),
        _ => Err("expected close or http"),
    }
}

/// The format of the X-ray; `None` for off.
pub(crate) fn xray(text: &str) -> Result<Option<Form>, &'static str> {
    if text.eq_ignore_ascii_case("json") {
        return Ok(Some(Form::Json));
    }
    let on = switch(text).map_err(|_| "expected off, on or json")?;
    Ok(on.then_some(Form::Text))
}

/// Reads the interval or the time limit of a ping.
pub(crate) fn ping_time(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_millis(100), Duration::from_secs(3600))
}

pub(crate) fn answer_time(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_millis(100), Duration::from_secs(60))
}

pub(crate) fn rate(text: &str) -> Result<Option<u32>, &'static str> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    number(1, 1_000_000)(text)
        .map(Some)
        .map_err(|_| "expected messages per second from 1 to 1000000, or off")
}

pub(crate) fn prefix(text: &str) -> Result<String, String> {
    match text.len() {
        ..=MAX_PREFIX => Ok(text.to_owned()),
        _ => Err(format!("expected at most {MAX_PREFIX} bytes")),
    }
}

/// Parses a list. Commas separate the entries. Empty entries are skipped, so an empty list is
/// possible. The error gives the number of the wrong entry.
pub(crate) fn list<T>(
    entry: fn(&str) -> Result<T, String>,
) -> impl Fn(&str) -> Result<Vec<T>, String> {
    move |text| {
        let numbered = |(at, text)| entry(text).map_err(|why| format!("entry {}: {why}", at + 1));
        entries(text).enumerate().map(numbered).collect()
    }
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    let entries = text.split(',').map(str::trim);
    entries.filter(|entry| !entry.is_empty())
}

/// Parses a list such as `alice:…,bob:…`. An error gives the number of the wrong entry, but not
/// its text, because an entry without a name may be a secret.
pub(crate) fn named_tokens(text: &str) -> Result<Vec<NamedToken>, String> {
    let mut tokens: Vec<NamedToken> = Vec::new();
    for (at, entry) in entries(text).enumerate() {
        let wrong = |why: &str| format!("entry {}: {why}", at + 1);
        let (name, token) = entry
            .split_once(':')
            .ok_or_else(|| wrong("expected a name and a token, as in alice:…"))?;
        let name = names::name(name).ok_or_else(|| wrong(names::NAME_RULE))?;
        let token = Token::new(token.trim()).map_err(|why| wrong(&format!("the token {why}")))?;
        let same = |known: &NamedToken| {
            known.token.is(&token) || names::folded(&known.name) == names::folded(&name)
        };
        if tokens.iter().any(same) {
            return Err(wrong("this name or this token occurs twice"));
        }
        if at == MAX_NAMED_TOKENS {
            return Err(format!("expected at most {MAX_NAMED_TOKENS} names"));
        }
        tokens.push(NamedToken { name, token });
    }
    if tokens.is_empty() {
        return Err("is empty: write names and tokens, or remove the setting".into());
    }
    Ok(tokens)
}

/// Parses the path of a file. A relative path starts in the folder where the program runs.
pub(crate) fn file(text: &str) -> Result<PathBuf, &'static str> {
    match text.is_empty() || text.contains("-----BEGIN") || text.contains(char::is_control) {
        true => Err("expected the path of a file, not its contents"),
        false => Ok(text.into()),
    }
}

pub(crate) fn origin(text: &str) -> Result<Origin, String> {
    match text {
        "*" => Err("* would allow every web site: list the origins instead".into()),
        // A double-clicked page sends `null`, but the address bar shows `file://`.
        "file://" => Ok(Origin::Null),
        _ => Origin::parse(&in_punycode(text.strip_suffix('/').unwrap_or(text))).ok_or_else(|| {
            "expected origins such as https://app.example.com or http://localhost:3000 - with \
             http:// or https:// and without a path, separated by commas; null for a \
             double-clicked page"
                .into()
        }),
    }
}

pub(crate) fn authority(text: &str) -> Result<Authority, String> {
    Authority::parse(&in_punycode(text), 0)
        .ok_or_else(|| "expected names such as board.local or board.local:8765".into())
}
