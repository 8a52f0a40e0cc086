//! Finds problems with the version, memory, disk and replicas in the answer to the command `INFO`.

use zcomm_core::Config;
use zcomm_redis::Facts;

use super::finding::{Finding, error, ok, warning};

/// The version with which the tests run.
const TESTED: (u32, u32) = (7, 0);
/// The first version that has all commands that the log needs.
const OLDEST: u32 = 5;
/// The memory that Redis needs for a full log and a copy of the state (bytes). A full log has
/// 64 MiB of messages in 10,000 entries.
const NEEDED: u64 = 160 * 1024 * 1024;
/// The check warns if a replica is behind its master by this number of bytes or more.
const BEHIND: u64 = 1024 * 1024;
/// The check warns if the last answer of a replica is this old (seconds). A replica usually
/// answers once a second.
const LATE: u64 = 10;

/// How to name this Redis to the user. Contains no password.
pub(super) struct Say {
    pub(super) place: String,
    pub(super) scheme: &'static str,
    /// Whether Redis runs on this machine.
    pub(super) is_here: bool,
    /// The text with which all keys of the service begin.
    pub(super) keys: String,
    /// `default`, or `USER` as a placeholder. The name in the address is not shown, because the
    /// user may have written a password there by mistake.
    user: &'static str,
}

impl Say {
    pub(super) fn new(place: &str, config: &Config) -> Say {
        let url = config.redis_url.as_ref();
        let tls = url.is_some_and(|url| url.tls());
        let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
        Say {
            place: place.to_owned(),
            scheme: if tls { "rediss://" } else { "redis://" },
            is_here: super::addresses::of(host).is_some_and(|ip| ip.is_loopback()),
            keys: format!("zcomm:{}:", config.redis_name),
            user: match url.is_some_and(|url| url.has_user()) {
                true => "USER",
                false => "default",
            },
        }
    }

    /// A command for this Redis. If this Redis has a password, the user must add it.
    pub(super) fn cli(&self, command: &str) -> String {
        let (host, port) = self.place.rsplit_once(':').unwrap_or((&self.place, "6379"));
        let host = host.trim_matches(['[', ']']);
        let tls = if self.scheme == "rediss://" {
            " --tls"
        } else {
            ""
        };
        format!("redis-cli -h {host} -p {port}{tls} {command}")
    }

    /// The command that gives the user of the settings these rights.
    pub(super) fn allow(&self, rights: &str) -> String {
        self.cli(&format!("ACL SETUSER {} {rights}", self.user))
    }
}

