//! `--client`: zcomm is the server, and starts the user's program for each case.
//!
//! Each case has an address of its own, to which the client connects. So zcomm knows the case of
//! each connection.
//!
//! zcomm cannot tell a client what to send. But after the handshake, a client has the same duties
//! as a server: it answers pings, and ends the connection after a wrong frame.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(super) mod port;

mod play;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    bytes::{Frames, PING},
    case::{Setting, Talk, Want},
    judge::judge,
    opening::lists,
    response::Response,
    server::limit,
};
use crate::shared::failure::Failure;
pub(super) use play::play;
use play::{House, URL, key};
use port::Port;

/// The program that is tested.
pub(super) struct Client {
    pub(super) house: Arc<House>,
    pub(super) round_trip: Duration,
    pub(super) limit: Duration,
    /// Whether the client's request asks for a WebSocket. If not, no WebSocket can open.
    pub(super) asks: bool,
}

/// Starts the program once, and measures how fast the program answers.
///
/// # Errors
///
/// The program cannot be tested: it does not start, or does not connect.
pub(super) async fn meet(command: &str, least: Duration) -> Result<Client, Failure> {
    if !command.contains(URL) {
        let what = format!("the command of --exec does not contain {URL}");
        return Err(Failure::usage(what, "write --exec 'node my.js {url}'"));
    }
    let mut house = House {
        port: Port::open().await?,
        command: command.to_owned(),
        first_key: String::new(),
    };
    let (program, mut arrived) = house.start("start").await.map_err(|what| {
        let help = format!("the program must open the address that stands for {URL}");
        Failure::usage(format!("cannot test: {what}"), help)
    })?;
    house.first_key = key(&arrived.head).to_owned();
    let asks = lists(&arrived.head, "Upgrade", "websocket")
        && lists(&arrived.head, "Connection", "upgrade");
    let (link, frames) = (&mut arrived.link, Frames::of_server(""));
    let response = Response::new(&house.first_key);
    link.send(&response.pieces(), least).await;
    let start = Instant::now();
    link.send(&[frames.frame(PING, b"how fast?")], least).await;
    let setting = Setting {
        talk: Talk::Unknown,
        limit: least,
    };
    judge(link, &Want::Pong(b"how fast?"), &frames, &setting).await;
    let round_trip = start.elapsed();
    arrived.link.leave().await;
    program.end().await;
    Ok(Client {
        house: Arc::new(house),
        round_trip,
        limit: limit(round_trip, least),
        asks,
    })
}
