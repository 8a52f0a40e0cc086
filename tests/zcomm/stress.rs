//! `zcomm stress`: it counts correctly, reports what a server does wrong, and refuses public
//! addresses.

use std::{
    io,
    net::TcpListener,
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use serde_json::Value;
use zcomm_core::{Config, Connection, Message, Result};

use crate::{
    Done, children, folder,
    servers::{echo, no_limits, start, with_tls},
    vacant::Vacant,
    zcomm,
};

/// A short run, where a test names no duration; and no warm-up, so that every message counts.
const QUICK: [&str; 2] = ["--duration", "0.5"];
const AT_ONCE: [&str; 2] = ["--warm-up", "0"];

/// A relay, as chats are: it wraps each message in another JSON object.
async fn relay(mut connection: Connection) -> Result<()> {
    let (id, hub) = (connection.id(), connection.hub().clone());
    while let Some(message) = connection.recv().await {
        if let Message::Text(text) = message {
            hub.broadcast_except(format!("{{\"from\":1,\"said\":{text}}}"), id)?;
        }
    }
    Ok(())
}

fn stress(url: &str, arguments: &[&str]) -> Done {
    let quick = match arguments.contains(&"--duration") {
        true => &[][..],
        false => &QUICK,
    };
    let all = [&["stress", url][..], &AT_ONCE, quick, arguments].concat();
    zcomm(&std::env::temp_dir(), &all)
}

/// Returns the report as JSON, after its numbers were added up.
fn measure(url: &str, arguments: &[&str]) -> (Done, Value) {
    let done = stress(url, &[arguments, &["--json"]].concat());
    let report: Value = serde_json::from_str(&done.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", done.stdout, done.stderr));
    let number = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(number("expected"), number("received") + number("lost"));
    assert_eq!(report["latency_us"]["count"], report["received"]);
    assert_eq!(report["handshake_us"]["count"], report["opened"]);
    (done, report)
}

/// A quantile of the latency (milliseconds).
fn milliseconds(report: &Value, quantile: &str) -> f64 {
    report["latency_us"][quantile].as_f64().unwrap() / 1000.0
}

#[test]
fn every_message_of_an_echo_is_counted_once() {
    let server = start(no_limits(), echo);
    for pace in [
        &["--window", "1"][..],
        &["--window", "7"],
        &["--rate", "400"],
    ] {
        let arguments = [&["-c", "20", "--threads", "2"][..], pace].concat();
        let (done, report) = measure(&server.url(), &arguments);
        assert_eq!(done.code, Some(0), "{pace:?}: {report}");
        assert_eq!(report["opened"], 20);
        assert_eq!(report["sent"], report["received"], "{pace:?}");
        assert!(report["received"].as_u64().unwrap() >= 100, "{report}");
        assert_eq!(
            (&report["lost"], &report["repeated"]),
            (&0.into(), &0.into())
        );
        // The messages of all seconds add up to the throughput.
        let points = report["timeline"].as_array().unwrap().iter();
        let came: u64 = points
            .map(|point| point["received"].as_u64().unwrap())
            .sum();
        let throughput = report["received_per_second"].as_f64().unwrap();
        let seconds = report["seconds"].as_f64().unwrap();
        assert!((throughput * seconds - came as f64).abs() < 1.0, "{report}");
        // The rate is for all connections together.
        if pace[0] == "--rate" {
            assert_eq!(
                report["sent"].as_u64().unwrap() + report["unsent"].as_u64().unwrap(),
                200
            );
        }
    }
}

#[test]
fn every_subscriber_of_a_fan_out_gets_every_message() {
    let server = start(no_limits(), relay);
    let json = [
        "--template",
        "{\"text\":\"{payload}\"}",
        "--hello",
        "{\"join\":{number}}",
    ];
    for pace in [&["--window", "3"][..], &["--rate", "100"]] {
        let arguments = [
            "-c",
            "12",
            "--fanout",
            "--publishers",
            "2",
            "--threads",
            "2",
        ];
        let (done, report) = measure(&server.url(), &[&arguments[..], &json, pace].concat());
        assert_eq!(done.code, Some(0), "{pace:?}: {report}");
        let sent = report["sent"].as_u64().unwrap();
        assert!(sent >= 10, "{report}");
        assert_eq!(report["expected"].as_u64().unwrap(), sent * 10, "{report}");
        assert_eq!(report["repeated"], 0);
    }
}

/// The server drops every fifth message.
#[test]
fn lost_messages_are_counted() {
    let server = start(no_limits(), async |mut connection: Connection| {
        let mut count = 0;
        while let Some(message) = connection.recv().await {
            count += 1;
            if count % 5 != 0 {
                connection.send(message).await?;
            }
        }
        Ok(())
    });
    let (done, report) = measure(&server.url(), &["-c", "4", "--rate", "200"]);
    assert_eq!(done.code, Some(1));
    let number = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(number("sent") + number("unsent"), 100, "{report}");
    // The server counts for each connection, and the last messages may not have left in time.
    let fifth = number("sent") / 5;
    assert!((fifth - 4..=fifth).contains(&number("lost")), "{report}");
    // Messages come back in order: a lost one does not block the next.
    let (_, report) = measure(&server.url(), &["-c", "1", "--window", "2"]);
    assert!(report["received"].as_u64().unwrap() >= 40, "{report}");
    assert!(report["lost"].as_u64().unwrap() >= 10, "{report}");
}

#[test]
fn a_message_that_comes_twice_counts_once_and_is_a_failure() {
    let server = start(no_limits(), async |mut connection: Connection| {
        while let Some(message) = connection.recv().await {
            connection.send(message.clone()).await?;
            connection.send(message).await?;
        }
        Ok(())
    });
    let (done, report) = measure(&server.url(), &["-c", "2", "--rate", "100"]);
    assert_eq!(done.code, Some(1), "{report}");
    assert!(done.stdout.contains("came twice"), "{report}");
    assert_eq!(report["sent"], report["received"], "{report}");
    let repeated = report["repeated"].as_u64().unwrap();
    assert!(repeated > 0 && repeated <= report["sent"].as_u64().unwrap());
}

/// The default limits of the lessons, and the settings that raise them.
#[test]
fn a_server_that_refuses_and_closes_is_a_failure_by_kind() {
    let limited = || {
        let config = Config {
            max_connections: 5,
            ..Config::default()
        };
        start(config, echo)
    };
    let server = limited();
    let (done, report) = measure(&server.url(), &["-c", "8", "--duration", "2"]);
    assert_eq!(done.code, Some(1));
    assert_eq!(
        (&report["connections"], &report["opened"]),
        (&8.into(), &5.into())
    );
    let failures = report["failures"].as_array().unwrap();
    let failure = |kind: &str| {
        let mut failures = failures.iter();
        let found = failures.find(|failure| failure["kind"].as_str().unwrap().contains(kind));
        let found = found.unwrap_or_else(|| panic!("no {kind} in {report}"));
        (found["count"].as_u64().unwrap(), found["help"].to_string())
    };
    let (count, help) = failure("HTTP 503 instead of 101: Maximum connections reached");
    assert!(
        count == 3 && help.contains("WEBSOCKET_MAX_CONNECTIONS"),
        "{help}"
    );
    let (count, help) = failure("1008 (Rate limit exceeded)");
    assert!(
        count == 5 && help.contains("WEBSOCKET_RATE_LIMIT=off"),
        "{help}"
    );
    let text = stress(&limited().url(), &["-c", "8", "--duration", "2"]).stdout;
    assert!(
        text.contains("failed       3 x the server answered HTTP 503"),
        "{text}"
    );
    assert!(
        text.contains("help: send less at a time, or start the server with"),
        "{text}"
    );
}

#[test]
fn a_server_that_is_not_there_is_a_failure_and_nothing_is_measured() {
    let vacant = Vacant::new();
    let (done, report) = measure(&vacant.url(), &["-c", "3"]);
    assert_eq!(done.code, Some(1));
    assert_eq!((&report["opened"], &report["sent"]), (&0.into(), &0.into()));
    let kind = &report["failures"][0];
    assert_eq!(kind["count"], 3);
    assert!(
        kind["kind"]
            .as_str()
            .unwrap()
            .contains("no program listens"),
        "{kind}"
    );
}

/// Coordinated omission: a closed loop sends nothing while the server stalls, so only one of
/// many messages sees the stall. In an open loop, every message that was due sees it.
#[test]
fn an_open_loop_sees_a_stall_that_a_closed_loop_hides() {
    const STALL: Duration = Duration::from_millis(300);
    let server = start(no_limits(), async |mut connection: Connection| {
        let mut next = Instant::now() + STALL;
        while let Some(message) = connection.recv().await {
            if Instant::now() > next {
                tokio::time::sleep(STALL).await;
                next = Instant::now() + Duration::from_secs(2);
            }
            connection.send(message).await?;
        }
        Ok(())
    });
    let for_a_while = ["-c", "1", "--duration", "1.5"];
    let (_, closed) = measure(&server.url(), &for_a_while);
    let (_, open) = measure(
        &server.url(),
        &[&for_a_while[..], &["--rate", "200"]].concat(),
    );
    // Both see it …
    assert!(milliseconds(&closed, "max") > 250.0, "{closed}");
    assert!(milliseconds(&open, "max") > 250.0, "{open}");
    // … but of the messages in 1.5 s, a fifth was due in the 0.3 s of the stall.
    assert!(milliseconds(&open, "p90") > 100.0, "{open}");
    assert!(milliseconds(&closed, "p99") < 100.0, "{closed}");
}

#[test]
fn a_run_ends_soon_after_its_time_when_the_server_never_answers() {
    // It accepts connections, and never answers.
    let silent = start(no_limits(), async |mut connection: Connection| {
        while connection.recv().await.is_some() {}
        Ok(())
    });
    let begun = Instant::now();
    let (done, report) = measure(&silent.url(), &["-c", "3"]);
    assert_eq!((done.code, &report["lost"]), (Some(1), &3.into()));
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}

/// The advice depends on the kind of the load.
#[test]
fn when_no_message_comes_back_the_report_says_what_to_try() {
    let words = async |mut connection: Connection| {
        while connection.recv().await.is_some() {
            connection.send("no").await?;
        }
        Ok(())
    };
    for (server, arguments, told) in [
        (start(no_limits(), relay), &["-c", "1"][..], "use --fanout"),
        (
            start(no_limits(), echo),
            &["-c", "2", "--fanout"],
            "leave out --fanout",
        ),
        (
            start(no_limits(), words),
            &["-c", "1"],
            "but other messages came",
        ),
    ] {
        let done = stress(&server.url(), arguments);
        assert!(
            done.stdout.contains("No message came back"),
            "{}",
            done.stdout
        );
        assert!(done.stdout.contains(told), "{told}: {}", done.stdout);
    }
}

#[test]
fn a_load_goes_to_this_machine_and_private_networks_only() {
    for url in [
        "ws://8.8.8.8/",
        "ws://172.32.0.1/",
        "ws://100.64.0.1/",
        "ws://[2001:db8::1]/",
        "wss://0.0.0.0/",
    ] {
        let done = stress(url, &[]);
        assert_eq!(done.code, Some(2), "{url}: {}", done.stderr);
        assert!(
            done.stderr.contains("--i-own-this-server"),
            "{}",
            done.stderr
        );
        assert_eq!(done.stdout, "");
    }
    // A name is looked up, and --i-own-this-server allows any address. No server listens there.
    let vacant = Vacant::new();
    for (host, arguments) in [
        ("localhost", &["-c", "1"][..]),
        ("0.0.0.0", &["-c", "1", "--i-own-this-server"]),
    ] {
        let url = vacant.url().replace("127.0.0.1", host);
        let done = stress(&url, arguments);
        assert_eq!(done.code, Some(1), "{url}: {}", done.stderr);
        assert!(done.stdout.contains("failed       1 x "), "{}", done.stdout);
        // No message left, so the report does not judge the schedule.
        assert!(!done.stdout.contains("loop:"), "{}", done.stdout);
    }
}

/// k07: the limit is checked before the first connection.
#[cfg(unix)]
#[test]
fn k07_too_few_file_descriptors_are_an_error_before_the_first_connection() {
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    door.set_nonblocking(true).unwrap();
    let (program, address) = (env!("CARGO_BIN_EXE_zcomm"), door.local_addr().unwrap());
    let shell = |limit: &str| {
        let line = format!(
            "ulimit {limit}; exec {program} stress -c 1000 --threads 1 -d 0.1 ws://{address}/"
        );
        let mut command = children::command("sh");
        command.args(["-c", &line]).stdout(Stdio::piped());
        command.stderr(Stdio::piped()).output().unwrap()
    };
    let output = shell("-n 64");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("1000 connections need 1028 file descriptors"),
        "{said}"
    );
    assert!(said.contains("help: ulimit -n 1028"), "{said}");
    assert!(said.ends_with("; or at most -c 36\n"), "{said}");
    assert_eq!(door.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    // No connection fits: the help does not suggest any number.
    let output = shell("-n 28");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.ends_with("and in the server's\n"), "{said}");
}

/// The number that the help suggests is enough.
#[cfg(unix)]
#[test]
fn as_many_connections_as_the_help_allows_can_be_opened() {
    let server = start(no_limits(), echo);
    let (program, url) = (env!("CARGO_BIN_EXE_zcomm"), server.url());
    let file = folder("stress-descriptors").join("report.html");
    let options = "-c 36 --threads 1 -d 0.2 --warm-up 0";
    let line = format!("ulimit -n 64; exec {program} stress {options} {url} --html");
    let mut command = children::command("sh");
    command.args(["-c", &format!("{line} {}", file.display())]);
    let done: Done = command.output().unwrap().into();
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("36 of 36 opened"), "{}", done.stdout);
}

