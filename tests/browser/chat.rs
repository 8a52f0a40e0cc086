//! The chat's page, used by two or three people. Each has a tab, which is a person of its own.

use reqwest::Url;
use serde_json::{Value, json};
use thirtyfour::Key;

use crate::harness::{Demo, Page, Scene, TLS, Way, root};

pub const TOKEN: &str = "a-token-for-these-tests";

/// What is said in the conversation in sight, without the notes between.
const SAID: &str = "Array.from(document.querySelectorAll('.log:not([hidden]) li:not(.note) .text'), text => text.textContent)";
/// The notes between.
const NOTES: &str = "Array.from(document.querySelectorAll('.log:not([hidden]) .note .text'), text => text.textContent).join()";
/// How far our own messages are.
const MARKS: &str = "Array.from(document.querySelectorAll('.log:not([hidden]) [data-state] .mark'), mark => mark.textContent)";
const PEOPLE: &str = "Array.from($('people').querySelectorAll('.name'), name => name.textContent)";

fn start(scene: &Scene) -> Demo {
    scene.start("chat_app", &[("WEBSOCKET_TOKEN", TOKEN)])
}

/// Starts it again where it was.
fn start_again(scene: &Scene, port: &str, more: &[(&str, &str)]) -> Demo {
    let mut settings = vec![("WEBSOCKET_TOKEN", TOKEN), ("WEBSOCKET_PORT", port)];
    settings.extend(more);
    scene.start("chat_app", &settings)
}

fn port(demo: &Demo) -> String {
    let port = Url::parse(&demo.socket).unwrap().port().unwrap();
    port.to_string()
}

/// Opens the page in a tab of its own, and enters the lobby.
pub async fn enter(scene: &Scene, demo: &Demo, name: &str) -> Page {
    let token = format!("token={TOKEN}");
    let page = scene.open_as(scene.way, demo, Some(&token)).await;
    page.write("name", name).await;
    page.press(Key::Enter).await;
    connected(&page).await;
    page.shows("title", "lobby").await;
    page
}

/// Waits for exactly this text, because "not connected" contains it, too.
async fn connected(page: &Page) {
    page.until("$('status').textContent === 'connected'").await;
}

async fn say(page: &Page, text: &str) {
    page.write("message", text).await;
    page.press(Key::Enter).await;
}

/// Waits until the conversation in sight is this.
async fn reads(page: &Page, said: &[&str]) {
    let said = json!(said).to_string();
    page.until(&format!("JSON.stringify({SAID}) === {}", json!(said)))
        .await;
}

async fn notes(page: &Page, words: &str) {
    page.until(&format!("{NOTES}.includes({})", json!(words)))
        .await;
}

/// Goes to a room, or to `@name` in private.
async fn go(page: &Page, place: &str) {
    page.write("place", place).await;
    page.press(Key::Enter).await;
    page.shows("title", place.trim_start_matches('@')).await;
}

/// Waits until a list has these names, in alphabetical order.
async fn people(page: &Page, names: &[&str]) {
    let names = json!(names).to_string();
    page.until(&format!("JSON.stringify({PEOPLE}) === {}", json!(names)))
        .await;
}

pub async fn the_users_in_a_room_are_shown(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    people(&ada, &["Ada (you)"]).await;
    let bob = enter(&scene, &demo, "Bob").await;
    people(&bob, &["Ada", "Bob (you)"]).await;
    people(&ada, &["Ada (you)", "Bob"]).await;
    notes(&ada, "Bob joined").await;
    bob.click("disconnect").await;
    people(&ada, &["Ada (you)"]).await;
    notes(&ada, "Bob joined · Bob left").await;
    // That a user left stays in the log after the return.
    bob.click("connect").await;
    people(&ada, &["Ada (you)", "Bob"]).await;
    notes(&ada, "Bob joined · Bob left · Bob joined").await;
}

