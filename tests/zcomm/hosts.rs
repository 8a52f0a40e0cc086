//! `zcomm certs --host`: which names, and for how long.

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
