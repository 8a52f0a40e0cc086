//! `zcomm certs --host`: the names of a certificate, and how long they stay.

use zcomm_core::Certificate;

use crate::{certs, folder, read};

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

    // A renewal keeps all names without typing them again.
    certs(&folder, &[]);
    let leaf = Certificate::read_all(&folder.join("certs/localhost.pem")).unwrap();
    assert_eq!(
        &leaf[0].names()[3..],
        ["192.168.1.20", "board.local", "fd00::1"]
    );

    let before = read(&folder, "localhost.pem");
    let done = certs(&folder, &["--host", "192.168.1.21"]);
    assert_eq!(done.code, Some(78));
    assert!(
        done.stderr.contains("and not for 192.168.1.21"),
        "{}",
        done.stderr
    );
    let help = "cargo run --bin zcomm -- certs --new-ca --host 192.168.1.20 --host board.local \
                --host fd00::1 --host 192.168.1.21\n";
    assert!(done.stderr.contains(help), "{}", done.stderr);
    assert_eq!(read(&folder, "localhost.pem"), before, "nothing is lost");
    assert_eq!(
        certs(&folder, &["--new-ca", "--host", "192.168.1.21"]).code,
        Some(0)
    );
}

#[test]
fn an_invalid_host_is_refused() {
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
        "localhost.",
        ".",
        "..",
        "-",
        ".com",
        &"a".repeat(200),
        "127.1",
        "192.168.1.020",
        "0x7f.1",
    ] {
        let done = certs(&folder, &[&format!("--host={host}")]);
        assert_eq!(done.code, Some(2), "{host:?}");
    }
    assert!(!folder.join("certs").exists());
}

/// Every authority may sign for the loopback addresses.
#[test]
fn another_loopback_address_needs_no_new_authority() {
    let folder = folder("loopback");
    certs(&folder, &[]);
    assert_eq!(certs(&folder, &["--host", "127.0.0.2"]).code, Some(0));
    let leaf = Certificate::read_all(&folder.join("certs/localhost.pem")).unwrap();
    assert_eq!(leaf[0].names()[3..], ["127.0.0.2"]);
}

#[test]
fn the_command_that_helps_names_the_folder_too() {
    let folder = folder("host_folder");
    certs(&folder, &["--folder", "it's mine"]);
    let done = certs(&folder, &["--folder", "it's mine", "--host", "board.local"]);
    let word = if cfg!(windows) {
        r#""it's mine""#
    } else {
        r"'it'\''s mine'"
    };
    let help = format!("certs --new-ca --folder {word} --host board.local\n");
    assert!(done.stderr.contains(&help), "{}", done.stderr);
}
