//! Can servers use the Redis in the settings, and is this Redis configured for them?
//!
//! If the settings name no Redis, there is nothing to check. Otherwise this check connects to Redis
//! as a server does. It tries every command that a server uses, in a form that changes no data.
//!
//! A Redis that cannot be used is an error: servers start, but no message can be sent. A Redis that
//! can lose messages later is a warning.

use zcomm_core::Config;
use zcomm_redis::{Address, Facts, Trouble, examine};

use super::{
    finding::{Finding, error, note, warning},
    redis_facts::{Say, memory, persistence, replicas, version},
    situation::Situation,
};
use crate::shared::{failure::Failure, run::block_on};

/// The check warns if the clocks differ by this time or more (milliseconds).
const CLOCKS_APART: i64 = 2_000;

pub(super) fn check(situation: &Situation) -> Vec<Finding> {
    let config = &situation.config;
    // The check of the settings reports an address that is not valid.
    let Ok(Some(address)) = Address::from_config(config, "zcomm doctor") else {
        return Vec::new();
    };
    let asked = block_on(async { Ok::<_, Failure>(examine(&address).await) });
    let say = Say::new(address.place(), config);
    match asked {
        Ok(Ok(facts)) => judge(&facts, &say, config),
        Ok(Err(trouble)) => vec![unusable(&trouble, &say)],
        Err(_) => vec![warning("this system starts no asynchronous task").fix("run it again")],
    }
}

/// The finding for a Redis that servers cannot use.
fn unusable(trouble: &Trouble, say: &Say) -> Finding {
    let place = &say.place;
    let found = error(format!("servers cannot send: Redis at {place}: {trouble}"));
    let login = format!(
        "correct it: WEBSOCKET_REDIS_URL={}user:password@{place}/",
        say.scheme
    );
    let ping = format!("does it answer? {}", say.cli("PING"));
    let other = match say.scheme {
        "redis://" => format!("if it speaks TLS: WEBSOCKET_REDIS_URL=rediss://{place}/"),
        _ => format!("if it does not speak TLS: WEBSOCKET_REDIS_URL=redis://{place}/"),
    };
    let text = trouble.to_string();
    match trouble.word.as_str() {
        "away" if text.contains("no program listens") => found
            .fix("start it, if it should run here: redis-server")
            .fix("on Debian, install it first: apt-get install redis-server"),
        "away" | "tls" if text.contains("certificate") => {
            found.fix("name the certificate of its authority: WEBSOCKET_REDIS_CA=ca.pem")
        }
        "away" | "silent" | "tls" => found.fix(ping).fix(other),
        "NOAUTH" | "WRONGPASS" => found.fix(login),
        "LOADING" => found.fix("wait until it has read its data"),
        _ => found.fix(format!(
            "is a Redis at this port? {}",
            say.cli("INFO server")
        )),
    }
}

fn judge(facts: &Facts, say: &Say, config: &Config) -> Vec<Finding> {
    let mut findings = vec![version(facts, say)];
    findings.extend(owner(facts, say));
    findings.extend(refused(facts, say));
    findings.extend(transport(say, config));
    if facts.info.is_empty() {
        let what =
            "this user may not read INFO, so memory, persistence and replicas are not checked";
        findings.push(note(what).fix(say.allow("+info")));
    } else {
        findings.extend(role(facts, say));
        findings.extend(memory(facts, say));
        findings.extend(persistence(facts, say));
        findings.extend(replicas(facts));
    }
    findings.extend(clocks(facts));
    findings
}

/// Says which servers can use the log. The check does not know which program the user will start.
fn owner(facts: &Facts, say: &Say) -> Option<Finding> {
    let owner = facts.service.as_ref()?;
    // Shorten and escape the text, because it can be any text.
    let owner: String = owner.chars().take(40).collect();
    let log = format!("{}log", say.keys);
    let what = format!("the log {log} belongs to {}", owner.escape_debug());
    let fix = "for another program, set another name: WEBSOCKET_REDIS_NAME=";
    Some(note(what).fix(format!("{fix}another_name")))
}

/// Reports a replica as an error, because only a master accepts entries.
fn role(facts: &Facts, say: &Say) -> Option<Finding> {
    let get = |name| facts.info.get(name).map_or("", String::as_str);
    if get("role") != "slave" {
        return None;
    }
    let master = format!("{}:{}", get("master_host"), get("master_port"));
    let what = format!("servers cannot send: this Redis is a replica of {master}");
    let fix = format!(
        "name the master: WEBSOCKET_REDIS_URL={}{master}/",
        say.scheme
    );
    Some(error(what).fix(fix))
}

/// Reports the commands that Redis refuses.
fn refused(facts: &Facts, say: &Say) -> Vec<Finding> {
    let denied = facts.refused.iter().filter(|(_, why)| why.word == "NOPERM");
    let denied: Vec<_> = denied.map(|(name, _)| *name).collect();
    let mut findings = Vec::new();
    if !denied.is_empty() {
        let names = denied.join(", ");
        let what = format!(
            "servers cannot send: this user may not run {names}, or not with keys that begin with \
             {}",
            say.keys
        );
        let rights = denied.iter().map(|name| {
            let name = name.to_lowercase().replace(' ', "|");
            format!(" '+{name}'")
        });
        let rights: String = rights.collect();
        findings.push(error(what).fix(say.allow(&format!("'~{}*'{rights}", say.keys))));
    }
    let other = facts.refused.iter();
    let mut other: Vec<_> = other
        .map(|(_, why)| why)
        .filter(|why| !["NOPERM", "READONLY"].contains(&why.word.as_str()))
        .collect();
    other.dedup();
    for why in other {
        let found = error(format!("servers cannot send: {why}"));
        findings.push(match why.word.as_str() {
            "OOM" => found.fix(say.cli("CONFIG SET maxmemory 512mb")),
            _ => found.fix(format!("read its log, and {}", say.cli("INFO"))),
        });
    }
    findings
}

/// Warns if the connection has no TLS or no password, unless Redis is on this machine.
fn transport(say: &Say, config: &Config) -> Vec<Finding> {
    let Some(url) = config.redis_url.as_ref().filter(|_| !say.is_here) else {
        return Vec::new();
    };
    let place = &say.place;
    let mut findings = Vec::new();
    if !url.tls() {
        let what =
            format!("the network to {place} can read the password and every message: no TLS");
        let fix = format!("if its tls-port is set: WEBSOCKET_REDIS_URL=rediss://{place}/");
        findings.push(warning(what).fix(fix));
    }
    if !url.has_password() {
        let what = format!("every program that reaches {place} can change the chat: no password");
        let fix = "set requirepass in its configuration, and WEBSOCKET_REDIS_URL=";
        findings.push(warning(what).fix(format!("{fix}{}:password@{place}/", say.scheme)));
    }
    findings
}

/// Warns if the clocks differ, because messages contain the time of Redis.
fn clocks(facts: &Facts) -> Option<Finding> {
    let apart = facts.clock_difference;
    if apart.abs() < CLOCKS_APART {
        return None;
    }
    let (seconds, side) = (
        apart.abs() / 1000,
        if apart > 0 { "ahead" } else { "behind" },
    );
    let what = format!("the clock of Redis is {seconds} s {side}, and messages carry its time");
    Some(warning(what).fix("on both machines: timedatectl set-ntp true"))
}
