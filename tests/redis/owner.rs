//! A log belongs to the service that appended to it first. A server of another service does not
//! understand its entries. And a server that checks no token must not send messages to the clients
//! of one that does. So the log refuses the other service, and the first one goes on.

use rustix::process::Signal;

use crate::{
    chat::client::{Guest, chat_app},
    demo,
    harness::{CANARY, Client, Demo, Start},
    redis::{
        server::{Redis, TIMEOUT},
        troubles::{arrives, healthz, open_broadcast},
    },
};

const CHAT: &str = "chat_app";
const TOKENS: &str = "a broadcast with tokens";
const OPEN: &str = "an open broadcast";

/// A server of this service that waits long for Redis.
fn patient(service: &str, url: &str) -> Start {
    impatient(service, url).env(TIMEOUT, "60")
}

/// A server of this service with the default time limit.
fn impatient(service: &str, url: &str) -> Start {
    let start = match service {
        CHAT => chat_app(),
        TOKENS => demo!("4_websocket_broadcast").env("WEBSOCKET_TOKEN", CANARY),
        _ => demo!("open_broadcast"),
    };
    start.env("WEBSOCKET_REDIS_URL", url)
}

/// Two clients, ready to talk.
async fn clients(service: &str, one: &Demo, other: &Demo) -> [Client; 2] {
    let token = format!("?token={CANARY}");
    match service {
        CHAT => {
            let ada = Guest::join(one, "Ada").await;
            [ada.client, Guest::join(other, "Ben").await.client]
        }
        TOKENS => [
            Client::connect(one.url() + &token).await,
            Client::connect(other.url() + &token).await,
        ],
        _ => [
            Client::connect(one.url()).await,
            Client::connect(other.url()).await,
        ],
    }
}

