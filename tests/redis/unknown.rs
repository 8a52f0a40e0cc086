//! The log in Redis has an entry that this program does not know. If the server skipped the entry,
//! its state would differ from the state of the others. So the server stops at the entry, and logs
//! what to do.

use crate::{
    chat::client::Guest,
    harness::{CANARY, Client},
    redis::{
        chat::{start, start_with},
        log::Server,
        server::Redis,
        troubles::{healthz, open_broadcast, refuses, works},
    },
};

const HELP: &str = "start the newer version here, or give the other program another \
                    WEBSOCKET_REDIS_NAME and delete the key: redis-cli DEL zcomm:course:";

#[tokio::test]
async fn an_entry_of_another_program_stops_a_server_until_it_is_deleted() {
    let Some(redis) = Redis::start("foreign", &[]).await else {
        return;
    };
    let demo = open_broadcast(&redis.url()).start().await;
    // The server has begun the log. Otherwise it would delete the entry to begin one.
    healthz(&demo, "ok\n").await;
    let mut ben = Client::connect(demo.url()).await;
    redis.ask("XADD zcomm:course:log * temperature 21").await;
    let demo = refuses(demo, "unknown", HELP).await;
    let told = ben.hear_text().await;
    assert!(told.starts_with("(this server cannot read"), "{told}");
    redis.ask("DEL zcomm:course:log").await;
    let told = ben.hear_text().await;
    assert!(told.starts_with("(messages were lost"), "{told}");
    works(&demo).await;
}

#[tokio::test]
async fn a_key_of_another_program_is_named() {
    let Some(redis) = Redis::start("wrongtype", &[]).await else {
        return;
    };
    redis.ask("SET zcomm:course:log text").await;
    let demo = open_broadcast(&redis.url()).start().await;
    let help = "another program uses a key of this service: set another WEBSOCKET_REDIS_NAME";
    let demo = refuses(demo, "WRONGTYPE", help).await;
    redis.ask("DEL zcomm:course:log").await;
    works(&demo).await;
}

/// The chat stops at an entry that it does not know: it closes its connections and takes no new ones.
#[tokio::test]
async fn the_people_of_a_chat_that_cannot_go_on_are_told() {
    let Some(redis) = Redis::start("stuck", &[]).await else {
        return;
    };
    let mut chat = start_with(&redis.url(), "10").await;
    let mut ada = Guest::join(&chat, "Ada").await.client;
    redis.ask("XADD zcomm:course:log * temperature 21").await;
    chat.says(HELP).await;
    healthz(&chat, "redis: unknown\n").await;
    let closed = ada.closed().await;
    assert_eq!(closed, (1012, "This server cannot go on".to_owned()));
    let mut cleo = Client::connect(format!("{}?token={CANARY}&name=Cleo", chat.url())).await;
    assert!(cleo.hear_text().await.contains("unavailable"));
    assert_eq!(cleo.closed().await.0, 1013);
}

/// If a server skipped a command that it does not know, its state would differ from the others.
#[tokio::test]
async fn a_command_of_a_newer_version_stops_a_server() {
    for (n, command) in [
        r#"{"dance":{"session":1}}"#,
        r#"{"typing":{"session":1,"client":1,"room":"lobby","mood":"good"}}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let Some(redis) = Redis::start(&format!("newer-{n}"), &[]).await else {
            return;
        };
        let mut chat = start(&redis.url()).await;
        let newer = Server::start(&redis.url(), true).await;
        newer
            .append(&format!(r#"{{"epoch":"x","command":{command}}}"#))
            .await;
        chat.says(HELP).await;
        healthz(&chat, "redis: unknown\n").await;
    }
}
