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

// The modules from the bottom up; each uses only what stands above it here. Blank lines
// keep rustfmt from sorting what must stay in order.

// Layer 0: what can go wrong, and with what.
mod pem;
mod shown;

mod certificate;

mod connect_error;

mod error;

// Layer 1: pure pieces.
mod asked;
mod close_reason;
mod development_ca;

mod tls;

mod trust;

mod frames;
mod message;
mod names;
mod origin;
mod rate;
mod refusal;
mod token;

// Layer 2: settings and logs.
mod zenv;

mod xray_show;

mod xray_tap;

pub mod xray;

mod forms;

mod setting;
mod settings_list;
mod unknown;

mod tls_files;

mod config;

mod settings_review;

mod budgets;

pub mod logging;

// Layer 2: state that connections share, and what each may spend.
mod tally;

mod clients;
mod counted_tcp;

mod deadlines;
mod descriptors;
mod hub;
mod slots;
mod transport;
mod why;

mod meter;

mod cursor;

mod subscriptions;

mod figures;
mod metrics;

mod viewers;

mod exposition;

// Layer 3: one connection.
mod wire;

mod counted;

mod socket;

mod connection;
mod request;

mod handshake;

mod response;

mod page;
mod statistics;

mod http;

mod session;

// Layer 4: the client.
mod options;
mod target;

mod opening;

mod lookup;

mod dial;

mod pulse;

mod client_socket;
mod upstream;

mod backoff;
mod client;

// Layer 4: the server.
mod announce;
mod listener;

mod program;
mod server;
mod shutdown;

pub use certificate::Certificate;
pub use client::{Client, Event};
pub use client_socket::{ClientSocket, Received};
pub use clients::{ClientId, ClientInfo, Clients};
pub use close_reason::CloseReason;
pub use config::{Config, Refuse};
pub use connect_error::{ConnectError, Distrust};
pub use connection::Connection;
pub use cursor::{Cursor, Delivery};
pub use descriptors::{OTHER_DESCRIPTORS, raise_descriptor_limit};
pub use development_ca::{DevelopmentCa, LOOPBACK_NAMES, PemPair};
pub use error::{Error, Result};
pub use figures::{Figure, FigureKind};
pub use hub::{Appended, Hub, HubLimits};
pub use message::{Message, Text};
pub use names::{MAX_NAME, NAME_RULE, folded, name};
pub use opening::{Opening, TlsOpening};
pub use options::ConnectOptions;
pub use origin::{Authority, Origin};
pub use page::{Asset, Page};
pub use pem::{MAKE_CERTIFICATES, PemError, read_pem};
pub use program::{program, report};
pub use server::Server;
pub use settings_list::{KnownSetting, SETTINGS};
pub use settings_review::SettingsReview;
pub use shutdown::shutdown_signal;
pub use tls::{Identity, readable_by_others};
pub use tls_files::TlsFiles;
pub use token::{DEMO_TOKEN, NamedToken, Token};
pub use trust::Trust;
pub use upstream::{ByteStream, Upstream};
pub use wire::End;
