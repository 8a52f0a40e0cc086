//! The chat's client in Rust: over any number of broken connections, each message comes once and
//! in order, or a gap names it.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use zcomm_chat::{
    ChatClient, ChatEvent,
    envelope::{ClientMessage, LOBBY, Seq, ServerMessage},
};
use zcomm_core::{Config, ConnectOptions, Connection, Event, Message, Trust};

use crate::chat::client::{Guest, chat_app};
use crate::harness::{CANARY, Demo, certificates, echo, serve, soon};
use crate::vacant::Vacant;

fn options(url: impl Into<String>) -> ConnectOptions {
    let trust = Trust::only(&certificates().ca).unwrap();
    ConnectOptions {
        token: Some(CANARY.into()),
        longest_wait: Duration::from_millis(500),
        ..ConnectOptions::new(url, &trust)
    }
}

/// A client in the lobby.
async fn enter(chat: &Demo, name: &str) -> ChatClient {
    let mut client = ChatClient::new(options(chat.url()), name).unwrap();
    client.join(LOBBY);
    hears(&mut client, |said| {
        matches!(said, ServerMessage::Joined { .. })
    })
    .await;
    client
}

async fn next(client: &mut ChatClient) -> ChatEvent {
    soon("an event", client.next()).await.expect("it goes on")
}

/// The next message of this kind; others before it are skipped.
async fn hears(client: &mut ChatClient, is_it: impl Fn(&ServerMessage) -> bool) -> ServerMessage {
    let heard = async {
        loop {
            match next(client).await {
                ChatEvent::Received(said) if is_it(&said.message) => return said.message,
                ChatEvent::Connection(Event::GaveUp(why)) => panic!("gave up: {why:?}"),
                _ => {}
            }
        }
    };
    soon("a message", heard).await
}

async fn hears_text(client: &mut ChatClient) -> String {
    let said = hears(client, |said| matches!(said, ServerMessage::Chat { .. })).await;
    match said {
        ServerMessage::Chat { text, .. } => text,
        _ => unreachable!(),
    }
}

/// The id of the message that is acknowledged next.
async fn acked(client: &mut ChatClient) -> String {
    let ack = async {
        loop {
            match next(client).await {
                ChatEvent::Acknowledged { id } => return id,
                ChatEvent::Failed { id, why } => panic!("{id}: {why}"),
                _ => {}
            }
        }
    };
    soon("an ack", ack).await
}

#[tokio::test]
async fn a_message_is_acknowledged_and_reaches_the_others() {
    let chat = chat_app().start().await;
    let (mut ada, mut ben) = (enter(&chat, "Ada").await, enter(&chat, "Ben").await);
    assert_eq!((ada.name(), ben.name()), ("Ada", "Ben"));
    let id = ada.chat(LOBBY, "hello").unwrap();
    assert_eq!(acked(&mut ada).await, id);
    assert_eq!(hears_text(&mut ben).await, "hello");
    let id = ben.direct("Ada", "psst").unwrap();
    assert_eq!(acked(&mut ben).await, id);
    let said = hears(&mut ada, |said| {
        matches!(said, ServerMessage::Direct { .. })
    })
    .await;
    assert!(matches!(said, ServerMessage::Direct { text, .. } if text == "psst"));
    ada.broadcast("all of you").unwrap();
    acked(&mut ada).await;
    hears(&mut ben, |said| {
        matches!(said, ServerMessage::Broadcast { .. })
    })
    .await;
    ada.ask(ClientMessage::Ping {
        id: Some("p".into()),
    });
    hears(&mut ada, |said| matches!(said, ServerMessage::Pong { .. })).await;
    assert_eq!(ada.waiting(), 0);
}

/// The other messages are sent.
#[tokio::test]
async fn a_message_that_is_rejected_fails_with_a_reason() {
    let chat = chat_app().start().await;
    let mut ada = enter(&chat, "Ada").await;
    let refused = "x".repeat(65);
    ada.join(&refused);
    for (id, why) in [
        (ada.chat("elsewhere", "hello?"), "not in this room"),
        (ada.chat(&refused, "hello?"), "32 visible characters"),
        (ada.direct("nobody here", "psst"), "no user has this name"),
        (ada.chat(LOBBY, &"x".repeat(4001)), "4000"),
    ] {
        let failed = loop {
            match next(&mut ada).await {
                ChatEvent::Failed { id, why } => break (Some(id), why),
                ChatEvent::Acknowledged { id } => panic!("{id} is acknowledged"),
                _ => {}
            }
        };
        assert_eq!(failed.0, id);
        assert!(failed.1.contains(why), "{}", failed.1);
    }
    let id = ada.chat(LOBBY, "hello").unwrap();
    assert_eq!(acked(&mut ada).await, id);
}