/// The time limit for late messages is named only if the run waited for it.
#[test]
fn a_lost_message_is_reported_with_the_true_time() {
    let closes = start(no_limits(), async |mut connection: Connection| {
        connection.recv().await;
        connection.close(1000, "");
        Ok(())
    });
    let done = stress(&closes.url(), &["-c", "2", "--duration", "10s"]);
    let words = "2 of 2 messages were not back when the connections ended";
    assert!(done.stdout.contains(words), "{}", done.stdout);
    let silent = start(no_limits(), async |mut connection: Connection| {
        while connection.recv().await.is_some() {}
        Ok(())
    });
    let done = stress(&silent.url(), &["-c", "2"]);
    let words = "2 of 2 messages were not back 1.5 s after the end";
    assert!(done.stdout.contains(words), "{}", done.stdout);
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for arguments in [
        &["--rate", "5", "--window", "2"][..],
        &["--rate", "0"],
        &["--size", "39"],
        &["--echo", "--fanout"],
        &["--publishers", "2"],
        &["-c", "2", "--fanout", "--publishers", "2"],
        &["--template", "no place for it"],
        &["--duration", "0"],
        &["--connections", "0"],
    ] {
        let all = [&["stress", "ws://127.0.0.1:1/"][..], arguments].concat();
        let done = zcomm(&std::env::temp_dir(), &all);
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.stderr);
    }
}

