//! A client reconnects to a server that has not read the messages that the client saw.
//!
//! A replica that is behind becomes the master. The server that had read the lost messages is
//! killed, so no server knows of the loss. But a client of the killed server has the digest of the
//! last message that it saw. Only the digest shows the loss: another message has the position now.

use std::time::Duration;

use serde_json::{Value, json};
use zcomm_chat::{
    ChatClient, ChatEvent,
    envelope::{LOBBY, ServerMessage},
};
use zcomm_core::{ConnectOptions, Trust};

use crate::{
    chat::client::{Guest, chat_app},
    harness::{CANARY, Demo, certificates, soon},
    redis::{
        chat::{answer, healthy, start},
        lost_tail::Pair,
        proxy::Proxy,
        server::TIMEOUT,
    },
};

/// A chat server that uses the master of a pair.
struct Before {
    pair: Pair,
    one: Demo,
    cleo: Guest,
}

fn say(n: usize, from: &str) -> Value {
    json!({"room": LOBBY, "text": format!("{n} of {from}"), "id": format!("{n}")})
}

impl Before {
    /// Starts a chat server that clients can reach through `door`.
    async fn start(name: &str, door: &Proxy) -> Option<Before> {
        let pair = Pair::start(name).await?;
        let one = chat_app()
            .env("WEBSOCKET_REDIS_URL", pair.door.url())
            .env(TIMEOUT, "60")
            .env("WEBSOCKET_ALLOWED_HOSTS", door.addr.to_string());
        let one = one.start().await;
        healthy(&one).await;
        let cleo = Guest::join(&one, "Cleo").await;
        Some(Before { pair, one, cleo })
    }

    /// Cleo says 1, which the replica gets, and 2 to 4, which it does not get.
    async fn talk(&mut self) {
        answer(&mut self.cleo, "chat", say(1, "Cleo")).await;
        self.pair.replicated().await;
        self.pair.replica.ask("REPLICAOF 127.0.0.1 1").await;
        for n in 2..=4 {
            answer(&mut self.cleo, "chat", say(n, "Cleo")).await;
        }
    }

    /// The replica becomes the master. At another server, Ben says 2 to 6. Then the first server
    /// and the old master are killed.
    async fn fail_over(mut self) -> (Pair, Demo) {
        self.pair.replica.ask("REPLICAOF NO ONE").await;
        let other = start(&self.pair.replica.url()).await;
        let mut ben = Guest::join(&other, "Ben").await;
        for n in 2..=6 {
            answer(&mut ben, "chat", say(n, "Ben")).await;
        }
        self.one.kill().await;
        self.pair.master.kill().await;
        (self.pair, other)
    }
}

const NOW_SAID: [&str; 6] = [
    "1 of Cleo",
    "2 of Ben",
    "3 of Ben",
    "4 of Ben",
    "5 of Ben",
    "6 of Ben",
];

#[tokio::test]
async fn l15_a_client_that_saw_lost_messages_is_told_a_gap_by_a_server_that_did_not() {
    let door = Proxy::before(([127, 0, 0, 1], 1).into()).await;
    let Some(mut before) = Before::start("seen", &door).await else {
        return;
    };
    let mut ada = Guest::enter(&before.one, "Ada").await;
    let epoch = ada.joins(json!({})).await["epoch"].clone();
    before.talk().await;
    let mut digest = String::new();
    for n in 1..=4 {
        let said = ada.hears_text(&format!("{n} of Cleo")).await;
        digest = said["digest"].as_str().unwrap().to_owned();
    }
    let (_pair, other) = before.fail_over().await;
    let mut back = ada.back(&other, "direct=0&broadcast=0").await;
    assert_eq!(back.welcome["resumed"], true, "its session was not lost");
    let since = json!({"epoch": epoch, "since": format!("4:{digest}")});
    let joined = back.joins(since).await;
    assert_eq!(
        (&joined["recovered"], &joined["epoch"], &joined["seq"]),
        (&json!(false), &epoch, &json!("6"))
    );
    let gap = back.hears("gap").await;
    assert_eq!(
        (&gap["epoch"], &gap["from"], &gap["to"]),
        (&epoch, &json!("5"), &Value::Null)
    );
    for text in NOW_SAID {
        back.hears_text(text).await;
    }
    // Without the digest, the client misses 2 to 4 of Ben, and is not told.
    let mut blind = back.back(&other, "direct=0&broadcast=0").await;
    let joined = blind.joins(json!({"epoch": epoch, "since": "4"})).await;
    assert_eq!(joined["recovered"], true);
    blind.hears_text("5 of Ben").await;
}

#[tokio::test]
async fn l15_the_clients_of_the_course_show_the_digest() {
    let door = Proxy::before(([127, 0, 0, 1], 1).into()).await;
    let Some(mut before) = Before::start("seen-client", &door).await else {
        return;
    };
    door.lead_to(before.one.addr);
    let options = ConnectOptions {
        token: Some(CANARY.into()),
        longest_wait: Duration::from_millis(300),
        ..ConnectOptions::new(
            format!("ws://{}/", door.addr),
            &Trust::only(&certificates().ca).unwrap(),
        )
    };
    let mut ada = ChatClient::new(options, "Ada").unwrap();
    ada.join(LOBBY);
    soon("to join", async {
        while !matches!(next(&mut ada).await, ServerMessage::Joined { .. }) {}
    })
    .await;
    before.talk().await;
    assert_eq!(hears(&mut ada, 4).await.0[3], "4 of Cleo");
    let (pair, _other) = before.fail_over().await;
    // A server behind the same address, which has read other messages.
    let allowed = chat_app()
        .env("WEBSOCKET_REDIS_URL", pair.replica.url())
        .env(TIMEOUT, "60")
        .env("WEBSOCKET_ALLOWED_HOSTS", door.addr.to_string());
    let second = allowed.start().await;
    healthy(&second).await;
    door.lead_to(second.addr);
    let (texts, gaps) = hears(&mut ada, 6).await;
    assert_eq!(texts, NOW_SAID);
    assert_eq!(gaps, [(5, None)]);
}

async fn next(client: &mut ChatClient) -> ServerMessage {
    loop {
        if let ChatEvent::Received(said) = client.next().await.expect("it goes on") {
            return said.message;
        }
    }
}

/// The next texts of the lobby, and the gaps before them.
async fn hears(client: &mut ChatClient, count: usize) -> (Vec<String>, Vec<(u64, Option<u64>)>) {
    let (mut texts, mut gaps) = (Vec::new(), Vec::new());
    soon("the messages", async {
        while texts.len() < count {
            match next(client).await {
                ServerMessage::Chat { text, .. } => texts.push(text),
                ServerMessage::Gap { room, from, to, .. } if room == LOBBY => {
                    gaps.push((from.0, to.map(|to| to.0)));
                }
                _ => {}
            }
        }
    })
    .await;
    (texts, gaps)
}
