//! Options for the handshake, for every subcommand that opens a WebSocket.
//!
//! A page in a browser can choose only the subprotocols of its handshake. Other programs can
//! send any header, also a false `Origin`. So an origin check protects the users of browsers,
//! but does not stop other programs.

use std::{
    fmt,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::builder::NonEmptyStringValueParser;
use zcomm_core::{Certificate, CertificateError, ConnectOptions, Trust, shown_path, time};

use super::failure::Failure;

/// Options for the handshake.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct Handshake {
    /// Send this header in the handshake, instead of the one that another option sends;
    /// repeat the option for more headers
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,

    /// Send this origin, as a browser does for its page
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    origin: Option<String>,

    /// Offer this subprotocol, one word; repeat the option for more, the preferred one first
    #[arg(long = "protocol", value_name = "NAME")]
    protocols: Vec<String>,

    /// Send this token as `Authorization: Bearer`; it stays in your shell's history
    // The parser refuses an empty token: a script may pass a variable that is not set.
    #[arg(long, value_parser = token)]
    token: Option<String>,

    /// Read the token from the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,

    /// Also trust the certificates in this file: an authority, or one server's own
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// The time limit for each attempt to connect, e.g. 500ms or 10s
    #[arg(long, value_name = "TIME", value_parser = time_limit, default_value = "10s")]
    connect_timeout: Option<Duration>,
}

impl Handshake {
    /// Returns the options to connect to this address.
    pub(crate) fn options(&self, url: &str) -> Result<ConnectOptions, Failure> {
        let defaults = plain_options(url, self.ca.as_deref())?;
        Ok(ConnectOptions {
            token: self.token()?,
            origin: self.origin.clone(),
            protocols: self.protocols.clone(),
            headers: self.headers.clone(),
            connect_timeout: self.connect_timeout.unwrap_or(defaults.connect_timeout),
            ..defaults
        })
    }

    /// Returns these options for a command that a user may repeat, without their secrets.
    pub(crate) fn shown(&self) -> String {
        let mut shown = String::new();
        if self.token.is_some() {
            shown += " --token …";
        }
        if let Some(file) = &self.token_file {
            shown += &format!(" --token-file {}", shown_path(file));
        }
        if let Some(file) = &self.ca {
            shown += &format!(" --ca {}", shown_path(file));
        }
        if self.origin.is_some() || !self.headers.is_empty() || !self.protocols.is_empty() {
            shown += " …";
        }
        shown
    }

    fn token(&self) -> Result<Option<String>, Failure> {
        match &self.token_file {
            Some(file) => token_in(file).map(Some),
            None => Ok(self.token.clone()),
        }
    }
}

/// Reads the token in the first line of a file. Empty lines before the token do not count.
pub(crate) fn token_in(file: &Path) -> Result<String, Failure> {
    // Read at most 1024 bytes, because a file such as /dev/zero never ends. A token has at
    // most 512 bytes.
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(1024).read_to_string(&mut text));
    let token = text.trim_start_matches('\u{feff}').trim_start();
    let token = token.split(['\r', '\n']).next().unwrap_or_default().trim();
    let problem = match read {
        Err(error) => error.to_string(),
        Ok(_) if token.is_empty() => "the first line is empty".to_owned(),
        Ok(_) => return Ok(token.to_owned()),
    };
    Err(Failure::usage(
        format!("{}: {problem}", shown_path(file)),
        "--token-file names a file whose first line is the token",
    ))
}

/// Returns the default options to connect to this address. If the environment names a proxy,
/// prints a note that `zcomm` does not use the proxy.
pub(crate) fn plain_options(url: &str, ca: Option<&Path>) -> Result<ConnectOptions, Failure> {
    let options = ConnectOptions::new(url, &trust(ca)?);
    if let Some(variable) = options.ignored_proxy()? {
        note(format_args!(
            "{variable} is set, but zcomm uses no proxy and connects directly; NO_PROXY with this \
             host hides this note"
        ));
    }
    Ok(options)
}

/// Returns the authorities that this computer trusts, plus the certificates in this file. If the
/// file contains the certificate of a server, prints a note about the limits of this certificate.
fn trust(ca: Option<&Path>) -> Result<Trust, Failure> {
    let also = match ca {
        Some(file) => Certificate::read_all(file).map_err(|error| {
            Failure::misuse(CertificateError::from(error).named_by(&[("--ca", file)]))
        })?,
        None => Vec::new(),
    };
    for caveat in also.iter().filter_map(Certificate::caveat) {
        note(format_args!(
            "{}: {caveat}",
            ca.map(shown_path).unwrap_or_default()
        ));
    }
    Trust::platform(&also).map_err(Failure::misuse)
}

/// Prints a note on stderr. When stderr is closed, the note is dropped.
fn note(text: fmt::Arguments<'_>) {
    writeln!(io::stderr(), "note: {text}").ok();
}

/// Removes the spaces around a token. Fails if the token has no other characters.
pub(crate) fn token(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("expected a token, but it is empty"),
        token => Ok(token.to_owned()),
    }
}

fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub(crate) fn time_limit(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_millis(100), Duration::from_secs(3600))
}

/// Reads a time to wait for messages after the end of the input.
pub(crate) fn wait(text: &str) -> Result<Duration, String> {
    time(text, Duration::ZERO, Duration::from_secs(24 * 3600))
}
