//! `zcomm certs`: what it leaves on the disk, what it says, and what it refuses.

use std::{fs, path::Path};

use zcomm_core::Certificate;

use crate::{certs, folder, read};

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
