//! The chat: rooms, presence, private messages, and a gap for every lost message.

use serde_json::{Value, json};

use crate::chat::client::{Guest, heard, plain};
use crate::demo;
use crate::harness::{CANARY, Client, Start};

/// The chat, ready to be started, over the transport of this module.
fn chat_app() -> Start {
    demo!("chat_app").env("WEBSOCKET_TOKEN", CANARY)
}

#[tokio::test]
async fn says_its_address_and_serves_its_page() {
    let chat = chat_app().start().await;
    assert!(chat.get("/").await.body.contains("<h1"));
}

#[tokio::test]
async fn a_client_without_a_token_is_closed_with_1008() {
    let chat = chat_app().start().await;
    let mut stranger = Client::connect(format!("{}?name=Eve", chat.url())).await;
    let why = (1008, "Authentication required".to_owned());
    assert_eq!(stranger.closed().await, why);
}

/// It has all that a client needs, also to come back.
#[tokio::test]
async fn the_first_message_is_a_welcome() {
    let chat = chat_app().start().await;
    let ada = Guest::enter(&chat, "%20Ada%20").await;
    let mut welcome = plain(ada.welcome.clone());
    let session = welcome.as_object_mut().unwrap().remove("session").unwrap();
    assert!(session.as_str().unwrap().len() >= 22, "128 bits at least");
    let expected = json!({
        "type": "welcome", "client_id": "1", "name": "Ada", "resumed": false,
        "direct": "0", "broadcast": "0", "heartbeat_seconds": 20,
    });
    assert_eq!(welcome, expected);
    assert!(ada.welcome["epoch"].as_str().unwrap().len() > 8);
}

// Rooms and presence.

/// `*` and `@` stand for the server's log and for the inbox in a gap. A room with such a name
/// would move the positions of these logs, and a client would lose messages without a word.
#[tokio::test]
async fn a10_no_room_is_named_like_a_log_of_the_server() {
    let chat = chat_app().start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    for room in ["*", "@", " @ "] {
        ada.says("join", json!({"room": room})).await;
        let error = ada.refused().await;
        assert_eq!(
            (&error["code"], &error["field"]),
            (&json!("bad_name"), &json!("room"))
        );
        assert!(error["message"].as_str().unwrap().contains("not * or @"));
    }
    assert_eq!(ada.joins(json!({"room": "**"})).await["room"], "**");
}

#[tokio::test]
async fn a_client_is_in_no_room_until_it_joins_one() {
    let chat = chat_app().start().await;
    let mut ada = Guest::enter(&chat, "Ada").await;
    for (kind, fields) in [
        ("chat", json!({"text": "hello", "id": "7"})),
        ("typing", json!({})),
        ("leave", json!({})),
    ] {
        ada.says(kind, fields).await;
        let error = ada.refused().await;
        assert_eq!(
            (&error["code"], &error["field"]),
            (&json!("not_joined"), &json!("room"))
        );
    }
}

#[tokio::test]
async fn a_join_returns_the_members_and_is_announced_to_them() {
    let chat = chat_app().start().await;
    let mut ada = Guest::enter(&chat, "Ada").await;
    let joined = plain(ada.joins(json!({})).await);
    let expected = json!({
        "type": "joined", "room": "lobby", "seq": "0", "recovered": false, "missed": "0",
        "users": ["Ada"], "user_count": 1,
    });
    assert_eq!(joined, expected);
    let mut bob = Guest::enter(&chat, "Bob").await;
    let joined = bob.joins(json!({"room": "lobby"})).await;
    assert_eq!(joined["users"], json!(["Ada", "Bob"]));
    let came = plain(ada.hears("user_joined").await);
    let expected = json!({
        "type": "user_joined", "room": "lobby", "client_id": "2", "name": "Bob", "user_count": 2,
    });
    assert_eq!(came, expected);
    // Bob gets no event about himself: the next one is about Eve.
    let _eve = Guest::join(&chat, "Eve").await;
    assert_eq!(bob.hears("user_joined").await["name"], "Eve");
}

#[tokio::test]
async fn a_leave_and_a_lost_connection_are_announced() {
    let chat = chat_app().start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let mut bob = Guest::join(&chat, "Bob").await;
    let eve = Guest::join(&chat, "Eve").await;
    bob.says("leave", json!({})).await;
    assert_eq!(
        plain(bob.hears("left").await),
        json!({"type": "left", "room": "lobby"})
    );
    let left = plain(ada.hears("user_left").await);
    let expected = json!({
        "type": "user_left", "room": "lobby", "client_id": "2", "name": "Bob", "user_count": 2,
    });
    assert_eq!(left, expected);
    drop(eve);
    let gone = ada.hears("user_left").await;
    assert_eq!(
        (&gone["name"], &gone["user_count"]),
        (&json!("Eve"), &json!(1))
    );
    // A client that has left gets no more messages of the room.
    ada.chats("are you there?").await;
    bob.says("ping", json!({"id": "1"})).await;
    assert_eq!(bob.hears_next().await["type"], "pong");
}

