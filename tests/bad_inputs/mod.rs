//! What every server must survive, row by row. A test is named after its row.
//!
//! Besides the reaction that a row names, two things hold after each: a well-behaved
//! client that was there all along still gets its answer within a second, and the hostile
//! one has left nothing behind.

mod c_configuration;
mod f_framing;
mod h_handshake;
mod l_life_cycle;
mod r_resources;

use std::{future::Future, time::Duration};

use zcomm_core::{Config, Connection, Result};

use crate::harness::{Client, Running, echo, serve, soon};

/// Rows of the catalogue that are answered differently on purpose, and why.
pub const ON_PURPOSE: &[(&str, &str)] = &[
    (
        "f33",
        "a lost client is dropped when its pong is 10 s late, not 20: one missing pong is proof enough",
    ),
    (
        "r08",
        "no rate_limited message before the close: its reason says it, and only chat_app speaks JSON",
    ),
    (
        "r17",
        "there is no total to run out of: each ring, mailbox and write buffer is bounded by itself",
    ),
    (
        "r19",
        "the ports of one address end on the client's side; the load generator names it there",
    ),
];

/// Runs one row against an echo server, with a witness connected all along.
async fn survives(config: Config, row: impl AsyncFnOnce(&Running)) {
    survives_with(config, echo, row).await;
}

/// Like [`survives`], with a handler of the row's own. It must echo what the witness says.
async fn survives_with<H, F>(config: Config, handler: H, row: impl AsyncFnOnce(&Running))
where
    H: Fn(Connection) -> F + Send + Sync + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut server = serve(config, handler).await;
    let mut witness = Client::connect(server.url()).await;
    tokio::select! {
        () = row(&server) => {}
        never = witness.stay() => match never {},
    }
    let answer = async {
        witness.say("still there?").await;
        witness.hear_text().await
    };
    let answer = tokio::time::timeout(Duration::from_secs(1), answer).await;
    assert_eq!(
        answer.expect("the witness waited more than a second"),
        "still there?"
    );
    let alone = async {
        while server.clients.count() > 1 {
            tokio::task::yield_now().await;
        }
    };
    soon("the hostile client to be gone from the list", alone).await;
    witness.leave().await;
    server.stop().await;
}