/// The colours of two users may not depend on luck: these names wish the same one.
pub async fn users_have_different_colours(scene: Scene) {
    let demo = start(&scene);
    let names = ["Ada", "Bob", "Cleo", "Dora", "Eve", "Finn", "Grace", "Hal"];
    let mut pages = Vec::new();
    for name in names {
        pages.push(enter(&scene, &demo, name).await);
    }
    people(
        &pages[7],
        &[
            "Ada",
            "Bob",
            "Cleo",
            "Dora",
            "Eve",
            "Finn",
            "Grace",
            "Hal (you)",
        ],
    )
    .await;
    let colours = "new Set(Array.from($('people').querySelectorAll('.chip'), chip => getComputedStyle(chip).backgroundColor)).size";
    assert_eq!(pages[7].value(colours).await, names.len());
    // A ninth name has to share, and nothing breaks.
    assert_eq!(pages[7].value("tint('Ivy') < 8").await, true);
}

/// Without a connection, nobody tells the page who joins and leaves.
pub async fn the_list_of_users_says_when_it_is_old(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    ada.shows("here", "Here: 1").await;
    ada.shows("about", "1 person").await;
    drop(demo);
    ada.shows("here", "Last known: 1").await;
    ada.until("$('about').textContent === ''").await;
}

/// On a phone, the names of the users and one's own name are in view, above the message.
pub async fn a_phone_shows_who_is_here(scene: Scene) {
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": false });
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let devtools = scene.browser.cdp();
    let sized = devtools.send_raw("Emulation.setDeviceMetricsOverride", &phone);
    sized.await.unwrap();
    ada.shows("closed", "You are Ada.").await;
    ada.value("scrollTo(0, 0)").await; // the focus may have scrolled
    for id in ["closed", "here", "people", "logs", "message", "send"] {
        let bottom = format!("$('{id}').getBoundingClientRect().bottom");
        ada.until(&format!("{bottom} > 0 && {bottom} <= innerHeight"))
            .await;
    }
}

/// A page that was loaded over https connects over wss by itself.
pub async fn the_chat_is_encrypted_where_its_page_is(scene: Scene) {
    let settings = [&TLS[..], &[("WEBSOCKET_TOKEN", TOKEN)]].concat();
    let demo = scene.start("chat_app", &settings);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    say(&ada, "encrypted").await;
    reads(&bob, &["encrypted"]).await;
    ada.until("socket.url.startsWith('wss://')").await;
}

/// Two users cannot have the same name.
pub async fn a_name_that_is_taken_gets_a_number(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let other = enter(&scene, &demo, "Ada").await;
    notes(&other, "You are Ada#2 here").await;
    people(&ada, &["Ada (you)", "Ada#2"]).await;
}

/// No message says that a user stopped typing: the notice expires.
pub async fn typing_appears_and_disappears(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    bob.write("message", "Hm").await;
    ada.until("$('typing').textContent === 'Bob is typing …'")
        .await;
    ada.until("$('typing').textContent === ''").await;
}

pub async fn a_private_message_is_for_one_alone(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    let cy = enter(&scene, &demo, "Cy").await;
    go(&bob, "@Ada").await;
    say(&bob, "for you alone").await;
    reads(&bob, &["for you alone"]).await;
    ada.shows("conversations", "Bob1").await; // one unread message
    go(&ada, "@Bob").await;
    reads(&ada, &["for you alone"]).await;
    say(&ada, "thank you").await;
    reads(&bob, &["for you alone", "thank you"]).await;
    // What Cy has not heard shows in what comes next.
    go(&ada, "lobby").await;
    say(&ada, "to all").await;
    reads(&cy, &["to all"]).await;
    let talks = "document.querySelectorAll('.log').length";
    assert_eq!(cy.value(talks).await, 2, "the lobby and everyone");
}

/// A private message to a user that is not connected does not block later messages.
pub async fn a_message_to_an_unknown_user_is_marked_as_not_sent(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    go(&ada, "@Zoe").await;
    say(&ada, "Hello?").await;
    ada.until(&format!("{MARKS}.join().startsWith('not sent: ')"))
        .await;
    go(&ada, "lobby").await;
    say(&ada, "the next one").await;
    ada.until(&format!("{MARKS}.join() === 'sent to 0'")).await;
}

pub async fn rooms_keep_apart_and_count_what_is_unread(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    for page in [&ada, &bob] {
        go(page, "homework").await;
    }
    say(&bob, "page 7").await;
    go(&bob, "lobby").await;
    say(&bob, "one").await;
    say(&bob, "two").await;
    reads(&bob, &["one", "two"]).await;
    reads(&ada, &["page 7"]).await;
    ada.shows("conversations", "lobby2").await;
    go(&ada, "lobby").await;
    reads(&ada, &["one", "two"]).await;
}

