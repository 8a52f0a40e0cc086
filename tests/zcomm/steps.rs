//! `zcomm certs`: what it prints is copied and run.

use crate::{certs, folder};

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
