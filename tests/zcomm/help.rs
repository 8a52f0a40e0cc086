//! The texts about the command: help, completions, manual.
//!
//! Each text is a file in `snapshots/`, so that a review shows every change to it. After an
//! intended change run `INSTA_UPDATE=always cargo test -p zcomm help`, and read the difference
//! before you commit it.

use std::path::Path;
#[cfg(unix)]
use std::process::Stdio;

use crate::{Done, children, folder, zcomm, zcomm_command};

/// Returns every subcommand that `--help` lists.
fn subcommands() -> Vec<String> {
    let help = zcomm(Path::new("."), &["--help"]).stdout;
    let list = help.split("Commands:\n").nth(1).unwrap();
    let list = list.split("\n\n").next().unwrap();
    // A continued line is indented further.
    let names = list.lines().filter_map(|line| line.strip_prefix("  "));
    let names = names.filter(|line| !line.starts_with(' '));
    let names = names.map(|line| line.split(' ').next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

/// Compares a text with its file in `snapshots/`.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // On Windows the program has another name.
    let text = text.replace("zcomm.exe", "zcomm");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn the_help_of_the_command_is_as_written() {
    let done = zcomm(&folder("help"), &["--help"]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    snapshot("help", &done.stdout);
}

#[test]
fn the_help_of_every_subcommand_is_as_written() {
    let folder = folder("help_each");
    let all = subcommands();
    assert!(all.len() >= 5, "{all:?}");
    for name in all {
        let done = zcomm(&folder, &[&name, "--help"]);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
        snapshot(&format!("help_{name}"), &done.stdout);
    }
}

/// An example is worth more than a list of options.
#[test]
fn every_help_has_an_example_and_fits_80_columns() {
    let folder = folder("help_examples");
    let none = String::new();
    for name in subcommands().iter().chain([&none]) {
        let arguments: Vec<_> = name.split_whitespace().chain(["--help"]).collect();
        let help = zcomm(&folder, &arguments).stdout;
        let example = format!("\n  zcomm {name}");
        assert!(
            help.contains(example.trim_end()) || help.contains(&example[1..]),
            "{help}"
        );
        let wide = help.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{name}");
    }
}

/// k06: narrow, and without colours.
#[test]
fn k06_a_help_of_20_columns_loses_nothing() {
    let folder = folder("help_narrow");
    for name in subcommands() {
        let words = |columns: &str| {
            let mut command = zcomm_command(&folder, &[&name, "--help"]);
            let done = command.env("COLUMNS", columns).output().unwrap();
            assert_eq!(done.status.code(), Some(0), "{name}");
            let text = String::from_utf8(done.stdout).unwrap();
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        for columns in ["20", "1", "0", "many"] {
            assert_eq!(words(columns), words("80"), "{name} at {columns}");
        }
    }
}

#[test]
fn a_misspelt_argument_is_answered_with_a_similar_one() {
    let folder = folder("misspelt");
    for (name, arguments) in [
        ("error_subcommand", &["conect"][..]),
        (
            "error_flag",
            &["connect", "ws://127.0.0.1/", "--show-controls"],
        ),
        ("error_missing", &["connect"]),
        ("error_value", &["doctor", "--port", "eighty"]),
        ("error_shell", &["completions", "bsh"]),
        ("error_man", &["man", "conect"]),
    ] {
        let done = zcomm(&folder, arguments);
        assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""), "{name}");
        snapshot(name, &done.stderr);
    }
}

/// k06: a terminal gets colours unless `NO_COLOR` is set; a pipe gets none.
#[cfg(target_os = "linux")]
#[test]
fn k06_colours_are_for_terminals_that_want_them() {
    let folder = folder("colours");
    for arguments in [
        &["--help"][..],
        &["connect", "--help"],
        &["doctor"],
        &["conect"],
    ] {
        let done = zcomm(&folder, arguments);
        assert!(
            !(done.stdout + &done.stderr).contains('\x1b'),
            "{arguments:?} in a pipe"
        );
        let shown = on_a_terminal(&folder, arguments, &[]);
        assert!(
            shown.contains('\x1b'),
            "{arguments:?} on a terminal: {shown}"
        );
        let shown = on_a_terminal(&folder, arguments, &[("NO_COLOR", "1")]);
        assert!(
            !shown.is_empty() && !shown.contains('\x1b'),
            "{arguments:?}: {shown}"
        );
        let shown = on_a_terminal(&folder, arguments, &[("TERM", "dumb")]);
        assert!(
            !shown.is_empty() && !shown.contains('\x1b'),
            "{arguments:?}: {shown}"
        );
    }
}

/// Returns what `zcomm` shows on a terminal, which `script` of util-linux provides.
#[cfg(target_os = "linux")]
fn on_a_terminal(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> String {
    let mut script = children::command("script");
    let command = format!("{} {}", env!("CARGO_BIN_EXE_zcomm"), arguments.join(" "));
    script.args(["--quiet", "--command", &command, "/dev/null"]);
    script.current_dir(folder).env_clear().stdin(Stdio::null());
    script
        .env("PATH", "/usr/bin:/bin")
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm");
    let done = script.envs(settings.iter().copied()).output().unwrap();
    String::from_utf8(done.stdout).unwrap()
}

/// k05: `zcomm man | head -1` ends without an error.
#[test]
fn k05_a_reader_that_closes_the_pipe_is_not_a_failure() {
    let folder = folder("hang_up");
    zcomm(&folder, &["certs"]);
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["man"],
        &["completions", "zsh"],
        &["doctor", "--port", "9"],
        &["doctor", "--port", "9", "--json"],
        &["certs"],
        &["certs", "--check", "certs/localhost.pem"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = zcomm_command(&folder, arguments);
        let done = command.stdout(writer).output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        // Port 9 needs administrator rights; a user with them finds it free.
        let expected = done.status.code() == Some(0) || arguments[0] == "doctor";
        assert!(expected, "{arguments:?}: {said}");
    }
}

/// Half a script or half a report is useless: a full disk must be reported.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let folder = folder("help-full");
    for arguments in [
        &["man"][..],
        &["completions", "zsh"],
        &["certs"],
        &["certs", "--check", "certs/ca.pem"],
        &["doctor"],
        &["doctor", "--json"],
    ] {
        let full = std::fs::File::create("/dev/full").unwrap();
        let mut command = zcomm_command(&folder, arguments);
        let done = command.stdout(full).output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.starts_with("error: No space left"), "{said}");
    }
}

fn completions(shell: &str) -> Done {
    let done = zcomm(Path::new("."), &["completions", shell]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{shell}");
    done
}

#[test]
fn completions_know_every_subcommand_in_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = completions(shell).stdout;
        for name in subcommands() {
            assert!(script.contains(&name), "{shell} does not know {name}");
        }
    }
}