/// The page shows the limit of the server.
pub async fn the_ninth_room_is_refused_with_a_reason(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    for room in ["r2", "r3", "r4", "r5", "r6", "r7", "r8"] {
        go(&ada, room).await;
    }
    ada.write("place", "r9").await;
    ada.press(Key::Enter).await;
    ada.shows("refused", "r9: you are in 8 rooms").await;
    ada.click("leave").await;
    go(&ada, "r9").await;
}

pub async fn a_message_to_everyone_is_seen_in_every_room(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    go(&ada, "homework").await;
    bob.write("place", "*").await;
    bob.press(Key::Enter).await;
    bob.shows("title", "Everyone").await;
    say(&bob, "five minutes left").await;
    ada.shows("announcement", "Bob to everyone: five minutes left")
        .await;
}

pub async fn history_is_shown_to_later_users(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    say(&ada, "one").await;
    say(&ada, "<b>two</b>\u{202e}").await;
    say(&ada, "three").await;
    reads(&ada, &["one", "<b>two</b>\u{202e}", "three"]).await;
    let bob = enter(&scene, &demo, "Bob").await;
    reads(&bob, &["one", "<b>two</b>\u{202e}", "three"]).await;
    assert_eq!(bob.value("document.querySelectorAll('b').length").await, 0);
}

/// Names of what every JavaScript object has are names like any others.
pub async fn no_name_is_special(scene: Scene) {
    let demo = start(&scene);
    let proto = enter(&scene, &demo, "__proto__").await;
    let other = enter(&scene, &demo, "constructor").await;
    for page in [&proto, &other] {
        go(page, "toString").await;
    }
    say(&other, "here").await;
    reads(&proto, &["here"]).await;
    go(&other, "@__proto__").await;
    say(&other, "psst").await;
    go(&proto, "@constructor").await;
    reads(&proto, &["psst"]).await;
    assert_eq!(proto.value("({}).kind === undefined").await, true);
}

/// A user that was away gets exactly the messages of that time.
pub async fn what_was_missed_is_recovered(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    say(&bob, "one").await;
    reads(&ada, &["one"]).await;
    ada.click("disconnect").await;
    ada.shows("status", "not connected").await;
    say(&bob, "two").await;
    say(&bob, "three").await;
    reads(&bob, &["one", "two", "three"]).await;
    ada.click("connect").await;
    reads(&ada, &["one", "two", "three"]).await;
    notes(&ada, "Connected again: recovered 2 messages.").await;
}

/// The page reconnects by itself and shows which messages are lost.
pub async fn the_conversation_goes_on_after_a_restart(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    say(&ada, "before").await;
    reads(&bob, &["before"]).await;
    let port = port(&demo);
    drop(demo);
    ada.shows("status", "next try in ").await;
    bob.shows("status", "next try in ").await;
    ada.shows("closed", "no server answers").await;
    let _demo = start_again(&scene, &port, &[]);
    let lost = "all messages after message 1 and before the restart are lost";
    for page in [&ada, &bob] {
        connected(page).await;
        notes(page, lost).await;
    }
    people(&ada, &["Ada (you)", "Bob"]).await;
    say(&bob, "after").await;
    reads(&ada, &["before", "after"]).await;
}

/// The page sends it once the server is back, and every user gets it once.
pub async fn a_message_to_a_stopped_server_is_sent_later(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    let port = port(&demo);
    drop(demo);
    say(&ada, "one").await;
    say(&ada, "two").await;
    ada.until(&format!("{MARKS}.join() === 'sending …,sending …'"))
        .await;
    let _demo = start_again(&scene, &port, &[]);
    ada.until(&format!("{MARKS}.every(mark => mark.startsWith('sent'))"))
        .await;
    connected(&bob).await;
    say(&ada, "three").await;
    reads(&ada, &["one", "two", "three"]).await;
    reads(&bob, &["one", "two", "three"]).await;
}

