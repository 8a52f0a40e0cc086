//! The shared log itself: what the script in Redis promises.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};
use zcomm_core::{Config, RedisUrl};
use zcomm_redis::{Address, Entry, Kind, Loss, Machine, SharedLog, Unknown, open_with};

use crate::{
    harness::soon,
    redis::{
        proxy::Proxy,
        server::{PATIENT, Redis},
    },
};

/// What a server has applied. The first list has the entries with data. The second list has their
/// texts, and the word `lost` for each loss. The number counts the signs of life.
#[derive(Clone, Default)]
pub(crate) struct Applied(
    Arc<Mutex<Vec<Entry>>>,
    Arc<Mutex<Vec<String>>>,
    Arc<Mutex<usize>>,
);

impl Machine for Applied {
    /// The number of the entry.
    type Outcome = u64;

    fn apply(&mut self, entry: &Entry) -> Result<u64, Unknown> {
        if entry.kind == Kind::Data {
            let text = String::from_utf8(entry.payload.to_vec()).unwrap();
            self.1.lock().unwrap().push(text);
            self.0.lock().unwrap().push(entry.clone());
        } else {
            *self.2.lock().unwrap() += 1;
        }
        Ok(entry.position.seq)
    }

    fn lost(&mut self, _: Loss) {
        self.1.lock().unwrap().push("lost".to_owned());
    }
}

