//! `zcomm certs --check`: a certificate in words, and an exit code for scripts.

use std::fs;

use crate::{certs, folder, read};

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

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_explained() {
    let folder = folder("check_pipe");
    let mut mkfifo = std::process::Command::new("mkfifo");
    assert!(mkfifo.arg(folder.join("pipe")).status().unwrap().success());
    for file in ["pipe", "/dev/zero"] {
        let done = certs(&folder, &["--check", file]);
        assert_eq!(done.code, Some(78));
        assert!(
            done.stderr.contains("is no regular file"),
            "{}",
            done.stderr
        );
    }
}