/// At most a hundred wait; then they go one after the other, as fast as the server allows.
pub async fn a_long_outbox_arrives_in_its_order(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    let port = port(&demo);
    drop(demo);
    ada.shows("status", "next try in ").await;
    let type_on = "Array.from({ length: 101 }, (_, n) => {
        $('message').value = `number ${n}`;
        $('composer').requestSubmit();
    }).length";
    ada.value(type_on).await;
    ada.shows("refused", "100 messages are waiting").await;
    assert_eq!(ada.value("$('message').value").await, "number 100");
    let _demo = start_again(&scene, &port, &[]);
    connected(&ada).await;
    ada.until("me.outbox.length === 0").await;
    ada.press(Key::Enter).await;
    let all: Vec<_> = (0..=100).map(|n| format!("number {n}")).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    reads(&ada, &all).await;
    bob.until(&format!("{SAID}.at(-1) === 'number 100'")).await;
}

/// The server has it, and its ack is lost with the connection. (A socket that is closing
/// hears nothing any more.)
pub async fn a_message_whose_ack_is_lost_is_shown_once(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    let send_and_break = "($('message').value = 'once', $('composer').requestSubmit(), socket.close(3001), me.outbox.length)";
    assert_eq!(ada.value(send_and_break).await, 1);
    ada.until("me.outbox.length === 0").await;
    ada.until(&format!("{MARKS}.every(mark => mark.startsWith('sent'))"))
        .await;
    say(&ada, "next").await;
    reads(&ada, &["once", "next"]).await;
    reads(&bob, &["once", "next"]).await;
    assert_eq!(ada.value("me.positions.get('lobby').seq").await, "2");
}

/// The same, where the server does not know that it had it: the session is another one.
/// The page reads the log up to its end first, and finds its own message there.
pub async fn a_message_that_was_delivered_is_not_sent_again_by_a_new_session(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    let send_and_break = "($('message').value = 'once', $('composer').requestSubmit(), me.session = null, socket.close(3001), me.outbox.length)";
    assert_eq!(ada.value(send_and_break).await, 1);
    ada.until("me.outbox.length === 0").await;
    say(&ada, "next").await;
    reads(&ada, &["once", "next"]).await;
    reads(&bob, &["once", "next"]).await;
    assert_eq!(ada.value("me.positions.get('lobby').seq").await, "2");
}

/// Ada does not know that Bob has it, and the server that knew is gone: it is sent again,
/// and Bob's page knows its id.
pub async fn a_message_that_is_sent_twice_is_shown_once(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    let send_and_leave = "($('message').value = 'once', $('composer').requestSubmit(), stop('closed', ''), me.outbox.length)";
    assert_eq!(ada.value(send_and_leave).await, 1);
    reads(&bob, &["once"]).await;
    let port = port(&demo);
    drop(demo);
    let _demo = start_again(&scene, &port, &[]);
    connected(&bob).await;
    people(&bob, &["Bob (you)"]).await;
    ada.click("connect").await;
    ada.until("me.outbox.length === 0").await;
    say(&ada, "next").await;
    reads(&ada, &["once", "next"]).await;
    reads(&bob, &["once", "next"]).await;
}

/// Clients choose their ids, and all clients can read them. Our id in the message of another
/// user makes the message not ours, and does not confirm our own.
pub async fn an_id_of_ours_in_anothers_message_is_not_ours(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    say(&ada, "mine").await;
    reads(&bob, &["mine"]).await;
    let id = ada.value("me.sent.at(-1)").await;
    let forge = format!("transmit({{ type: 'chat', room: 'lobby', text: 'not mine', id: {id} }})");
    bob.value(&forge).await;
    reads(&bob, &["mine", "not mine"]).await;
    reads(&ada, &["mine", "not mine"]).await;
}