#[test]
fn runs_are_rows_of_one_table() {
    let server = start(no_limits(), echo);
    let folder = folder("stress-table");
    let file = folder.join("runs.csv");
    let name = file.to_str().unwrap();
    let url = format!("{}?token=canary", server.url());
    for _ in 0..2 {
        assert_eq!(stress(&url, &["-c", "2", "--csv", name]).code, Some(0));
    }
    let fanned = start(no_limits(), relay);
    let fan = ["-c", "3", "--fanout", "--rate", "20", "--csv", name];
    let template = ["--template", "\"{payload}\""];
    assert_eq!(
        stress(&fanned.url(), &[&fan[..], &template].concat()).code,
        Some(0)
    );
    let table = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    let columns = lines[0].split(',').count();
    assert!(
        lines.iter().all(|line| line.split(',').count() == columns),
        "{table}"
    );
    assert!(!table.contains("canary"), "{table}");
    // Another table is not changed.
    std::fs::write(&file, "name,age\n").unwrap();
    let done = stress(&server.url(), &["-c", "2", "--csv", name]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "name,age\n");
}

/// The workflow of a comparison: the same load, another label, one page.
#[test]
fn two_runs_are_compared_on_one_page_and_drawn_as_curves() {
    let server = start(no_limits(), relay);
    let folder = folder("stress-compared");
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (rows, page, curve) = (file("runs.csv"), file("page.html"), file("curve.svg"));
    let template = ["--fanout", "--template", "\"{payload}\"", "--csv", &rows];
    let run = |connections: &str, label: &str| {
        let more = ["-c", connections, "--label", label, "--html", &page];
        let done = stress(&server.url(), &[&template[..], &more].concat());
        assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
        std::fs::read_to_string(&page).unwrap()
    };
    let first = run("3", "old");
    assert!(
        first.contains(">Every subscriber got every message: "),
        "{first}"
    );
    assert!(!first.contains("Compared with"), "{first}");
    // Another load is not compared.
    assert!(!run("5", "new").contains("Compared with"));
    let page = run("3", "new, faster");
    for part in [
        "old<br><small>1 run<",
        "new, faster<br><small>1 run<",
        "p50 ",
        "p99 ",
        " µs",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let digit_before = |unit: &str| {
        page.match_indices(unit)
            .any(|(at, _)| page[..at].ends_with(char::is_numeric))
    };
    assert!(!digit_before(" us"), "{page}");
    // Without a URL, the rows are only drawn.
    let done = zcomm(&folder, &["stress", "--csv", &rows, "--svg", &curve]);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), ""),
        "{}",
        done.stderr
    );
    let curve = std::fs::read_to_string(&curve).unwrap();
    if cfg!(target_os = "linux") {
        for part in [
            ">Cost of a delivery<",
            ">old ",
            ">new ",
            ">new, faster ",
            ">2<",
            ">4<",
        ] {
            assert!(curve.contains(part), "{part} in {curve}");
        }
    }
}

