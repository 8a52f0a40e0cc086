//! What the options of all subcommands have in common.

use std::path::Path;

use crate::{
    Done, folder,
    servers::{echo, no_limits, start},
    vacant::Vacant,
    zcomm, zcomm_command,
};

fn run(arguments: &[&str]) -> Done {
    zcomm(Path::new("."), arguments)
}

#[test]
fn a_time_has_the_same_forms_in_every_subcommand() {
    let server = start(no_limits(), echo);
    let url = server.url();
    for time in ["200ms", "0.2s", "0.2"] {
        let stress = ["stress", &url, "-c", "1", "-d", time, "--warm-up", "0"];
        let done = run(&[&stress[..], &["--ramp-up", "10ms"]].concat());
        assert_eq!(done.code, Some(0), "{time}: {}", done.stderr);
        let done = run(&["connect", &url, "--ping", time]);
        assert_eq!(done.code, Some(0), "{time}: {}", done.stderr);
    }
    let forms = "such as 500ms, 10s or 2m; a number alone means seconds";
    for time in ["2 m", "1e3", "-1", "10sec", "61m", "", "NaN"] {
        for arguments in [
            &["stress", &url, "--duration"][..],
            &["stress", &url, "--warm-up"],
            &["stress", &url, "--ramp-up"],
            &["connect", &url, "--ping"],
            &["chaos", &url, "--latency"],
            &["chaos", &url, "--idle-kill"],
        ] {
            let (option, rest) = arguments.split_last().unwrap();
            let option = format!("{option}={time}");
            let done = run(&[rest, &[&option]].concat());
            assert_eq!(
                done.code,
                Some(2),
                "{arguments:?} {time:?}: {}",
                done.stderr
            );
            let words = done.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains(forms), "{arguments:?} {time:?}: {words}");
        }
    }
}

/// The settings of the servers are read with the same code.
#[test]
fn a_setting_has_the_same_forms_of_a_time() {
    let folder = folder("options_times");
    for (time, refused) in [("500ms", false), ("2m", false), ("20", false), ("2x", true)] {
        let line = format!("WEBSOCKET_PING_INTERVAL={time}\n");
        std::fs::write(folder.join(".zEnv"), line).unwrap();
        let done = zcomm(&folder, &["doctor", "--port", "1"]);
        let wrong = done.stdout.contains("no server starts");
        assert_eq!(wrong, refused, "{time}: {}", done.stdout);
    }
}

/// The exit codes of `zcomm --help`, in every subcommand that takes an address.
#[test]
fn a_wrong_command_line_ends_with_2_and_a_failure_with_1() {
    let folder = folder("options_codes");
    std::fs::write(folder.join("junk.pem"), "junk").unwrap();
    let vacant = Vacant::new();
    let good = &vacant.url();
    for subcommand in ["connect", "chat", "stress", "demo", "xray", "chaos"] {
        for wrong in [
            &["127.0.0.1:8765"][..],
            &["http://127.0.0.1/"],
            &["ws://127.0.0.1:99999/"],
            &["ws://127.0.0.1/#token=x"],
            &[good, "--no-such-option"],
            &[good, "--ca", "missing.pem"],
            &[good, "--ca", "junk.pem"],
        ] {
            let done = zcomm(&folder, &[&[subcommand], wrong].concat());
            assert_eq!(
                done.code,
                Some(2),
                "{subcommand} {wrong:?}: {}",
                done.stderr
            );
            assert_eq!(done.stdout, "", "{subcommand} {wrong:?}");
            assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
        }
    }
    for subcommand in ["connect", "chat", "stress", "demo"] {
        for wrong in [
            &["--token-file", "missing.txt"][..],
            &["--token-file", "."],
            &["-H", "no colon"],
        ] {
            let done = zcomm(&folder, &[&[subcommand, good], wrong].concat());
            assert_eq!(
                done.code,
                Some(2),
                "{subcommand} {wrong:?}: {}",
                done.stderr
            );
        }
    }
    // The command line is right, and no program listens.
    for subcommand in ["connect", "stress", "demo"] {
        let done = zcomm(&folder, &[subcommand, good]);
        assert_eq!(done.code, Some(1), "{subcommand}: {}", done.stderr);
    }
}

