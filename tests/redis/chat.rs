//! Several servers are one chat. A client can connect to any of them.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    chat::client::{Guest, chat_app},
    demo,
    harness::{CANARY, Client, Demo, soon},
    redis::{
        lost_tail::Pair,
        server::{DURABLE, Redis, TIMEOUT},
    },
};

pub(crate) async fn start(url: &str) -> Demo {
    start_with(url, "60").await
}

/// A server that gives a message up after this time (seconds).
pub(crate) async fn start_with(url: &str, limit: &str) -> Demo {
    let chat = chat_app().env("WEBSOCKET_REDIS_URL", url);
    let chat = chat.env("WEBSOCKET_RATE_LIMIT", "off").env(TIMEOUT, limit);
    let chat = chat.start().await;
    healthy(&chat).await;
    chat
}

pub(crate) async fn healthy(chat: &Demo) {
    let green = async {
        while chat.get("/healthz").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon("a healthy server", green).await;
}

async fn two(name: &str) -> Option<(Redis, Demo, Demo)> {
    let redis = Redis::start(name, &[]).await?;
    let (one, other) = (start(&redis.url()).await, start(&redis.url()).await);
    Some((redis, one, other))
}

/// Sends a message with an id, and returns the answer: an ack or an error.
pub(crate) async fn answer(guest: &mut Guest, kind: &str, fields: Value) -> Value {
    guest.says(kind, fields).await;
    loop {
        let message = guest.hears_next().await;
        if message["type"] == "ack" || message["type"] == "error" {
            return message;
        }
    }
}

fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|text| text.as_str().unwrap()).collect()
}

#[tokio::test]
async fn people_at_two_servers_are_in_one_chat() {
    let Some((_redis, one, other)) = two("chat").await else {
        return;
    };
    let mut ada = Guest::join(&one, "Ada").await;
    let mut ben = Guest::enter(&other, "Ben").await;
    let joined = ben.joins(json!({})).await;
    assert_eq!(texts(&joined["users"]), ["Ada", "Ben"]);
    assert_eq!(ada.hears("user_joined").await["name"], "Ben");
    // A name belongs to one person in the whole chat.
    let second = Guest::enter(&other, "Ada").await;
    assert_eq!(second.welcome["name"], "Ada#3");

    let ack = answer(
        &mut ada,
        "chat",
        json!({"room": "lobby", "text": "hello", "id": "1"}),
    )
    .await;
    assert_eq!((&ack["seq"], &ack["recipients"]), (&json!("1"), &json!(1)));
    let heard = ben.hears("chat").await;
    assert_eq!(
        (&heard["text"], &heard["seq"]),
        (&json!("hello"), &json!("1"))
    );
    ben.says("typing", json!({"room": "lobby"})).await;
    assert_eq!(ada.hears("typing").await["name"], "Ben");
    let ack = answer(
        &mut ben,
        "direct",
        json!({"to": "Ada", "text": "psst", "id": "2"}),
    )
    .await;
    assert_eq!(ack["recipients"], 1);
    assert_eq!(ada.hears("direct").await["text"], "psst");
    let ack = answer(&mut ada, "broadcast", json!({"text": "all", "id": "3"})).await;
    assert_eq!(ack["recipients"], 2);
    assert_eq!(ben.hears("broadcast").await["text"], "all");
    let missing = answer(
        &mut ada,
        "direct",
        json!({"to": "Cleo", "text": "x", "id": "4"}),
    )
    .await;
    assert_eq!(missing["code"], "no_such_user");
    ada.says("custom", json!({"action": "get_stats"})).await;
    let stats = ada.hears("stats").await;
    let numbers = ["clients", "servers", "all_clients", "sessions", "messages"];
    let numbers = numbers.map(|field| stats[field].as_u64().unwrap());
    assert_eq!(numbers, [1, 2, 3, 3, 3], "{stats}");
    let metrics = one.get("/metrics").await.body;
    let all = "zcomm_chat_clients{chat=\"shared\"} 3\n";
    assert!(metrics.contains(all), "{metrics}");
    ben.client.leave().await;
    assert_eq!(ada.hears("user_left").await["name"], "Ben");
}