/// At most twice as long each time, up to half a minute, and at any moment until then.
pub async fn the_waits_grow_to_30_seconds(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let waits = "(failures = 0, Math.random = () => 1, Array.from('12345678', () => {
        retry('');
        return Math.round((waiting.until - performance.now()) / 500) / 2;
    }))";
    let longest = json!([0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
    assert_eq!(json!(floats(ada.value(waits).await)), longest);
    ada.value("(Math.random = () => 0, retry(''))").await;
    connected(&ada).await;
}

/// JavaScript has one kind of number, JSON two.
fn floats(list: Value) -> Vec<f64> {
    let list = list.as_array().unwrap().iter();
    list.map(|value| value.as_f64().unwrap()).collect()
}

/// A tab in the background has slow clocks: back in sight, it does not wait for them.
pub async fn the_page_retries_at_once_when_it_is_visible_again(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    for event in ["focus", "online", "visibilitychange"] {
        let target = if event == "visibilitychange" {
            "document"
        } else {
            "window"
        };
        ada.value("(failures = 6, Math.random = () => 1, socket.close(3001), 0)")
            .await;
        ada.shows("status", "next try in 30 s").await;
        ada.value(&format!("{target}.dispatchEvent(new Event('{event}'))"))
            .await;
        connected(&ada).await;
    }
}

/// A page cannot see pings; it sees that the heartbeat is missing.
pub async fn a_connection_that_falls_silent_is_replaced(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    ada.value("(window.old = socket, deadline = 0)").await;
    ada.until("socket !== old && state === 'connected'").await;
    notes(&ada, "Connected again: nothing was missed.").await;
    say(&bob, "one").await;
    reads(&ada, &["one"]).await;
}

/// By a close code or by HTTP: a new attempt would get the same answer.
pub async fn a_refusal_stops_the_reconnecting(scene: Scene) {
    for way in ["close", "http"] {
        let demo = start(&scene);
        let ada = enter(&scene, &demo, "Ada").await;
        let port = port(&demo);
        drop(demo);
        ada.shows("status", "next try in ").await;
        let other = [
            ("WEBSOCKET_TOKEN", "another-token-by-now"),
            ("WEBSOCKET_REFUSE", way),
        ];
        let _demo = start_again(&scene, &port, &other);
        ada.until("$('status').textContent === 'refused'").await;
        ada.shows("closed", "Invalid token").await;
        assert_eq!(ada.value("waiting").await, Value::Null, "{way}");
        ada.until("document.activeElement.id === 'token'").await;
    }
}

/// `*` is everyone. The page never asks for a room with such a name, but a script can.
pub async fn a_room_cannot_be_named_like_a_log(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    for room in ["*", "@"] {
        ada.value(&format!("enterRoom('{room}')")).await;
        ada.shows("refused", &format!("{room}: a name has")).await;
        ada.value("say('')").await;
    }
    go(&bob, "@Ada").await;
    say(&bob, "psst").await;
    go(&ada, "@Bob").await;
    reads(&ada, &["psst"]).await;
}

/// Safari ends the composition of a word first, and then sends Enter with the key code 229.
pub async fn an_enter_that_ends_a_composition_sends_nothing(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    ada.write("message", "にほんご").await;
    let press = "(code, composing) => {
        const enter = { key: 'Enter', keyCode: code, isComposing: composing, bubbles: true, cancelable: true };
        $('message').dispatchEvent(new KeyboardEvent('keydown', enter));
        return $('message').value;
    }";
    for (code, composing) in [(229, false), (229, true), (13, true)] {
        let kept = ada.value(&format!("({press})({code}, {composing})")).await;
        assert_eq!(kept, "にほんご", "{code} {composing}");
    }
    assert_eq!(ada.value(&format!("({press})(13, false)")).await, "");
    reads(&ada, &["にほんご"]).await;
}

/// Disconnect is a goodbye: the next person may have the name. Who returns has missed nothing in
/// the room.
pub async fn a_goodbye_frees_the_name(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    ada.click("disconnect").await;
    ada.shows("closed", "your name is free").await;
    people(&bob, &["Bob (you)"]).await;
    go(&bob, "@Ada").await;
    say(&bob, "still there?").await;
    bob.until(&format!(
        "{MARKS}.join() === 'not sent: no user has this name'"
    ))
    .await;
    go(&bob, "lobby").await;
    say(&bob, "one").await;
    reads(&bob, &["one"]).await;
    ada.click("connect").await;
    ada.shows("closed", "You are Ada.").await;
    reads(&ada, &["one"]).await;
    let lost = ada.value(&format!("{NOTES}.includes('lost')")).await;
    assert_eq!(lost, false);
    ada.click("disconnect").await;
    let other = enter(&scene, &demo, "Ada").await;
    other.shows("closed", "You are Ada.").await;
}

/// A name of invisible characters.
pub async fn a_bad_name_is_refused(scene: Scene) {
    let demo = start(&scene);
    let token = format!("token={TOKEN}");
    let page = scene.open_as(scene.way, &demo, Some(&token)).await;
    page.write("name", "a\u{202e}b").await;
    page.press(Key::Enter).await;
    page.shows("closed", "Bad name").await;
    page.until("document.activeElement.id === 'name'").await;
    page.write("name", "Ada").await;
    page.press(Key::Enter).await;
    connected(&page).await;
}

