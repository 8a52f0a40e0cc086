//! `zcomm doctor` and the Redis of several servers: each problem, and the same Redis without it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use crate::{
    certs, children,
    doctor::{Report, doctor_at, free_port, text},
    folder,
};

/// A redis-server of a test's own. Dropping it kills it.
struct Redis {
    child: Child,
    port: String,
    folder: PathBuf,
}

impl Redis {
    /// Starts it with these options more. `None` if Redis is not installed; in CI it has to be.
    fn start(name: &str, options: &[&str]) -> Option<Redis> {
        let folder = folder(&format!("doctor_redis_{name}"));
        let port = free_port();
        let mut command = children::command("redis-server");
        command.args([
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
        ]);
        command.arg(&folder);
        command.args(options.iter().map(|option| option.replace("PORT", &port)));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let missing = "no redis-server: apt-get install redis-server";
        #[allow(clippy::disallowed_methods, reason = "CI is no setting of ours")]
        let required = std::env::var_os("CI").is_some_and(|value| value == "true");
        let Ok(mut child) = command.spawn() else {
            assert!(!required, "{missing}");
            eprintln!("skipped: {missing}");
            return None;
        };
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.any(|line| line.unwrap().contains("Ready to accept connections"));
        assert!(ready, "Redis ended");
        // Read on, or Redis would wait for space in the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Redis {
            child,
            port,
            folder,
        })
    }

    /// The findings for this Redis, with `user:password@` in the address.
    fn examined(&self, login: &str) -> Report {
        doctor_at(
            &self.folder,
            &[(
                "WEBSOCKET_REDIS_URL",
                &format!("redis://{login}127.0.0.1:{}/", self.port),
            )],
        )
    }

    /// Sends one command, and returns the first line of the answer.
    fn ask(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{}", self.port)).unwrap();
        stream
            .write_all(format!("{command}\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        answer
    }

    fn ask_until(&self, command: &str, answer: &str) {
        let begin = Instant::now();
        while !self.ask(command).contains(answer) {
            assert!(begin.elapsed() < Duration::from_secs(20), "{command}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // A frozen process dies of this signal, too.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// All findings about Redis, as `verdict: what`.
fn all(report: &Report) -> Vec<String> {
    let about = report.findings.iter().filter(|one| one["topic"] == "redis");
    about
        .map(|one| format!("{}: {}", text(&one["verdict"]), text(&one["what"])))
        .collect()
}

/// The finding that contains these words, and what to type.
fn found(report: &Report, words: &str) -> (String, String) {
    let about = report.findings.iter().filter(|one| one["topic"] == "redis");
    let mut about = about.filter(|one| text(&one["what"]).contains(words));
    let one = about.next();
    let one = one.unwrap_or_else(|| panic!("no {words:?} in {:#?}", all(report)));
    let fixes = one["fixes"].as_array().unwrap().iter().map(text);
    let fixes: Vec<_> = fixes.collect();
    (text(&one["verdict"]).to_owned(), fixes.join("\n"))
}

const GOOD: [&str; 2] = ["--appendonly", "yes"];

#[test]
fn without_the_setting_nothing_is_said_about_redis() {
    let report = doctor_at(&folder("doctor_redis_unset"), &[]);
    assert_eq!(all(&report), [""; 0]);
}

#[test]
fn a_redis_that_keeps_everything_is_ok_and_is_not_changed() {
    let Some(redis) = Redis::start("good", &GOOD) else {
        return;
    };
    let report = redis.examined("");
    let said = all(&report);
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].starts_with("ok: Redis "), "{said:?}");
    let end = format!(" at 127.0.0.1:{}; its keys: zcomm:course:", redis.port);
    assert!(said[0].ends_with(&end), "{said:?}");
    assert_eq!(report.code, Some(0));
    assert_eq!(redis.ask("DBSIZE"), ":0\r\n");
}

/// Not even the log of a service that runs.
#[test]
fn a_log_that_is_in_use_is_not_changed() {
    let Some(redis) = Redis::start("in_use", &GOOD) else {
        return;
    };
    redis.ask("XADD zcomm:course:log 1-0 epoch a");
    redis.ask("HSET zcomm:course:facts epoch a bytes 5 service chat_app");
    let report = redis.examined("");
    assert_eq!(all(&report).len(), 2);
    let owner = "the log zcomm:course:log belongs to chat_app";
    let fix = "for another program, set another name: WEBSOCKET_REDIS_NAME=another_name";
    assert_eq!(found(&report, owner), ("note".into(), fix.into()));
    assert_eq!(redis.ask("DBSIZE"), ":2\r\n");
    assert_eq!(redis.ask("XLEN zcomm:course:log"), ":1\r\n");
    assert_eq!(redis.ask("HLEN zcomm:course:facts"), ":3\r\n");
    // The facts stay when the log is deleted, and then the log belongs to nobody.
    redis.ask("DEL zcomm:course:log");
    assert_eq!(all(&redis.examined("")).len(), 1);
}

#[test]
fn a_redis_that_is_not_running_is_an_error_that_says_how_to_start_it() {
    let url = format!("redis://:canary-token-7Qp2xV9d@127.0.0.1:{}/", free_port());
    let begin = Instant::now();
    let report = doctor_at(
        &folder("doctor_redis_none"),
        &[("WEBSOCKET_REDIS_URL", &url)],
    );
    assert!(begin.elapsed() < Duration::from_secs(8));
    let (verdict, fixes) = found(&report, "servers cannot send: Redis at 127.0.0.1:");
    assert_eq!(verdict, "error");
    assert!(fixes.contains("redis-server"), "{fixes}");
    assert!(fixes.contains("apt-get install redis-server"), "{fixes}");
    assert_eq!(report.code, Some(1));
}

/// A web server, a program that says nothing, one that closes, and one that talks nonsense.
#[test]
fn a_port_that_is_not_a_redis_is_an_error_within_its_time() {
    for (answer, words) in [
        (
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "does not speak as Redis does",
        ),
        ("hello\r\n", "does not speak as Redis does"),
        ("silence", "does not answer"),
        ("", "has closed the connection"),
    ] {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}/", socket.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for client in socket.incoming() {
                let mut client = client.unwrap();
                // Closing with unread bytes would reset the connection.
                let Ok(1..) = client.read(&mut [0; 4096]) else {
                    continue;
                };
                if answer == "silence" {
                    open.push(client);
                } else {
                    client.write_all(answer.as_bytes()).ok();
                }
            }
        });
        let begin = Instant::now();
        let report = doctor_at(
            &folder("doctor_redis_other"),
            &[("WEBSOCKET_REDIS_URL", &url)],
        );
        assert!(begin.elapsed() < Duration::from_secs(8), "{answer:?}");
        assert_eq!(found(&report, words).0, "error", "{answer:?}");
        assert_eq!(report.code, Some(1));
    }
}

