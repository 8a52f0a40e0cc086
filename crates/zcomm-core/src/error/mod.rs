//! The errors of this crate, grouped by what the user can do about them.
//!
//! An error message names the setting, the file or the address. `source` returns the cause, and
//! `help` says what to do next.
//!
//! `Debug` prints the same text as `Display`. So a program that returns an `Error` from `main`
//! ends with a sentence, not with the fields of a struct.
//!
//! Two events are not errors: a client that leaves ([`recv`](crate::Connection::recv) returns
//! `None`), and a client that is refused (the server logs the reason).

use std::{fmt, io, net::SocketAddr, path::PathBuf};

use connect::ConnectError;

use crate::tls::{error::CertificateError, pem::PemError};

pub(crate) mod descriptors;

pub(crate) mod connect;

/// The result of every function of this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. `Display` is one line; [`Error::help`] says what to do next.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting has a value that this program does not accept: correct the setting.
    #[error("{name}={value:?}: {reason}")]
    Setting {
        /// The name of the setting, e.g. `WEBSOCKET_PORT`.
        name: &'static str,
        /// The value; `***` for a secret.
        value: String,
        /// What is wrong with the value, and which values are accepted.
        reason: String,
    },
    /// A required setting is missing, or the name of a setting has a spelling mistake.
    #[error("{name}: {reason}")]
    SettingMissing {
        /// The name of the setting.
        name: String,
        /// Why the setting is needed, or which name is correct.
        reason: String,
    },
    /// The settings file cannot be read: correct the file.
    #[error("{}{}: {reason}", file.display(), line.map(|n| format!(", line {n}")).unwrap_or_default())]
    SettingsFile {
        /// The path of the file.
        file: PathBuf,
        /// The number of the line, counted from 1, if the error is in one line.
        line: Option<usize>,
        /// What is wrong with the file.
        reason: String,
    },
    /// The program does not have this argument: remove the argument.
    #[error("unknown argument {0}: this program accepts only --xray and --help")]
    Argument(String),
    /// A certificate, a key or the list of trusted authorities cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A client could not connect. The error names the step that failed, and what to do next.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Another program listens on this address: stop the other program, or choose another port.
    #[error("{0} is in use: another program listens on port {port}", port = .0.port())]
    AddressInUse(SocketAddr),
    /// The operating system does not allow this address: choose another address.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address to listen on.
        addr: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The connection has ended, so nothing can be sent. A handler may return this error with
    /// `?`: the server does not count it as a failure.
    #[error("the connection has ended")]
    Closed,
    /// A connection ended with an error code, or no Close frame arrived.
    #[error("{what}")]
    Ended {
        /// How the connection ended.
        what: String,
        /// What to do next. `None` if the error has no help.
        help: Option<&'static str>,
    },
    /// A message to be sent is larger than a connection may buffer: send it in parts.
    #[error("a message of {size} bytes is over the limit of {limit} bytes")]
    MessageTooLarge {
        /// The size of the message in bytes.
        size: usize,
        /// The limit in bytes. The limit of a connection is 64 KiB plus twice
        /// `WEBSOCKET_MAX_MESSAGE_BYTES`. A hub has its own limit.
        limit: usize,
    },
    /// The queue of direct messages to a client is full: try later, or disconnect the client.
    #[error("this client has too many direct messages waiting")]
    Busy,
    /// Several servers are one service, and this server cannot reach the others. The message was
    /// not sent, or only its confirmation is late. If the message does not arrive, send the
    /// message again.
    #[error(
        "this server cannot reach the other servers now; the message may still arrive, otherwise send \
         it again"
    )]
    Unavailable,
    /// Any other failure of the operating system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Allows `?` in a function that reads one PEM file.
impl From<PemError> for Error {
    fn from(error: PemError) -> Error {
        Error::Certificate(error.into())
    }
}

