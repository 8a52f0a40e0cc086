//! `zcomm certs`: the files that it writes, and the authorities that it refuses to keep.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CidrSubnet, DnType, IsCa, KeyPair};
use rcgen::{GeneralSubtree, NameConstraints};
use time::{Duration, OffsetDateTime};
use zcomm_core::{Certificate, DevelopmentCa, Identity, PemPair};

use crate::{certs, children, folder, read, zcomm_command};

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

/// s13: from the first moment; the second run replaces a file that other users can read.
#[cfg(unix)]
#[test]
fn only_the_owner_can_read_a_private_key() {
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
    assert_eq!(done.code, Some(2));
    assert!(
        done.stderr
            .contains("holds a private key and no certificate"),
        "{}",
        done.stderr
    );
}

#[test]
fn the_steps_fit_80_columns() {
    let folder = folder("columns");
    for arguments in [&[][..], &[], &["--new-ca"]] {
        for line in certs(&folder, arguments).stdout.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

/// The authority stays trusted.
#[test]
fn a_second_run_keeps_the_authority_and_renews_the_certificate() {
    let folder = folder("second");
    certs(&folder, &[]);
    let (ca, leaf) = (read(&folder, "ca.pem"), read(&folder, "localhost.pem"));
    let done = certs(&folder, &[]);
    assert!(done.stdout.contains("(kept)"), "{}", done.stdout);
    assert_eq!(read(&folder, "ca.pem"), ca);
    assert_ne!(read(&folder, "localhost.pem"), leaf);
    let done = certs(&folder, &["--new-ca"]);
    assert_eq!(done.code, Some(0));
    assert_ne!(read(&folder, "ca.pem"), ca);
}

/// Half an authority, or one with the wrong key, is an error and is not replaced.
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
fn a_reader_that_closes_the_pipe_is_not_a_failure() {
    let folder = folder("pipe");
    let program = env!("CARGO_BIN_EXE_zcomm");
    let line = format!("{program} certs | head -1; echo \"${{PIPESTATUS[0]}}\"");
    let Ok(output) = children::command("bash")
        .args(["-c", &line])
        .current_dir(&folder)
        .output()
    else {
        return; // no bash, e.g. on Windows
    };
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().last(), Some("0"), "{said}");
}

/// Whether the certificate fits its key and is signed by the authority beside it.
fn is_whole(folder: &Path) -> bool {
    let (certificate, key) = (read(folder, "ca.pem"), read(folder, "ca.key"));
    let ca = DevelopmentCa::from_pem(&PemPair { certificate, key });
    let certs = folder.join("certs");
    let leaf = Identity::from_files(&certs.join("localhost.pem"), &certs.join("localhost.key"));
    let signed = Certificate::read_all(&certs.join("localhost.pem")).unwrap();
    leaf.is_ok() && ca.is_ok_and(|ca| ca.certificate().subject() == signed[0].issuer())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("certs")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

const ALL: [&str; 5] = [
    ".lock",
    "ca.key",
    "ca.pem",
    "localhost.key",
    "localhost.pem",
];

#[test]
fn runs_at_the_same_time_wait_for_each_other() {
    let folder = folder("together");
    for _ in 0..5 {
        let runs: Vec<_> = (0..6)
            .map(|_| {
                zcomm_command(&folder, &["certs", "--new-ca"])
                    .spawn()
                    .unwrap()
            })
            .collect();
        for run in runs {
            let done = run.wait_with_output().unwrap();
            assert!(
                done.status.success(),
                "{}",
                String::from_utf8_lossy(&done.stderr)
            );
        }
        assert!(is_whole(&folder));
        assert_eq!(names(&folder), ALL);
    }
}

#[test]
fn a_run_that_waits_too_long_says_for_what() {
    let folder = folder("waiting");
    certs(&folder, &[]);
    let before = read(&folder, "localhost.pem");
    let lock = fs::File::open(folder.join("certs/.lock")).unwrap();
    fs4::FileExt::lock(&lock).unwrap();
    let done = certs(&folder, &[]);
    assert_eq!(done.code, Some(78));
    assert!(
        done.stderr.contains("another run has used this folder"),
        "{}",
        done.stderr
    );
    assert_eq!(read(&folder, "localhost.pem"), before);
    drop(lock);
    assert_eq!(certs(&folder, &[]).code, Some(0));
}

/// The change is the rename of ca.pem: before it the old authority is valid, after it the new.
#[test]
fn an_interrupted_run_is_finished_or_undone_by_the_next() {
    let (folder, other) = (folder("cut_off"), folder("cut_off_other"));
    certs(&folder, &[]);
    certs(&other, &[]);
    let path = folder.join("certs");
    let old = read(&folder, "ca.pem");
    fs::copy(other.join("certs/ca.key"), path.join("ca.next.key")).unwrap();
    fs::write(path.join(".zcomm-abc.key"), "half a ke").unwrap();
    assert_eq!(certs(&folder, &[]).code, Some(0));
    assert_eq!((read(&folder, "ca.pem"), is_whole(&folder)), (old, true));
    assert_eq!(names(&folder), ALL, "no other file is left");

    for key_is_missing in [false, true] {
        fs::copy(other.join("certs/ca.key"), path.join("ca.next.key")).unwrap();
        fs::copy(other.join("certs/ca.pem"), path.join("ca.pem")).unwrap();
        if key_is_missing {
            fs::remove_file(path.join("ca.key")).unwrap();
        }
        assert_eq!(certs(&folder, &[]).code, Some(0));
        assert_eq!(
            (read(&folder, "ca.pem"), is_whole(&folder)),
            (read(&other, "ca.pem"), true)
        );
        assert_eq!(names(&folder), ALL);
    }
}

/// An authority of another program, which ends in this number of days.
fn foreign(limited: bool, days: i64) -> PemPair {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "somebody's $(CA)");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let end = OffsetDateTime::now_utc() + Duration::days(days);
    (params.not_before, params.not_after) = (end - Duration::days(100), end);
    let address = |ip: &str, bits| {
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(ip.parse().unwrap(), bits))
    };
    let permitted_subtrees = vec![
        GeneralSubtree::DnsName("localhost".into()),
        address("127.0.0.0", 8),
        address("::1", 128),
        GeneralSubtree::DnsName("board.local".into()),
    ];
    let excluded_subtrees = Vec::new();
    params.name_constraints = limited.then_some(NameConstraints {
        permitted_subtrees,
        excluded_subtrees,
    });
    let key = KeyPair::generate().unwrap();
    PemPair {
        certificate: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

/// A folder with this authority, whose key all users can read.
fn folder_with(name: &str, ca: &PemPair) -> std::path::PathBuf {
    let folder = folder(name);
    fs::create_dir(folder.join("certs")).unwrap();
    fs::write(folder.join("certs/ca.pem"), &ca.certificate).unwrap();
    fs::write(folder.join("certs/ca.key"), &ca.key).unwrap();
    folder
}

#[test]
fn an_authority_that_could_sign_for_any_name_is_not_kept() {
    let folder = folder_with("world", &foreign(false, 90));
    let done = certs(&folder, &[]);
    assert_eq!(done.code, Some(78));
    for words in [
        "error: certs/ca.pem: ",
        "could sign for the whole world",
        "certs --new-ca\n",
    ] {
        assert!(
            done.stderr.contains(words),
            "no {words:?} in {}",
            done.stderr
        );
    }
    assert!(!folder.join("certs/localhost.pem").exists());
}

#[test]
fn a_damaged_key_is_reported_and_not_shown() {
    let folder = folder("damaged_key");
    certs(&folder, &[]);
    let key = read(&folder, "ca.key").replace("BEGIN PRIVATE KEY-----", "BEGIN PRIVATE KEY");
    fs::write(folder.join("certs/ca.key"), &key).unwrap();
    let done = certs(&folder, &[]);
    assert_eq!(done.code, Some(78));
    assert!(
        done.stderr.contains("its key is damaged"),
        "{}",
        done.stderr
    );
    assert!(!done.stderr.contains(key.lines().nth(1).unwrap()));
}

/// The name in a certificate was written by another program, and goes into commands.
#[test]
fn an_authority_in_another_format_is_named_and_kept() {
    let folder = folder("other_ca");
    assert_eq!(certs(&folder, &[]).code, Some(0));
    let key = folder.join("certs/ca.key");
    let label = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----";
    fs::write(&key, label).unwrap();
    let done = certs(&folder, &[]);
    assert_ne!(done.code, Some(0));
    assert!(
        done.stderr.contains("its key is encrypted with a password"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("--new-ca"), "{}", done.stderr);
    assert_eq!(fs::read_to_string(&key).unwrap(), label);
}

#[cfg(unix)]
#[test]
fn a_link_to_a_missing_authority_is_not_replaced() {
    let folder = folder("linked_ca");
    fs::create_dir_all(folder.join("certs")).unwrap();
    for name in ["ca.pem", "ca.key"] {
        let link = folder.join("certs").join(name);
        fs::remove_file(&link).ok(); // of an earlier run
        std::os::unix::fs::symlink("missing", link).unwrap();
    }
    let done = certs(&folder, &[]);
    assert_ne!(done.code, Some(0), "{}", done.stdout);
    assert!(done.stderr.contains("ca.pem: is a link"), "{}", done.stderr);
    assert!(folder.join("certs/ca.pem").is_symlink());
}

#[test]
fn the_name_of_an_authority_is_one_word_of_a_command() {
    let folder = folder_with("name", &foreign(false, 90));
    let done = certs(&folder, &["--new-ca"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    for words in [
        r"delete-certificate -t -c 'somebody'\''s $(CA)'",
        "-delstore Root 'somebody''s $(CA)'",
    ] {
        assert!(
            done.stdout.contains(words),
            "no {words:?} in {}",
            done.stdout
        );
    }
}

#[test]
fn an_authority_that_has_ended_or_ends_soon_says_when() {
    let folder_soon = folder_with("soon", &foreign(true, 12));
    let done = certs(&folder_soon, &[]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let ca = Certificate::read_all(&folder_soon.join("certs/ca.pem")).unwrap();
    let words = format!("the authority ends on {}", ca[0].not_after());
    assert!(
        done.stderr.contains(&words),
        "no {words:?} in {}",
        done.stderr
    );

    let folder = folder_with("ended", &foreign(true, -1));
    let done = certs(&folder, &[]);
    assert_eq!(done.code, Some(78));
    assert!(
        done.stderr.contains("certs/ca.pem: expired on 20"),
        "{}",
        done.stderr
    );
    let help = "certs --new-ca --host board.local\n";
    assert!(done.stderr.contains(help), "{}", done.stderr);
}

#[cfg(unix)]
#[test]
fn a_key_that_other_users_can_read_is_made_private_with_a_warning() {
    let folder = folder("lax");
    assert_eq!(certs(&folder, &[]).stderr, "");
    let key = folder.join("certs/ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let done = certs(&folder, &[]);
    assert!(
        done.stderr
            .contains("other users of this computer could read certs/ca.key"),
        "{}",
        done.stderr
    );
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(certs(&folder, &[]).stderr, "");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_open_the_folder() {
    let folder = folder("closed");
    certs(&folder, &["--folder", "a/b"]);
    let mode = fs::metadata(folder.join("a/b"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

/// A pipe would block the command, `/dev/zero` would fill the memory.
#[cfg(unix)]
#[test]
fn only_a_regular_file_is_read() {
    for (name, target) in [("pipe", ""), ("zero", "/dev/zero"), ("folder", "/")] {
        for file in ["ca.pem", "ca.key"] {
            let folder = folder(&format!("no_file_{name}_{file}"));
            certs(&folder, &[]);
            let path = folder.join("certs").join(file);
            fs::remove_file(&path).unwrap();
            if target.is_empty() {
                let mut mkfifo = children::command("mkfifo");
                assert!(mkfifo.arg(&path).status().unwrap().success());
            } else {
                std::os::unix::fs::symlink(target, &path).unwrap();
            }
            let done = certs(&folder, &[]);
            assert_eq!(done.code, Some(78), "{name} {file}");
            assert!(
                done.stderr
                    .starts_with(&format!("error: certs/{file}: is ")),
                "{}",
                done.stderr
            );
            assert!(done.stderr.contains("--new-ca"), "{}", done.stderr);
        }
    }
    let folder = folder("no_file_large");
    certs(&folder, &[]);
    let large = "\n".repeat(1024 * 1024) + &read(&folder, "ca.pem");
    fs::write(folder.join("certs/ca.pem"), large).unwrap();
    let done = certs(&folder, &[]);
    assert!(done.stderr.contains("larger than 1 MiB"), "{}", done.stderr);
}

/// The help must not name the command that has just failed.
#[test]
fn the_help_for_a_folder_or_a_file_that_cannot_be_used_names_another_way() {
    let folder = folder("unusable");
    fs::write(folder.join("file"), "").unwrap();
    for (arguments, code, help) in [
        (
            ["--folder", "file"],
            78,
            "help: name a folder that you can write to: --folder FOLDER\n",
        ),
        (
            ["--check", "missing.pem"],
            2,
            "help: this is the file of --check; name a file with certificates (PEM): --check certs/localhost.pem\n",
        ),
        (
            ["--check", "file"],
            2,
            "help: this is the file of --check; name a file with certificates (PEM): --check certs/localhost.pem\n",
        ),
    ] {
        let done = certs(&folder, &arguments);
        assert_eq!(done.code, Some(code), "{}", done.stderr);
        assert!(done.stderr.ends_with(help), "{}", done.stderr);
    }
}

/// A user of an installed program may have no checkout.
#[test]
fn the_help_names_cargo_only_for_a_program_that_cargo_has_built() {
    let folder = folder("installed");
    let program = folder.join("zcomm");
    fs::copy(env!("CARGO_BIN_EXE_zcomm"), &program).unwrap();
    fs::create_dir(folder.join("certs")).unwrap();
    fs::write(folder.join("certs/ca.pem"), "").unwrap();
    let mut installed = children::command(&program);
    let installed = installed
        .arg("certs")
        .current_dir(&folder)
        .output()
        .unwrap();
    let built = certs(&folder, &[]);
    for (stderr, command) in [
        (
            String::from_utf8(installed.stderr).unwrap(),
            ": zcomm certs --new-ca\n",
        ),
        (built.stderr, ": cargo run --bin zcomm -- certs --new-ca\n"),
    ] {
        assert!(stderr.ends_with(command), "{stderr}");
    }
}