/// As in a shell that has read the script: a word, the Tab key, the completions.
#[cfg(unix)]
#[test]
fn bash_completes_subcommands_and_options() {
    let script = completions("bash").stdout;
    let offered = |words: &[&str]| {
        let line = words.join("' '");
        let (last, before) = (words.len() - 1, words[words.len() - 2]);
        let ask = format!(
            "{script}\nCOMP_WORDS=('{line}'); COMP_CWORD={last}\n\
             _zcomm zcomm '{}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words[last]
        );
        let mut bash = children::command("bash");
        let done = bash.args(["--norc", "-c", &ask]).output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!((done.status.code(), said.as_str()), (Some(0), ""));
        String::from_utf8(done.stdout).unwrap()
    };
    assert_eq!(offered(&["zcomm", "con"]), "connect\n");
    assert_eq!(offered(&["zcomm", "doctor", "--po"]), "--port\n");
    assert_eq!(offered(&["zcomm", "completions", "f"]), "fish\n");
    assert_eq!(offered(&["zcomm", "nothing-like-it"]).trim(), "");
    // Parse the whole script, too: that finds a quote that does not end.
    let mut bash = children::command("bash");
    let mut bash = bash.arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = bash.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, script.as_bytes()).unwrap();
    drop(stdin);
    assert!(bash.wait().unwrap().success());
}

#[test]
fn the_manual_of_each_subcommand_has_its_parts_and_its_examples() {
    let folder = folder("man");
    let none = String::new();
    for name in subcommands().iter().chain([&none]) {
        let arguments: Vec<_> = ["man"].into_iter().chain(name.split_whitespace()).collect();
        let done = zcomm(&folder, &arguments);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{name}");
        let title = format!("zcomm {name}").trim_end().replace(' ', "-");
        for part in [
            &format!(".TH {title} 1"),
            ".SH SYNOPSIS",
            ".SH OPTIONS",
            "  zcomm ",
        ] {
            assert!(done.stdout.contains(part), "no {part:?} in {}", done.stdout);
        }
        let page = folder.join(format!("{title}.1"));
        std::fs::write(&page, &done.stdout).unwrap();
        let help: Vec<_> = name.split_whitespace().chain(["--help"]).collect();
        typeset(&page, &title, &zcomm(&folder, &help).stdout);
    }
}

