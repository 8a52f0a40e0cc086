//! The log in Redis has an entry that this program does not know. If the server skipped the entry,
//! its state would differ from the state of the others. So the server stops at the entry, and logs
//! what to do.

use crate::{
    chat::client::Guest,
    harness::{CANARY, Client},
    redis::{
        chat::start,
        log::Server,
        server::Redis,
        troubles::{open_broadcast, refuses, works},
    },
};

const HELP: &str = "start the newer version here, or give the other program another \
                    WEBSOCKET_REDIS_NAME and delete the key: redis-cli DEL zcomm:course:log";

#[tokio::test]
async fn an_entry_of_another_program_stops_a_server_until_it_is_deleted() {
    let Some(redis) = Redis::start("foreign", &[]).await else {
        return;
    };
    let mut demo = open_broadcast(&redis.url()).start().await;
    demo.says("this server is one of several").await;
    let mut ben = Client::connect(demo.url()).await;
    redis.ask("XADD zcomm:course:log * temperature 21").await;
    let demo = refuses(demo, "unknown", HELP).await;
    let told = ben.hear_text().await;
    assert!(told.starts_with("(this server cannot read"), "{told}");
    let output = demo.output();
    assert_eq!(output.matches("WARN Redis at").count(), 1, "{output}");
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

/// Two programs of the course use the same `WEBSOCKET_REDIS_NAME`.
#[tokio::test]
async fn the_chat_and_the_open_broadcast_do_not_mix() {
    let Some(redis) = Redis::start("mixed", &[]).await else {
        return;
    };
    let mut chat = start(&redis.url()).await;
    let ada = Guest::join(&chat, "Ada").await;
    let demo = open_broadcast(&redis.url()).start().await;
    let mut ben = Client::connect(demo.url()).await;
    ben.say("hello").await;
    chat.says(HELP).await;
    assert_eq!(chat.get("/healthz").await.body, "redis: unknown\n");
    let mut ada = ada.client;
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
        assert_eq!(chat.get("/healthz").await.body, "redis: unknown\n");
    }
}