/// Two tabs of one session would take it from each other for ever.
pub async fn a_session_that_moved_to_another_tab_is_not_taken_back(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    say(&ada, "one").await;
    reads(&ada, &["one"]).await;
    let memory = "(remember(), sessionStorage.getItem(STORE))";
    let memory = ada.value(memory).await;
    let other = scene.open_as(scene.way, &demo, None).await;
    other
        .value(&format!("sessionStorage.setItem(STORE, {memory})"))
        .await;
    other.reload().await;
    connected(&other).await;
    ada.shows("closed", "Replaced by a new connection").await;
    assert_eq!(ada.value("waiting").await, Value::Null);
    reads(&other, &["one"]).await;
    connected(&other).await;
}

/// The same person, the same conversations, each message once.
pub async fn a_reload_comes_back_as_the_same_person(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    say(&ada, "one").await;
    go(&bob, "@Ada").await;
    say(&bob, "psst").await;
    ada.shows("conversations", "Bob").await;
    go(&ada, "@Bob").await;
    reads(&ada, &["psst"]).await;
    ada.reload().await;
    ada.shows("closed", "You are Ada.").await;
    reads(&ada, &["psst"]).await;
    go(&ada, "lobby").await;
    reads(&ada, &["one"]).await;
    people(&ada, &["Ada (you)", "Bob"]).await;
    say(&ada, "two").await;
    reads(&ada, &["one", "two"]).await;
    assert_eq!(ada.value("sessionStorage.length").await, 0); // a duplicate of the tab finds nothing
}

/// It asks for some messages again, to show them; they are no news.
pub async fn a_reload_knows_what_was_read(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let bob = enter(&scene, &demo, "Bob").await;
    for text in ["one", "two", "three"] {
        say(&bob, text).await;
    }
    reads(&ada, &["one", "two", "three"]).await;
    go(&ada, "homework").await;
    ada.reload().await;
    ada.shows("title", "homework").await;
    say(&bob, "four").await;
    ada.shows("conversations", "lobby1").await;
    go(&ada, "lobby").await;
    reads(&ada, &["one", "two", "three", "four"]).await;
}

/// Lost messages have a note at the place where they would be.
pub async fn a_gap_is_always_shown(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    say(&ada, "one").await;
    reads(&ada, &["one"]).await;
    let gap = |from, to| {
        format!(
            "receive(JSON.stringify({{ type: 'gap', room: 'lobby', epoch: epochs.get('lobby'), from: '{from}', to: '{to}' }}))"
        )
    };
    ada.value(&gap(2, 2)).await;
    notes(&ada, "Message 2 is lost").await;
    ada.value(&gap(3, 17)).await;
    notes(&ada, "Messages 3 to 17 are lost").await;
    assert_eq!(ada.value("me.positions.get('lobby').seq").await, "17");
}

/// Several servers write a digest to each message. A server whose log has another message at our
/// position sends a gap without an end, and then the messages of its log from the beginning.
pub async fn a_position_is_shown_with_its_digest(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    let hear = |seq: u64, text: &str| {
        let message = json!({
            "type": "chat", "room": "lobby", "seq": seq.to_string(), "client_id": "9", "name": "Ben",
            "text": text, "timestamp": "2026-11-20T14:22:51.007Z", "digest": format!("0000000{seq}"),
        });
        format!("receive({})", json!(message.to_string()))
    };
    ada.value(&hear(1, "one")).await;
    ada.value(&hear(2, "lost")).await;
    reads(&ada, &["one", "lost"]).await;
    assert_eq!(ada.value("seen('lobby')").await, "2:00000002");
    ada.value("receive(JSON.stringify({ type: 'gap', room: 'lobby', epoch: epochs.get('lobby'), from: '3', to: null }))").await;
    notes(&ada, "Redis has lost messages").await;
    for (seq, text) in [(1, "one"), (2, "two")] {
        ada.value(&hear(seq, text)).await;
    }
    reads(&ada, &["one", "lost", "one", "two"]).await;
}

