//! Servers cannot use Redis. For each trouble, a server logs one line that names the trouble.

use std::time::Duration;

use crate::{
    demo,
    harness::{Client, Demo, Start, soon},
    redis::server::Redis,
};

/// A server with the default time limit of 2 s: in these tests a message is not confirmed.
pub(crate) fn open_broadcast(url: &str) -> Start {
    demo!("open_broadcast").env("WEBSOCKET_REDIS_URL", url)
}

/// Waits until `/healthz` gives this answer.
pub(crate) async fn healthz(demo: &Demo, expected: &str) {
    let answer = async {
        while demo.get("/healthz").await.body != expected {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let what = format!("{expected:?} of {}", demo.output());
    soon(&what, answer).await;
}

/// The log has a line for each change, and not for each attempt. (On a slow machine, Redis may also
/// be silent for a moment, and then work again.)
pub(crate) fn logs_changes_only(demo: &Demo) {
    let output = demo.output();
    let changes = ["WARN Redis at ", "INFO connected to Redis at "];
    let lines = output.lines().filter_map(|line| {
        let change = changes.iter().find_map(|change| line.find(change));
        Some(&line[change?..])
    });
    let mut lines: Vec<_> = lines.collect();
    let all = lines.len();
    lines.dedup();
    assert_eq!(all, lines.len(), "{output}");
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
    healthz(&demo, &format!("redis: {word}\n")).await;
    logs_changes_only(&demo);
    demo
}

pub(crate) async fn works(demo: &Demo) {
    let mut ada = Client::connect(demo.url()).await;
    let mut ben = Client::connect(demo.url()).await;
    arrives(&mut ada, "hello", &mut ben).await;
}

/// Says a text until it arrives. The first message that arrives has this text.
pub(crate) async fn arrives(from: &mut Client, text: &str, to: &mut Client) {
    let end = format!("says: {text}");
    let heard = async {
        loop {
            from.say(text).await;
            tokio::select! {
                heard = to.hear_text() => return assert!(heard.ends_with(&end), "{heard}"),
                told = from.hear_text() => assert!(told.starts_with("not confirmed: "), "{told}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    soon(&end, heard).await;
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
    let keys = "for n=1,6000 do redis.call('SET','key'..n,string.rep('x',1500)) end";
    redis.ask(&format!("EVAL \"{keys}\" 0")).await;
    redis.ask("SAVE").await;
    redis.kill().await;
    // Redis needs 10 ms to load each key, and answers clients only after each KiB.
    let slow = [
        "--key-load-delay",
        "10000",
        "--loading-process-events-interval-bytes",
        "1024",
    ];
    redis
        .restart(&[&["--appendonly", "no"], &slow[..]].concat(), true)
        .await;
    let demo = open_broadcast(&redis.url()).start().await;
    let mut demo = refuses(demo, "LOADING", "Redis answers LOADING: ").await;
    redis.ask("CONFIG SET key-load-delay 0").await;
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

/// A new connection succeeds, and only the command that waits for entries is refused.
#[tokio::test]
async fn a_user_that_may_not_read_is_one_line_in_the_log() {
    let Some(redis) = Redis::start("xread", &[]).await else {
        return;
    };
    redis
        .ask("ACL SETUSER reader on >secret ~zcomm:* +@all -xread")
        .await;
    let url = format!("redis://reader:secret@{}/", redis.addr());
    let demo = open_broadcast(&url).start().await;
    let demo = refuses(demo, "NOPERM", "Redis answers NOPERM").await;
    assert!(!demo.output().contains("this server is one of several"));
}
