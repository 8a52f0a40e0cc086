//! A network of their own for the pages (Linux), because they use the ports that they name.
//!
//! In a new network namespace every port is free: a lesson that runs in another terminal and the
//! tests of another checkout do not matter. `unshare` makes the namespace. It needs root or a
//! system that gives every user namespaces. Where it fails, the ports must be free.

use std::{collections::BTreeSet, env, net::TcpListener, os::unix::process::CommandExt};

use libtest_mimic::Failed;
use regex::Regex;

use crate::{children, page::Page};

/// Set in the process that has its own network.
const MARK: &str = "ZCOMM_TESTS_OWN_NETWORK";

/// Starts this program once more in a network of its own, and does not return. Returns if this
/// is the network of its own, or if the system does not make one.
pub fn enter() {
    if is_own() {
        return;
    }
    let loopback = "ip link set lo up || ifconfig lo up";
    // The second form is for users who are not root: they are root of their namespace only.
    for option in ["-n", "-rn"] {
        let mut probe = children::command("unshare");
        probe.args([option, "sh", "-c", loopback]);
        if !probe.output().is_ok_and(|done| done.status.success()) {
            continue;
        }
        let mut again = children::command("unshare");
        again.args([
            option,
            "sh",
            "-c",
            &format!("{loopback}; exec \"$0\" \"$@\""),
        ]);
        again.arg(env::current_exe().unwrap());
        again.args(env::args_os().skip(1)).env(MARK, "1");
        panic!("unshare cannot be started: {}", again.exec());
    }
}

/// Whether this process has a network of its own.
pub fn is_own() -> bool {
    #[allow(clippy::disallowed_methods, reason = "no setting of ours")]
    env::var_os(MARK).is_some()
}

/// The ports that a page names must be free.
pub fn check_ports(page: &Page) -> Result<(), String> {
    let port = Regex::new(r"(?::|PORT=|--port |http\.server )(\d{4,5})\b").unwrap();
    let texts = page.blocks.iter().map(|block| block.text.as_str());
    let ports: BTreeSet<u16> = texts
        .flat_map(|text| port.captures_iter(text))
        .filter_map(|found| found[1].parse().ok())
        .collect();
    let taken = |port: &&u16| TcpListener::bind(("127.0.0.1", **port)).is_err();
    let Some(port) = ports.iter().find(taken) else {
        return Ok(());
    };
    Err(format!(
        "port {port} is taken, and this page uses it. Stop the program that listens there (a \
         lesson in another terminal?) and run the tests again.\n\
         The command that names it: cargo run --bin zcomm -- doctor --port {port}\n\
         The pages have a network of their own where `unshare -rn ip link set lo up` works."
    ))
}

/// A test: the README, while another program listens on the port of the lessons.
pub fn others(readme: &Page) -> Result<(), Failed> {
    let lesson = TcpListener::bind("127.0.0.1:8765");
    let said = check_ports(readme).unwrap_err();
    assert!(said.starts_with("port 8765 is taken, and this page uses it. Stop the program"));
    if !is_own() {
        return Ok(());
    }
    // This network has a program on that port: the process below needs one more network.
    let mut below = children::command(env::current_exe().unwrap());
    below.args(["--exact", "README.md does what it says"]);
    let done = below.env_remove(MARK).output().unwrap();
    drop(lesson.unwrap());
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    match done.status.success() && said.contains("1 passed") {
        true => Ok(()),
        false => Err(said.into()),
    }
}