/// A message over the size limit would end each connection that it is sent through: it fails once,
/// and the next message is sent.
#[tokio::test]
async fn a_message_that_is_too_large_is_not_sent_again() {
    let chat = chat_app()
        .env("WEBSOCKET_MAX_MESSAGE_BYTES", "1024")
        .start()
        .await;
    let mut ada = enter(&chat, "Ada").await;
    let large = ada.chat(LOBBY, &"x".repeat(2000)).unwrap();
    let small = ada.chat(LOBBY, "small").unwrap();
    let mut ends = Vec::new();
    while ends.len() < 2 {
        match next(&mut ada).await {
            ChatEvent::Failed { id, why } => ends.push((id, why)),
            ChatEvent::Acknowledged { id } => ends.push((id, "acknowledged".into())),
            _ => {}
        }
    }
    assert_eq!(
        ends,
        [
            (large, "the message is too large for this server".to_owned()),
            (small, "acknowledged".to_owned())
        ]
    );
}

/// The server is killed 20 times and started again while two clients talk. Each message is in a
/// log that acknowledged it; each message that the reader did not get is in a gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_20_times_names_every_lost_message() {
    const RESTARTS: usize = 20;
    let quiet = || chat_app().env("RUST_LOG", "warn,zcomm_core::server=info");
    let mut chat = quiet().start().await;
    let port = chat.addr.port().to_string();
    let mut speaker = enter(&chat, "Ada").await;
    let mut reader = Reader::new(enter(&chat, "Ben").await);
    let (mut said, mut acknowledged) = (0, 0);
    for round in 0..RESTARTS {
        for _ in 0..5 {
            said += 1;
            speaker.chat(LOBBY, &format!("text {said}")).unwrap();
        }
        // Killed before the other messages are acknowledged.
        for _ in 0..round % 5 {
            acked(&mut speaker).await;
            acknowledged += 1;
        }
        chat.kill().await;
        chat = quiet().env("WEBSOCKET_PORT", port.clone()).start().await;
        while acknowledged < said {
            acked(&mut speaker).await;
            acknowledged += 1;
        }
        // For the reader, messages from before the end may be in a gap; this one is not.
        let mark = format!("round {round}");
        speaker.chat(LOBBY, &mark).unwrap();
        tokio::join!(acked(&mut speaker), reader.reads_until(&mark));
    }
    assert_eq!((acknowledged, speaker.waiting()), (5 * RESTARTS, 0));
    let (heard, lost) = reader.account();
    eprintln!("{RESTARTS} restarts: {said} said, {heard} heard, {lost} in gaps");
    assert!(
        heard + lost >= said as u64,
        "{heard} heard, {lost} in gaps, {said} said"
    );
}

/// A reader that counts: every position of an epoch is received or in a gap.
struct Reader {
    client: ChatClient,
    epoch: String,
    /// The positions received, by epoch.
    heard: BTreeMap<String, Vec<u64>>,
    gaps: Vec<(String, u64, Option<u64>)>,
}

impl Reader {
    fn new(client: ChatClient) -> Reader {
        Reader {
            client,
            epoch: String::new(),
            heard: BTreeMap::new(),
            gaps: Vec::new(),
        }
    }

