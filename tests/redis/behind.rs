//! Redis has removed entries that a server has not read, and the other servers have. Only this
//! server has no complete state. It gets a copy from another server, and the people at the other
//! servers notice nothing.

use rustix::process::Signal;
use serde_json::json;

use crate::{
    chat::client::Guest,
    harness::Demo,
    redis::{
        chat::{answer, comes_back, start, start_with},
        server::Redis,
    },
};

const REMOVED: &str = "has removed entries before this server has read them";

async fn talk(guest: &mut Guest, messages: usize) {
    for n in 1..=messages {
        let said = json!({"room": "lobby", "text": format!("{n}"), "id": format!("{n}")});
        answer(guest, "chat", said).await;
    }
}

/// Ada still has her first connection, and gets what a person at this server says. The copy of the
/// state has the history.
async fn is_one_chat(ada: &mut Guest, other: &Demo, messages: usize) {
    let mut cleo = Guest::enter(other, "Cleo").await;
    let joined = cleo.joins(json!({})).await;
    assert_eq!(joined["seq"], messages.to_string());
    cleo.chats("from the other server").await;
    while ada.hears("chat").await["text"] != "from the other server" {}
}

#[tokio::test]
async fn a_server_that_starts_at_a_log_with_a_hole_gets_a_copy() {
    let Some(redis) = Redis::start("hole", &[]).await else {
        return;
    };
    let one = start(&redis.url()).await;
    let mut ada = Guest::join(&one, "Ada").await;
    talk(&mut ada, 10).await;
    assert_eq!(redis.ask("XDEL zcomm:course:log 5-0").await, ":1");
    let mut other = start(&redis.url()).await;
    other.says_times(REMOVED, 1).await;
    is_one_chat(&mut ada, &other, 10).await;
    assert_eq!(other.output().matches(REMOVED).count(), 1);
}

#[tokio::test]
async fn a_server_that_starts_at_a_log_without_the_first_entries_gets_a_copy() {
    let Some(redis) = Redis::start("trimmed", &[]).await else {
        return;
    };
    let one = start(&redis.url()).await;
    let mut ada = Guest::join(&one, "Ada").await;
    talk(&mut ada, 10).await;
    redis.ask("XTRIM zcomm:course:log MAXLEN 2").await;
    let other = start(&redis.url()).await;
    is_one_chat(&mut ada, &other, 10).await;
}

#[tokio::test]
async fn a_server_that_was_frozen_too_long_closes_only_its_own_connections() {
    let Some(redis) = Redis::start("behind", &[]).await else {
        return;
    };
    let (one, other) = (start(&redis.url()).await, start(&redis.url()).await);
    let mut ada = Guest::join(&one, "Ada").await;
    let mut ben = Guest::join(&other, "Ben").await;
    other.freeze().await;
    talk(&mut ada, 10).await;
    redis.ask("XTRIM zcomm:course:log MAXLEN 2").await;
    other.signal(Signal::CONT);
    assert_eq!(ben.client.closed().await.0, 1012);
    let ben = comes_back(&ben, &other).await;
    assert_eq!(ben.welcome["resumed"], true);
    is_one_chat(&mut ada, &other, 10).await;
}

/// The only server that had the state was killed.
#[tokio::test]
async fn a_state_that_no_server_has_begins_anew() {
    let Some(redis) = Redis::start("nobody", &[]).await else {
        return;
    };
    let mut one = start(&redis.url()).await;
    let mut ada = Guest::join(&one, "Ada").await;
    talk(&mut ada, 10).await;
    one.kill().await;
    redis.ask("XTRIM zcomm:course:log MAXLEN 2").await;
    let mut other = start_with(&redis.url(), "2").await;
    other.says("no other server has a copy of the state").await;
    let ada = comes_back(&ada, &other).await;
    assert_eq!(ada.welcome["resumed"], false);
}
