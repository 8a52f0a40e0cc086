//! `zcomm certs`: what it leaves on the disk, what it says, and what it refuses.

use std::{fs, path::Path};

use zcomm_core::Certificate;

use crate::{Done, folder, zcomm};

fn certs(folder: &Path, arguments: &[&str]) -> Done {
    zcomm(folder, &[&["certs"], arguments].concat())
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join("certs").join(name)).unwrap()
}

#[test]
fn makes_an_authority_and_a_certificate_for_this_machine() {
    let folder = folder("makes");
    let done = certs(&folder, &[]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    let chain = Certificate::read_all(&folder.join("certs/localhost.pem")).unwrap();
    assert_eq!(chain[0].names(), ["localhost", "127.0.0.1", "::1"]);
    assert_eq!(chain[0].problems(), [""; 0]);
    let ca = Certificate::read_all(&folder.join("certs/ca.pem")).unwrap();
    assert_eq!(chain[0].issuer(), ca[0].subject());
    assert_eq!(
        ca[0].permitted_names(),
        ["localhost", "127.0.0.0/8", "::1/128"]
    );
}

#[test]
fn prints_what_to_set_and_how_to_trust_and_untrust_everywhere() {
    let done = certs(&folder("prints"), &[]);
    for words in [
        "WEBSOCKET_SSL_ENABLED=true\n",
        "WEBSOCKET_SSL_CERT=certs/localhost.pem\n",
        "WEBSOCKET_SSL_KEY=certs/localhost.key\n",
        "--ca certs/ca.pem",
        "Nothing was installed",
        "Chromium",
        "Firefox",
        "macOS",
        "Windows",
        "Debian",
    ] {
        assert!(
            done.stdout.contains(words),
            "no {words:?} in {}",
            done.stdout
        );
    }
    let lines = |word| {
        done.stdout
            .lines()
            .filter(|line| line.trim().starts_with(word))
            .count()
    };
    assert_eq!((lines("trust "), lines("untrust ")), (5, 5));
}

/// s13: from the first moment; the second run replaces files that may have other rights.
#[cfg(unix)]
#[test]
fn private_keys_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder("alone");
    let mode = |name: &str| {
        let file = fs::metadata(folder.join("certs").join(name)).unwrap();
        file.permissions().mode() & 0o777
    };
    for _ in 0..2 {
        assert_eq!(certs(&folder, &[]).code, Some(0));
        assert_eq!((mode("ca.key"), mode("localhost.key")), (0o600, 0o600));
        let lax = fs::Permissions::from_mode(0o644);
        fs::set_permissions(folder.join("certs/localhost.key"), lax).unwrap();
    }
}

#[test]
fn prints_no_private_key() {
    let folder = folder("secret");
    let done = certs(&folder, &[]);
    for name in ["ca.key", "localhost.key"] {
        let key = read(&folder, name);
        let secret = key.lines().nth(1).unwrap();
        assert!(!done.stdout.contains(secret), "{name} is in the output");
    }
    let file = folder.join("certs/ca.key").display().to_string();
    let done = certs(&folder, &["--check", &file]);
    assert_eq!(done.code, Some(78));
    assert!(
        done.stderr
            .contains("holds a private key and no certificate"),
        "{}",
        done.stderr
    );
}

/// What was trusted once stays trusted.
#[test]
fn a_second_run_keeps_the_authority_and_renews_the_certificate() {
    let folder = folder("second");
    certs(&folder, &[]);
    let (ca, leaf) = (read(&folder, "ca.pem"), read(&folder, "localhost.pem"));
    let done = certs(&folder, &[]);
    assert!(
        done.stdout.contains("kept: what trusts it still does"),
        "{}",
        done.stdout
    );
    assert_eq!(read(&folder, "ca.pem"), ca);
    assert_ne!(read(&folder, "localhost.pem"), leaf);
    let done = certs(&folder, &["--new-ca"]);
    assert_eq!(done.code, Some(0));
    assert_ne!(read(&folder, "ca.pem"), ca);
}

