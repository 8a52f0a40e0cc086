//! The storm over three servers: people talk while their connections break at random. A server is
//! killed and started again, and so is Redis, which keeps its data.
//!
//! No position is lost, so the chat stays in one epoch. In the end, each acknowledged message has
//! exactly one position, and all clients have the same order: see `chat/storm.rs`.

use std::time::Instant;

use crate::{
    chat::{
        client::chat_app,
        storm::{Storm, TEXTS},
    },
    harness::Demo,
    redis::{
        chat::healthy,
        server::{DURABLE, Redis},
    },
};

const MEMBERS: usize = 60;

async fn start(redis: &Redis, port: u16) -> Demo {
    let chat = chat_app()
        .env("RUST_LOG", "warn,zcomm_core::server=info")
        .env("WEBSOCKET_REDIS_URL", redis.url())
        .env("WEBSOCKET_PORT", port.to_string());
    let chat = chat.start().await;
    healthy(&chat).await;
    chat
}

async fn kill_a_server(servers: &mut [Demo; 3], redis: &Redis, which: usize) {
    servers[which].kill().await;
    let port = servers[which].addr.port();
    servers[which] = start(redis, port).await;
}

async fn kill_redis(redis: &mut Redis) {
    redis.kill().await;
    redis.restart(&DURABLE, true).await;
}

async fn storm(seed: u64) -> Option<()> {
    let began = Instant::now();
    let mut redis = Redis::start(&format!("storm-{seed}"), &DURABLE).await?;
    let mut servers = [
        start(&redis, 0).await,
        start(&redis, 0).await,
        start(&redis, 0).await,
    ];
    let urls = servers.iter().map(Demo::url).collect();
    let storm = Storm::new(urls, MEMBERS);
    let members = storm.begin(seed);
    let which = seed as usize % 3;
    storm.until(15 + seed as usize * 5).await;
    match seed {
        1 => {
            kill_a_server(&mut servers, &redis, which).await;
            storm.until(50).await;
            kill_redis(&mut redis).await;
        }
        2 => {
            redis.kill().await;
            // Redis is away for longer than a message waits.
            storm.until_unavailable().await;
            redis.restart(&DURABLE, true).await;
            storm.until(50).await;
            kill_a_server(&mut servers, &redis, which).await;
        }
        // Kill a server and Redis at the same time.
        _ => {
            servers[which].kill().await;
            kill_redis(&mut redis).await;
            servers[which] = start(&redis, servers[which].addr.port()).await;
        }
    }
    storm.until(100).await;
    let figures = storm.end(&servers[(which + 1) % 3], members).await;
    assert_eq!(figures.past, 0, "nothing was lost, so nobody begins anew");
    assert_eq!(figures.messages, MEMBERS * TEXTS, "each message once");
    assert!(
        figures.again > 0,
        "messages were sent again, at another server"
    );
    for server in &servers {
        assert!(!server.output().contains("panicked"));
    }
    eprintln!("seed {seed}: {}; {:?}", figures.text, began.elapsed());
    Some(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_and_a_killed_redis_lose_nothing_and_repeat_nothing() {
    for seed in 1..=3 {
        storm(seed).await;
    }
}