/// The connection has every message already. With a position of this epoch, that is the same.
#[tokio::test]
async fn a_second_join_of_a_room_is_answered_by_joined_only() {
    let chat = chat_app().start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let mut bob = Guest::join(&chat, "Bob").await;
    assert_eq!(ada.hears("user_joined").await["name"], "Bob");
    ada.chats("hello").await;
    bob.hears_text("hello").await;
    let epoch = bob.joins(json!({})).await["epoch"].clone();
    let beginning = json!({"epoch": epoch, "since": "0"});
    let future = json!({"epoch": epoch, "since": "99"});
    for fields in [json!({}), beginning, future] {
        let joined = bob.joins(fields).await;
        let said = [&joined["recovered"], &joined["missed"], &joined["seq"]];
        assert_eq!(said, [&json!(true), &json!("0"), &json!("1")], "{joined}");
        assert_eq!(joined["users"], json!(["Ada", "Bob"]));
    }
    // The next message of the room is the next one that is said.
    ada.chats("again").await;
    bob.hears_text("again").await;
    let _eve = Guest::join(&chat, "Eve").await;
    assert_eq!(
        ada.hears("user_joined").await["name"],
        "Eve",
        "no second Bob"
    );
}

/// A client that has lost what it showed leaves first. A position in another epoch is a position in
/// another log, so its client is told what it will not get.
#[tokio::test]
async fn a_client_that_leaves_or_shows_another_epoch_gets_the_history_again() {
    let chat = chat_app().start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    ada.chats("hello").await;
    ada.hears_text("hello").await;
    ada.says("leave", json!({})).await;
    assert_eq!(ada.joins(json!({})).await["recovered"], false);
    ada.hears_text("hello").await;
    let joined = ada.joins(json!({"epoch": "then", "since": "7"})).await;
    assert_eq!(joined["recovered"], false);
    assert_eq!(ada.hears_next().await["type"], "gap");
    ada.hears_text("hello").await;
}

#[tokio::test]
async fn rooms_are_separate_and_a_client_is_in_eight_at_most() {
    let chat = chat_app().start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let mut bob = Guest::join(&chat, "Bob").await;
    for n in 2..=8 {
        bob.joins(json!({"room": format!("room {n}")})).await;
    }
    bob.says("join", json!({"room": "room 9"})).await;
    assert_eq!(bob.refused().await["code"], "too_many_rooms");
    bob.says(
        "chat",
        json!({"room": "room 2", "text": "not in the lobby", "id": "1"}),
    )
    .await;
    assert_eq!(bob.hears("ack").await["recipients"], 0);
    bob.chats("in the lobby").await;
    ada.hears_text("in the lobby").await;
    bob.says("leave", json!({"room": "room 2"})).await;
    bob.hears("left").await;
    bob.joins(json!({"room": "room 9"})).await;
}

#[tokio::test]
async fn typing_is_passed_on_once_a_second() {
    let chat = chat_app().start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let mut bob = Guest::join(&chat, "Bob").await;
    for _ in 0..3 {
        bob.says("typing", json!({})).await;
    }
    let typing = plain(ada.hears("typing").await);
    let expected = json!({
        "type": "typing", "room": "lobby", "client_id": "2", "name": "Bob", "expires_in": 5,
    });
    assert_eq!(typing, expected);
    // A log keeps its order: a second `typing` would come before Eve.
    let _eve = Guest::join(&chat, "Eve").await;
    assert_eq!(ada.hears_next().await["name"], "Eve");
    assert_eq!(
        bob.hears_next().await["name"],
        "Eve",
        "Bob gets no event about himself"
    );
}

// Messages.