/// Whether a message of one client gets to the other client, and nothing else of this kind.
async fn talk(service: &str, [ada, ben]: &mut [Client; 2], text: &str) {
    if service != CHAT {
        return arrives(ada, text, ben).await;
    }
    let message = format!(r#"{{"type":"chat","room":"lobby","text":"{text}"}}"#);
    ada.say(message.as_str()).await;
    let end = format!(r#""text":"{text}""#);
    loop {
        let heard = ben.hear_text().await;
        if heard.contains(r#""type":"chat""#) {
            return assert!(heard.contains(&end), "{heard}");
        }
    }
}

fn taken(owner: &str, own: &str) -> String {
    format!(
        "this log belongs to {owner}, and this server is {own}; set WEBSOCKET_REDIS_NAME to \
         another name"
    )
}

/// Checks that a server says whose log it is, and confirms no message.
async fn refused(stranger: &mut Demo, owner: &str, own: &str) {
    let line = taken(owner, own);
    stranger.says(&line).await;
    healthz(stranger, &format!("redis: taken: {line}\n")).await;
    let token = format!("{}?token={CANARY}&name=Eve", stranger.url());
    let mut eve = Client::connect(token).await;
    if own == CHAT {
        assert!(eve.hear_text().await.contains("unavailable"));
        assert_eq!(eve.closed().await.0, 1013);
    } else {
        eve.say("from a stranger").await;
        assert!(eve.hear_text().await.starts_with("not confirmed: "));
    }
}

/// Two servers of one service talk, and the others are refused.
async fn belongs_to(owner: &str, strangers: [&str; 2]) {
    let Some(redis) = Redis::start(&format!("owner-{}", owner.len()), &[]).await else {
        return;
    };
    let url = redis.url();
    let one = patient(owner, &url).start().await;
    healthz(&one, "ok\n").await;
    let other = patient(owner, &url).start().await;
    healthz(&other, "ok\n").await;
    let mut talkers = clients(owner, &one, &other).await;
    talk(owner, &mut talkers, "before").await;
    let mut refused_ones = Vec::new();
    for own in strangers {
        let mut stranger = impatient(own, &url).start().await;
        refused(&mut stranger, owner, own).await;
        refused_ones.push(stranger);
        talk(owner, &mut talkers, "after").await;
    }
    for demo in [&one, &other] {
        healthz(demo, "ok\n").await;
    }
    let log = redis.ask("XRANGE zcomm:course:log - +").await;
    assert!(log.contains(owner), "{log}");
    for own in strangers {
        assert!(!log.contains(own), "{log}");
    }
    assert!(!log.contains("from a stranger"), "{log}");
}

#[tokio::test]
async fn a_log_of_the_chat_refuses_both_broadcasts() {
    belongs_to(CHAT, [TOKENS, OPEN]).await;
}

#[tokio::test]
async fn a_log_of_lesson_4_refuses_the_chat_and_the_open_broadcast() {
    belongs_to(TOKENS, [CHAT, OPEN]).await;
}

#[tokio::test]
async fn a_log_of_the_open_broadcast_refuses_the_chat_and_lesson_4() {
    belongs_to(OPEN, [CHAT, TOKENS]).await;
}

/// The tokens decide, not the program.
#[tokio::test]
async fn open_broadcast_with_tokens_and_lesson_4_are_one_service() {
    let Some(redis) = Redis::start("with-tokens", &[]).await else {
        return;
    };
    let lesson_4 = patient(TOKENS, &redis.url()).start().await;
    let asks = patient(OPEN, &redis.url()).env("WEBSOCKET_REQUIRE_AUTH", "true");
    let asks = asks.env("WEBSOCKET_TOKEN", CANARY).start().await;
    // A server that has not read the log yet begins after its newest entry.
    healthz(&lesson_4, "ok\n").await;
    healthz(&asks, "ok\n").await;
    let mut talkers = clients(TOKENS, &lesson_4, &asks).await;
    talk(TOKENS, &mut talkers, "hello").await;
}

/// The end of its servers does not free a log. Deleting the log does.
#[tokio::test]
async fn a_log_that_is_deleted_belongs_to_the_next_server() {
    let Some(redis) = Redis::start("free", &[]).await else {
        return;
    };
    for (delete, first, next) in [
        ("DEL zcomm:course:log", CHAT, OPEN),
        ("FLUSHALL", OPEN, TOKENS),
    ] {
        redis.ask("FLUSHALL").await;
        let mut owner = patient(first, &redis.url()).start().await;
        healthz(&owner, "ok\n").await;
        owner.signal(Signal::INT);
        assert!(owner.ended().await.success());
        let mut free = impatient(next, &redis.url()).start().await;
        refused(&mut free, first, next).await;
        redis.ask(delete).await;
        healthz(&free, "ok\n").await;
        let mut talkers = clients(next, &free, &free).await;
        talk(next, &mut talkers, "hello").await;
        let mut late = impatient(first, &redis.url()).start().await;
        refused(&mut late, next, first).await;
    }
}

/// A server that was frozen finds the log of another service in the place of its own.
#[tokio::test]
async fn a_server_whose_log_another_service_took_tells_its_clients_a_loss() {
    let Some(redis) = Redis::start("took", &[]).await else {
        return;
    };
    let mut open = open_broadcast(&redis.url()).start().await;
    healthz(&open, "ok\n").await;
    let mut ben = Client::connect(open.url()).await;
    open.freeze().await;
    redis.ask("DEL zcomm:course:log").await;
    let lesson_4 = patient(TOKENS, &redis.url()).start().await;
    healthz(&lesson_4, "ok\n").await;
    let mut talkers = clients(TOKENS, &lesson_4, &lesson_4).await;
    talk(TOKENS, &mut talkers, "secret").await;
    open.signal(Signal::CONT);
    assert!(ben.hear_text().await.starts_with("(messages were lost"));
    refused(&mut open, TOKENS, OPEN).await;
    ben.say("anything?").await;
    let told = ben.hear_text().await;
    assert!(told.starts_with("not confirmed: "), "{told}");
    talk(TOKENS, &mut talkers, "more").await;
}

/// This server reads an empty log, and cannot append. Then another service begins the log.
#[tokio::test]
async fn a_server_that_waits_for_a_first_entry_does_not_apply_one_of_another_service() {
    let Some(redis) = Redis::start("first", &[]).await else {
        return;
    };
    redis
        .ask("ACL SETUSER reader on >secret ~zcomm:* +@all -eval -evalsha")
        .await;
    let url = format!("redis://reader:secret@{}/", redis.addr());
    let mut open = open_broadcast(&url).start().await;
    open.says("Redis answers NOPERM").await;
    let mut ben = Client::connect(open.url()).await;
    let lesson_4 = patient(TOKENS, &redis.url()).start().await;
    healthz(&lesson_4, "ok\n").await;
    let mut talkers = clients(TOKENS, &lesson_4, &lesson_4).await;
    talk(TOKENS, &mut talkers, "secret").await;
    refused(&mut open, TOKENS, OPEN).await;
    ben.say("anything?").await;
    let told = ben.hear_text().await;
    assert!(told.starts_with("not confirmed: "), "{told}");
}

/// Nobody knows which clients an older version let in.
#[tokio::test]
async fn a_log_that_names_no_service_is_not_used() {
    let Some(redis) = Redis::start("nameless", &[]).await else {
        return;
    };
    let entry = "epoch a before x digest y server z number 1 kind data time 1 payload 1";
    redis
        .ask(&format!("XADD zcomm:course:log 1-0 {entry}"))
        .await;
    redis
        .ask("HSET zcomm:course:facts epoch a seq 1 digest y time 1 bytes 1")
        .await;
    let demo = open_broadcast(&redis.url()).start().await;
    healthz(&demo, "redis: unknown\n").await;
    assert_eq!(redis.ask("XLEN zcomm:course:log").await, ":1");
}
