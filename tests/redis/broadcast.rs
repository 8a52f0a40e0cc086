//! open_broadcast and lesson 4 as one service of several processes.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::{
    demo,
    harness::{CANARY, Client, Demo, Start, soon},
    redis::{
        proxy::Proxy,
        server::{DURABLE, Redis, TIMEOUT},
        troubles::{self, arrives, healthz, logs_changes_only},
    },
};

fn open_broadcast(url: &str) -> Start {
    troubles::open_broadcast(url).env(TIMEOUT, "60")
}

/// Two servers on one Redis, both healthy.
async fn two(url: &str) -> [Demo; 2] {
    both(open_broadcast(url), open_broadcast(url)).await
}

/// The same with the default time limit, so that senders are told soon what is not confirmed.
async fn two_that_give_up(url: &str) -> [Demo; 2] {
    both(troubles::open_broadcast(url), troubles::open_broadcast(url)).await
}

async fn both(one: Start, other: Start) -> [Demo; 2] {
    let demos = [one.start().await, other.start().await];
    for demo in &demos {
        healthz(demo, "ok\n").await;
    }
    demos
}

/// Says something that is not confirmed. The limit is 2 s, and the machine may be slow.
async fn says_in_vain(client: &mut Client, text: &str) {
    let began = Instant::now();
    client.say(text).await;
    assert_eq!(client.hear_text().await, NOT_CONFIRMED);
    assert!(began.elapsed() < Duration::from_secs(20));
}

/// The name before `says:`.
fn who(text: &str) -> &str {
    text.split_once(" says: ").unwrap_or_default().0
}

const NOT_CONFIRMED: &str = "not confirmed: this server cannot reach the other servers now; the \
                             message may still arrive, otherwise send it again";
const LOST: &str = "(messages were lost: Redis no longer has them)";

#[tokio::test]
async fn a_message_reaches_the_clients_of_both_servers_but_not_its_sender() {
    let Some(redis) = Redis::start("both", &[]).await else {
        return;
    };
    let [mut one, other] = two(&redis.url()).await;
    let mut ada = Client::connect(one.url()).await;
    let mut ben = Client::connect(one.url()).await;
    let mut cleo = Client::connect(other.url()).await;
    ada.say("hello").await;
    let heard = [ben.hear_text().await, cleo.hear_text().await];
    assert_eq!(heard[0], heard[1]);
    assert!(heard[0].ends_with("-1 says: hello"), "{}", heard[0]);
    one.says("reached=1").await;
    cleo.say("hi").await;
    // The first message that Ada gets: her own did not come back.
    let answer = ada.hear_text().await;
    assert!(answer.ends_with("-1 says: hi"), "{answer}");
    assert_eq!(ben.hear_text().await, answer);
    assert_ne!(who(&answer), who(&heard[0]), "two clients, two numbers");
}

#[tokio::test]
async fn all_clients_get_all_messages_in_one_order() {
    let Some(redis) = Redis::start("order", &[]).await else {
        return;
    };
    let [one, other] = two(&redis.url()).await;
    let mut talkers = Vec::new();
    for demo in [&one, &other, &one, &other] {
        talkers.push(Client::connect(demo.url()).await);
    }
    let mut listeners = Vec::new();
    for demo in [&one, &other] {
        listeners.push(Client::connect(demo.url()).await);
    }
    let talks = talkers.iter_mut().map(async |client| {
        for n in 0..30 {
            client.say(n.to_string()).await;
        }
    });
    futures_util::future::join_all(talks).await;
    let lists = listeners.iter_mut().map(async |client| {
        let mut heard = Vec::new();
        for _ in 0..120 {
            heard.push(client.hear_text().await);
        }
        heard
    });
    let heard = futures_util::future::join_all(lists).await;
    assert_eq!(heard[0], heard[1]);
}

#[tokio::test]
async fn servers_with_another_name_are_another_service() {
    let Some(redis) = Redis::start("names", &[]).await else {
        return;
    };
    let [one, _] = two(&redis.url()).await;
    let evening = open_broadcast(&redis.url()).env("WEBSOCKET_REDIS_NAME", "evening");
    let evening = evening.start().await;
    healthz(&evening, "ok\n").await;
    let mut ada = Client::connect(one.url()).await;
    let mut stranger = Client::connect(evening.url()).await;
    let mut friend = Client::connect(evening.url()).await;
    ada.say("for the course").await;
    friend.say("for the evening").await;
    assert!(stranger.hear_text().await.ends_with("for the evening"));
}

#[tokio::test]
async fn lesson_4_is_one_service_too_and_checks_the_token_everywhere() {
    let Some(redis) = Redis::start("lesson4", &[]).await else {
        return;
    };
    let start = || {
        let demo = demo!("4_websocket_broadcast").env("WEBSOCKET_TOKEN", CANARY);
        demo.env("WEBSOCKET_REDIS_URL", redis.url())
            .env(TIMEOUT, "60")
    };
    let (one, other) = (start().start().await, start().start().await);
    healthz(&one, "ok\n").await;
    healthz(&other, "ok\n").await;
    let mut ada = Client::connect(format!("{}?token={CANARY}", one.url())).await;
    let mut ben = Client::connect(format!("{}?token={CANARY}", other.url())).await;
    let mut eve = Client::connect(other.url()).await;
    ada.say("hello").await;
    assert!(ben.hear_text().await.ends_with("says: hello"));
    assert_eq!(eve.closed().await.0, 1008);
}