impl Applied {
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.1.lock().unwrap().clone()
    }

    fn signs_of_life(&self) -> usize {
        *self.2.lock().unwrap()
    }

    /// Waits until these texts were applied.
    pub(crate) async fn has(&self, texts: &[&str]) {
        let all = async {
            while self.texts() != texts {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        soon(&format!("{texts:?}"), all).await;
    }
}

/// A server that uses the library directly. Dropping this value ends the tasks of the server.
pub(crate) struct Server {
    pub(crate) log: SharedLog<u64>,
    pub(crate) applied: Applied,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Starts a server, and waits until it has read an entry of its own.
    pub(crate) async fn start(url: &str, checks: bool) -> Server {
        let server = Server::starting(url, checks);
        server.healthy().await;
        server
    }

    fn starting(url: &str, checks: bool) -> Server {
        let config = Config {
            redis_url: Some(RedisUrl::parse(url).unwrap()),
            redis_timeout: PATIENT,
            ..Config::default()
        };
        let address = Address::from_config(&config, "chat_app").unwrap().unwrap();
        let applied = Applied::default();
        let (log, work) = open_with(&address, applied.clone(), checks).unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async { match work.await {} });
        Server {
            log,
            applied,
            _tasks: tasks,
        }
    }

    pub(crate) async fn healthy(&self) {
        let healthy = async {
            while self.log.status().health().is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        soon("a healthy server", healthy).await;
    }

    pub(crate) async fn append(&self, text: &str) -> u64 {
        self.log.append(text.into()).await.unwrap()
    }
}

#[tokio::test]
async fn l21_servers_that_start_together_on_an_empty_redis_have_one_log() {
    let Some(redis) = Redis::start("together", &[]).await else {
        return;
    };
    let url = redis.url();
    let starts = (0..4).map(|_| Server::start(&url, true));
    let servers = futures_util::future::join_all(starts).await;
    let talks = servers.iter().enumerate().map(async |(at, server)| {
        for n in 0..25 {
            server.append(&format!("{at}-{n}")).await;
        }
    });
    futures_util::future::join_all(talks).await;
    for server in &servers {
        let all = async {
            while server.applied.entries().len() < 100 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        soon("all entries", all).await;
        let texts = server.applied.texts();
        assert!(!texts.contains(&"lost".to_owned()));
        assert_eq!(texts, servers[0].applied.texts(), "one order");
        let entries = server.applied.entries();
        let rises = |pair: &[Entry]| pair[0].position.seq < pair[1].position.seq;
        assert!(entries.windows(2).all(rises));
        let epoch = &entries[0].position.epoch;
        assert!(entries.iter().all(|entry| entry.position.epoch == *epoch));
    }
}

#[tokio::test]
async fn l19_the_time_of_an_entry_grows_even_if_the_clock_goes_back() {
    let Some(redis) = Redis::start("clock", &[]).await else {
        return;
    };
    let server = Server::start(&redis.url(), true).await;
    server.append("today").await;
    // Pretend that the clock of Redis was an hour ahead, and was set back now.
    let today = server.applied.entries()[0].time;
    let ahead = today + 3_600_000;
    redis
        .ask(&format!("HSET zcomm:course:facts time {ahead}"))
        .await;
    server.append("later").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    server.append("latest").await;
    let entries = server.applied.entries();
    let [first, later, latest] = &entries[..] else {
        panic!("{entries:?}");
    };
    assert_eq!(first.time, today);
    assert!(later.time >= ahead, "{later:?}");
    let (passed, by_the_clock) = (latest.time - later.time, latest.wall - later.wall);
    assert!(passed >= 20 && passed == by_the_clock, "{passed} ms");
    let hour = later.time - later.wall;
    assert!(later.wall >= today && hour <= 3_600_000, "{later:?}");
}

/// The reader of a server that starts begins after the newest entry. An entry that the same server
/// appended before would be in the log, and its sender would get an error.
#[tokio::test]
async fn a_message_of_a_server_that_has_just_started_is_confirmed() {
    let Some(redis) = Redis::start("first-message", &[]).await else {
        return;
    };
    let first = Server::start(&redis.url(), true).await;
    first.append("an entry").await;
    drop(first);
    let proxy = Proxy::before(redis.addr()).await;
    proxy.hold_readers(true);
    let before = length_of(&redis).await;
    let server = Server::starting(&proxy.url(), true);
    let message = server.append("hello");
    let release = async {
        // Two signs of life of this server: meanwhile, its writer could append the message, too.
        while length_of(&redis).await < before + 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        proxy.hold_readers(false);
    };
    let both = async { tokio::join!(message, release) };
    soon("the message", both).await;
}

async fn length_of(redis: &Redis) -> usize {
    let length = redis.ask("XLEN zcomm:course:log").await;
    length[1..].parse().unwrap()
}

/// The bytes that the log has, as the script counts them.
async fn bytes_of(redis: &Redis) -> usize {
    let bytes = redis.ask("HGET zcomm:course:facts bytes").await;
    bytes.lines().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_log_keeps_its_limits() {
    let Some(redis) = Redis::start("limits", &[]).await else {
        return;
    };
    let server = Server::start(&redis.url(), true).await;
    let errors = redis.ask("INFO errorstats").await;
    let large = "x".repeat(1024 * 1024);
    for _ in 0..70 {
        server.append(&large).await;
    }
    // Not the number of entries: a slow machine also appends signs of life.
    let bytes = bytes_of(&redis).await;
    assert!(
        (64 * large.len()..64 * large.len() + 1024).contains(&bytes),
        "{bytes}"
    );
    for _ in 0..34 {
        let more = (0..300).map(|n| {
            let log = server.log.clone();
            async move { log.append(n.to_string().into()).await.unwrap() }
        });
        futures_util::future::join_all(more).await;
    }
    assert_eq!(redis.ask("XLEN zcomm:course:log").await, ":10000");
    let bytes = bytes_of(&redis).await;
    assert!(
        bytes < 40_000,
        "the large ones are not counted any more: {bytes}"
    );
    // Among the removed entries is a sign of life, which has no bytes. Redis counts every command
    // that fails, also those of the script.
    assert_eq!(redis.ask("INFO errorstats").await, errors);
}

/// A machine does some work only at a sign of life, for example to end lost logins.
#[tokio::test]
async fn a_server_that_always_appends_still_gives_signs_of_life() {
    let Some(redis) = Redis::start("busy", &[]).await else {
        return;
    };
    let server = Server::start(&redis.url(), true).await;
    let (signs, began) = (server.applied.signs_of_life(), Instant::now());
    let busy = async {
        // The pauses between these entries are much shorter than two seconds.
        while server.applied.signs_of_life() < signs + 2 {
            server.append("busy").await;
        }
    };
    soon("two signs of life", busy).await;
    assert!(
        began.elapsed() > Duration::from_secs(2),
        "not one for each entry"
    );
}

/// If two logs had the same epoch, an entry of the one could look like an entry of the other.
#[tokio::test]
async fn two_logs_that_one_server_begins_have_different_epochs() {
    let Some(redis) = Redis::start("epochs", &[]).await else {
        return;
    };
    let server = Server::start(&redis.url(), true).await;
    let mut epochs = Vec::new();
    for _ in 0..3 {
        // After a loss, the server gives up what it has appended before it noticed the loss.
        let first = async { while server.log.append("first".into()).await.is_err() {} };
        soon("an entry in a new log", first).await;
        epochs.push(redis.ask("HGET zcomm:course:facts epoch").await);
        redis.ask("FLUSHALL").await;
    }
    epochs.sort();
    epochs.dedup();
    assert_eq!(epochs.len(), 3, "{epochs:?}");
}

#[tokio::test]
async fn a_log_with_a_damaged_fact_begins_anew() {
    let Some(redis) = Redis::start("damaged", &[]).await else {
        return;
    };
    let server = Server::start(&redis.url(), true).await;
    for damage in [
        "HDEL zcomm:course:facts bytes",
        "HDEL zcomm:course:facts seq",
        "HDEL zcomm:course:facts digest",
        "HSET zcomm:course:facts bytes many",
        "HSET zcomm:course:facts bytes nan",
        "HSET zcomm:course:facts time nan",
        "HSET zcomm:course:facts ahead nan",
        "HSET zcomm:course:facts seq 1",
        "HSET zcomm:course:facts epoch other",
    ] {
        redis.ask(damage).await;
        let damaged = async { while server.log.append("after".into()).await.is_err() {} };
        soon(damage, damaged).await;
    }
}
