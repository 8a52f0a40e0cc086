//! `zcomm certs`: the user copies and runs what it prints.

use std::{fs, path::Path};

use crate::{certs, children, folder};

#[test]
fn prints_the_settings_and_how_to_trust_and_untrust_everywhere() {
    let done = certs(&folder("prints"), &[]);
    let mut rest = done.stdout.as_str();
    for words in [
        "and their subdomains",
        "WEBSOCKET_SSL_ENABLED=true\n",
        "cargo run --bin 2_websocket_echo\n",
        "curl --cacert",
        "--ca certs",
        "Nothing was installed",
        "  trust",
        "  untrust",
    ] {
        let found = rest.find(words);
        let at = found.unwrap_or_else(|| panic!("no {words:?} here in {}", done.stdout));
        rest = &rest[at..];
    }
    let lines = |word| {
        done.stdout
            .lines()
            .filter(|line| line.trim().starts_with(word))
            .count()
    };
    assert_eq!((lines("trust "), lines("untrust ")), (5, 5));
    for line in done.stdout.lines() {
        assert!(line.chars().count() <= 100, "too long: {line}");
    }
}

#[test]
fn says_how_to_untrust_the_old_authority_before_anything_else() {
    let folder = folder("untrust_old");
    let name = |folder: &Path| {
        let ca = zcomm_core::Certificate::read_all(&folder.join("certs/ca.pem")).unwrap();
        ca[0].subject().to_owned()
    };
    let done = certs(&folder, &["--new-ca"]);
    assert!(!done.stdout.contains("old authority"), "there is none");
    let old = name(&folder);
    let done = certs(&folder, &["--new-ca"]);
    let first = format!("The old authority \"{old}\" is replaced.\n");
    assert!(done.stdout.starts_with(&first), "{}", done.stdout);
    let (before, after) = done.stdout.split_once("the authority \"").unwrap();
    for command in [
        format!("certutil -d \"sql:$db\" -D -n '{old}'\n"),
        format!("security delete-certificate -t -c '{old}'\n"),
        format!("certutil -user -delstore Root \"{old}\"\n"),
    ] {
        assert!(before.contains(&command), "no {command:?} in {before}");
    }
    assert!(!after.contains(&old) && after.contains(&name(&folder)));
}

/// Undoing goes by the name: the file may be gone.
#[test]
fn no_untrust_step_needs_the_file() {
    let done = certs(&folder("untrust"), &[]);
    for steps in done.stdout.split("    untrust ").skip(1) {
        let step = steps.split("\n\n").next().unwrap();
        assert!(!step.contains("ca.pem"), "{step}");
    }
}

const ODD: [&str; 5] = ["two words", "it's", "-x", r"a 'b' $HOME \n", "~"];

/// The printed block goes into `.zEnv` unchanged, and the programs read it.
#[test]
fn the_printed_settings_can_be_read() {
    for name in ODD {
        if cfg!(windows) && name.contains('\\') {
            continue; // no name for a folder there
        }
        let folder = folder(&format!("settings_{}", name.len()));
        let done = certs(&folder, &[&format!("--folder={name}")]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let lines = done.stdout.lines().map(str::trim);
        let lines: Vec<_> = lines
            .filter(|line| line.starts_with("WEBSOCKET_"))
            .collect();
        assert_eq!(lines.len(), 3);
        fs::write(folder.join(".zEnv"), lines.join("\n")).unwrap();
        // A program reads `.zEnv` in its own folder, and a test has none: so this program
        // runs once more, there.
        let mut reader = children::command(std::env::current_exe().unwrap());
        reader.args(["--exact", "steps::reader", "--ignored"]);
        let read = reader.current_dir(&folder).env_clear().output().unwrap();
        let said = String::from_utf8_lossy(&read.stdout);
        assert!(
            read.status.success() && said.contains("1 passed"),
            "{name}: {said}"
        );
    }
}

#[test]
#[ignore = "a part of the test above it"]
fn reader() {
    let config = zcomm_core::Config::from_env_over(zcomm_core::Config::default()).unwrap();
    assert!(config.tls.is_some());
}

/// A shell runs the printed commands and must find the file.
#[cfg(unix)]
#[test]
fn a_printed_path_is_one_word_for_the_shell() {
    for name in ODD {
        let folder = folder(&format!("shell_{}", name.len()));
        let done = certs(&folder, &[&format!("--folder={name}")]);
        let line = done
            .stdout
            .lines()
            .find(|line| line.contains("curl"))
            .unwrap();
        let script = format!("curl() {{ cat \"$2\"; }}\n{line}");
        let shell = children::command("sh")
            .args(["-c", &script])
            .current_dir(&folder)
            .output();
        let said = String::from_utf8(shell.unwrap().stdout).unwrap();
        assert_eq!(
            said,
            fs::read_to_string(folder.join(name).join("ca.pem")).unwrap()
        );
    }
}

#[cfg(unix)]
#[test]
fn a_folder_whose_name_controls_a_terminal_is_refused() {
    let folder = folder("escape");
    for name in ["a\x1b[31m", "a\nb", "\u{9b}2J", "a\u{202e}b", ""] {
        let done = certs(&folder, &["--folder", name]);
        assert_ne!(done.code, Some(0), "{name:?}");
        assert!(
            !done.stderr.trim().contains(['\x1b', '\u{9b}', '\u{202e}']),
            "{}",
            done.stderr
        );
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