#[cfg(unix)]
#[test]
fn a_frozen_redis_is_an_error_within_its_time() {
    let Some(redis) = Redis::start("frozen", &GOOD) else {
        return;
    };
    let pid = rustix::process::Pid::from_child(&redis.child);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let begin = Instant::now();
    let report = redis.examined("");
    assert!(begin.elapsed() < Duration::from_secs(8));
    let (verdict, fixes) = found(&report, "does not answer");
    assert_eq!(verdict, "error");
    let ping = format!("redis-cli -h 127.0.0.1 -p {} PING", redis.port);
    assert!(fixes.contains(&ping), "{fixes}");
}

#[test]
fn a_password_is_missing_wrong_or_accepted_and_is_never_shown() {
    let secret = "canary-token-7Qp2xV9d";
    let options = [&GOOD[..], &["--requirepass", secret]].concat();
    let Some(redis) = Redis::start("password", &options) else {
        return;
    };
    for login in ["", ":wrong-canary-token-7Qp2xV9d@"] {
        let report = redis.examined(login);
        let (verdict, fixes) = found(&report, "servers cannot send");
        assert_eq!(verdict, "error", "{login}");
        assert!(
            fixes.contains("WEBSOCKET_REDIS_URL=redis://user:password@"),
            "{fixes}"
        );
    }
    let said = all(&redis.examined(&format!(":{secret}@")));
    assert!(said[0].starts_with("ok: ") && said.len() == 1, "{said:?}");
}

/// The setting for the authority has tests of its own. Here the system trusts it.
#[test]
fn a_redis_with_tls_is_trusted_refused_or_takes_the_other_address() {
    let folder = folder("doctor_redis_tls_files");
    assert_eq!(certs(&folder, &[]).code, Some(0));
    let file = |name: &str| folder.join("certs").join(name).display().to_string();
    let (pem, key, ca) = (file("localhost.pem"), file("localhost.key"), file("ca.pem"));
    let tls = [
        "--port",
        "0",
        "--tls-port",
        "PORT",
        "--tls-auth-clients",
        "no",
    ];
    let files = [
        "--tls-cert-file",
        &pem,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
    ];
    let options = [&GOOD[..], &tls, &files].concat();
    let Some(redis) = Redis::start("tls", &options) else {
        return;
    };
    let url = format!("rediss://127.0.0.1:{}/", redis.port);
    let ask = |url: &str, trusted: &str| {
        doctor_at(
            &redis.folder,
            &[("WEBSOCKET_REDIS_URL", url), ("SSL_CERT_FILE", trusted)],
        )
    };
    // The system's list of authorities; macOS and Windows have another one.
    if cfg!(target_os = "linux") {
        let said = all(&ask(&url, &ca));
        assert!(said[0].starts_with("ok: Redis "), "{said:?}");
    }
    let report = doctor_at(&redis.folder, &[("WEBSOCKET_REDIS_URL", &url)]);
    let (verdict, fixes) = found(&report, "which is not trusted here");
    assert_eq!(verdict, "error");
    assert!(fixes.contains("WEBSOCKET_REDIS_CA="), "{fixes}");
    let (_, fixes) = found(&redis.examined(""), "has closed the connection");
    assert!(
        fixes.contains(&format!("WEBSOCKET_REDIS_URL={url}")),
        "{fixes}"
    );
    // And a Redis without TLS.
    let Some(plain) = Redis::start("not_tls", &GOOD) else {
        return;
    };
    let report = ask(&format!("rediss://127.0.0.1:{}/", plain.port), &ca);
    let (_, fixes) = found(&report, "servers cannot send");
    let url = format!("WEBSOCKET_REDIS_URL=redis://127.0.0.1:{}/", plain.port);
    assert!(fixes.contains(&url), "{fixes}");
}