/// The variable of a script may be empty. Then the command must not connect without a token.
#[test]
fn an_empty_token_or_origin_is_refused() {
    let (no_token, no_value) = ("expected a token, but it is empty", "a value is required");
    for (option, why) in [
        ("--token=", no_token),
        ("--token=                 ", no_token),
        ("--origin=", no_value),
    ] {
        for command in ["connect", "chat", "stress"] {
            let done = run(&[command, "ws://127.0.0.1:9/", option]);
            assert_eq!(done.code, Some(2), "{command} {option}: {}", done.stderr);
            assert!(done.stderr.contains(why), "{}", done.stderr);
        }
    }
    let done = run(&["listen", "0", "--token=                 "]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains(no_token), "{}", done.stderr);
}

/// The run would take a minute: a file that cannot be written is found before it.
#[test]
fn a_file_that_cannot_be_written_is_found_before_the_run() {
    let server = start(no_limits(), echo);
    let url = server.url();
    let folder = folder("options_files");
    std::fs::write(folder.join("old.html"), "an old report").unwrap();
    for (option, file) in [
        ("--csv", "no/such/folder.csv"),
        ("--csv", "."),
        ("--html", "no/such/folder.html"),
        ("--html", "."),
    ] {
        let done = zcomm(&folder, &["stress", &url, "-d", "1m", option, file]);
        assert_eq!(done.code, Some(2), "{option} {file}: {}", done.stderr);
        assert!(done.stderr.contains(file), "{}", done.stderr);
    }
    for file in ["no/such/folder.jsonl", "old.html"] {
        let done = zcomm(
            &folder,
            &["xray", &url, "--listen", "127.0.0.1:0", "--record", file],
        );
        assert_eq!(done.code, Some(2), "{file}: {}", done.stderr);
    }
    // A run that fails early keeps the old report.
    let done = zcomm(
        &folder,
        &[
            "stress",
            "ws://127.0.0.1:1",
            "-c",
            "1",
            "--html",
            "old.html",
            "--csv",
            "/",
        ],
    );
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    let kept = std::fs::read_to_string(folder.join("old.html")).unwrap();
    assert_eq!(kept, "an old report");
}

/// Other programs would connect through the proxy.
#[test]
fn a_proxy_that_is_not_used_is_named_without_its_value() {
    let server = start(no_limits(), echo);
    let url = server.url();
    let note = |variables: &[(&str, &str)]| {
        let mut command = zcomm_command(Path::new("."), &["connect", &url]);
        command.envs(variables.iter().copied());
        let done: Done = command.output().unwrap().into();
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        done.stderr
    };
    let proxy = "http://user:canary@192.0.2.1:3128";
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let said = note(&[(variable, proxy)]);
        let words = format!("note: {variable} is set, but zcomm uses no proxy");
        assert!(
            said.starts_with(&words) && !said.contains("canary"),
            "{said}"
        );
    }
    assert_eq!(note(&[("HTTPS_PROXY", proxy)]), "", "wss:// only");
    assert_eq!(note(&[("ALL_PROXY", proxy), ("NO_PROXY", "127.0.0.1")]), "");
    assert_eq!(note(&[("ALL_PROXY", "")]), "");
    // A broken settings file hides no variable of the environment.
    let broken = folder("proxy_and_a_broken_file");
    std::fs::write(broken.join(".zEnv"), "ALL_PROXY=\nno setting").unwrap();
    let mut command = zcomm_command(&broken, &["connect", &url]);
    let done: Done = command.env("ALL_PROXY", proxy).output().unwrap().into();
    assert!(
        done.stderr.contains("note: ALL_PROXY is set"),
        "{}",
        done.stderr
    );
    let (taken, vacant) = (server.addr.to_string(), Vacant::new());
    for arguments in [
        &["chat", "ws://127.0.0.1:99999/"][..],
        &["stress", &url, "-c", "1", "-d", "0.1", "--warm-up", "0"],
        &["demo", &vacant.url()],
        &["xray", &url, "--listen", &taken],
        &["chaos", &url, "--listen", &taken],
    ] {
        let mut command = zcomm_command(Path::new("."), arguments);
        let done: Done = command.env("ALL_PROXY", proxy).output().unwrap().into();
        let named = done.stderr.contains("note: ALL_PROXY is set");
        assert_eq!(
            named,
            !arguments[1].contains("99999"),
            "{arguments:?}: {}",
            done.stderr
        );
    }
}
