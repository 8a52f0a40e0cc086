//! The library of the zComm course: WebSocket servers and clients that are easy to read and
//! safe to use.
//!
//! ```text
//!            one task per client                     one log for all
//!  browser ◀─frames─▶ socket ◀─▶ your handler ──broadcast──▶ hub
//!                        ▲                                    │
//!                        └──────────── cursor ◀───────────────┘
//! ```
//!
//! **A broadcast is a log, a connection is a cursor.** The log stores a message once. A cursor
//! is a position in the log. Each client has its own cursor, so a slow client delays no other
//! client.
//!
//! The price: a slow client can lose the oldest messages. Then the server tells the client
//! which messages are lost.
//!
//! If data waits for a client, the client must accept all of it within 5 s, or at least 64
//! KiB. Otherwise the server closes the connection.
//!
//! **One task owns each socket.** No other task reads or writes the socket, so no lock is
//! needed. The price: the handler runs in this task, too. A handler that does not call
//! [`Connection::recv`] again stops its own connection.
//!
//! **Refusing is a feature.** Every limit has a default, and a client over a limit is refused.
//! Every refusal says what to do next. If a setting would change the answer, the refusal names
//! this setting.
//!
//! # Example
//!
//! ```no_run
//! use std::process::ExitCode;
//! use zcomm_core::{Config, Connection, Result, Server, program, shutdown_signal};
//!
//! #[tokio::main]
//! async fn main() -> ExitCode {
//!     program("Sends each message back.", serve()).await
//! }
//!
//! async fn serve() -> Result<()> {
//!     let server = Server::bind(Config::from_env()?).await?;
//!     server.run(echo, shutdown_signal()).await
//! }
//!
//! async fn echo(mut connection: Connection) -> Result<()> {
//!     while let Some(message) = connection.recv().await {
//!         connection.send(message).await?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Reading order
//!
//! Read `protocol`, `clients` and `hub` first, because they show the idea. Then read
//! `connection/handle` (what a handler uses), `access` (who may connect), `server`, and
//! `connection/socket` (the task that owns the socket). Read the other folders when you need
//! them.

// Each folder uses only folders listed before it. Blank lines stop rustfmt from sorting the list.
mod text;

mod protocol;

mod tls;

mod error;

mod access;

pub mod xray;

mod settings;

mod wire;

mod clients;

mod hub;

mod metrics;

mod client;

mod connection;

mod http;

mod program;

mod server;

pub use access::{
    origin::{Authority, Origin},
    refusal::RefuseBy,
    token::{DEMO_TOKEN, NamedToken, Token},
};
pub use client::{
    opening::{Opening, TlsOpening},
    options::ConnectOptions,
    reconnect::{Client, Event},
    socket::{ClientSocket, Step},
    upstream::{ByteStream, Upstream},
};
pub use clients::registry::{ClientId, ClientInfo, Clients};
pub use connection::handle::Connection;
pub use error::{
    Error, Result,
    connect::{ConnectError, Exchange},
};
pub use http::page::{Asset, Page};
pub use hub::{
    cursor::{Cursor, Delivery},
    log::{Appended, Hub, HubLimits},
};
pub use metrics::figure::{Figure, FigureKind};
pub use program::{
    exit::{program, report},
    help::{first_comment, settings_list},
    logging::{Logs, log_to},
    shutdown::shutdown_signal,
    signals::StopSignals,
};
pub use protocol::{
    close_reason::CloseReason,
    message::{Message, Text},
};
pub use server::{
    accept::Server,
    descriptors::{OTHER_DESCRIPTORS, most_connections, raise_descriptor_limit},
};
pub use settings::{
    config::Config,
    redis::RedisUrl,
    review::SettingsReview,
    table::{KnownSetting, SETTINGS},
    tls_files::TlsFiles,
};
pub use text::{
    hidden::{hide, shows_token},
    names::{MAX_NAME, NAME_RULE, folded, name},
    secrets::{may_be_secret, shown_path},
    time::{time, time_text},
    writer::{BackgroundWriter, WriterStep},
};
pub use tls::{
    certificate::Certificate,
    development_ca::{DevelopmentCa, LOOPBACK_NAMES, PemPair},
    distrust::Distrust,
    error::CertificateError,
    identity::{Identity, readable_by_others},
    pem::{PemError, make_certificates, read_pem},
    trust::Trust,
};
pub use wire::codec::Received;
pub use wire::end::End;
