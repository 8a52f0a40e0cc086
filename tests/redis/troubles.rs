//! Servers cannot use Redis. For each trouble, a server logs one line that names the trouble.

use crate::{
    demo,
    harness::{Client, Demo, Start},
    redis::server::Redis,
};

pub(crate) fn open_broadcast(url: &str) -> Start {
    demo!("open_broadcast").env("WEBSOCKET_REDIS_URL", url)
}

/// Checks that a sender gets an error, that `/healthz` shows this word, and that the server logs
/// the trouble once.
pub(crate) async fn refuses(mut demo: Demo, word: &str, line: &str) -> Demo {
    demo.says(line).await;
    let mut ada = Client::connect(demo.url()).await;
    for _ in 0..3 {
        ada.say("hello?").await;
        assert!(ada.hear_text().await.starts_with("not confirmed: "));
    }
    assert_eq!(demo.get("/healthz").await.body, format!("redis: {word}\n"));
    let output = demo.output();
    assert_eq!(output.matches("until it works").count(), 1, "{output}");
    demo
}

pub(crate) async fn works(demo: &Demo) {
    let mut ada = Client::connect(demo.url()).await;
    let mut ben = Client::connect(demo.url()).await;
    loop {
        ada.say("hello").await;
        tokio::select! {
            heard = ben.hear_text() => return assert!(heard.ends_with("says: hello"), "{heard}"),
            told = ada.hear_text() => assert!(told.starts_with("not confirmed: "), "{told}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn l18_a_redis_that_is_full() {
    let Some(redis) = Redis::start("full", &[]).await else {
        return;
    };
    let mut demo = open_broadcast(&redis.url()).start().await;
    demo.says("this server is one of several").await;
    redis.ask("CONFIG SET maxmemory 1").await;
    let demo = refuses(demo, "OOM", "Redis answers OOM: ").await;
    redis.ask("CONFIG SET maxmemory 0").await;
    works(&demo).await;
}

#[tokio::test]
async fn l18_a_redis_that_became_a_replica() {
    let Some(redis) = Redis::start("replica", &[]).await else {
        return;
    };
    let mut demo = open_broadcast(&redis.url()).start().await;
    demo.says("this server is one of several").await;
    // The master does not exist, so the replica keeps its data.
    redis.ask("REPLICAOF 127.0.0.1 1").await;
    let line = "Redis answers READONLY: ";
    let demo = refuses(demo, "READONLY", line).await;
    redis.ask("REPLICAOF NO ONE").await;
    works(&demo).await;
}

#[tokio::test]
async fn l18_a_password_that_is_missing_or_wrong() {
    let Some(redis) = Redis::start("password", &["--requirepass", "hunter2hunter2"]).await else {
        return;
    };
    let demo = open_broadcast(&redis.url()).start().await;
    refuses(demo, "NOAUTH", "Redis answers NOAUTH").await;
    let wrong = format!("redis://:hunter3hunter3@{}/", redis.addr());
    let demo = open_broadcast(&wrong).start().await;
    let demo = refuses(demo, "WRONGPASS", "Redis answers WRONGPASS").await;
    assert!(!demo.output().contains("hunter"), "{}", demo.output());
    let right = format!("redis://:hunter2hunter2@{}/", redis.addr());
    let demo = open_broadcast(&right).start().await;
    works(&demo).await;
    assert!(!demo.output().contains("hunter"), "{}", demo.output());
}

/// The line that the server logs names exactly the commands that the user needs.
#[tokio::test]
async fn l18_a_user_without_the_rights() {
    let Some(redis) = Redis::start("rights", &[]).await else {
        return;
    };
    redis
        .ask("ACL SETUSER me on >secret resetkeys ~zcomm:* -@all +xread")
        .await;
    let url = format!("redis://me:secret@{}/", redis.addr());
    let demo = open_broadcast(&url).start().await;
    let demo = refuses(demo, "NOPERM", "Redis answers NOPERM: ").await;
    let output = demo.output();
    let rights = output.split("this user needs ").nth(1).unwrap();
    let rights = rights.split(';').next().unwrap();
    redis.ask(&format!("ACL SETUSER me -@all {rights}")).await;
    works(&demo).await;
}

#[tokio::test]
async fn l18_a_redis_that_reads_its_data() {
    let Some(mut redis) = Redis::start("loading", &[]).await else {
        return;
    };
    redis.ask("CONFIG SET rdbcompression no").await;
    let value = "x".repeat(1500);
    for n in 0..60 {
        redis.ask(&format!("SET key{n} {value}")).await;
    }
    redis.ask("SAVE").await;
    redis.kill().await;
    // Redis needs 100 ms to load each key, and answers clients only after each KiB.
    let slow = [
        "--key-load-delay",
        "100000",
        "--loading-process-events-interval-bytes",
        "1024",
    ];
    redis
        .restart(&[&["--appendonly", "no"], &slow[..]].concat(), true)
        .await;
    let demo = open_broadcast(&redis.url()).start().await;
    let mut demo = refuses(demo, "LOADING", "Redis answers LOADING: ").await;
    demo.says("this server is one of several").await;
    works(&demo).await;
}

/// The server starts anyway. Clients can connect, and the server logs what is wrong.
#[tokio::test]
async fn l14_redis_is_away_when_the_server_starts() {
    let Some(mut redis) = Redis::start("start", &[]).await else {
        return;
    };
    redis.kill().await;
    let demo = open_broadcast(&redis.url()).start().await;
    let place = format!("Redis at {}", redis.addr());
    let demo = refuses(demo, "away", &place).await;
    redis.restart(&[], true).await;
    works(&demo).await;
}

#[tokio::test]
async fn l18_a_wrong_address_ends_the_program_with_78() {
    for wrong in [
        "http://127.0.0.1:6379/",
        "127.0.0.1:6379",
        "redis://:hunter2hunter2@/",
        "redis://:hunter2%ff@127.0.0.1/",
    ] {
        let (code, output) = open_broadcast(wrong).fails().await;
        assert_eq!(code, Some(78), "{wrong}: {output}");
        assert!(output.contains("WEBSOCKET_REDIS_URL="), "{output}");
        assert!(!output.contains("hunter"), "{output}");
    }
}