#[tokio::test]
async fn a_person_comes_back_at_another_server_and_has_everything() {
    let Some((_redis, one, other)) = two("resume").await else {
        return;
    };
    let mut ada = Guest::join(&one, "Ada").await;
    let mut ben = Guest::join(&other, "Ben").await;
    let said = json!({"room": "lobby", "text": "before", "id": "a1"});
    answer(&mut ada, "chat", said.clone()).await;
    let epoch = ada.joins(json!({})).await["epoch"].clone();
    // The connection ends without a Close frame.
    let (session, welcome) = (ada.welcome["session"].clone(), ada.welcome.clone());
    drop(ada);
    ben.hears("user_left").await;
    for text in ["one", "two"] {
        answer(
            &mut ben,
            "chat",
            json!({"room": "lobby", "text": text, "id": text}),
        )
        .await;
    }
    answer(
        &mut ben,
        "direct",
        json!({"to": "Ada", "text": "psst", "id": "d"}),
    )
    .await;
    answer(&mut ben, "broadcast", json!({"text": "all", "id": "b"})).await;
    let query = format!(
        "token={CANARY}&session={}&direct=0&broadcast=0",
        session.as_str().unwrap()
    );
    let mut ada = Guest::with(&other, &query).await;
    assert_eq!(ada.welcome["resumed"], true);
    for field in ["name", "client_id", "session", "epoch"] {
        assert_eq!(ada.welcome[field], welcome[field], "{field}");
    }
    let (direct, broadcast) = (ada.hears_next().await, ada.hears_next().await);
    let mut heard = [&direct["text"], &broadcast["text"]].map(|text| text.as_str().unwrap());
    heard.sort_unstable();
    assert_eq!(heard, ["all", "psst"]);
    let joined = ada.joins(json!({"epoch": epoch, "since": "1"})).await;
    assert_eq!(
        (&joined["recovered"], &joined["missed"]),
        (&json!(true), &json!("2"))
    );
    for text in ["one", "two"] {
        assert_eq!(ada.hears("chat").await["text"], text);
    }
    // The second server knows the message that the first server delivered.
    let ack = answer(&mut ada, "chat", said).await;
    assert_eq!(
        (&ack["duplicate"], &ack["seq"]),
        (&json!(true), &json!("1"))
    );
}

/// Often a token that nobody has set: each server then makes its own.
#[tokio::test]
async fn servers_with_different_tokens_say_so_and_servers_with_the_same_do_not() {
    let warning = "another server of this service accepts other tokens";
    let Some((redis, one, other)) = two("tokens").await else {
        return;
    };
    let mut ada = Guest::join(&one, "Ada").await;
    let mut ben = Guest::join(&other, "Ben").await;
    // Each server has read what the other one has appended before.
    ada.hears("user_joined").await;
    ben.chats("hello").await;
    for chat in [&one, &other] {
        assert!(!chat.output().contains(warning), "{}", chat.output());
    }
    let name = json!({"Cleo": "canary-token-of-Cleo"}).to_string();
    for settings in [
        ("WEBSOCKET_TOKEN", "canary-token-another"),
        ("WEBSOCKET_TOKENS", &name),
    ] {
        let third = chat_app().env("WEBSOCKET_REDIS_URL", redis.url());
        let mut third = third.env(settings.0, settings.1).start().await;
        third.says(warning).await;
        assert!(!third.output().contains("canary-token-of"));
    }
    let (mut one, mut other) = (one, other);
    one.says(warning).await;
    other.says(warning).await;
}

#[tokio::test]
async fn a_newer_connection_at_another_server_replaces_the_older_one() {
    let Some((_redis, one, other)) = two("replaced").await else {
        return;
    };
    let mut older = Guest::join(&one, "Ada").await;
    let newer = older.back(&other, "direct=0").await;
    assert_eq!(newer.welcome["resumed"], true);
    assert_eq!(older.client.closed().await.0, 4001);
    // The older connection ended after the newer one began, and Ada is still in the chat.
    let mut ben = Guest::enter(&one, "Ben").await;
    ben.joins(json!({})).await;
    let ack = answer(
        &mut ben,
        "direct",
        json!({"to": "Ada", "text": "x", "id": "1"}),
    )
    .await;
    assert_eq!(ack["type"], "ack");
}

#[tokio::test]
async fn a_server_that_is_killed_takes_its_people_along_and_they_can_come_back() {
    let Some((_redis, mut one, other)) = two("killed").await else {
        return;
    };
    let ada = Guest::join(&one, "Ada").await;
    let mut ben = Guest::join(&other, "Ben").await;
    one.kill().await;
    assert_eq!(ben.hears("user_left").await["name"], "Ada");
    let back = ada.back(&other, "direct=0").await;
    assert_eq!(
        (&back.welcome["resumed"], &back.welcome["name"]),
        (&json!(true), &json!("Ada"))
    );
}

