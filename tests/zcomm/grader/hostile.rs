//! `zcomm check --hostile`: attacks, with a score of their own.

use std::{collections::BTreeSet, time::Duration};

use zcomm_core::Config;

use super::{check, failed, faults::Fault, peer};
use crate::servers;

/// The library of the course survives each attack.
#[test]
fn our_server_survives_every_attack() {
    let quick = Config {
        handshake_timeout: Duration::from_secs(2),
        ..Config::default()
    };
    let server = servers::start(quick, servers::echo);
    let done = check(&[&server.url(), "--hostile"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let last = done.stdout.lines().last().unwrap();
    assert_eq!(last, "ran 10: 10 passed, 0 failed, 0 skipped");
}

/// A right server of a hundred lines has no limits: it passes every other case, and fails these.
#[test]
fn a_server_without_limits_fails_by_name() {
    let url = peer::start(Fault::None);
    let done = check(&[&url, "--hostile", "--json"]);
    let expected = ["10.2/1", "10.4/2", "10.4/5", "7.1.1/1", "7.1.1/2"];
    let expected: BTreeSet<_> = expected.iter().map(ToString::to_string).collect();
    assert_eq!(
        (failed(&done), done.code),
        (expected, Some(1)),
        "{}",
        done.stdout
    );
}

#[test]
fn attacks_are_for_private_networks() {
    let done = check(&["ws://8.8.8.8:9/", "--hostile"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""));
    let error = "error: 8.8.8.8 is neither this machine nor on a private network\nhelp: --hostile";
    assert!(done.stderr.starts_with(error), "{}", done.stderr);
}
