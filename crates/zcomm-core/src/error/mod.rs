//! What can go wrong, grouped by what the reader can do about it.
//!
//! A message names the thing (setting, file, address) and keeps its source; `help` says
//! what to type next. `Debug` prints like `Display`, so a program that returns an `Error`
//! ends in a sentence and not in a struct dump.
//!
//! Two events are no errors here: a client that leaves ([`recv`](crate::Connection::recv)
//! yields `None`) and a client that is refused (logged, with the reason).
//!
//! A production server adds an error counter per kind, so that a rising line is seen
//! before a user calls.

use std::{fmt, io, net::SocketAddr, path::PathBuf};

use connect::ConnectError;

use crate::tls::{error::CertificateError, pem::PemError};

pub(crate) mod connect;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. `Display` is one line; [`Error::help`] says what to do next.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting has a value that this program cannot use: repair the setting.
    #[error("{name}={value:?}: {reason}")]
    Setting {
        /// The name of the setting, e.g. `WEBSOCKET_PORT`.
        name: &'static str,
        /// The value as found; `***` for a secret.
        value: String,
        /// What is wrong with it and which forms are accepted.
        reason: String,
    },
    /// A setting is missing that another one needs, or is misspelt: write it.
    #[error("{name}: {reason}")]
    SettingMissing {
        /// The name of the setting.
        name: String,
        /// Why it is needed, or what it should be called.
        reason: String,
    },
    /// The settings file cannot be read: repair the line.
    #[error("{}{}: {reason}", file.display(), line.map(|n| format!(", line {n}")).unwrap_or_default())]
    SettingsFile {
        /// The file, as it was opened.
        file: PathBuf,
        /// The line, counted from 1, where one can be named.
        line: Option<usize>,
        /// What is wrong with it.
        reason: String,
    },
    /// The program was given an argument that it does not have: leave it out.
    #[error("{0} is no argument of this program")]
    Argument(String),
    /// A certificate, a key or the list of trusted authorities cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A client did not get its WebSocket; the error says at which step, and what to do.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Another program listens on this address: stop it, or take another port.
    #[error("{0} is in use: another program listens on port {port}", port = .0.port())]
    AddressInUse(SocketAddr),
    /// The operating system does not let us listen there: take another address.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The connection has ended, so nothing can be sent any more. Handlers pass it on with
    /// `?`; the server does not count it as a failure.
    #[error("the connection has ended")]
    Closed,
    /// A connection did not end as it should: with the other side's goodbye.
    #[error("{what}")]
    Ended {
        /// How it ended.
        what: String,
        /// What to do about it, where that is known.
        help: Option<&'static str>,
    },
    /// A message to be sent is larger than a connection may buffer: send it in parts.
    #[error("a message of {size} bytes is over the limit of {limit} bytes")]
    MessageTooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes: 64 KiB and twice `WEBSOCKET_MAX_MESSAGE_BYTES`.
        limit: usize,
    },
    /// A client already has as many direct messages waiting as it may: try later, or
    /// disconnect it.
    #[error("this client has too many direct messages waiting")]
    Busy,
    /// Any other failure of the operating system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// For `?` on a file that is read by itself.
impl From<PemError> for Error {
    fn from(error: PemError) -> Error {
        Error::Certificate(error.into())
    }
}

impl Error {
    /// What the reader can do next, where we know.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Error::Setting { .. } | Error::SettingMissing { .. } | Error::SettingsFile { .. } => {
                Some(
                    "every setting is explained in .zEnv.example, at the top of the project".into(),
                )
            }
            Error::Argument(_) => Some(
                "--xray shows every byte that passes, --xray=json for programs. All else is a \
                 setting, see .zEnv.example; e.g. WEBSOCKET_PORT=9000 before the command"
                    .into(),
            ),
            Error::Certificate(error) => Some(error.help()),
            Error::Connect(error) => Some(error.help()),
            Error::Ended { help, .. } => help.map(str::to_owned),
            Error::AddressInUse(addr) => Some(format!(
                "an earlier lesson may still run: stop it with Ctrl-C. Or take another port with \
                 WEBSOCKET_PORT={}, or see who holds this one: {}",
                addr.port().checked_add(1).unwrap_or(8765),
                if cfg!(windows) {
                    format!("netstat -ano | findstr :{}", addr.port())
                } else if cfg!(target_os = "linux") {
                    format!("ss -ltnp 'sport = :{}'", addr.port())
                } else {
                    format!("lsof -nP -iTCP:{} -sTCP:LISTEN", addr.port())
                },
            )),
            Error::Listen { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("set WEBSOCKET_PORT to 1024 or higher: lower ports need special rights".into())
            }
            Error::Listen { .. } => {
                Some("set WEBSOCKET_HOST to an address of this machine, e.g. 127.0.0.1".into())
            }
            _ => None,
        }
    }

    /// The message and what to do next in one line, for a log.
    #[must_use]
    pub fn with_help(&self) -> String {
        match self.help() {
            Some(help) => format!("{self}; {help}"),
            None => self.to_string(),
        }
    }

    /// The exit code for a program that ends with this error, as sysexits.h has them: 64
    /// (`EX_USAGE`) for a wrong argument, 78 (`EX_CONFIG`) when a setting has to change, else
    /// 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Argument(_) => 64,
            Error::Setting { .. }
            | Error::SettingMissing { .. }
            | Error::SettingsFile { .. }
            | Error::Certificate(_)
            | Error::Listen { .. } => 78,
            _ => 1,
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_debugs_as_the_sentence_it_displays() {
        let error = Error::Setting {
            name: "WEBSOCKET_PORT",
            value: "abc".into(),
            reason: "expected a number from 0 to 65535".into(),
        };
        assert_eq!(format!("{error:?}"), error.to_string());
        assert_eq!(
            error.to_string(),
            r#"WEBSOCKET_PORT="abc": expected a number from 0 to 65535"#
        );
        assert_eq!(error.exit_code(), 78);
    }

    #[test]
    fn a_port_in_use_names_the_port_and_how_to_find_who_holds_it() {
        let error = Error::AddressInUse(([127, 0, 0, 1], 8765).into());
        assert!(error.to_string().contains("port 8765"));
        assert!(error.help().unwrap().contains("8765"));
        assert!(error.help().unwrap().contains("WEBSOCKET_PORT=8766"));
        assert_eq!(error.exit_code(), 1);
    }
}
