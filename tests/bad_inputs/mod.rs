//! What every server must survive, row by row. A test is named after its row.
//!
//! Besides the reaction that a row names, two things hold after each: a well-behaved
//! client that was there all along still gets its answer within a second, and the hostile
//! one has left nothing behind.

mod a_messages;
mod c_configuration;
mod f_framing;
mod h_handshake;
mod l_life_cycle;
mod o_origin;
mod r_resources;
mod s_formats;
mod s_tls;
mod t_token;

use std::{future::Future, net::SocketAddr, time::Duration};

use zcomm_core::{Config, Connection, Result};

use crate::harness::{Client, Demo, Raw, Response, Running, Start, ask, echo, serve, soon};

/// Inputs that the server answers differently from what a reader may expect, and why.
pub const ON_PURPOSE: &[(&str, &str)] = &[
    (
        "f33",
        "a lost client is dropped when its pong is 10 s late, not 20: one missing pong is proof enough",
    ),
    (
        "h24",
        "a head is at most 16 KiB: 32 000 spaces and 10 000 names are 431, what fits is answered at once",
    ),
    (
        "h27",
        "a NUL is no part of any path: hyper answers 400 before a path is looked for",
    ),
    (
        "o09",
        "a raw look-alike is 400 (h20: 8-bit bytes in Origin), its xn-- form 403 and in the log",
    ),
    (
        "o10",
        "a double-clicked page sends null, so loopback allows it where no list is set, and the start-up line says so",
    ),
    (
        "o11",
        "two origins in one line are 403 where the second is null: still refused, by the origin check",
    ),
    (
        "r17",
        "there is no total to run out of: each ring, mailbox and write buffer is bounded by itself",
    ),
    (
        "r19",
        "the ports of one address end on the client's side; the load generator names it there",
    ),
    (
        "t05",
        "without a token the server makes a random one and prints a link; only an empty, short or long one stops it",
    ),
    (
        "t14",
        "a token of 60 KiB is 431: the limit of the head comes first",
    ),
    (
        "t20",
        "not supported: the token is read once at the start, so a new one means a restart, which closes 1001",
    ),
];

#[test]
fn every_row_answered_differently_has_an_id_and_a_reason() {
    for (index, (row, reason)) in ON_PURPOSE.iter().enumerate() {
        assert!(
            matches!(row.as_bytes(), [b'a'..=b'z', b'0'..=b'9', b'0'..=b'9']),
            "{row:?}"
        );
        assert!(reason.split_whitespace().count() > 3, "{row}: {reason:?}");
        let twice = ON_PURPOSE[..index].iter().any(|(other, _)| other == row);
        assert!(!twice, "{row} is there twice");
    }
}

/// Runs one row against an echo server, with a witness connected all along.
async fn survives(config: Config, row: impl AsyncFnOnce(&Running)) {
    beside_a_witness("", config, echo, row).await;
}

/// The same, for a server that asks the witness for more: `query` is put after its address.
async fn survives_at(query: &str, config: Config, row: impl AsyncFnOnce(&Running)) {
    beside_a_witness(query, config, echo, row).await;
}

/// The same, with a handler of the row's own. It must echo what the witness says.
async fn survives_with<H, F>(config: Config, handler: H, row: impl AsyncFnOnce(&Running))
where
    H: Fn(Connection) -> F + Send + Sync + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    beside_a_witness("", config, handler, row).await;
}

async fn beside_a_witness<H, F>(
    query: &str,
    config: Config,
    handler: H,
    row: impl AsyncFnOnce(&Running),
) where
    H: Fn(Connection) -> F + Send + Sync + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut server = serve(config, handler).await;
    let mut witness = Client::connect(server.url() + query).await;
    tokio::select! {
        () = row(&server) => {}
        never = witness.stay() => match never {},
    }
    still_served(witness, "still there?").await;
    let nobody = async {
        while server.clients.count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    soon("the hostile client to be gone from the list", nobody).await;
    server.stop().await;
}

/// Runs one row against the echo demo as a program, whose log can be read.
async fn survives_as_a_program(query: &str, start: Start, row: impl AsyncFnOnce(&mut Demo)) {
    let mut demo = start.start().await;
    let witness = Client::connect(demo.url() + query).await;
    row(&mut demo).await;
    still_served(witness, "Echo: still there?").await;
    demo.says("conn.closed by the client").await;
    let output = demo.output();
    assert!(!output.contains("panicked"), "{output}");
    assert!(!output.contains("ERROR"), "{output}");
}

/// Whoever was there all along gets an answer within a second, and leaves.
async fn still_served(mut witness: Client, answer: &str) {
    let heard = async {
        witness.say("still there?").await;
        witness.hear_text().await
    };
    let heard = tokio::time::timeout(Duration::from_secs(1), heard).await;
    assert_eq!(
        heard.expect("the witness waited more than a second"),
        answer
    );
    witness.leave().await;
}

/// What our own refusals have in common: a length, an end, and one line of words that
/// repeats nothing of the request.
async fn refused(addr: SocketAddr, request: impl AsRef<[u8]>, status: u16) -> Response {
    let request = request.as_ref();
    let shown = String::from_utf8_lossy(&request[..request.len().min(300)]).into_owned();
    let response = ask(addr, request).await;
    assert_eq!(response.status, status, "{shown}\n{response:?}");
    let length = response.header("content-length").map(str::parse);
    assert_eq!(length, Some(Ok(response.body.len())), "{shown}");
    let connection = response.header("connection").unwrap_or_default();
    assert!(connection.contains("close"), "{shown}\n{response:?}");
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    let mime = response.header("content-type");
    assert_eq!(mime, Some("text/plain; charset=utf-8"), "{shown}");
    let words = response.body.strip_suffix('\n').unwrap_or_default();
    assert!(words.starts_with(&format!("{status} ")), "{response:?}");
    assert!(!words.contains('\n') && words.len() > 20, "{response:?}");
    response
}

/// A handshake that succeeds, with the key that every handshake of the tests has, and a
/// conversation after it.
async fn accepted(addr: SocketAddr, request: impl AsRef<[u8]>) {
    let request = request.as_ref();
    let shown = String::from_utf8_lossy(&request[..request.len().min(300)]).into_owned();
    let mut raw = Raw::connect(addr).await;
    raw.send(request).await;
    let response = raw.head().await;
    assert_eq!(response.status, 101, "{shown}\n{response:?}");
    assert_eq!(response.header("upgrade"), Some("websocket"), "{shown}");
    let connection = response.header("connection").unwrap_or_default();
    let mut listed = connection.split(", ");
    assert!(listed.any(|token| token == "Upgrade"), "{shown}");
    // The example of RFC 6455 section 1.3.
    let accept = response.header("sec-websocket-accept");
    assert_eq!(accept, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{shown}");
    let head = response.head.to_ascii_lowercase();
    assert!(!head.contains("sec-websocket-protocol"), "{head}");
    assert!(!head.contains("sec-websocket-extensions"), "{head}");
    raw.frame(0x81, b"let in").await;
    assert_eq!(
        raw.next_frame().await,
        Some((0x81, b"let in".to_vec())),
        "{shown}"
    );
}
