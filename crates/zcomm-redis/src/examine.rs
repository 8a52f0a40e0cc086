//! Examines a Redis for `zcomm doctor`, without changing its data.
//!
//! Redis says whether a user may run a command only when the user runs the command. So this file
//! sends every command that a server uses. A command that writes has a wrong argument, or a key
//! that does not exist. So it changes no data. Redis checks the permission first, then whether it
//! can write at all, and the argument last.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use redis::{Cmd, FromRedisValue, RedisResult, Value, cmd};
use tokio::time::timeout;

use crate::{
    link::{Address, Link},
    trouble::Trouble,
};

/// What a Redis says about itself.
#[derive(Debug, Default)]
pub struct Facts {
    /// The lines of `INFO`. Empty if this user may not read them.
    pub info: HashMap<String, String>,
    /// The setting `appendfsync`: how often Redis flushes its append-only file to the disk. `None`
    /// if this user may not read the setting.
    pub appendfsync: Option<String>,
    /// The clock of Redis minus the clock of this machine, in milliseconds.
    pub clock_difference: i64,
    /// What the log belongs to, in words. `None` without a log, or if this user may not ask.
    pub service: Option<String>,
    /// The commands of our servers that fail, and why.
    pub refused: Vec<(&'static str, Trouble)>,
}

/// Connects, asks, and returns after [`Config::redis_timeout`](zcomm_core::Config::redis_timeout)
/// at the latest.
///
/// # Errors
/// [`Trouble`] if the Redis cannot be reached, or does not accept the user.
pub async fn examine(address: &Address) -> Result<Facts, Trouble> {
    let asked = timeout(address.limit, ask(address)).await;
    asked.unwrap_or_else(|_| Err(Trouble::silent()))
}

async fn ask(address: &Address) -> Result<Facts, Trouble> {
    let mut link = address.connect().await?;
    let mut facts = Facts::default();
    for (name, command) in commands(address) {
        if let Err(error) = send::<Value>(&mut link, &command).await {
            let trouble = Trouble::from(error);
            match trouble.word.as_str() {
                "away" | "NOAUTH" => return Err(trouble),
                // Only the argument is wrong, so the user may run the command.
                "ERR" | "NOSCRIPT" => {}
                _ => facts.refused.push((name, trouble)),
            }
        }
    }
    let before = now();
    let time = send::<(i64, i64)>(&mut link, &cmd("TIME")).await;
    if let Ok((seconds, micros)) = time {
        let here = i64::midpoint(before, now());
        facts.clock_difference = seconds * 1000 + micros / 1000 - here;
    }
    if let Ok(info) = send::<String>(&mut link, &cmd("INFO")).await {
        let lines = info.lines().filter_map(|line| line.split_once(':'));
        facts.info = lines.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    }
    facts.service = service(&mut link, address).await.ok().flatten();
    let ask = cmd("CONFIG").arg("GET").arg("appendfsync").to_owned();
    let answer = send::<(String, String)>(&mut link, &ask).await;
    facts.appendfsync = answer.ok().map(|(_, value)| value);
    Ok(facts)
}

/// The facts stay when the log is deleted, so this also asks for the log.
async fn service(link: &mut Link, address: &Address) -> RedisResult<Option<String>> {
    if !send::<bool>(link, cmd("EXISTS").arg(address.key("log"))).await? {
        return Ok(None);
    }
    let mut ask = cmd("HMGET");
    ask.arg(address.key("facts")).arg("service");
    let (service,) = send::<(Option<String>,)>(link, &ask).await?;
    Ok(service)
}

async fn send<T: FromRedisValue>(link: &mut Link, command: &Cmd) -> RedisResult<T> {
    command.query_async(&mut link.commands).await
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_millis() as i64
}

/// Every command that our servers use, with arguments that change no data.
fn commands(address: &Address) -> Vec<(&'static str, Cmd)> {
    let key = |name: &str| address.key(name);
    let command = |name: &'static str, arguments: &[&str]| {
        let mut command = Cmd::new();
        // `SCRIPT LOAD` is two words.
        name.split(' ')
            .chain(arguments.iter().copied())
            .for_each(|word| {
                command.arg(word);
            });
        (name, command)
    };
    let (log, facts, none) = (&key("log"), &key("facts"), &key("server:none"));
    let wrong = "not-valid";
    vec![
        command("TIME", &[]),
        command("ROLE", &[]),
        command("SCRIPT LOAD", &[include_str!("append.lua")]),
        command("EVALSHA", &[&"0".repeat(40), "0"]),
        command("EVAL", &["return 1", "0"]),
        command("GET", &[none]),
        command("SET", &[none, "0", wrong]),
        command("EXISTS", &[log]),
        command("DEL", &[none]),
        command("HMGET", &[facts, "epoch"]),
        command("HSET", &[facts, "epoch", "0", wrong]),
        command("HINCRBY", &[facts, "bytes", wrong]),
        command("XADD", &[log, wrong, "payload", ""]),
        command("XREAD", &["COUNT", "1", "STREAMS", log, "$"]),
        command("XRANGE", &[log, "-", "+", "COUNT", "1"]),
        command("XREVRANGE", &[log, "+", "-", "COUNT", "1"]),
        command("XLEN", &[log]),
        command("XDEL", &[log, wrong]),
    ]
}