#[tokio::test]
async fn a_message_reaches_all_members_and_the_ack_counts_the_others() {
    let chat = chat_app().start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let mut bob = Guest::join(&chat, "Bob").await;
    ada.says(
        "chat",
        json!({"text": "<b>hello</b>\u{1b}[2J", "id": "a-1"}),
    )
    .await;
    let ack = json!({"type": "ack", "id": "a-1", "seq": "1", "recipients": 1, "duplicate": false});
    assert_eq!(plain(ada.hears("ack").await), ack);
    let expected = json!({
        "type": "chat", "room": "lobby", "seq": "1", "id": "a-1", "client_id": "1",
        "name": "Ada", "text": "<b>hello</b>\u{1b}[2J",
    });
    assert_eq!(plain(ada.hears("chat").await), expected);
    assert_eq!(plain(bob.hears("chat").await), expected);
    // Without an id there is no ack, and the positions have no holes.
    bob.says("chat", json!({"text": "hi"})).await;
    let heard = plain(bob.hears_next().await);
    assert_eq!(
        (&heard["type"], &heard["seq"]),
        (&json!("chat"), &json!("2"))
    );
    assert_eq!(heard.get("id"), None);
}

#[tokio::test]
async fn a_broadcast_reaches_all_clients_in_any_room_or_none() {
    let chat = chat_app().start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let mut bob = Guest::enter(&chat, "Bob").await;
    bob.says("broadcast", json!({"text": "dinner!", "id": "1"}))
        .await;
    let ack = bob.hears("ack").await;
    assert_eq!((&ack["seq"], &ack["recipients"]), (&json!("1"), &json!(1)));
    let expected = json!({
        "type": "broadcast", "seq": "1", "id": "1", "client_id": "2", "name": "Bob",
        "text": "dinner!",
    });
    assert_eq!(plain(ada.hears("broadcast").await), expected);
    assert_eq!(plain(bob.hears("broadcast").await), expected);
}

#[tokio::test]
async fn a_direct_message_reaches_one_person_and_its_sender() {
    let chat = chat_app().start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let mut bob = Guest::join(&chat, "Bob").await;
    let mut eve = Guest::join(&chat, "Eve").await;
    ada.says("direct", json!({"to": "Bob", "text": "psst", "id": "1"}))
        .await;
    let ack = plain(ada.hears("ack").await);
    let expected =
        json!({"type": "ack", "id": "1", "seq": "1", "recipients": 1, "duplicate": false});
    assert_eq!(ack, expected);
    let expected = json!({
        "type": "direct", "seq": "1", "id": "1", "client_id": "1", "name": "Ada", "to": "Bob",
        "text": "psst",
    });
    assert_eq!(plain(ada.hears("direct").await), expected);
    assert_eq!(plain(bob.hears("direct").await), expected);
    // An inbox is a log: a message for Bob in Eve's would be her first.
    bob.says("direct", json!({"to": "eve", "text": "hi Eve"}))
        .await;
    let first = eve.hears("direct").await;
    assert_eq!(
        (&first["text"], &first["seq"]),
        (&json!("hi Eve"), &json!("1"))
    );
    // To herself: one copy, and no other recipient.
    eve.says("direct", json!({"to": "Eve", "text": "note", "id": "2"}))
        .await;
    let ack = eve.hears("ack").await;
    assert_eq!((&ack["seq"], &ack["recipients"]), (&json!("2"), &json!(0)));
    eve.says("direct", json!({"to": "Mallory", "text": "hi", "id": "3"}))
        .await;
    let error = eve.refused().await;
    assert_eq!(
        (&error["code"], &error["field"], &error["id"]),
        (&json!("no_such_user"), &json!("to"), &json!("3"))
    );
}

#[tokio::test]
async fn it_answers_pings_and_stats_and_sends_heartbeats() {
    let chat = chat_app()
        .env("WEBSOCKET_PING_INTERVAL", "0.1")
        .start()
        .await;
    let mut ada = Guest::join(&chat, "Ada").await;
    ada.says("ping", json!({})).await;
    assert_eq!(plain(ada.hears("pong").await), json!({"type": "pong"}));
    ada.says("ping", json!({"id": "9"})).await;
    assert_eq!(
        plain(ada.hears("pong").await),
        json!({"type": "pong", "id": "9"})
    );
    ada.chats("one").await;
    ada.says("custom", json!({"action": "get_stats"})).await;
    let mut stats = plain(ada.hears("stats").await);
    stats
        .as_object_mut()
        .unwrap()
        .remove("uptime_seconds")
        .unwrap();
    let expected = json!({"type": "stats", "clients": 1, "sessions": 1, "rooms": 1, "messages": 1});
    assert_eq!(stats, expected);
    for _ in 0..2 {
        assert_eq!(
            plain(ada.hears("heartbeat").await),
            json!({"type": "heartbeat", "clients": 1})
        );
    }
    assert_eq!(ada.welcome["heartbeat_seconds"], 1);
}

// Coming back.