/// The clock of Redis was an hour ahead, and is put right. Then a server is killed.
#[tokio::test]
async fn l19_people_of_a_killed_server_leave_after_the_clock_of_redis_went_back() {
    let Some((redis, mut one, mut other)) = two("clock-back").await else {
        return;
    };
    let _ada = Guest::join(&one, "Ada").await;
    let mut ben = Guest::join(&other, "Ben").await;
    ben.chats("before").await;
    let before = ben.hears_text("before").await["timestamp"].clone();
    let known = redis.ask("HGET zcomm:course:facts time").await;
    let time: u64 = known.lines().last().unwrap().trim().parse().unwrap();
    let ahead = time + 3_600_000;
    redis
        .ask(&format!("HSET zcomm:course:facts time {ahead}"))
        .await;
    other.says("went back by").await;
    one.kill().await;
    assert_eq!(ben.hears("user_left").await["name"], "Ada");
    ben.chats("after").await;
    // The time that people see is the time of the clock: less than the hour later.
    let after = ben.hears_text("after").await["timestamp"].clone();
    let minutes = |timestamp: &Value| {
        let text = timestamp.as_str().unwrap();
        let number = |from: usize| text[from..from + 2].parse::<u32>().unwrap();
        number(11) * 60 + number(14)
    };
    let passed = (24 * 60 + minutes(&after) - minutes(&before)) % (24 * 60);
    assert!(passed < 30, "{before} {after}");
    // One line for one change.
    other.says_times("went back by", 1).await;
}

