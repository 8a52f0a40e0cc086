//! What every server must survive, row by row. A test is named after its row.
//!
//! Besides the reaction that a row names, two things hold after each: a well-behaved
//! client that was there all along still gets its answer within a second, and the hostile
//! one has left nothing behind.

mod c_configuration;
mod h_handshake;
mod l_life_cycle;

use std::time::Duration;

use zcomm_core::Config;

use crate::harness::{Client, Running, echo, serve, soon};

/// Runs one row against an echo server, with a witness connected all along.
async fn survives(config: Config, row: impl AsyncFnOnce(&Running)) {
    let mut server = serve(config, echo).await;
    let mut witness = Client::connect(server.url()).await;
    row(&server).await;
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
    server.stop().await;
}