#[tokio::test]
async fn a_new_member_reads_the_last_fifty_messages() {
    let chat = chat_app().env("WEBSOCKET_RATE_LIMIT", "off").start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    for n in 1..=60 {
        ada.chats(&n.to_string()).await;
    }
    let mut bob = Guest::enter(&chat, "Bob").await;
    let joined = bob.joins(json!({})).await;
    assert_eq!(
        (&joined["seq"], &joined["recovered"]),
        (&json!("60"), &json!(false))
    );
    for n in 11..=60 {
        let message = bob.hears_text(&n.to_string()).await;
        assert_eq!(message["seq"], n.to_string());
    }
}

#[tokio::test]
async fn a_client_that_comes_back_gets_exactly_what_it_missed() {
    let chat = chat_app().env("WEBSOCKET_RATE_LIMIT", "off").start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let mut bob = Guest::enter(&chat, "Bob").await;
    let epoch = bob.joins(json!({})).await["epoch"].clone();
    ada.chats("seen").await;
    bob.hears_text("seen").await;
    let secret = bob.welcome["session"].clone();
    let before = bob;
    for n in 2..=80 {
        ada.chats(&n.to_string()).await;
    }
    let mut bob = before.back(&chat, "").await;
    drop(before);
    assert_eq!(bob.welcome["resumed"], true);
    assert_eq!(
        (&bob.welcome["name"], &bob.welcome["client_id"]),
        (&json!("Bob"), &json!("2"))
    );
    assert_eq!(bob.welcome["session"], secret);
    let joined = bob.joins(json!({"epoch": epoch, "since": "1"})).await;
    assert_eq!(
        (&joined["recovered"], &joined["missed"]),
        (&json!(true), &json!("79"))
    );
    for n in 2..=80 {
        let next = bob.hears_next().await;
        assert_eq!(
            (&next["type"], &next["text"]),
            (&json!("chat"), &json!(n.to_string()))
        );
    }
    let joined = bob.joins(json!({"epoch": epoch, "since": "80"})).await;
    assert_eq!(
        (&joined["recovered"], &joined["missed"]),
        (&json!(true), &json!("0"))
    );
}

#[tokio::test]
async fn a_client_that_missed_too_much_gets_a_gap() {
    let chat = chat_app().env("WEBSOCKET_RATE_LIMIT", "off").start().await;
    let mut ada = Guest::enter(&chat, "Ada").await;
    let epoch = ada.joins(json!({})).await["epoch"].clone();
    for n in 1..=301 {
        ada.chats(&n.to_string()).await;
    }
    let mut bob = Guest::enter(&chat, "Bob").await;
    let joined = bob.joins(json!({"epoch": epoch, "since": "0"})).await;
    assert_eq!(
        (&joined["recovered"], &joined["missed"]),
        (&json!(false), &json!("301"))
    );
    let gap = plain(bob.hears_next().await);
    assert_eq!(
        gap,
        json!({"type": "gap", "room": "lobby", "from": "1", "to": "251"})
    );
    for n in 252..=301 {
        bob.hears_text(&n.to_string()).await;
    }
    // A position that does not exist yet: nothing was missed, and the client starts anew.
    bob.says("leave", json!({})).await;
    let joined = bob.joins(json!({"epoch": epoch, "since": "999"})).await;
    assert_eq!(
        (&joined["recovered"], &joined["missed"]),
        (&json!(false), &json!("0"))
    );
    assert_eq!(bob.hears_next().await["text"], "252");
}

/// l23, for broadcasts: a client that comes back gets as many as of a room.
#[tokio::test]
async fn of_the_servers_log_at_most_300_messages_are_replayed() {
    let chat = chat_app().env("WEBSOCKET_RATE_LIMIT", "off").start().await;
    let mut ada = Guest::enter(&chat, "Ada").await;
    for n in 1..=302 {
        let text = n.to_string();
        ada.says("broadcast", json!({"text": text})).await;
        assert_eq!(ada.hears("broadcast").await["text"], text);
    }
    for (seen, first) in [(2, "3"), (1, "3")] {
        let mut back = ada.back(&chat, &format!("broadcast={seen}")).await;
        assert_eq!(back.welcome["resumed"], true);
        if seen == 1 {
            let gap = plain(back.hears_next().await);
            assert_eq!(
                gap,
                json!({"type": "gap", "room": "*", "from": "2", "to": "2"})
            );
        }
        assert_eq!(back.hears_next().await["text"], first);
    }
}