/// From the name to a room and back, without a mouse.
pub async fn the_chat_needs_only_a_keyboard(scene: Scene) {
    let demo = start(&scene);
    let token = format!("token={TOKEN}");
    let page = scene.open_as(scene.way, &demo, Some(&token)).await;
    page.until("document.activeElement.id === 'name'").await;
    page.press("Ada").await;
    page.press(Key::Enter).await;
    page.until("document.activeElement.id === 'message'").await;
    page.press("from the keyboard").await;
    page.press(Key::Enter).await;
    reads(&page, &["from the keyboard"]).await;
    back_to(&page, "document.activeElement.id === 'place'").await;
    page.press("homework").await;
    page.press(Key::Enter).await;
    page.shows("title", "homework").await;
    page.until("document.activeElement.id === 'message'").await;
    back_to(
        &page,
        "document.activeElement.textContent.includes('lobby')",
    )
    .await;
    page.press(Key::Enter).await;
    page.shows("title", "lobby").await;
    page.until("document.activeElement.id === 'message'").await;
}

/// Tabs backwards until it is there, and can be seen to be.
async fn back_to(page: &Page, there: &str) {
    for _ in 0..12 {
        page.press(Key::Shift + Key::Tab).await;
        if page.value(there).await == true {
            let outline = "getComputedStyle(document.activeElement).outlineStyle";
            assert_eq!(page.value(outline).await, "solid");
            return;
        }
    }
    panic!("the keyboard does not reach {there}");
}

/// Messages per second, from the server's own count.
pub async fn the_chart_shows_messages_per_second(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    say(&ada, "one").await;
    ada.until("/^[0-9.]+ messages.s, at most/.test($('rate').textContent)")
        .await;
    ada.until("$('chart').querySelector('polyline').points.length > 0")
        .await;
    ada.shows("figures", "1 connected · 1 room").await;
}

/// With a word that is wider than the phone, a note, and an announcement.
pub async fn the_chat_fits_a_phone_in_light_and_dark(scene: Scene) {
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": false });
    let demo = start(&scene);
    let bob = enter(&scene, &demo, &"B".repeat(32)).await;
    let ada = enter(&scene, &demo, "Ada").await;
    let devtools = scene.browser.cdp();
    let sized = devtools
        .send_raw("Emulation.setDeviceMetricsOverride", &phone)
        .await;
    sized.unwrap();
    let wide = "wide".repeat(200);
    say(&bob, &wide).await;
    bob.write("place", "*").await;
    bob.press(Key::Enter).await;
    say(&bob, &wide).await;
    ada.shows("announcement", "wide").await;
    reads(&ada, &[&wide]).await;
    for scheme in ["light", "dark"] {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        let set = devtools.send_raw("Emulation.setEmulatedMedia", media).await;
        set.unwrap();
        ada.until(&format!(
            "matchMedia('(prefers-color-scheme: {scheme})').matches"
        ))
        .await;
        assert_eq!(ada.value("innerWidth").await, 390);
        let fits = "document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(ada.value(fits).await, true, "{scheme}");
    }
}

/// Its token leaves the address bar at once, and everything it needs is beside it.
pub async fn the_chat_contacts_only_its_server_and_shows_no_secret(scene: Scene) {
    let demo = start(&scene);
    let ada = enter(&scene, &demo, "Ada").await;
    say(&ada, "Hello").await;
    reads(&ada, &["Hello"]).await;
    let in_sight = "[location.href, document.title, document.body.innerText].join()";
    let in_sight = ada.value(in_sight).await;
    let session = ada.value("me.session").await;
    for secret in [TOKEN, session.as_str().unwrap()] {
        assert!(!in_sight.as_str().unwrap().contains(secret), "{in_sight}");
    }
    let smuggle = "(() => {
        const script = document.createElement('script');
        script.textContent = 'window.smuggled = true';
        document.body.append(script);
        return window.smuggled ?? 'not run';
    })()";
    let clients = Url::from_file_path(root().join("clients")).unwrap();
    let http = demo.socket.replacen("ws", "http", 1);
    let own = [demo.socket.as_str(), http.as_str(), clients.as_str()];
    let mut asked = scene.asked().await;
    assert!(asked.len() >= 6, "{asked:?}");
    asked.retain(|url| !own.iter().any(|own| url.starts_with(own)));
    assert!(asked.is_empty(), "{asked:?}");
    let console = scene.browser.browser_log().await.unwrap();
    assert!(console.is_empty(), "{console:?}");
    if scene.way == Way::Http {
        assert_eq!(ada.value(smuggle).await, "not run");
    }
}