/// The names in the first line say which columns a table has, so another load generator can
/// write rows, too.
#[test]
fn a_table_of_another_load_generator_gets_rows_and_is_drawn() {
    let server = start(no_limits(), echo);
    let folder = folder("stress-foreign");
    let rows = folder.join("bench.csv");
    // It has a column that `stress` does not know, and no end of the last line.
    let before = "label,connections,note,server_cpu_us_per_message\nuWebSockets,2,\"a, b\",2.5";
    std::fs::write(&rows, before).unwrap();
    let more = [
        "-c",
        "2",
        "--label",
        "ours",
        "--csv",
        "bench.csv",
        "--svg",
        "curve.svg",
    ];
    let quick = ["stress", &server.url(), "-d", "0.3", "--warm-up", "0"];
    let done = zcomm(&folder, &[&quick[..], &more].concat());
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let table = std::fs::read_to_string(&rows).unwrap();
    assert!(table.starts_with(&format!("{before}\nours,2,,")), "{table}");
    assert_eq!(table.lines().count(), 3, "{table}");
    let curve = std::fs::read_to_string(folder.join("curve.svg")).unwrap();
    assert!(curve.contains(">uWebSockets 2.50<"), "{curve}");
    // A label needs its column.
    std::fs::write(&rows, "connections,server_cpu_us_per_message\n").unwrap();
    let done = zcomm(&folder, &[&quick[..], &more].concat());
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("no column label"), "{}", done.stderr);
}