/// r09: bytes have a limit like messages, and a warning before it.
#[tokio::test]
async fn a_client_that_sends_too_many_bytes_is_asked_to_wait_first() {
    let chat = chat_app().start().await;
    let mut ada = Guest::enter(&chat, "Ada").await;
    ada.joins(json!({})).await;
    let text = "\u{4e16}".repeat(3990); // 12 KB; a quarter of a MiB may be sent at once
    for _ in 0..15 {
        ada.says("chat", json!({"text": text})).await;
    }
    let error = ada.refused().await;
    assert_eq!(error["code"], "rate_limited");
    assert!(error["retry_ms"].as_u64().unwrap() > 0);
}

/// After a restart the old positions mean nothing, and a gap says so.
#[tokio::test]
async fn l10_after_a_restart_the_old_epoch_is_a_gap_without_an_end() {
    let mut chat = chat_app().start().await;
    let port = chat.addr.port().to_string();
    let mut ada = Guest::enter(&chat, "Ada").await;
    let old_room = ada.joins(json!({})).await["epoch"].clone();
    let old = ada.welcome["epoch"].clone();
    chat.kill().await;
    let chat = chat_app().env("WEBSOCKET_PORT", port).start().await;
    let mut bob = Guest::join(&chat, "Bob").await;
    bob.says("broadcast", json!({"text": "new", "id": "1"}))
        .await;
    bob.hears("ack").await;
    let mut ada = ada.back(&chat, "direct=3&broadcast=4&name=Ada").await;
    assert_eq!(
        (&ada.welcome["resumed"], &ada.welcome["broadcast"]),
        (&json!(false), &json!("1"))
    );
    let new = ada.welcome["epoch"].clone();
    assert_ne!(old, new);
    for (room, epoch, from, to) in [
        ("@", &old, "4", json!(null)),
        ("*", &old, "5", json!(null)),
        ("*", &new, "1", json!("1")),
    ] {
        let gap = ada.hears_next().await;
        assert_eq!(
            (&gap["type"], &gap["room"]),
            (&json!("gap"), &json!(room)),
            "{gap}"
        );
        assert_eq!(
            (&gap["epoch"], &gap["from"], &gap["to"]),
            (epoch, &json!(from), &to)
        );
    }
    let joined = ada.joins(json!({"epoch": old_room, "since": "12"})).await;
    assert_eq!(
        (&joined["recovered"], &joined["missed"]),
        (&json!(false), &json!("0"))
    );
    let gap = ada.hears_next().await;
    assert_eq!((&gap["from"], &gap["to"]), (&json!("13"), &json!(null)));
    assert_eq!(gap["epoch"], old_room);
}

#[tokio::test]
async fn messages_during_a_break_wait_in_the_inbox_and_the_log() {
    let chat = chat_app().start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let mut bob = Guest::join(&chat, "Bob").await;
    ada.says("direct", json!({"to": "Bob", "text": "seen"}))
        .await;
    bob.hears("direct").await;
    let before = bob.welcome.clone();
    drop(bob); // no Close frame
    assert_eq!(ada.hears("user_left").await["name"], "Bob");
    ada.says("direct", json!({"to": "Bob", "text": "waits", "id": "1"}))
        .await;
    assert_eq!(ada.hears("ack").await["recipients"], 1, "it waits for him");
    ada.says("broadcast", json!({"text": "for all"})).await;
    ada.hears("broadcast").await;
    let session = before["session"].as_str().unwrap();
    let query = format!("token={CANARY}&session={session}&direct=1&broadcast=0");
    let mut bob = Guest::with(&chat, &query).await;
    assert_eq!(
        (&bob.welcome["direct"], &bob.welcome["broadcast"]),
        (&json!("2"), &json!("1"))
    );
    let mut missed = [bob.hears_next().await, bob.hears_next().await];
    missed.sort_by_key(|message| message["type"].as_str().unwrap().to_owned());
    assert_eq!(
        (&missed[0]["text"], &missed[0]["seq"]),
        (&json!("for all"), &json!("1"))
    );
    assert_eq!(
        (&missed[1]["text"], &missed[1]["seq"]),
        (&json!("waits"), &json!("2"))
    );
}

/// A client that has seen nothing of its inbox sends no position: it gets all of the inbox.
#[tokio::test]
async fn a_session_without_a_position_gets_its_whole_inbox() {
    let chat = chat_app().start().await;
    let mut ada = Guest::enter(&chat, "Ada").await;
    let bob = Guest::enter(&chat, "Bob").await;
    let session = bob.welcome["session"].as_str().unwrap().to_owned();
    drop(bob); // no Close frame
    for text in ["first", "second"] {
        ada.says("direct", json!({"to": "Bob", "text": text, "id": text}))
            .await;
        ada.hears("ack").await;
    }
    for seen in ["", "&broadcast=0", "&direct="] {
        let query = format!("token={CANARY}&session={session}{seen}");
        let mut bob = Guest::with(&chat, &query).await;
        assert_eq!(bob.welcome["resumed"], true, "{seen}");
        for (text, seq) in [("first", "1"), ("second", "2")] {
            let waiting = bob.hears_next().await;
            let shown = (&waiting["type"], &waiting["text"], &waiting["seq"]);
            assert_eq!(
                shown,
                (&json!("direct"), &json!(text), &json!(seq)),
                "{seen}"
            );
        }
        drop(bob); // no Close frame
    }
}