impl Error {
    /// What the user can do next. `None` if the error has no help.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        if self.needs_a_descriptor() {
            return Some(descriptors::HELP.to_owned());
        }
        let help = match self {
            Error::Setting { .. } | Error::SettingMissing { .. } | Error::SettingsFile { .. } => {
                "every setting is explained in .zEnv.example, at the top of the project"
            }
            Error::Argument(_) => {
                "--xray shows every byte of each connection, --xray=json writes it for programs. \
                 Everything else is a setting, see .zEnv.example; e.g. WEBSOCKET_PORT=9000 before \
                 the command"
            }
            Error::Certificate(error) => return Some(error.help()),
            Error::Connect(error) => return Some(error.help()),
            Error::Ended { help, .. } => return help.map(str::to_owned),
            Error::AddressInUse(addr) => return Some(port_in_use(addr.port())),
            Error::Listen { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "set WEBSOCKET_PORT to 1024 or higher: lower ports need special rights"
            }
            Error::Listen { .. } => {
                "set WEBSOCKET_HOST to an address of this machine, e.g. 127.0.0.1"
            }
            _ => return None,
        };
        Some(help.to_owned())
    }

    /// Whether the cause is that no file descriptor is free.
    fn needs_a_descriptor(&self) -> bool {
        match self {
            // The `source` of this error skips the inner error, whose text this error has.
            Error::Io(error) => descriptors::are_used_up(error),
            error => descriptors::are_used_up(error),
        }
    }

    /// The message and the help in one line, for a log line.
    #[must_use]
    pub fn with_help(&self) -> String {
        match self.help() {
            Some(help) => format!("{self}; {help}"),
            None => self.to_string(),
        }
    }

    /// The exit code of a program that ends with this error: 2 if the command line must change,
    /// 78 (`EX_CONFIG` in sysexits.h) if a setting must change, otherwise 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            error if error.needs_a_descriptor() => 1,
            Error::Argument(_)
            | Error::Connect(ConnectError::Url { .. } | ConnectError::Header { .. }) => 2,
            Error::Setting { .. }
            | Error::SettingMissing { .. }
            | Error::SettingsFile { .. }
            | Error::Certificate(_)
            | Error::Connect(ConnectError::Trust(_))
            | Error::Listen { .. } => 78,
            _ => 1,
        }
    }
}

fn port_in_use(port: u16) -> String {
    let find = if cfg!(windows) {
        format!("netstat -ano | findstr :{port}")
    } else if cfg!(target_os = "linux") {
        format!("ss -ltnp 'sport = :{port}'")
    } else {
        format!("lsof -nP -iTCP:{port} -sTCP:LISTEN")
    };
    let next = port.checked_add(1).unwrap_or(8765);
    format!(
        "an earlier lesson may still be running: stop it with Ctrl-C. Or take another port with \
         WEBSOCKET_PORT={next}. To find the program that listens there: {find}"
    )
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

    /// An address or a firewall is not the cause, so the help must not name them.
    #[cfg(unix)]
    #[test]
    fn without_a_free_descriptor_every_help_names_the_limit() {
        let place = || "127.0.0.1:1".to_owned();
        let error = |code| {
            let source = || io::Error::from_raw_os_error(code);
            let (addr, host) = (([127, 0, 0, 1], 0).into(), place());
            let unreachable = ConnectError::Unreachable {
                place: place(),
                source: source(),
            };
            let not_found = ConnectError::NotFound {
                host,
                source: source(),
            };
            [
                Error::Io(source()),
                Error::Listen {
                    addr,
                    source: source(),
                },
                unreachable.into(),
                not_found.into(),
            ]
        };
        const OF_THE_PROCESS: i32 = 24;
        const OF_THE_SYSTEM: i32 = 23;
        for error in error(OF_THE_PROCESS)
            .into_iter()
            .chain(error(OF_THE_SYSTEM))
        {
            assert!(error.help().unwrap().contains("ulimit -n"), "{error}");
            assert_eq!(error.exit_code(), 1, "{error}");
        }
        const NO_ROUTE: i32 = 113;
        for error in error(NO_ROUTE) {
            let help = error.help().unwrap_or_default();
            assert!(!help.contains("ulimit"), "{error}: {help}");
        }
    }

    #[test]
    fn a_port_in_use_names_the_port_and_how_to_find_its_program() {
        let error = Error::AddressInUse(([127, 0, 0, 1], 8765).into());
        assert!(error.to_string().contains("port 8765"));
        assert!(error.help().unwrap().contains("8765"));
        assert!(error.help().unwrap().contains("WEBSOCKET_PORT=8766"));
        assert_eq!(error.exit_code(), 1);
    }
}