#[test]
fn a_picture_of_no_runs_or_of_another_file_is_refused() {
    let folder = folder("stress-no-picture");
    std::fs::write(folder.join("people.csv"), "name,age\nAda,36\n").unwrap();
    let drawn = |arguments: &[&str]| {
        let done = zcomm(&folder, &[&["stress"], arguments].concat());
        assert_eq!(done.code, Some(2), "{}", done.stderr);
        assert!(!folder.join("curve.svg").exists());
        done.stderr
    };
    let said = drawn(&["--csv", "people.csv", "--svg", "curve.svg"]);
    assert!(
        said.contains("does not name the column connections"),
        "{said}"
    );
    let said = drawn(&["--csv", "missing.csv", "--svg", "curve.svg"]);
    assert!(said.contains("no row of missing.csv"), "{said}");
    assert!(drawn(&["--svg", "curve.svg"]).contains("--csv"));
    assert!(drawn(&["--csv", "people.csv"]).contains("<URL>"));
    assert!(drawn(&["--csv", "a.csv", "--svg", "curve.svg", "--json"]).contains("<URL>"));
}

/// A device is not a table, and may have no end: it is not read.
#[cfg(unix)]
#[test]
fn a_device_is_not_a_table() {
    let server = start(no_limits(), echo);
    for device in ["/dev/zero", "/dev/null"] {
        let done = stress(&server.url(), &["-c", "1", "--csv", device]);
        assert_eq!(done.code, Some(2), "{}", done.stderr);
        assert!(
            done.stderr.contains("is not a table of zcomm stress"),
            "{}",
            done.stderr
        );
    }
}