#[test]
fn hosts_are_added_where_the_authority_may_sign_for_them() {
    let folder = folder("hosts");
    let hosts = [
        "--host",
        "192.168.1.20",
        "--host",
        "board.local",
        "--host",
        "[fd00::1]",
    ];
    assert_eq!(certs(&folder, &hosts).code, Some(0));
    let leaf = Certificate::read_all(&folder.join("certs/localhost.pem")).unwrap();
    let others = &leaf[0].names()[3..];
    assert_eq!(others, ["192.168.1.20", "board.local", "fd00::1"]);

    let before = read(&folder, "localhost.pem");
    let done = certs(&folder, &["--host", "192.168.1.21"]);
    assert_eq!(done.code, Some(78));
    assert!(
        done.stderr.contains("and not for 192.168.1.21"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("--new-ca"), "{}", done.stderr);
    assert_eq!(read(&folder, "localhost.pem"), before, "nothing is lost");
    assert_eq!(
        certs(&folder, &["--new-ca", "--host", "192.168.1.21"]).code,
        Some(0)
    );
}

#[test]
fn a_host_that_is_none_is_refused() {
    let folder = folder("odd_hosts");
    for host in [
        "",
        "http://a",
        "a/b",
        "a b",
        "*",
        "*.local",
        "a:80",
        "0.0.0.0",
        "::",
        "1.2.3.4/8",
    ] {
        let done = certs(&folder, &["--host", host]);
        assert_eq!(done.code, Some(2), "{host:?}");
    }
    assert!(!folder.join("certs").exists());
}

/// Half an authority, or one whose key was mixed up, is not replaced in silence.
#[test]
fn files_that_do_not_fit_are_named_and_kept() {
    for (name, break_it) in [
        (
            "no_key",
            (|certs: &Path| fs::remove_file(certs.join("ca.key")).unwrap()) as fn(&Path),
        ),
        ("no_pem", |certs| {
            fs::remove_file(certs.join("ca.pem")).unwrap()
        }),
        ("other_key", |certs| {
            drop(fs::copy(certs.join("localhost.key"), certs.join("ca.key")))
        }),
        ("junk", |certs| {
            fs::write(certs.join("ca.pem"), "junk").unwrap()
        }),
        ("a_leaf", |certs| {
            drop(fs::copy(certs.join("localhost.pem"), certs.join("ca.pem")))
        }),
    ] {
        let folder = folder(name);
        certs(&folder, &[]);
        break_it(&folder.join("certs"));
        let before = read(&folder, "localhost.pem");
        let done = certs(&folder, &[]);
        assert_eq!(done.code, Some(78), "{name}: {}", done.stdout);
        assert!(
            done.stderr.contains("error: certs/ca."),
            "{name}: {}",
            done.stderr
        );
        assert_eq!(read(&folder, "localhost.pem"), before, "{name}");
    }
}

#[test]
fn explains_a_certificate_and_says_what_a_client_would_say() {
    let folder = folder("explains");
    certs(&folder, &[]);
    let done = certs(&folder, &["--check", "certs/localhost.pem"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    for words in [
        "certificate 1 of 1",
        "names        localhost, 127.0.0.1, ::1",
        "a client accepts it for localhost, 127.0.0.1, ::1, when it trusts zComm development CA",
    ] {
        assert!(
            done.stdout.contains(words),
            "no {words:?} in {}",
            done.stdout
        );
    }
    let done = certs(&folder, &["--check", "certs/ca.pem"]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.stdout
            .contains("may sign for localhost, 127.0.0.0/8, ::1/128")
    );
    assert!(
        done.stdout
            .contains("refuses it as a server's: it is a certificate authority")
    );
}

#[test]
fn a_chain_is_explained_link_by_link() {
    let folder = folder("chain");
    certs(&folder, &[]);
    let (leaf, ca) = (read(&folder, "localhost.pem"), read(&folder, "ca.pem"));
    fs::write(folder.join("good.pem"), leaf.clone() + &ca).unwrap();
    let done = certs(&folder, &["--check", "good.pem"]);
    assert_eq!(done.code, Some(0), "{}", done.stdout);
    assert!(
        done.stdout.contains("certificate 2 of 2"),
        "{}",
        done.stdout
    );
    fs::write(folder.join("bad.pem"), leaf.clone() + &leaf).unwrap();
    let done = certs(&folder, &["--check", "bad.pem"]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.stdout.contains("did not sign the one before it"),
        "{}",
        done.stdout
    );
}

#[test]
fn a_file_that_holds_no_certificate_is_named_with_the_reason() {
    let folder = folder("holds_none");
    fs::write(folder.join("junk.pem"), "junk").unwrap();
    for (file, reason) in [
        ("missing.pem", "os error 2"),
        ("junk.pem", "no certificate"),
        (".", "directory"),
    ] {
        let done = certs(&folder, &["--check", file]);
        assert_eq!(done.code, Some(78));
        assert!(
            done.stderr.starts_with(&format!("error: {file}: ")),
            "{}",
            done.stderr
        );
        assert!(done.stderr.contains(reason), "{}", done.stderr);
    }
}

#[test]
fn a_reader_that_hangs_up_is_no_failure() {
    let folder = folder("pipe");
    let program = env!("CARGO_BIN_EXE_zcomm");
    let line = format!("{program} certs | head -1; echo \"${{PIPESTATUS[0]}}\"");
    let Ok(output) = std::process::Command::new("bash")
        .args(["-c", &line])
        .current_dir(&folder)
        .output()
    else {
        return; // no bash, e.g. on Windows
    };
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().last(), Some("0"), "{said}");
}