    async fn reads_until(&mut self, last: &str) {
        loop {
            let ChatEvent::Received(said) = next(&mut self.client).await else {
                continue;
            };
            match said.message {
                ServerMessage::Joined { epoch, .. } => self.epoch = epoch,
                ServerMessage::Gap {
                    room,
                    epoch,
                    from,
                    to,
                } if room == LOBBY => {
                    self.gaps.push((epoch, from.0, to.map(|Seq(to)| to)));
                }
                ServerMessage::Chat { seq, text, .. } => {
                    let heard = self.heard.entry(self.epoch.clone()).or_default();
                    assert!(
                        heard.last().is_none_or(|before| *before < seq.0),
                        "in order, once"
                    );
                    heard.push(seq.0);
                    if text == last {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    /// The number of positions received, and the least number in gaps. Checks that each position
    /// is in one of them.
    fn account(&self) -> (u64, u64) {
        let (mut all, mut lost) = (0, 0);
        for (epoch, heard) in &self.heard {
            let gaps = self.gaps.iter().filter(|(other, ..)| other == epoch);
            let gaps: Vec<_> = gaps.collect();
            let last = heard.last().copied().unwrap_or(0);
            for position in heard.first().copied().unwrap_or(1)..=last {
                let in_gap = gaps
                    .iter()
                    .any(|(_, from, to)| *from <= position && to.is_none_or(|to| position <= to));
                assert!(
                    heard.contains(&position) != in_gap,
                    "position {position} of {epoch}: {heard:?}, {gaps:?}"
                );
                lost += u64::from(in_gap);
            }
            all += heard.len() as u64;
        }
        (
            all,
            lost + self.gaps.iter().filter(|(.., to)| to.is_none()).count() as u64,
        )
    }
}

/// All members of a room see the id of a message, and may use it for their own messages.
#[tokio::test]
async fn an_id_of_ours_in_anothers_message_is_not_ours() {
    let chat = chat_app().start().await;
    let mut ada = enter(&chat, "Ada").await;
    let mut eve = Guest::join(&chat, "Eve").await;
    let is_chat = |said: &_| matches!(said, ServerMessage::Chat { .. });
    let whose = |said| match said {
        ServerMessage::Chat {
            text, client_id, ..
        } => (text, client_id),
        _ => unreachable!(),
    };
    let id = ada.chat(LOBBY, "from Ada").unwrap();
    let (text, client_id) = whose(hears(&mut ada, is_chat).await);
    assert_eq!((text.as_str(), ada.is_own(&client_id)), ("from Ada", true));
    assert_eq!(eve.hears_text("from Ada").await["id"], id);
    eve.says("chat", json!({"text": "from Eve", "id": id}))
        .await;
    let (text, client_id) = whose(hears(&mut ada, is_chat).await);
    assert_eq!((text.as_str(), ada.is_own(&client_id)), ("from Eve", false));
}

/// The connection breaks after the server has stored a message and before the ack arrives. The
/// message is in the log once.
#[tokio::test]
async fn a_message_that_is_sent_again_is_in_the_log_once() {
    let chat = chat_app().start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://localhost:{}/", listener.local_addr().unwrap().port());
    let host = chat.addr;
    tokio::spawn(relay(listener, host));
    let mut ada = ChatClient::new(options(url), "Ada").unwrap();
    ada.join(LOBBY);
    let mut ben = enter(&chat, "Ben").await;
    for round in 0..5 {
        let text = format!("cut here {round}");
        let id = ada.chat(LOBBY, &text).unwrap();
        assert_eq!(acked(&mut ada).await, id);
        assert_eq!(
            hears_text(&mut ben).await,
            text,
            "once, and before the next"
        );
    }
}

/// A relay that cuts every second connection after its first long text: the server has the text,
/// and its answer is dropped.
async fn relay(listener: TcpListener, host: std::net::SocketAddr) {
    for count in 0.. {
        let (mut inside, _) = listener.accept().await.unwrap();
        let mut outside = TcpStream::connect(host).await.unwrap();
        let mut head = vec![0; 4096];
        let read = inside.read(&mut head).await.unwrap();
        let head = String::from_utf8_lossy(&head[..read]).into_owned();
        let own = format!("localhost:{}", inside.local_addr().unwrap().port());
        let head = head.replace(&own, &host.to_string());
        outside.write_all(head.as_bytes()).await.unwrap();
        tokio::spawn(async move {
            let (mut up, mut down) = ([0; 8192], [0; 8192]);
            loop {
                tokio::select! {
                    read = inside.read(&mut up) => match read {
                        Ok(bytes @ 1..) => {
                            outside.write_all(&up[..bytes]).await.unwrap();
                            // A chat is longer than the messages before it.
                            if count % 2 == 0 && bytes > 90 {
                                // The answer shows that the server has all.
                                assert_ne!(outside.read(&mut down).await.unwrap(), 0);
                                break;
                            }
                        }
                        _ => break,
                    },
                    read = outside.read(&mut down) => match read {
                        Ok(bytes @ 1..) => inside.write_all(&down[..bytes]).await.unwrap(),
                        _ => break,
                    },
                }
            }
        });
    }
}

#[tokio::test]
async fn a_refused_client_does_not_reconnect_and_its_messages_fail() {
    let chat = chat_app().start().await;
    let wrong = ConnectOptions {
        token: Some(format!("{CANARY}x")),
        ..options(chat.url())
    };
    let mut ada = ChatClient::new(wrong, "Ada").unwrap();
    ada.join(LOBBY);
    let id = ada.chat(LOBBY, "hello").unwrap();
    let mut told = Vec::new();
    while let Some(event) = soon("an event", ada.next()).await {
        told.push(event);
    }
    let [
        ChatEvent::Connection(Event::Connected(_)),
        ChatEvent::Connection(Event::Disconnected(end)),
        ChatEvent::Failed { id: lost, .. },
    ] = told.as_slice()
    else {
        panic!("{told:?}")
    };
    assert_eq!(lost, &id);
    assert!(end.to_string().contains("Invalid token"), "{end}");
}

#[tokio::test]
async fn messages_that_wait_at_a_close_fail() {
    let vacant = Vacant::new();
    let mut ada = ChatClient::new(options(vacant.url()), "Ada").unwrap();
    ada.join(LOBBY);
    let id = ada.chat(LOBBY, "hello").unwrap();
    ada.close().await.unwrap_err();
    let Some(ChatEvent::Failed { id: lost, .. }) = ada.next().await else {
        panic!("no event for the message")
    };
    assert_eq!(lost, id);
    assert!(ada.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_server_without_a_welcome_is_not_a_chat() {
    let server = serve(Config::default(), echo).await;
    let mut ada = ChatClient::new(options(server.url()), "Ada").unwrap();
    assert!(matches!(
        next(&mut ada).await,
        ChatEvent::Connection(Event::Connected(_))
    ));
    let ChatEvent::Connection(Event::GaveUp(why)) = next(&mut ada).await else {
        panic!("it does not give up")
    };
    assert!(
        why.to_string()
            .contains("did not send a welcome within 10 s"),
        "{why}"
    );
    assert!(ada.next().await.is_none());
}

#[tokio::test]
async fn an_unknown_message_is_passed_on() {
    let strange = |mut connection: Connection| async move {
        for text in [r#"{"type":"from the future"}"#, "no JSON"] {
            connection.send(text).await?;
        }
        connection.recv().await;
        Ok(())
    };
    let server = serve(Config::default(), strange).await;
    let mut ada = ChatClient::new(options(server.url()), "Ada").unwrap();
    next(&mut ada).await;
    for text in [r#"{"type":"from the future"}"#, "no JSON"] {
        let ChatEvent::Unknown(message) = next(&mut ada).await else {
            panic!("not passed on")
        };
        assert_eq!(message, Message::from(text));
    }
}

/// No message of a server makes the client use more and more memory.
#[tokio::test]
async fn a_hostile_chat_cannot_make_it_grow() {
    let hostile = |mut connection: Connection| async move {
        for count in 0..500 {
            for text in [
                format!(
                    r#"{{"type":"joined","room":"{count}","epoch":"e","seq":"9","recovered":true,"missed":"9","users":[],"user_count":0,"timestamp":""}}"#
                ),
                format!(
                    r#"{{"type":"chat","room":"{count}","seq":"1","client_id":"1","name":"x","text":"x","timestamp":""}}"#
                ),
                format!(
                    r#"{{"type":"gap","room":"{count}","epoch":"e","from":"1","to":"2","timestamp":""}}"#
                ),
            ] {
                connection.send(text.as_str()).await?;
            }
        }
        connection.send("end").await?;
        connection.recv().await;
        Ok(())
    };
    let server = serve(Config::default(), hostile).await;
    let mut ada = ChatClient::new(options(server.url()), "Ada").unwrap();
    let mut chats = 0;
    loop {
        match next(&mut ada).await {
            ChatEvent::Unknown(_) => break,
            ChatEvent::Received(said) => {
                chats += usize::from(matches!(said.message, ServerMessage::Chat { .. }));
            }
            _ => {}
        }
    }
    assert_eq!(chats, 0, "rooms that the client has not joined");
    assert!(ada.rooms().is_empty());
}

/// The name and the rooms are the same after a broken connection.
#[tokio::test]
async fn it_reconnects_as_the_same_person() {
    let chat = chat_app().start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(relay(listener, chat.addr));
    let mut ada = ChatClient::new(options(url), "Ada").unwrap();
    ada.join(LOBBY);
    ada.join("garden");
    ada.chat("garden", "cut here, please, and let me come back")
        .unwrap();
    acked(&mut ada).await;
    assert_eq!(ada.name(), "Ada");
    assert_eq!(ada.rooms(), [LOBBY, "garden"]);
    let mut ben = enter(&chat, "Ben").await;
    ben.direct("Ada", "still there?").unwrap();
    acked(&mut ben).await;
    let said = hears(&mut ada, |said| {
        matches!(said, ServerMessage::Direct { .. })
    });
    assert!(matches!(said.await, ServerMessage::Direct { text, .. } if text == "still there?"));
}

/// The server refuses a query in which a name occurs twice, so the client says it first.
#[test]
fn an_address_that_already_has_a_name_is_an_error() {
    for query in [
        "name=Ada",
        "x=1&n%61me=",
        "session=a.1.b",
        "direct=0",
        "broadcast=0",
    ] {
        let error = ChatClient::new(options(format!("ws://h/?{query}")), "Ada").err();
        let error = error.expect(query).to_string();
        assert!(error.contains("--name NAME"), "{error}");
    }
    for near_miss in ["", "?", "?token=name", "?Name=Ada", "?room=direct"] {
        ChatClient::new(options(format!("ws://h/{near_miss}")), "Ada").unwrap();
    }
}