/// Formats the page with groff, if it is installed. It must print no warning.
fn typeset(page: &Path, title: &str, examples: &str) {
    let mut groff = children::command("groff");
    groff
        .args(["-man", "-Tascii", "-ww", "-P-cbuo", "-rLL=78n"])
        .arg(page);
    let Ok(done) = groff.output() else { return };
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(
        (done.status.code(), said.as_str()),
        (Some(0), ""),
        "{title}"
    );
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    let help = examples
        .lines()
        .skip_while(|line| !line.starts_with("  zcomm "));
    for line in help.filter(|line| !line.is_empty()) {
        assert!(shown.contains(line), "no {line:?} in {shown}");
    }
}

/// Errors stay in logs and on projectors.
#[test]
fn no_error_about_the_command_line_repeats_a_secret() {
    const CANARY: &str = "canary-token-7Qp2xV9d";
    let folder = folder("secret_argument");
    let (link, query) = (
        format!("http://h/#token={CANARY}"),
        format!("ws://127.0.0.1:1/?token={CANARY}"),
    );
    let (user, odd) = (
        format!("ws://me:{CANARY}@h/"),
        format!("ws://me:{CANARY}?@h/"),
    );
    let (bearer, prefixed) = (
        format!("Authorization Bearer {CANARY}"),
        format!("--{CANARY}"),
    );
    let local = "ws://127.0.0.1:1/";
    for arguments in [
        &["connect", local, CANARY][..],
        &["connect", local, &prefixed],
        &["connect", local, "-H", &bearer],
        &["connect", local, "--close", CANARY],
        &["connect", local, "--ca", CANARY],
        &["connect", local, "--token-file", CANARY],
        &["connect", &link],
        &["connect", &user],
        &["connect", &odd],
        &["connect", &query],
        &["chat", &link],
        &["chat", local, &query],
        &["chat", "--token", CANARY, "ws://127.0.0.1:1/"],
        &["stress", local, "-r", CANARY],
        &["stress", local, "--template", &link],
        &["stress", &user],
        &["demo", &link],
        &["xray", &query, "--listen", "127.0.0.1:0"],
        &["xray", local, "--listen", &link],
        &["chaos", "--latency", CANARY, &query],
        &["chaos", "--latency", "5s", &query],
        &["chaos", "--cut-mid-frame", &query],
        &["chaos", "--drop-pongs", &query],
        &["chaos", "--latency", "5s", "to-client", &user, local],
        &["chaos", local, "--script", CANARY],
        &["connect", local, "--file", CANARY],
        &["xray", "--replay", CANARY],
        &["certs", "--check", &link],
        &["certs", "--check", CANARY],
        &["certs", CANARY],
        &["doctor", "--port", CANARY],
        &["completions", CANARY],
        &[CANARY],
    ] {
        let done = zcomm(&folder, arguments);
        let output = done.stdout + &done.stderr;
        assert_ne!(done.code, Some(0), "{arguments:?}: {output}");
        assert!(!output.contains("7Qp2"), "{arguments:?}: {output}");
    }
}

/// An error may hide the path, so the help names the option.
#[test]
fn an_error_about_a_file_names_its_option() {
    const HIDDEN: &str = "a-name-of-a-file-without-a-dot";
    let folder = folder("named_by_its_option");
    let local = "ws://127.0.0.1:1/";
    let inside = format!("{HIDDEN}/x");
    for (option, arguments) in [
        ("--ca", &["connect", local, "--ca", HIDDEN][..]),
        ("--token-file", &["chat", local, "--token-file", HIDDEN]),
        ("--file", &["connect", local, "--file", HIDDEN]),
        ("--check", &["certs", "--check", HIDDEN]),
        (
            "--cert",
            &["listen", "0", "--cert", HIDDEN, "--key", "b.key"],
        ),
        (
            "--cert and --key",
            &["listen", "0", "--cert", HIDDEN, "--key", HIDDEN],
        ),
        ("--script", &["chaos", local, "--script", HIDDEN]),
        ("--replay", &["xray", "--replay", HIDDEN]),
        (
            "--record",
            &[
                "xray",
                local,
                "--listen",
                "127.0.0.1:0",
                "--record",
                &inside,
            ],
        ),
        ("--csv", &["stress", local, "--csv", &inside]),
    ] {
        let done = zcomm(&folder, arguments);
        let (what, help) = done.stderr.split_once("\nhelp: ").unwrap_or_default();
        assert!(what.contains("***"), "{option}: {}", done.stderr);
        assert!(help.contains(option), "{option}: {}", done.stderr);
    }
}
