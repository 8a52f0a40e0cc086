//! The library under the zComm demos: WebSocket servers that are small to read and safe to
//! keep.
//!
//! ```text
//!            one task per client                     one log for all
//!  browser ◀─frames─▶ socket ◀─▶ your handler ──broadcast──▶ hub
//!                        ▲                                    │
//!                        └──────────── cursor ◀───────────────┘
//! ```
//!
//! **A broadcast is a log, a connection is a cursor.** A message is stored once, and each
//! client reads it at its own pace, so a slow client costs nothing and delays nobody. The
//! price: a client that falls behind the whole log is told that it missed messages, instead
//! of getting all of them late.
//!
//! **One task owns each socket.** Nobody else reads or writes it, so there is no lock
//! around it and nothing is half written. The price: a handler that does not come back to
//! [`Connection::recv`] stalls its own connection.
//!
//! **Refusing is a feature.** Every limit has a default, every refusal says what would
//! change it, and nothing falls back to less protection in silence.
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
//! `message`, `clients`, `hub` and `cursor` (the idea), `connection` (what a handler sees),
//! `handshake` (who may connect), `server`; then `socket` (the pump), and the rest when you
//! meet it.

// The folders from the bottom up; each uses only folders above it. Blank lines keep rustfmt
// from sorting this list.
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