#[test]
fn a_redis_that_deletes_keys_is_a_warning() {
    for (policy, most, when) in [
        ("allkeys-lru", "512mb", "when its memory is full"),
        ("volatile-ttl", "0", "as soon as maxmemory is set"),
    ] {
        let options = [
            &GOOD[..],
            &["--maxmemory-policy", policy, "--maxmemory", most],
        ]
        .concat();
        let Some(redis) = Redis::start(policy, &options) else {
            return;
        };
        let report = redis.examined("");
        let words = format!("maxmemory-policy {policy}: Redis deletes our keys {when}");
        let (verdict, fixes) = found(&report, &words);
        assert_eq!(verdict, "warn");
        assert!(
            fixes.ends_with("CONFIG SET maxmemory-policy noeviction"),
            "{fixes}"
        );
        assert_eq!(report.code, Some(0));
    }
}

#[test]
fn a_redis_without_space_is_an_error_and_one_with_little_is_a_warning() {
    let options = [&GOOD[..], &["--maxmemory", "100mb"]].concat();
    let Some(redis) = Redis::start("small", &options) else {
        return;
    };
    assert_eq!(found(&redis.examined(""), "maxmemory is 100 MB").0, "warn");
    redis.ask("CONFIG SET maxmemory 1mb");
    redis.ask("CONFIG SET maxmemory 100kb");
    let report = redis.examined("");
    let (verdict, fixes) = found(&report, "Redis answers OOM");
    assert_eq!(verdict, "error");
    assert!(fixes.ends_with("CONFIG SET maxmemory 512mb"), "{fixes}");
    redis.ask("CONFIG SET maxmemory 512mb");
    assert_eq!(all(&redis.examined("")).len(), 1);
}

#[test]
fn what_a_restart_loses_is_a_warning() {
    let Some(redis) = Redis::start("restart", &[]) else {
        return;
    };
    let report = redis.examined("");
    let (verdict, fixes) = found(&report, "appendonly is off: a restart of Redis loses");
    assert_eq!(verdict, "warn");
    assert!(fixes.contains("CONFIG SET appendonly yes"), "{fixes}");
    redis.ask("CONFIG SET appendonly yes");
    redis.ask("CONFIG SET appendfsync no");
    assert_eq!(found(&redis.examined(""), "appendfsync no").0, "warn");
    redis.ask("CONFIG SET appendfsync everysec");
    assert_eq!(all(&redis.examined("")).len(), 1);
}

#[test]
fn a_replica_is_an_error_that_names_the_master() {
    let Some(master) = Redis::start("master", &GOOD) else {
        return;
    };
    let of = format!("127.0.0.1 {}", master.port);
    let options = [&GOOD[..], &["--replicaof", &of]].concat();
    let replica = Redis::start("replica", &options).unwrap();
    let report = replica.examined("");
    let (verdict, fixes) = found(&report, "this Redis is a replica of 127.0.0.1:");
    assert_eq!(verdict, "error");
    let url = format!("WEBSOCKET_REDIS_URL=redis://127.0.0.1:{}/", master.port);
    assert!(fixes.ends_with(&url), "{fixes}");
    // The master has nothing to complain about once the replica has everything.
    master.ask_until("WAIT 1 100", ":1");
    let said = all(&master.examined(""));
    assert!(said.len() == 1, "{said:?}");
}

#[test]
fn a_user_without_rights_is_an_error_that_names_them() {
    let Some(redis) = Redis::start("rights", &GOOD) else {
        return;
    };
    redis.ask("ACL SETUSER chat on >secret ~zcomm:course:* +@all -eval -xadd -info -config");
    let report = redis.examined("chat:secret@");
    let (verdict, fixes) = found(&report, "may not run EVAL, XADD");
    assert_eq!(verdict, "error");
    let command = "ACL SETUSER USER '~zcomm:course:*' '+eval' '+xadd'";
    assert!(fixes.ends_with(command), "{fixes}");
    assert_eq!(found(&report, "may not read INFO").0, "note");
    // The rights that a server names in its log are enough.
    redis.ask(
        "ACL SETUSER chat reset on >secret ~zcomm:* +eval +evalsha +script|load +time +role +get \
         +set +exists +del +hset +hmget +hincrby +xadd +xread +xrange +xrevrange +xlen +xdel",
    );
    let report = redis.examined("chat:secret@");
    assert_eq!(report.code, Some(0), "{:?}", all(&report));
    // Rights for the keys of another service.
    redis.ask("ACL SETUSER chat resetkeys ~other:*");
    assert_eq!(
        found(
            &redis.examined("chat:secret@"),
            "keys that begin with zcomm:course:"
        )
        .0,
        "error"
    );
}