fn number(facts: &Facts, name: &str) -> u64 {
    let value = facts.info.get(name);
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn is(facts: &Facts, name: &str, value: &str) -> bool {
    facts.info.get(name).is_some_and(|found| found == value)
}

pub(super) fn version(facts: &Facts, say: &Say) -> Finding {
    let (place, keys) = (&say.place, &say.keys);
    let Some(version) = facts.info.get("redis_version") else {
        return ok(format!(
            "Redis at {place} lets this user in; its keys: {keys}"
        ));
    };
    let mut parts = version.split('.').map_while(|part| part.parse().ok());
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let tested = format!("tested: {}.{}", TESTED.0, TESTED.1);
    let upgrade = "use the redis-server of Debian 12 or later, or a newer one";
    let said = format!("Redis {version} at {place}; its keys: {keys}");
    if found.0 < OLDEST {
        let what = format!("Redis {version} has no streams, which a server needs ({tested})");
        return error(what).fix(upgrade);
    }
    match found < TESTED {
        true => warning(format!("{said}; this version is older ({tested})")).fix(upgrade),
        false => ok(said),
    }
}

/// Warns if Redis may delete the log, or may run out of memory.
pub(super) fn memory(facts: &Facts, say: &Say) -> Vec<Finding> {
    let (most, used) = (number(facts, "maxmemory"), number(facts, "used_memory"));
    let policy = facts
        .info
        .get("maxmemory_policy")
        .map_or("", String::as_str);
    let mut findings = Vec::new();
    if policy != "noeviction" {
        let when = match most {
            0 => "as soon as maxmemory is set",
            _ => "when its memory is full",
        };
        let what = format!("maxmemory-policy {policy}: Redis deletes our keys {when}");
        let fix = say.cli("CONFIG SET maxmemory-policy noeviction");
        findings.push(warning(what).fix(fix));
    }
    let mb = |bytes: u64| bytes / (1024 * 1024);
    if most == 0 {
        return findings;
    }
    if used > most / 10 * 9 {
        let what = format!(
            "Redis is nearly full: {} of {} MB; when it is full, nothing can be sent",
            mb(used),
            mb(most)
        );
        findings.push(warning(what).fix(say.cli("CONFIG SET maxmemory 512mb")));
    } else if most < NEEDED {
        let what = format!(
            "maxmemory is {} MB, and a full log needs up to {} MB",
            mb(most),
            mb(NEEDED)
        );
        findings.push(warning(what).fix(say.cli("CONFIG SET maxmemory 512mb")));
    }
    findings
}

/// Reports settings and errors that make Redis lose entries at a restart or a crash.
pub(super) fn persistence(facts: &Facts, say: &Say) -> Vec<Finding> {
    let keep = "and write both lines into its configuration: appendonly yes, appendfsync everysec";
    if is(facts, "aof_enabled", "0") {
        let what = "appendonly is off: a restart of Redis loses all that came after its last save \
                    to the disk; every client is then told a gap";
        let fix = say.cli("CONFIG SET appendonly yes");
        return vec![warning(what).fix(fix).fix(keep)];
    }
    let mut findings = Vec::new();
    if facts.appendfsync.as_deref() == Some("no") {
        let what = "appendfsync no: a crash of the machine loses up to 30 s";
        let fix = say.cli("CONFIG SET appendfsync everysec");
        findings.push(warning(what).fix(fix));
    }
    for (name, file) in [
        ("aof_last_write_status", "appendonly file"),
        ("rdb_last_bgsave_status", "snapshot"),
    ] {
        if is(facts, name, "err") {
            let what = format!("Redis could not write its {file} to the disk");
            findings.push(error(what).fix("free space on its disk, and read its log"));
        }
    }
    findings
}

/// Warns about replicas that are behind. If one of them became the master, entries would be
/// lost.
pub(super) fn replicas(facts: &Facts) -> Vec<Finding> {
    let here = number(facts, "master_repl_offset");
    let mut findings = Vec::new();
    for index in 0..number(facts, "connected_slaves").min(10) {
        let Some(line) = facts.info.get(&format!("slave{index}")) else {
            continue;
        };
        let get = |name: &str| {
            let mut fields = line.split(',').filter_map(|field| field.split_once('='));
            fields
                .find(|(field, _)| *field == name)
                .map_or("", |(_, value)| value)
        };
        let behind = here.saturating_sub(get("offset").parse().unwrap_or(0));
        let late: u64 = get("lag").parse().unwrap_or(0);
        let online = get("state") == "online";
        if online && behind < BEHIND && late < LATE {
            continue;
        }
        let what = format!(
            "the replica {}:{} is {}, {behind} bytes and {late} s behind: if it becomes the \
             master now, entries are lost",
            get("ip"),
            get("port"),
            get("state"),
        );
        findings.push(warning(what).fix("look at its network, its load and its log"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    fn facts(info: &[(&str, &str)]) -> Facts {
        let info = info.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        Facts {
            info: info.collect(),
            ..Facts::default()
        }
    }

    fn say() -> Say {
        Say::new("127.0.0.1:6379", &Config::default())
    }

    #[test]
    fn a_version_is_tested_older_or_without_streams() {
        for (text, verdict) in [
            ("7.0.15", Verdict::Ok),
            ("8.2.0", Verdict::Ok),
            ("6.2.14", Verdict::Warning),
            ("4.0.9", Verdict::Error),
        ] {
            let found = version(&facts(&[("redis_version", text)]), &say());
            assert_eq!(found.verdict, verdict, "{found:?}");
        }
    }

    #[test]
    fn a_replica_that_is_behind_is_a_warning() {
        let lag = |state: &str| {
            let info = [
                ("connected_slaves", "1"),
                ("master_repl_offset", "3000000"),
                ("slave0", state),
            ];
            replicas(&facts(&info))
        };
        let near = "ip=::1,port=7001,state=online,offset=2999000,lag=1";
        assert!(lag(near).is_empty());
        for far in [
            "ip=10.0.0.2,port=7001,state=online,offset=100000,lag=1",
            "ip=10.0.0.2,port=7001,state=online,offset=2999000,lag=10",
            "ip=10.0.0.2,port=7001,state=wait_bgsave,offset=2999000,lag=0",
        ] {
            let found = lag(far);
            assert!(found[0].what.contains("10.0.0.2:7001"), "{found:?}");
            assert_eq!(found[0].verdict, Verdict::Warning);
        }
    }

    #[test]
    fn memory_is_a_warning_before_it_is_full() {
        let at = |used: &str, most: &str| {
            let info = [
                ("used_memory", used),
                ("maxmemory", most),
                ("maxmemory_policy", "noeviction"),
            ];
            memory(&facts(&info), &say()).len()
        };
        assert_eq!(at("900000000", "0"), 0);
        assert_eq!(at("400000000", "500000000"), 0);
        assert_eq!(at("460000000", "500000000"), 1);
        assert_eq!(at("1000000", "100000000"), 1);
    }
}