/// Redis keeps its data, so no client is told of a loss.
#[tokio::test]
async fn l14_without_redis_a_sender_is_told_soon_and_stays() {
    let Some(mut redis) = Redis::start("away", &DURABLE).await else {
        return;
    };
    let [mut one, other] = two_that_give_up(&redis.url()).await;
    let mut ada = Client::connect(one.url()).await;
    let mut cleo = Client::connect(other.url()).await;
    redis.kill().await;
    says_in_vain(&mut ada, "into the void").await;
    healthz(&one, "redis: away\n").await;
    assert_eq!(one.get("/healthz").await.status, 503);
    assert!(
        one.get("/metrics")
            .await
            .body
            .contains("zcomm_redis_up{log=\"shared\"} 0")
    );
    says_in_vain(&mut ada, "again").await;
    redis.restart(&DURABLE, true).await;
    healthz(&one, "ok\n").await;
    healthz(&other, "ok\n").await;
    // The first message that Cleo gets: Redis got none of the others.
    arrives(&mut ada, "back", &mut cleo).await;
    one.says_times("this server is one of several", 2).await;
    logs_changes_only(&one);
}

#[tokio::test]
async fn l16_a_redis_that_comes_back_empty_is_a_loss_that_every_client_is_told() {
    let Some(mut redis) = Redis::start("empty", &[]).await else {
        return;
    };
    let [mut one, other] = two(&redis.url()).await;
    let mut ada = Client::connect(one.url()).await;
    let mut cleo = Client::connect(other.url()).await;
    redis.kill().await;
    redis.restart(&[], false).await;
    assert_eq!(ada.hear_text().await, LOST);
    assert_eq!(cleo.hear_text().await, LOST);
    healthz(&one, "ok\n").await;
    ada.say("anew").await;
    assert!(cleo.hear_text().await.ends_with("says: anew"));
    one.says("no longer has what this server has read").await;
    let metrics = one.get("/metrics").await.body;
    assert!(
        metrics.contains("zcomm_redis_losses_total{log=\"shared\"} 1"),
        "{metrics}"
    );
}

/// The log is deleted while Redis runs. The next entry begins a new log.
#[tokio::test]
async fn l16_a_log_that_is_deleted_is_a_loss_too() {
    let Some(redis) = Redis::start("deleted", &[]).await else {
        return;
    };
    let [one, _] = two(&redis.url()).await;
    let mut ada = Client::connect(one.url()).await;
    redis.ask("DEL zcomm:course:log").await;
    assert_eq!(ada.hear_text().await, LOST);
}

#[tokio::test]
async fn l17_a_frozen_redis_is_noticed_and_sends_nothing_late() {
    let Some(redis) = Redis::start("frozen", &[]).await else {
        return;
    };
    let [mut one, other] = two_that_give_up(&redis.url()).await;
    let mut ada = Client::connect(one.url()).await;
    let mut cleo = Client::connect(other.url()).await;
    redis.signal(Signal::STOP);
    says_in_vain(&mut ada, "frozen").await;
    healthz(&one, "redis: silent\n").await;
    healthz(&other, "redis: silent\n").await;
    redis.signal(Signal::CONT);
    healthz(&one, "ok\n").await;
    healthz(&other, "ok\n").await;
    // The frozen Redis had received the first message, but did not append it after the deadline. So
    // this is the first message that Cleo gets.
    arrives(&mut ada, "thawed", &mut cleo).await;
    one.says_times("this server is one of several", 2).await;
    logs_changes_only(&one);
}

/// While a server is frozen, Redis removes entries that this server has not read.
#[tokio::test]
async fn l20_a_log_that_was_cut_below_a_reader_is_a_loss() {
    let Some(redis) = Redis::start("cut", &[]).await else {
        return;
    };
    let [one, other] = two(&redis.url()).await;
    let mut ada = Client::connect(one.url()).await;
    let mut cleo = Client::connect(other.url()).await;
    let mut ben = Client::connect(one.url()).await;
    other.freeze().await;
    for n in 0..5 {
        ada.say(n.to_string()).await;
    }
    // Ben is at the server of Ada, which has read all five. The frozen server has read one at most.
    for _ in 0..5 {
        ben.hear_text().await;
    }
    redis.ask("XTRIM zcomm:course:log MAXLEN 1").await;
    other.signal(Signal::CONT);
    // Cleo may get one message first: Redis had already sent it to the frozen server.
    let lost = async { while cleo.hear_text().await != LOST {} };
    soon(LOST, lost).await;
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_sent_once() {
    let Some(redis) = Redis::start("answer", &[]).await else {
        return;
    };
    let proxy = Proxy::before(redis.addr()).await;
    let one = open_broadcast(&proxy.url()).start().await;
    let other = open_broadcast(&redis.url()).start().await;
    healthz(&one, "ok\n").await;
    healthz(&other, "ok\n").await;
    let mut ada = Client::connect(one.url()).await;
    let mut cleo = Client::connect(other.url()).await;
    for n in 0..20 {
        proxy.lose_an_answer();
        ada.say(format!("number {n}")).await;
        let heard = cleo.hear_text().await;
        assert!(heard.ends_with(&format!("says: number {n}")), "{heard}");
        let lost = async {
            while !proxy.has_lost_it() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        soon("an answer to lose", lost).await;
    }
    cleo.say("all of them, once").await;
    let first = ada.hear_text().await;
    assert!(first.ends_with("all of them, once"), "{first}");
}