/// The results are printed where that is still possible; the exit code reports the failure.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let server = start(no_limits(), echo);
    let full = || std::fs::File::create("/dev/full").unwrap();
    let mut command = crate::zcomm_command(&folder("stress-full"), &["stress", &server.url()]);
    command.args(["-c", "1", "-d", "0.2", "--warm-up", "0"]);
    let output = command.stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"));
    let done = stress(&server.url(), &["-c", "1", "--html", "/dev/full"]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr.contains("cannot write /dev/full"),
        "{}",
        done.stderr
    );
    assert!(done.stdout.contains("1 of 1 opened"), "{}", done.stdout);
}

/// Some of its texts come from the server: here the reason of a Close frame.
#[test]
fn a_page_loads_nothing_and_runs_no_script() {
    let good = start(no_limits(), echo);
    let hostile = start(no_limits(), async |mut connection: Connection| {
        connection.recv().await;
        connection.close(4000, "<script>alert('1')</script>");
        Ok(())
    });
    let file = folder("stress-page").join("report.html");
    for server in [&good, &hostile] {
        let url = format!("{}?token=canary", server.url());
        stress(&url, &["-c", "2", "--html", file.to_str().unwrap()]);
        let page = std::fs::read_to_string(&file).unwrap();
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
        for forbidden in [
            "http://", "https://", "<script", "src=", "url(", "@import", "canary",
        ] {
            assert!(!page.contains(forbidden), "{forbidden} in {page}");
        }
        assert!(page.contains(&server.url()), "{page}");
    }
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(
        page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"),
        "{page}"
    );
    assert!(
        page.contains("<p class=\"bad\">2 of 2 connections failed: "),
        "{page}"
    );
    // An address with markup in it is text, too.
    let url = format!("{}<script>", good.url());
    stress(&url, &["-c", "1", "--html", file.to_str().unwrap()]);
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("script"), "{page}");
}

/// The process that listens is measured: here the test itself.
#[cfg(target_os = "linux")]
#[test]
fn a_server_on_this_machine_is_measured() {
    let server = start(no_limits(), echo);
    let (_, report) = measure(&server.url(), &["-c", "50", "--window", "8"]);
    let figures = &report["server"];
    let pid = format!("(pid {})", std::process::id());
    assert!(
        figures["processes"].as_str().unwrap().contains(&pid),
        "{figures}"
    );
    assert!(figures["memory_peak"].as_u64() >= figures["memory_before"].as_u64());
    assert!(figures["cores"].as_f64().unwrap() > 0.0, "{figures}");
    assert!(report["tool"]["cores"].as_f64().unwrap() > 0.0, "{report}");
}

/// k05: Ctrl-C ends the run early, and the report is printed.
#[cfg(unix)]
#[test]
fn k05_ctrl_c_ends_it_early_with_a_report() {
    static RECEIVED: AtomicU64 = AtomicU64::new(0);
    let server = start(no_limits(), async |mut connection: Connection| {
        while let Some(message) = connection.recv().await {
            RECEIVED.fetch_add(1, Relaxed);
            connection.send(message).await?;
        }
        Ok(())
    });
    let mut command = children::command(env!("CARGO_BIN_EXE_zcomm"));
    command.args([
        "stress",
        &server.url(),
        "-c",
        "2",
        "-d",
        "600",
        "--warm-up",
        "0",
        "--json",
    ]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while RECEIVED.load(Relaxed) < 100 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "no message arrived"
        );
        std::thread::yield_now();
    }
    let id = child.id().to_string();
    assert!(
        children::command("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["interrupted"], &report["lost"]),
        (&true.into(), &0.into())
    );
    assert!(report["received"].as_u64().unwrap() >= 10, "{report}");
}

/// A server with TLS is measured with the same options as `connect` has.
#[test]
fn a_server_with_tls_is_measured_with_its_authority() {
    let folder = folder("stress-tls");
    let server = start(with_tls(&folder), echo);
    let url = format!("wss://{}/", server.addr);
    let ca = folder.join("certs/ca.pem");
    let (done, report) = measure(&url, &["-c", "3", "--ca", ca.to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{report}");
    let (done, report) = measure(&url, &["-c", "3"]);
    assert_eq!(
        (done.code, &report["opened"]),
        (Some(1), &0.into()),
        "{report}"
    );
}
