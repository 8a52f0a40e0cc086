//! The library of the zComm course: WebSocket servers and clients, small to read and safe to
//! keep.
//!
//! ```text
//!            one task per client                     one log for all
//!  browser ◀─frames─▶ socket ◀─▶ your handler ──broadcast──▶ hub
//!                        ▲                                    │
//!                        └──────────── cursor ◀───────────────┘
//! ```
//!
//! **A broadcast is a log, a connection is a cursor.** The log stores a message once, and each
//! client reads it at its own pace, so a slow client costs no memory and delays no other. The
//! price: a client that falls behind the whole log loses the oldest messages. It is told which.
//!
//! **One task owns each socket.** No other task reads or writes it, so it needs no lock. The
//! price: a handler that does not return to [`Connection::recv`] stalls its own connection.
//!
//! **Refusing is a feature.** Every limit has a default, and every refusal names the setting that
//! would change it. Nothing falls back silently to less protection.
//!
//! # Example
//!
//! ```no_run
//! use std::process::ExitCode;
//! use zcomm_core::{Config, Connection, Result, Server, program, shutdown_signal};
//!
//! #[tokio::main]
//! async fn main() -> ExitCode {
//!     program(serve()).await
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
//! `protocol`, `clients` and `hub` (the idea), `connection/handle` (what a handler sees),
//! `access` (who may connect), `server`; then `connection/socket` (the task), and the rest when
//! you need it.

// The folders from the bottom up: each uses only folders listed before it. Blank lines keep
// rustfmt from sorting the list.
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
    socket::ClientSocket,
    upstream::{ByteStream, Upstream},
};
pub use clients::registry::{ClientId, ClientInfo, Clients};
pub use connection::handle::Connection;
pub use error::{Error, Result, connect::ConnectError};
pub use http::page::{Asset, Page};
pub use hub::{
    cursor::{Cursor, Delivery},
    log::{Appended, Hub, HubLimits},
};
pub use metrics::figure::{Figure, FigureKind};
pub use program::{
    exit::{program, report},
    shutdown::shutdown_signal,
};
pub use protocol::{
    close_reason::CloseReason,
    message::{Message, Text},
};
pub use server::{
    accept::Server,
    descriptors::{OTHER_DESCRIPTORS, raise_descriptor_limit},
};
pub use settings::{
    config::Config,
    review::SettingsReview,
    table::{KnownSetting, SETTINGS},
    tls_files::TlsFiles,
};
pub use text::{
    names::{MAX_NAME, NAME_RULE, folded, name},
    writer::{BackgroundWriter, WriterStep},
};
pub use tls::{
    certificate::Certificate,
    development_ca::{DevelopmentCa, LOOPBACK_NAMES, PemPair},
    distrust::Distrust,
    error::CertificateError,
    identity::{Identity, readable_by_others},
    pem::{MAKE_CERTIFICATES, PemError, read_pem},
    trust::Trust,
};
pub use wire::codec::{End, Received};
