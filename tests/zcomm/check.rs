//! `zcomm certs --check`: explains a certificate, with an exit code for scripts.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use time::{Duration, OffsetDateTime};
use zcomm_core::{DevelopmentCa, LOOPBACK_NAMES};

use crate::{certs, children, folder, read};

#[test]
fn explains_a_certificate_and_says_whether_a_client_accepts_it() {
    let folder = folder("explains");
    certs(&folder, &[]);
    let done = certs(&folder, &["--check", "certs/localhost.pem"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    for words in [
        "certificate 1 of 1",
        "names        localhost, 127.0.0.1, ::1",
        "a client accepts it for localhost, 127.0.0.1, ::1, if it trusts zComm development CA",
    ] {
        assert!(
            done.stdout.contains(words),
            "no {words:?} in {}",
            done.stdout
        );
    }
    let done = certs(&folder, &["--check", "certs/ca.pem"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    for words in [
        "may sign for localhost, 127.0.0.0/8, ::1/128",
        "this is an authority: trust it, do not serve it",
    ] {
        assert!(
            done.stdout.contains(words),
            "no {words:?} in {}",
            done.stdout
        );
    }
    assert!(!done.stdout.contains("refuses"), "{}", done.stdout);
}

#[test]
fn each_certificate_of_a_chain_is_explained() {
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
    fs::write(folder.join("extra.pem"), leaf.clone() + &leaf).unwrap();
    let done = certs(&folder, &["--check", "extra.pem"]);
    assert_eq!(done.code, Some(0));
    assert!(
        done.stdout.contains("not used: it did not sign"),
        "{}",
        done.stdout
    );
}

#[test]
fn a_file_without_a_certificate_is_named_with_the_reason() {
    let folder = folder("holds_none");
    fs::write(folder.join("junk.pem"), "junk").unwrap();
    for (file, reason) in [
        ("missing.pem", "os error 2"),
        ("junk.pem", "no certificate"),
        (".", "directory"),
    ] {
        let done = certs(&folder, &["--check", file]);
        assert_eq!(done.code, Some(2));
        assert!(
            done.stderr.starts_with(&format!("error: {file}: ")),
            "{}",
            done.stderr
        );
        assert!(done.stderr.contains(reason), "{}", done.stderr);
    }
}

#[test]
fn the_last_week_is_a_warning_and_a_day_too_many_is_a_refusal() {
    let folder = folder("dates");
    let ca = DevelopmentCa::new(&[]).unwrap();
    for (days, code, words) in [
        (3, 0, "warning: it will expire soon, on 20"),
        (-1, 1, "a client refuses it: it expired on 20"),
    ] {
        let leaf = ca.issue_ending_in(&LOOPBACK_NAMES, days).unwrap();
        fs::write(folder.join("leaf.pem"), leaf.certificate).unwrap();
        let done = certs(&folder, &["--check", "leaf.pem"]);
        assert_eq!(done.code, Some(code), "{}", done.stdout);
        assert!(
            done.stdout.contains(words),
            "no {words:?} in {}",
            done.stdout
        );
    }
}

/// An authority of this name, valid from a hundred days before its end.
fn authority(name: &str, days: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let end = OffsetDateTime::now_utc() + Duration::days(days);
    (params.not_before, params.not_after) = (end - Duration::days(100), end);
    params
}

/// A renewal often forgets the certificate in the middle of a chain.
#[test]
fn the_dates_of_every_certificate_of_a_chain_count() {
    let folder = folder("middle");
    let (root_key, middle_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let root = Issuer::new(authority("root", 90), &root_key);
    for (days, code) in [(90, 0), (-1, 1)] {
        let middle = authority("middle", days);
        let middle_pem = middle.signed_by(&middle_key, &root).unwrap().pem();
        let leaf_key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        leaf.not_after = OffsetDateTime::now_utc() + Duration::days(30);
        let leaf = leaf.signed_by(&leaf_key, &Issuer::new(middle, &middle_key));
        fs::write(folder.join("chain.pem"), leaf.unwrap().pem() + &middle_pem).unwrap();
        let done = certs(&folder, &["--check", "chain.pem"]);
        assert_eq!(done.code, Some(code), "{}", done.stdout);
        assert_eq!(
            done.stdout.contains("it expired on"),
            code == 1,
            "{}",
            done.stdout
        );
    }
    let old = authority("old", -1).self_signed(&root_key).unwrap().pem();
    fs::write(folder.join("old.pem"), &old).unwrap();
    assert_eq!(certs(&folder, &["--check", "old.pem"]).code, Some(1));
    // Clients ignore an extra certificate and its dates.
    certs(&folder, &[]);
    fs::write(
        folder.join("extra.pem"),
        read(&folder, "localhost.pem") + &old,
    )
    .unwrap();
    assert_eq!(certs(&folder, &["--check", "extra.pem"]).code, Some(0));
}

#[cfg(unix)]
#[test]
fn only_a_regular_file_is_explained() {
    let folder = folder("check_pipe");
    let mut mkfifo = children::command("mkfifo");
    assert!(mkfifo.arg(folder.join("pipe")).status().unwrap().success());
    for file in ["pipe", "/dev/zero"] {
        let done = certs(&folder, &["--check", file]);
        assert_eq!(done.code, Some(2));
        assert!(
            done.stderr.contains("is not a regular file"),
            "{}",
            done.stderr
        );
    }
    let done = certs(&folder, &["--check", "\x1b[31mred"]);
    assert!(
        done.stderr.starts_with("error: ␛[31mred: "),
        "{}",
        done.stderr
    );
}
