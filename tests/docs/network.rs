//! A network of its own for each page (Linux), because the pages use the ports that they name.
//!
//! In a new network namespace every port is free: other pages, a lesson that runs in another
//! terminal and the tests of another checkout do not matter. `unshare` makes the namespace. It
//! needs root or a system that gives every user namespaces. Where it fails, the ports must be
//! free, and the pages run one after the other.

use std::{collections::BTreeSet, env, net::TcpListener};

use libtest_mimic::Failed;
use regex::Regex;

use crate::{children, page::Page};

/// How many networks of their own are around a process.
const MARK: &str = "ZCOMM_TESTS_OWN_NETWORKS";

const LOOPBACK: &str = "ip link set lo up || ifconfig lo up";

/// The option of `unshare` that makes a network here. The second form is for users who are not
/// root: they are root of their namespace only. `None` if neither works.
pub fn option() -> Option<&'static str> {
    ["-n", "-rn"].into_iter().find(|option| {
        let mut probe = children::command("unshare");
        probe.args([option, "sh", "-c", LOOPBACK]);
        probe.output().is_ok_and(|done| done.status.success())
    })
}

/// Runs one test of this program in a network of its own.
pub fn alone(option: &str, test: &str) -> Result<(), Failed> {
    let mut alone = children::command("unshare");
    let line = format!("{LOOPBACK}; exec \"$0\" \"$@\"");
    alone.args([option, "sh", "-c", &line]);
    alone.arg(env::current_exe().unwrap());
    alone.args(["--exact", test]);
    let done = alone.env(MARK, (depth() + 1).to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    match done.status.success() && said.contains("1 passed") {
        true => Ok(()),
        false => Err(said.into()),
    }
}

/// How many networks of their own are around this process.
pub fn depth() -> u32 {
    #[allow(clippy::disallowed_methods, reason = "no setting of ours")]
    let mark = env::var(MARK);
    mark.map_or(0, |depth| depth.parse().unwrap())
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
    let Some(option) = option() else {
        return Ok(());
    };
    let done = alone(option, "README.md does what it says");
    drop(lesson.unwrap());
    done
}