/// The other server does not wait until it counts the stopped server as gone.
#[tokio::test]
async fn a_server_that_is_stopped_says_goodbye_for_its_people() {
    let Some((redis, mut one, other)) = two("stopped").await else {
        return;
    };
    let mut ben = Guest::join(&other, "Ben").await;
    let mut people = Vec::new();
    for n in 0..20 {
        people.push(Guest::join(&one, &format!("p{n}")).await);
    }
    one.signal(Signal::INT);
    for _ in 0..people.len() {
        ben.hears("user_left").await;
    }
    assert!(one.ended().await.success());
    let log = redis.ask("XRANGE zcomm:course:log - +").await;
    assert!(log.contains(r#""command":"stop""#), "{log}");
    let metrics = other.get("/metrics").await.body;
    let servers = "zcomm_chat_servers{chat=\"shared\"} 1\n";
    assert!(metrics.contains(servers), "{metrics}");
    let back = people[0].back(&other, "direct=0").await;
    assert_eq!(back.welcome["resumed"], true);
}

/// The server cannot say goodbye. To try for as long as for a message would take a minute.
#[tokio::test]
async fn a_server_that_is_stopped_while_redis_is_away_ends_soon() {
    let Some((mut redis, mut one, _other)) = two("stopped-away").await else {
        return;
    };
    let _ada = Guest::join(&one, "Ada").await;
    redis.kill().await;
    one.signal(Signal::INT);
    assert!(one.ended().await.success());
}

#[tokio::test]
async fn a_server_that_was_frozen_lets_its_people_come_back() {
    let Some((_redis, one, other)) = two("thawed").await else {
        return;
    };
    let mut ada = Guest::join(&one, "Ada").await;
    let mut ben = Guest::join(&other, "Ben").await;
    one.freeze().await;
    assert_eq!(ben.hears("user_left").await["name"], "Ada");
    one.signal(Signal::CONT);
    assert_eq!(ada.client.closed().await.0, 1012);
    let back = ada.back(&one, "direct=0").await;
    assert_eq!(back.welcome["resumed"], true);
}

#[tokio::test]
async fn a_server_that_starts_later_has_the_rooms_and_the_sessions() {
    let Some(redis) = Redis::start("later", &[]).await else {
        return;
    };
    let one = start(&redis.url()).await;
    let mut ada = Guest::join(&one, "Ada").await;
    // Send messages until Redis has a copy of the state. Then remove the entries before the copy.
    let mut sent = 0;
    while sent < 1100 || redis.ask("EXISTS zcomm:course:snapshot").await != ":1" {
        sent += 1;
        assert!(sent < 10_000, "no copy");
        let said = json!({"room": "lobby", "text": format!("{sent}"), "id": format!("{sent}")});
        answer(&mut ada, "chat", said).await;
    }
    let seq = redis.ask("HGET zcomm:course:snapshot seq").await;
    let seq = seq.lines().nth(1).unwrap().to_owned();
    redis
        .ask(&format!("XTRIM zcomm:course:log MINID {seq}"))
        .await;
    let later = start(&redis.url()).await;
    let mut ben = Guest::enter(&later, "Ben").await;
    let joined = ben.joins(json!({})).await;
    assert_eq!(joined["seq"], sent.to_string());
    assert_eq!(texts(&joined["users"]), ["Ada", "Ben"]);
    for n in sent - 49..=sent {
        assert_eq!(ben.hears("chat").await["seq"], n.to_string());
    }
    let mut back = ada.back(&later, "direct=0").await;
    assert_eq!(
        (&back.welcome["resumed"], &back.welcome["name"]),
        (&json!(true), &json!("Ada"))
    );
    back.joins(json!({})).await;
    // One id is from before the copy, the other from after the copy.
    for (n, seq) in [(sent - 200, sent - 200), (sent, sent)] {
        let said = json!({"room": "lobby", "text": "again", "id": format!("{n}")});
        let ack = answer(&mut back, "chat", said).await;
        assert_eq!(
            (&ack["duplicate"], &ack["seq"]),
            (&json!(true), &json!(seq.to_string()))
        );
    }
}

#[tokio::test]
async fn l14_without_redis_people_stay_and_are_told_what_was_not_sent() {
    let Some(mut redis) = Redis::start("chat-away", &DURABLE).await else {
        return;
    };
    let one = start_with(&redis.url(), "10").await;
    let other = start_with(&redis.url(), "10").await;
    let mut ada = Guest::join(&one, "Ada").await;
    let mut ben = Guest::join(&other, "Ben").await;
    redis.kill().await;
    let said = json!({"room": "lobby", "text": "void", "id": "1"});
    let refused = answer(&mut ada, "chat", said.clone()).await;
    assert_eq!(
        (&refused["code"], &refused["id"]),
        (&json!("unavailable"), &json!("1"))
    );
    assert!(refused["retry_ms"].is_u64(), "{refused}");
    ada.says("ping", json!({"id": "p"})).await;
    assert_eq!(ada.hears("pong").await["id"], "p");
    let mut cleo = Client::connect(format!("{}?token={CANARY}&name=Cleo", one.url())).await;
    let told: Value = serde_json::from_str(&cleo.hear_text().await).unwrap();
    assert_eq!(told["code"], "unavailable");
    assert_eq!(cleo.closed().await.0, 1013);
    redis.restart(&DURABLE, true).await;
    healthy(&one).await;
    healthy(&other).await;
    // On a slow machine, Redis can be too slow for the first attempts.
    let mut ack = answer(&mut ada, "chat", said.clone()).await;
    while ack["code"] == "unavailable" {
        ack = answer(&mut ada, "chat", said.clone()).await;
    }
    assert_eq!((&ack["type"], &ack["seq"]), (&json!("ack"), &json!("1")));
    // Ben still has his first connection, and this is the next message that he gets.
    assert_eq!(ben.hears("chat").await["text"], "void");
}

/// Ada sends two messages at once. The first one needs no answer of Redis.
#[tokio::test]
async fn l17_an_answer_does_not_wait_for_the_next_message() {
    let Some(redis) = Redis::start("chat-flush", &[]).await else {
        return;
    };
    let one = start(&redis.url()).await;
    let mut ada = Guest::join(&one, "Ada").await;
    redis.signal(Signal::STOP);
    let ping = json!({"type": "ping", "id": "p"}).to_string();
    let chat = json!({"type": "chat", "room": "lobby", "text": "hello"}).to_string();
    ada.client.say_together([ping, chat]).await;
    assert_eq!(ada.hears("pong").await["id"], "p");
    redis.signal(Signal::CONT);
    assert_eq!(ada.hears("chat").await["text"], "hello");
}

/// While Redis is frozen, Ada and Ben send as fast as the limit allows: 20 messages a second. Their
/// servers read all but the first message later, at once.
#[tokio::test]
async fn l17_messages_that_waited_for_redis_are_not_too_fast() {
    let Some(redis) = Redis::start("chat-rate", &[]).await else {
        return;
    };
    let setting = ("WEBSOCKET_REDIS_URL", redis.url());
    let chat = chat_app().env(setting.0, &setting.1).env(TIMEOUT, "60");
    let broadcast = demo!("open_broadcast").env(setting.0, &setting.1);
    let broadcast = broadcast.env("WEBSOCKET_REDIS_NAME", "broadcast");
    let (chat, broadcast) = (
        chat.start().await,
        broadcast.env(TIMEOUT, "60").start().await,
    );
    healthy(&chat).await;
    healthy(&broadcast).await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let mut ben = Client::connect(broadcast.url()).await;
    let mut cleo = Client::connect(broadcast.url()).await;
    redis.signal(Signal::STOP);
    let mut turns = tokio::time::interval(Duration::from_millis(50));
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for n in 0..70 {
        turns.tick().await;
        ada.says("chat", json!({"room": "lobby", "text": n.to_string()}))
            .await;
        ben.say(n.to_string()).await;
    }
    redis.signal(Signal::CONT);
    for n in 0..70 {
        assert_eq!(ada.hears("chat").await["text"], n.to_string());
        assert!(cleo.hear_text().await.ends_with(&format!("says: {n}")));
    }
}

/// Reconnects with the session of a guest as soon as the server has a state.
pub(crate) async fn comes_back(guest: &Guest, chat: &Demo) -> Guest {
    let name = guest.welcome["name"].as_str().unwrap();
    let session = guest.welcome["session"].as_str().unwrap();
    let query = format!("token={CANARY}&name={name}&session={session}&direct=0&broadcast=0");
    let back = async {
        loop {
            let mut client = Client::connect(format!("{}?{query}", chat.url())).await;
            let first: Value = serde_json::from_str(&client.hear_text().await).unwrap();
            if first["type"] == "welcome" {
                return Guest {
                    client,
                    welcome: first,
                };
            }
            assert_eq!(first["code"], "unavailable", "{first}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    soon("to come back", back).await
}

/// Ada reconnects with her session and her last position. The server must send a gap message for
/// the room.
async fn is_told_a_gap(ada: &Guest, chat: &Demo, epoch: &Value, seen: &str) {
    let mut back = comes_back(ada, chat).await;
    assert_eq!(back.welcome["resumed"], false);
    assert_ne!(back.welcome["epoch"], ada.welcome["epoch"]);
    let joined = back.joins(json!({"epoch": epoch, "since": seen})).await;
    assert_eq!(joined["recovered"], false);
    loop {
        let gap = back.hears("gap").await;
        if gap["room"] == "lobby" {
            let after = seen.parse::<u64>().unwrap() + 1;
            assert_eq!(gap["epoch"], *epoch);
            assert_eq!(
                (&gap["from"], &gap["to"]),
                (&json!(after.to_string()), &Value::Null)
            );
            return;
        }
    }
}

#[tokio::test]
async fn l16_a_redis_that_comes_back_empty_is_a_gap_for_everybody() {
    let Some((mut redis, one, other)) = two("chat-empty").await else {
        return;
    };
    let mut ada = Guest::enter(&one, "Ada").await;
    let epoch = ada.joins(json!({})).await["epoch"].clone();
    let mut ben = Guest::join(&other, "Ben").await;
    answer(
        &mut ada,
        "chat",
        json!({"room": "lobby", "text": "x", "id": "1"}),
    )
    .await;
    redis.kill().await;
    redis.restart(&[], false).await;
    assert_eq!(ada.client.closed().await.0, 1012);
    assert_eq!(ben.client.closed().await.0, 1012);
    healthy(&one).await;
    is_told_a_gap(&ada, &one, &epoch, "1").await;
}

/// A replica that is behind becomes the master. It gives the positions of lost messages to other
/// messages.
#[tokio::test]
async fn the_lost_tail_is_a_gap_for_everybody() {
    let Some(mut pair) = Pair::start("chat").await else {
        return;
    };
    let one = start(&pair.door.url()).await;
    let mut ada = Guest::enter(&one, "Ada").await;
    let epoch = ada.joins(json!({})).await["epoch"].clone();
    let say = |n: usize| json!({"room": "lobby", "text": format!("{n}"), "id": format!("{n}")});
    answer(&mut ada, "chat", say(1)).await;
    pair.replicated().await;
    pair.replica.ask("REPLICAOF 127.0.0.1 1").await;
    for n in 2..=4 {
        answer(&mut ada, "chat", say(n)).await;
    }
    pair.replica.ask("REPLICAOF NO ONE").await;
    // A second server fills the same positions with other messages.
    let other = start(&pair.replica.url()).await;
    let mut ben = Guest::join(&other, "Ben").await;
    for n in 2..=6 {
        let ack = answer(&mut ben, "chat", say(n)).await;
        assert_eq!(
            ack["seq"],
            n.to_string(),
            "a position that Ada knows already"
        );
    }
    pair.door.lead_to(pair.replica.addr());
    pair.master.kill().await;
    assert_eq!(ada.client.closed().await.0, 1012);
    is_told_a_gap(&ada, &one, &epoch, "4").await;
    // The server that has lost nothing also begins anew, and closes its connections.
    assert_eq!(ben.client.closed().await.0, 1012);
}