#[tokio::test]
async fn an_inbox_that_overflows_is_a_gap() {
    let chat = chat_app().env("WEBSOCKET_RATE_LIMIT", "off").start().await;
    let mut ada = Guest::enter(&chat, "Ada").await;
    let bob = Guest::enter(&chat, "Bob").await;
    let session = bob.welcome["session"].as_str().unwrap().to_owned();
    drop(bob); // no Close frame
    for n in 1..=70 {
        ada.says(
            "direct",
            json!({"to": "Bob", "text": n.to_string(), "id": n.to_string()}),
        )
        .await;
        ada.hears("ack").await;
    }
    let query = format!("token={CANARY}&session={session}&direct=0");
    let mut bob = Guest::with(&chat, &query).await;
    let gap = bob.hears_next().await;
    assert_eq!(
        plain(gap.clone()),
        json!({"type": "gap", "room": "@", "from": "1", "to": "6"})
    );
    assert_eq!(gap["epoch"], bob.welcome["epoch"]);
    assert_eq!(bob.hears_next().await["text"], "7");
}

#[tokio::test]
async fn an_older_connection_of_the_same_session_is_closed_with_4001() {
    let chat = chat_app().start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let mut bob = Guest::join(&chat, "Bob").await;
    let mut newer = bob.back(&chat, "").await;
    let joined = newer.joins(json!({})).await;
    assert_eq!(joined["user_count"], 2);
    let why = (4001, "Replaced by a new connection".to_owned());
    assert_eq!(bob.client.closed().await, why);
    let _eve = Guest::join(&chat, "Eve").await;
    loop {
        let event = ada.hears_next().await;
        if event["name"] == "Eve" {
            assert_eq!(
                event["user_count"], 3,
                "the older connection did not remove Bob"
            );
            break;
        }
    }
}

