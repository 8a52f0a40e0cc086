//! `zcomm doctor`: each problem of a class, and beside it the same thing without the problem.

use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, TcpListener, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use time::OffsetDateTime;
use zcomm_core::{Config, DevelopmentCa, LOOPBACK_NAMES, PemPair};

use crate::{
    Done, certs, children, connect::serve, folder, servers::with_tls, zcomm, zcomm_command,
};

/// A secret that no output may contain, whatever is wrong with its file.
const CANARY: &str = "canary-token-7Qp2xV9d";

/// The findings of a run.
pub(crate) struct Report {
    pub(crate) code: Option<i32>,
    pub(crate) findings: Vec<Value>,
}

impl Report {
    /// The first finding of this topic, as `verdict: what`.
    fn said(&self, topic: &str) -> String {
        let finding = self.about(topic);
        format!("{}: {}", text(&finding["verdict"]), text(&finding["what"]))
    }

    fn fixes(&self, topic: &str) -> String {
        let fixes = self.about(topic)["fixes"].as_array().unwrap();
        fixes.iter().map(text).collect::<Vec<_>>().join("\n")
    }

    fn about(&self, topic: &str) -> &Value {
        let mut all = self.findings.iter();
        let found = all.find(|finding| finding["topic"] == topic);
        found.unwrap_or_else(|| panic!("nothing about {topic} in {:#?}", self.findings))
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Runs it twice, as text and as JSON, and checks that both agree.
fn doctor(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Report {
    let run = |also: &[&str]| -> Done {
        let arguments = [&["doctor"], arguments, also].concat();
        let mut command = zcomm_command(folder, &arguments);
        command.envs(settings.iter().copied());
        command.output().unwrap().into()
    };
    let (shown, json) = (run(&[]), run(&["--json"]));
    for done in [&shown, &json] {
        assert_eq!(done.stderr, "");
        assert!(!done.stdout.contains(CANARY), "{}", done.stdout);
        assert!(!done.stdout.contains('\x1b'), "{}", done.stdout);
    }
    let object: Value = serde_json::from_str(&json.stdout).unwrap();
    let findings = object["findings"].as_array().unwrap().clone();
    let bad = findings.iter().any(|finding| finding["verdict"] == "error");
    assert_eq!(object["good"], !bad);
    assert_eq!(json.code, Some(i32::from(bad)), "{}", json.stdout);
    assert_eq!(shown.code, json.code, "{}\n{}", shown.stdout, json.stdout);
    for finding in &findings {
        let begin = format!(
            "{:<5}  {:<12}  ",
            text(&finding["verdict"]),
            text(&finding["topic"])
        );
        let found = shown.stdout.lines().any(|line| line.starts_with(&begin));
        assert!(found, "no {begin:?} in {}", shown.stdout);
        let is_problem = ["warn", "error"].contains(&text(&finding["verdict"]));
        let has_fix = !finding["fixes"].as_array().unwrap().is_empty();
        assert!(!is_problem || has_fix, "{finding} without a fix");
    }
    Report {
        code: json.code,
        findings,
    }
}

/// A port that is free, as far as a test can know.
pub(crate) fn free_port() -> String {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port().to_string()
}

/// Checks a free port.
pub(crate) fn doctor_at(folder: &Path, settings: &[(&str, &str)]) -> Report {
    doctor(folder, &["--port", &free_port()], settings)
}

#[test]
fn a_free_port_is_ok_and_there_is_no_error() {
    let port = free_port();
    let report = doctor(&folder("doctor_free"), &["--port", &port], &[]);
    let said = report.said(&format!("port {port}"));
    assert!(said.starts_with("ok: free, on 127.0.0.1"), "{said}");
    assert_eq!(report.code, Some(0), "{:#?}", report.findings);
}

#[test]
fn a_port_of_another_program_is_an_error_that_names_the_program() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let begin = Instant::now();
    let report = doctor(&folder("doctor_held"), &["--port", &port.to_string()], &[]);
    assert!(
        begin.elapsed() < Duration::from_secs(8),
        "two runs, and it never answers"
    );
    let topic = format!("port {port}");
    let pid = std::process::id();
    let said = report.said(&topic);
    assert!(said.starts_with("error: taken by command-"), "{said}");
    assert!(said.ends_with(&format!(" (pid {pid})")), "{said}");
    let fixes = report.fixes(&topic);
    let kill = if cfg!(windows) {
        "taskkill /F /PID"
    } else {
        "kill"
    };
    assert!(fixes.contains(&format!("{kill} {pid}")), "{fixes}");
    assert!(fixes.contains("WEBSOCKET_PORT="), "{fixes}");
    assert_eq!(report.code, Some(1));
}

/// A browser may try `::1` first for `localhost`.
#[test]
fn a_port_that_is_taken_on_ipv6_only_is_a_warning() {
    // A machine without IPv6 does not have this problem.
    let Ok(socket) = TcpListener::bind("[::1]:0") else {
        return;
    };
    let port = socket.local_addr().unwrap().port();
    let report = doctor(&folder("doctor_v6"), &["--port", &port.to_string()], &[]);
    let topic = format!("port {port}");
    let said = report.said(&topic);
    assert!(
        said.starts_with("warn: free on 127.0.0.1, but command-"),
        "{said}"
    );
    assert!(
        report
            .fixes(&topic)
            .contains(&format!("http://127.0.0.1:{port}/"))
    );
    assert_eq!(report.code, Some(0));
}

#[test]
fn a_running_lesson_is_not_an_error() {
    let tls = with_tls(&folder("doctor_lesson_tls"));
    for config in [Config::default(), tls] {
        let lesson = serve(config);
        let port = lesson.addr.port().to_string();
        let report = doctor(&folder("doctor_lesson"), &["--port", &port], &[]);
        let said = report.said(&format!("port {port}"));
        assert!(
            said.starts_with("note: a lesson is running here: command-"),
            "{said}"
        );
        assert_eq!(report.code, Some(0));
    }
}

/// Near misses: a server that answers `ok` without our header, one that drips, one that hangs up.
#[test]
fn another_server_is_not_a_lesson() {
    for answer in [
        "HTTP/1.1 200 OK\r\nServer: other\r\n\r\nok\n",
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: TLS/1.2\r\n\r\n",
        "drip",
        "",
    ] {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port().to_string();
        std::thread::spawn(move || {
            for client in socket.incoming() {
                std::thread::spawn(move || serve_badly(client.unwrap(), answer));
            }
        });
        let begin = Instant::now();
        let report = doctor(&folder("doctor_other"), &["--port", &port], &[]);
        assert!(begin.elapsed() < Duration::from_secs(8), "{answer:?}");
        let said = report.said(&format!("port {port}"));
        assert!(said.starts_with("error: taken by "), "{said}");
    }
}

fn serve_badly(mut client: TcpStream, answer: &str) {
    // Read the whole request: closing with unread bytes would reset the connection.
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        asked.extend(byte);
    }
    match answer {
        // Less than a second between two bytes, until the client gives up.
        "drip" => {
            client
                .set_read_timeout(Some(Duration::from_millis(300)))
                .unwrap();
            while client.write_all(b"H").is_ok() {
                client.read_exact(&mut [0; 1]).ok();
            }
        }
        answer => client.write_all(answer.as_bytes()).unwrap(),
    }
}

#[test]
fn the_port_of_the_settings_is_checked() {
    let folder = folder("doctor_port");
    let port = free_port();
    fs::write(folder.join(".zEnv"), format!("WEBSOCKET_PORT={port}\n")).unwrap();
    let report = doctor(&folder, &[], &[]);
    assert!(report.said(&format!("port {port}")).starts_with("ok: free"));
    let others = report
        .findings
        .iter()
        .filter(|one| text(&one["topic"]).starts_with("port"));
    assert_eq!(others.count(), 1);
    fs::write(folder.join(".zEnv"), "WEBSOCKET_PORT=0\n").unwrap();
    assert!(
        doctor(&folder, &[], &[])
            .said("port 0")
            .contains("takes a free port")
    );
    fs::remove_file(folder.join(".zEnv")).unwrap();
    let report = doctor(&folder, &[], &[]);
    report.about("port 8765");
    report.about("port 8766");
}

#[test]
fn settings_are_read_as_a_server_reads_them() {
    let folder = folder("doctor_settings");
    assert!(
        doctor_at(&folder, &[])
            .said("settings")
            .starts_with("note: no .zEnv")
    );
    let secret = format!("WEBSOCKET_TOKEN={CANARY}");
    for (line, said, code) in [
        ("WEBSOCKET_RATE_LIMIT=10", "ok: .zEnv has no errors", 0),
        (
            &format!("{secret}\nWEBSOCKET_RATE_LIMT=10"),
            "warn: unknown setting WEBSOCKET_RATE_LIMT: did you mean WEBSOCKET_RATE_LIMIT?",
            0,
        ),
        (
            &format!("{secret}\nWEBSOCKET_RATE_LIMIT=ten"),
            "error: no server starts: WEBSOCKET_RATE_LIMIT=\"ten\": expected messages per",
            1,
        ),
        (
            &format!("{secret} and more"),
            "error: no server starts: .zEnv, line 1: ",
            1,
        ),
        (
            "WEBSOCKET_TOKEN=canary",
            "error: no server starts: WEBSOCKET_TOKEN=\"***\": must",
            1,
        ),
        (
            "WEBSOCKET_TLS=on",
            "error: no server starts: WEBSOCKET_TLS: unknown setting",
            1,
        ),
        (
            "WEBSOCKET_HOST='\x1b[31mred'",
            "error: no server starts: .zEnv, line 1: has the invisible character U+001B",
            1,
        ),
    ] {
        fs::write(folder.join(".zEnv"), format!("{line}\n")).unwrap();
        let report = doctor_at(&folder, &[]);
        let found = report.said("settings");
        assert!(found.starts_with(said), "{line:?} gives {found}");
        assert_eq!(report.code, Some(code), "{line:?}");
    }
    fs::remove_file(folder.join(".zEnv")).unwrap();
    fs::create_dir(folder.join(".zEnv")).unwrap();
    let report = doctor_at(&folder, &[]);
    assert!(report.said("settings").contains(".zEnv: is not a file"));
    #[cfg(unix)]
    {
        fs::remove_dir(folder.join(".zEnv")).unwrap();
        std::os::unix::fs::symlink("missing", folder.join(".zEnv")).unwrap();
        let report = doctor_at(&folder, &[]);
        assert!(report.said("settings").contains(".zEnv: is a link"));
    }
}

#[test]
fn the_courses_token_is_an_error_only_where_other_machines_can_use_it() {
    let folder = folder("doctor_public");
    let public = ("WEBSOCKET_TOKEN", "demo_secure_token_123");
    let own = ("WEBSOCKET_TOKEN", CANARY);
    let (wide, here) = (
        ("WEBSOCKET_HOST", "0.0.0.0"),
        ("WEBSOCKET_HOST", "localhost"),
    );
    for (settings, bad) in [
        ([public, wide], true),
        ([public, here], false),
        ([own, wide], false),
    ] {
        let said = doctor_at(&folder, &settings).said("settings");
        assert_eq!(
            said.starts_with("error: no server starts"),
            bad,
            "{settings:?}: {said}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_secret_that_other_users_can_read_is_shown_with_the_fix() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder("doctor_mode");
    for (token, mode, open) in [
        (CANARY, 0o644, true),
        (CANARY, 0o640, true),
        (CANARY, 0o600, false),
        ("demo_secure_token_123", 0o644, false),
    ] {
        let file = folder.join(".zEnv");
        fs::write(&file, format!("WEBSOCKET_TOKEN={token}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let report = doctor_at(&folder, &[]);
        let said = report.said("settings");
        assert_eq!(
            said.starts_with("warn: .zEnv can be read by other users"),
            open,
            "{mode:o} {said}"
        );
        assert_eq!(report.fixes("settings").contains("chmod 600 .zEnv"), open);
        assert_eq!(report.code, Some(0));
    }
}

const TLS: [(&str, &str); 3] = [
    ("WEBSOCKET_SSL_ENABLED", "true"),
    ("WEBSOCKET_SSL_CERT", "certs/localhost.pem"),
    ("WEBSOCKET_SSL_KEY", "certs/localhost.key"),
];

/// Puts a pair where the settings above look for it.
fn put(folder: &Path, pair: &PemPair) {
    fs::write(folder.join("certs/localhost.pem"), &pair.certificate).unwrap();
    fs::write(folder.join("certs/localhost.key"), &pair.key).unwrap();
}

#[test]
fn certificates_are_judged_as_clients_judge_them() {
    let folder = folder("doctor_certs");
    let said = doctor_at(&folder, &[]).said("certificates");
    assert!(said.starts_with("note: none: "), "{said}");
    certs(&folder, &[]);
    let said = doctor_at(&folder, &[]).said("certificates");
    assert!(
        said.starts_with("ok: certs/localhost.pem is for localhost, "),
        "{said}"
    );
    assert!(said.ends_with("; the settings do not use it"), "{said}");
    let said = doctor_at(&folder, &TLS).said("certificates");
    assert!(
        said.starts_with("ok: ") && !said.contains("do not use"),
        "{said}"
    );

    let ca = DevelopmentCa::new(&[]).unwrap();
    let ending = |days| ca.issue_ending_in(&LOOPBACK_NAMES, days).unwrap();
    for (days, in_use, unused) in [
        (
            -1,
            "error: clients refuse certs/localhost.pem: it expired on 20",
            "warn: clients refuse",
        ),
        (
            3,
            "warn: certs/localhost.pem: it will expire soon",
            "warn: certs/localhost.pem: it will",
        ),
    ] {
        put(&folder, &ending(days));
        let report = doctor_at(&folder, &TLS);
        assert!(
            report.said("certificates").starts_with(in_use),
            "{}",
            report.said("certificates")
        );
        assert!(
            report
                .fixes("certificates")
                .contains("cargo run --bin zcomm -- certs")
        );
        assert_eq!(report.code, Some(i32::from(days < 0)));
        let report = doctor_at(&folder, &[]);
        assert!(report.said("certificates").starts_with(unused));
        assert_eq!(report.code, Some(0), "no server uses it yet");
    }
    let (one, other) = (ending(30), ending(30));
    put(
        &folder,
        &PemPair {
            certificate: one.certificate,
            key: other.key,
        },
    );
    let report = doctor_at(&folder, &TLS);
    let said = report.said("certificates");
    assert!(said.starts_with("error: certs/localhost.key: "), "{said}");
    fs::remove_file(folder.join("certs/localhost.pem")).unwrap();
    let said = doctor_at(&folder, &TLS).said("certificates");
    assert!(said.starts_with("error: certs/localhost.pem: "), "{said}");
    // An error in a certificate file does not hide the other settings.
    let and_port = [&TLS[..], &[("WEBSOCKET_PORT", "0")]].concat();
    assert!(
        doctor(&folder, &[], &and_port)
            .said("port 0")
            .starts_with("ok: ")
    );
}

#[cfg(unix)]
#[test]
fn a_private_key_that_other_users_can_read_is_shown_with_the_fix() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder("doctor_key");
    certs(&folder, &[]);
    for name in ["localhost.key", "ca.key"] {
        let key = folder.join("certs").join(name);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let report = doctor_at(&folder, &TLS);
        let said = report.said("certificates");
        assert!(
            said.starts_with(&format!("warn: certs/{name} is a private key")),
            "{said}"
        );
        let fixes = report.fixes("certificates");
        assert_eq!(fixes, format!("chmod 600 certs/{name}"));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert!(
        doctor_at(&folder, &TLS)
            .said("certificates")
            .starts_with("ok: ")
    );
}

/// a12: a process chooses its name, and the name cannot control the terminal.
#[cfg(target_os = "linux")]
#[test]
fn a12_the_hostile_name_of_a_process_is_made_visible() {
    use std::{
        io::{BufRead, BufReader},
        os::unix::fs::symlink,
        process::Stdio,
    };
    let folder = folder("doctor_red");
    let program = folder.join("\x1b[31mred");
    symlink(std::env::current_exe().unwrap(), &program).unwrap();
    let mut holder = children::command(&program);
    holder.args(["--exact", "doctor::holder", "--ignored", "--nocapture"]);
    holder.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = holder.spawn().unwrap();
    let lines = BufReader::new(holder.stdout.as_mut().unwrap()).lines();
    let port = |line: String| Some(line.split_once("holds port ")?.1.to_owned());
    let port = lines.map(Result::unwrap).find_map(port).unwrap();
    let report = doctor(&folder, &["--port", &port], &[]);
    let (said, pid) = (report.said(&format!("port {port}")), holder.id());
    assert_eq!(said, format!("error: taken by ␛[31mred (pid {pid})"));
    // It ends when its input ends.
    drop(holder.stdin.take());
    holder.wait().unwrap();
    let report = doctor(&folder, &["--port", &port], &[]);
    assert!(report.said(&format!("port {port}")).starts_with("ok: free"));
}

/// The other program of the test above.
#[test]
#[ignore = "a part of the test above it"]
fn holder() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("holds port {}", socket.local_addr().unwrap().port());
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_clock_before_a_certificate_is_a_warning() {
    let folder = folder("doctor_clock");
    certs(&folder, &[]);
    let said = doctor_at(&folder, &[]).said("clock");
    assert!(said.starts_with("ok: 20"), "{said}");
    let mut tomorrow = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    tomorrow.not_before = OffsetDateTime::now_utc() + time::Duration::days(2);
    let key = KeyPair::generate().unwrap();
    let pem = tomorrow.self_signed(&key).unwrap().pem();
    fs::write(folder.join("certs/ca.pem"), pem).unwrap();
    let report = doctor_at(&folder, &[]);
    let said = report.said("clock");
    assert!(
        said.starts_with("warn: ")
            && said.contains("is before the first day of a certificate here, 20"),
        "{said}"
    );
    assert!(report.fixes("clock").starts_with("set the clock: "));
}

#[test]
fn the_network_says_how_a_class_gets_in() {
    let folder = folder("doctor_network");
    let at = |host| doctor_at(&folder, &[("WEBSOCKET_HOST", host)]);
    assert!(
        at("127.0.0.1")
            .said("network")
            .starts_with("note: only this machine can reach its servers")
    );
    // An address for documentation (RFC 5737): no machine has it.
    let report = at("203.0.113.9");
    let said = report.said("network");
    assert!(
        said.starts_with("error: WEBSOCKET_HOST=203.0.113.9 is not an address of this"),
        "{said}"
    );
    assert_eq!(report.code, Some(1));
    let interfaces = if_addrs::get_if_addrs().unwrap();
    let mut ips_for_others: Vec<_> = interfaces.iter().map(if_addrs::Interface::ip).collect();
    ips_for_others
        .retain(|ip| matches!(ip, IpAddr::V4(ip) if !ip.is_loopback() && !ip.is_link_local()));
    let Some(ip) = ips_for_others.first().copied() else {
        return;
    };
    let said = at("0.0.0.0").said("network");
    assert!(
        said.starts_with("ok: ") && said.contains(&ip.to_string()),
        "{said}"
    );
    // And then the certificate has to be for that address.
    certs(&folder, &[]);
    let wide = [&TLS[..], &[("WEBSOCKET_HOST", "0.0.0.0")]].concat();
    let about = |report: &Report| format!("{:#?}", report.findings);
    let report = doctor_at(&folder, &wide);
    let refused = format!("browsers refuse the certificate at {ip}");
    assert!(about(&report).contains(&refused), "{}", about(&report));
    assert!(!about(&doctor_at(&folder, &TLS)).contains("browsers refuse the certificate at"));
    let hosts = ips_for_others.iter().map(|ip| format!("--host={ip}"));
    let arguments: Vec<_> = ["--new-ca".to_owned()].into_iter().chain(hosts).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    certs(&folder, &arguments);
    let report = doctor_at(&folder, &wide);
    assert!(
        !about(&report).contains("browsers refuse the certificate at"),
        "{}",
        about(&report)
    );
}

/// k07: before a class notices at the 401st client.
#[cfg(unix)]
#[test]
fn k07_too_few_descriptors_are_a_warning_with_the_number_that_fits() {
    let folder = folder("doctor_descriptors");
    let limited = |most: u32| {
        let mut shell = children::command("sh");
        let command = format!("ulimit -n {most} && exec \"$0\" doctor --port \"$1\" --json");
        shell.args(["-c", &command, env!("CARGO_BIN_EXE_zcomm"), &free_port()]);
        let done = shell.current_dir(&folder).env_clear().output().unwrap();
        let object: Value = serde_json::from_slice(&done.stdout).unwrap();
        let findings = object["findings"].as_array().unwrap().clone();
        Report {
            code: done.status.code(),
            findings,
        }
    };
    let report = limited(628);
    let said = report.said("descriptors");
    assert!(
        said.ends_with(": enough for 462 clients, but the settings allow 1000"),
        "{said}"
    );
    assert!(
        report
            .fixes("descriptors")
            .contains("WEBSOCKET_MAX_CONNECTIONS=462")
    );
    assert_eq!(report.code, Some(0));
    assert!(
        limited(1228)
            .said("descriptors")
            .starts_with("ok: 1228: enough for 1000 ")
    );
}

/// Runs it with a PATH that has only a program of this name with this output.
#[cfg(unix)]
fn with_program(folder: &Path, name: &str, says: &str) -> Report {
    use std::os::unix::fs::PermissionsExt;
    let programs = folder.join("programs");
    fs::remove_dir_all(&programs).ok();
    fs::create_dir(&programs).unwrap();
    let program = programs.join(name);
    fs::write(&program, format!("#!/bin/sh\n{says}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    doctor_at(folder, &[("PATH", programs.to_str().unwrap())])
}

#[cfg(unix)]
#[test]
fn a_browser_and_the_toolchain_are_found_on_the_path() {
    let folder = folder("doctor_programs");
    let report = with_program(&folder, "firefox-esr", "exit 1");
    assert!(
        report.said("browser").starts_with("ok: "),
        "{}",
        report.said("browser")
    );
    assert!(report.said("browser").contains("Firefox"));
    assert!(report.said("rust").starts_with("note: rustc does not run"));
    for (version, verdict) in [("1.88.0", "ok"), ("1.87.1", "warn")] {
        let says = format!("echo 'rustc {version} (6b00bc388 2025-06-23)'");
        let said = with_program(&folder, "rustc", &says).said("rust");
        assert!(said.starts_with(&format!("{verdict}: {version}")), "{said}");
    }
}

/// A check that hangs costs its own line and no other.
#[cfg(unix)]
#[test]
fn a_program_that_does_not_answer_is_not_waited_for() {
    let folder = folder("doctor_hangs");
    let begin = Instant::now();
    let report = with_program(&folder, "rustc", "exec /bin/sleep 60");
    assert!(
        begin.elapsed() < Duration::from_secs(45),
        "{:?}",
        begin.elapsed()
    );
    assert!(
        report.said("rust").contains("did not finish"),
        "{}",
        report.said("rust")
    );
    assert!(report.said("clock").starts_with("ok: "));
}

#[test]
fn the_text_fits_80_columns_except_for_commands_to_type() {
    let folder = folder("doctor_width");
    let mut command = zcomm_command(&folder, &["doctor", "--port", &free_port()]);
    command.env("WEBSOCKET_HOST", "0.0.0.0");
    command.env("WEBSOCKET_TOKEN", "demo_secure_token_123");
    let shown = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(
        shown.contains("\n                     token, and other machines"),
        "{shown}"
    );
    for line in shown.lines().filter(|line| !line.contains(" -> ")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_port_is_a_number_from_1() {
    let folder = folder("doctor_number");
    for port in ["0", "65536", "-1", "", "http"] {
        let done = zcomm(&folder, &["doctor", &format!("--port={port}")]);
        assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""), "{port:?}");
    }
}