/// At least once becomes once: the sender of a message without an ack sends it again.
#[tokio::test]
async fn a17_the_same_id_again_is_answered_with_the_first_ack_also_after_a_reconnect() {
    let chat = chat_app().start().await;
    let mut bob = Guest::join(&chat, "Bob").await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let first = ada.chats("once").await;
    let again = ada.chats("once").await;
    assert_eq!(
        (&first["duplicate"], &again["duplicate"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        (&first["seq"], &first["recipients"]),
        (&again["seq"], &again["recipients"])
    );
    let mut ada = ada.back(&chat, "").await;
    ada.joins(json!({})).await;
    assert_eq!(ada.chats("once").await["duplicate"], true);
    assert_eq!(ada.chats("more").await["seq"], "2");
    bob.hears_text("once").await;
    bob.hears_text("more").await;
    // An id belongs to its sender: another client may use the same.
    assert_eq!(bob.chats("once").await["duplicate"], false);
}

// Names.

#[tokio::test]
async fn a_taken_name_gets_the_number_of_its_session_and_no_name_is_guest() {
    let chat = chat_app().start().await;
    let mut names = Vec::new();
    let mut guests = Vec::new();
    for query in [
        "name=Ada",
        "name=ADA",
        "name=Ada",
        "",
        "name=Jose%CC%81",
        "name=Jos%C3%A9",
    ] {
        let guest = Guest::with(&chat, &format!("token={CANARY}&{query}")).await;
        names.push(guest.welcome["name"].as_str().unwrap().to_owned());
        guests.push(guest);
    }
    assert_eq!(
        names,
        ["Ada", "ADA#2", "Ada#3", "guest", "Jos\u{e9}", "Jos\u{e9}#6"]
    );
}

#[tokio::test]
async fn a_numbered_name_outlives_its_connection_and_can_be_written_to() {
    let chat = chat_app().start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let second = Guest::join(&chat, "Ada").await;
    let mut back = second.back(&chat, "").await;
    assert_eq!(
        (&back.welcome["resumed"], &back.welcome["name"]),
        (&json!(true), &json!("Ada#2"))
    );
    ada.says("direct", json!({"to": "Ada#2", "text": "psst"}))
        .await;
    let heard = back.hears("direct").await;
    assert_eq!(
        (&heard["name"], &heard["to"]),
        (&json!("Ada"), &json!("Ada#2"))
    );
}

/// A person who leaves with a goodbye is gone: the next person can have the name, and a private
/// message is refused instead of waiting for a client that has left.
#[tokio::test]
async fn a_goodbye_frees_the_name_and_ends_the_session() {
    let chat = chat_app().start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    for code in [Some(1000), None, Some(1000)] {
        let bot = Guest::join(&chat, "Bot").await;
        assert_eq!(bot.welcome["name"], "Bot");
        let session = bot.welcome["session"].clone();
        bot.client.leave_with(code).await;
        assert_eq!(ada.hears("user_left").await["name"], "Bot");
        ada.says("direct", json!({"to": "Bot", "text": "?"})).await;
        assert_eq!(ada.refused().await["code"], "no_such_user");
        let ticket = session.as_str().unwrap();
        let query = format!("token={CANARY}&name=Bot&session={ticket}");
        let back = Guest::with(&chat, &query).await;
        assert_eq!(
            (&back.welcome["resumed"], &back.welcome["name"]),
            (&json!(false), &json!("Bot"))
        );
        back.client.leave().await;
    }
}

/// A page sends 1001 when it is loaded again, and 4000 when it gives up a silent connection. Both
/// come back, as after a broken connection.
#[tokio::test]
async fn any_other_end_keeps_the_name_for_its_session() {
    let chat = chat_app().start().await;
    for (code, name) in [(1001, "Ada"), (4000, "Ben"), (3000, "Cy"), (1011, "Dan")] {
        let person = Guest::enter(&chat, name).await;
        let session = person.welcome["session"].clone();
        person.client.leave_with(Some(code)).await;
        let other = Guest::enter(&chat, name).await;
        assert_ne!(other.welcome["name"], name, "{code}");
        let session = session.as_str().unwrap();
        let back = Guest::with(&chat, &format!("token={CANARY}&session={session}")).await;
        assert_eq!(
            (&back.welcome["resumed"], &back.welcome["name"]),
            (&json!(true), &json!(name))
        );
    }
}

/// An older connection may say goodbye after a newer one has taken its session.
#[tokio::test]
async fn a_goodbye_of_an_older_connection_ends_nothing() {
    let chat = chat_app().start().await;
    let mut ada = Guest::enter(&chat, "Ada").await;
    let mut newer = ada.back(&chat, "").await;
    assert_eq!(ada.client.closed().await.0, 4001);
    ada.client.leave().await;
    newer
        .says(
            "direct",
            json!({"to": "Ada", "text": "still here", "id": "1"}),
        )
        .await;
    assert_eq!(newer.hears("direct").await["text"], "still here");
}

#[tokio::test]
async fn a10_a_name_that_breaks_the_rule_ends_with_1008() {
    let chat = chat_app().start().await;
    let long = "x".repeat(33);
    let marks = format!("a{}", "%CC%81".repeat(250));
    for name in [
        "",
        "%20",
        "%E2%80%AEmoc",
        "a%E2%80%8Bb",
        "a%0Ab",
        "%1B[2J",
        &long,
        &marks,
        "Ada%237",
        "*",
        "%40",
    ] {
        let url = format!("{}?token={CANARY}&name={name}", chat.url());
        let mut client = Client::connect(url).await;
        let error = heard(&client.hear_text().await);
        assert_eq!(
            (&error["code"], &error["field"]),
            (&json!("bad_name"), &json!("name"))
        );
        assert_eq!(client.closed().await, (1008, "Bad name".into()));
    }
}

/// If the server read a position that it never wrote, a client would miss messages without a word.
#[tokio::test]
async fn a10_a_position_in_another_form_ends_with_1008() {
    let chat = chat_app().start().await;
    let ada = Guest::join(&chat, "Ada").await;
    let session = ada.welcome["session"].as_str().unwrap();
    for field in ["direct", "broadcast"] {
        for wrong in [
            "%2B0",
            "00",
            "%200",
            "0%20",
            "-1",
            "x",
            "18446744073709551616",
        ] {
            let query = format!("token={CANARY}&session={session}&{field}={wrong}");
            let mut client = Client::connect(format!("{}?{query}", chat.url())).await;
            let error = heard(&client.hear_text().await);
            let named = (&error["code"], &error["field"]);
            assert_eq!(named, (&json!("bad_message"), &json!(field)), "{wrong}");
            assert_eq!(client.closed().await, (1008, "Bad position".into()));
        }
    }
    let back = ada.back(&chat, "direct=0&broadcast=0").await;
    assert_eq!(back.welcome["resumed"], true);
}

/// A ticket has one form. With another form, the session would be found under a second name.
#[tokio::test]
async fn a_session_in_another_form_is_not_resumed() {
    let chat = chat_app().start().await;
    let ada = Guest::join(&chat, "Ada").await;
    let session = ada.welcome["session"].as_str().unwrap();
    for number in ["%2B1", "01", "%201", "1%20"] {
        let other = session.replace(".1.", &format!(".{number}."));
        let other = Guest::with(&chat, &format!("token={CANARY}&session={other}&name=Eve")).await;
        assert_eq!(other.welcome["resumed"], false, "{number}");
        other.client.leave().await;
    }
    let back = ada.back(&chat, "direct=0").await;
    assert_eq!(back.welcome["resumed"], true);
}

/// Every client sees a name. The error says what the client has pasted.
#[tokio::test]
async fn t18_a_token_is_no_name_of_a_user_or_a_room() {
    let bens = format!("{CANARY}-of-Ben");
    let chat = chat_app().env("WEBSOCKET_TOKENS", format!("Ben:{bens}"));
    let chat = chat.start().await;
    let is_refused = |error: &Value, field: &str| {
        let named = (&error["code"], &error["field"]);
        assert_eq!(named, (&json!("bad_name"), &json!(field)));
        let words = error["message"].as_str().unwrap();
        assert!(
            words.starts_with("this is a token of this server"),
            "{words}"
        );
    };
    for name in [
        CANARY,
        &bens,
        &format!("x{CANARY}y"),
        &CANARY.to_uppercase(),
    ] {
        let url = format!("{}?token={CANARY}&name={name}", chat.url());
        let mut client = Client::connect(url).await;
        is_refused(&heard(&client.hear_text().await), "name");
        assert_eq!(client.closed().await, (1008, "Bad name".into()));
    }
    let mut ada = Guest::join(&chat, "Ada").await;
    for (kind, field) in [("join", "room"), ("typing", "room"), ("direct", "to")] {
        ada.says(kind, json!({field: CANARY, "text": "x"})).await;
        is_refused(&ada.refused().await, field);
    }
    let near = CANARY.replace('7', "8");
    assert_eq!(ada.joins(json!({"room": near})).await["room"], near);
}

/// With a named token, the address does not decide the name.
#[tokio::test]
async fn a18_a_named_token_decides_the_name() {
    let alices = format!("{CANARY}-of-alice");
    let tokens = format!("Alice:{alices}, Bob:{CANARY}-of-bob");
    let chat = chat_app().env("WEBSOCKET_TOKENS", tokens).start().await;
    let alice = Guest::with(&chat, &format!("token={alices}&name=Mallory")).await;
    assert_eq!(alice.welcome["name"], "Alice");
    let second = Guest::with(&chat, &format!("token={alices}")).await;
    assert_eq!(second.welcome["name"], "Alice#2");
    let guest = Guest::enter(&chat, "Mallory").await;
    assert_eq!(guest.welcome["name"], "Mallory");
    for claimed in ["Alice", "alice", "Alice%232", "Bob"] {
        let url = format!("{}?token={CANARY}&name={claimed}", chat.url());
        let mut mallory = Client::connect(url).await;
        assert_eq!(heard(&mallory.hear_text().await)["code"], "bad_name");
        assert_eq!(mallory.closed().await, (1008, "Bad name".into()));
    }
    // The session needs the token, too.
    let session = alice.welcome["session"].as_str().unwrap();
    let stolen = Guest::with(&chat, &format!("token={CANARY}&session={session}")).await;
    assert_eq!(
        (&stolen.welcome["resumed"], &stolen.welcome["name"]),
        (&json!(false), &json!("guest"))
    );
    let own = Guest::with(&chat, &format!("token={alices}&session={session}")).await;
    assert_eq!(
        (&own.welcome["resumed"], &own.welcome["name"]),
        (&json!(true), &json!("Alice"))
    );
    for near_miss in [format!("{alices}x"), format!("{CANARY}-of-alic")] {
        let mut stranger = Client::connect(format!("{}?token={near_miss}", chat.url())).await;
        assert_eq!(stranger.closed().await, (1008, "Invalid token".into()));
    }
}

#[tokio::test]
async fn with_named_tokens_no_other_token_is_made() {
    let chat = demo!("chat_app")
        .env("WEBSOCKET_TOKENS", format!("Alice:{CANARY}"))
        .start()
        .await;
    assert!(!chat.output().contains("#token="));
    assert_eq!(Guest::enter(&chat, "x").await.welcome["name"], "Alice");
}
