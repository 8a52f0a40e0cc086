//! Does `localhost` resolve to this machine?
//!
//! If the hosts file is wrong, `localhost` may resolve to another machine, or not at all. Then
//! `ws://localhost:8765/` fails, but `ws://127.0.0.1:8765/` works. The browser reports only code
//! 1006, which does not name the cause.

use std::{
    io,
    net::{IpAddr, ToSocketAddrs},
};

use super::{
    addresses,
    finding::{Finding, error, ok, warning},
};

const HOSTS: &str = if cfg!(windows) {
    r"C:\Windows\System32\drivers\etc\hosts"
} else {
    "/etc/hosts"
};

pub(super) fn check() -> Finding {
    let found = ("localhost", 0).to_socket_addrs();
    judge(found.map(|found| found.map(|one| one.ip()).collect()))
}

fn judge(found: io::Result<Vec<IpAddr>>) -> Finding {
    let problem = match found {
        Err(why) => error(format!("does not resolve: {why}")),
        Ok(mut found) => {
            found.sort();
            found.dedup();
            let list = addresses::list(&found);
            match found.iter().all(IpAddr::is_loopback) {
                _ if found.is_empty() => error("does not resolve to an address"),
                false => error(format!("resolves to {list}: not only to this machine")),
                true if found.iter().any(IpAddr::is_ipv4) => {
                    return ok(format!("resolves to {list}"));
                }
                // By default, a server listens only on 127.0.0.1. If `localhost` resolves only to
                // ::1, clients do not reach this server.
                true => warning(format!("resolves to {list} only, not to 127.0.0.1")),
            }
        }
    };
    problem
        .fix(format!("add this line to {HOSTS}: 127.0.0.1 localhost"))
        .fix("until then, type 127.0.0.1 instead of localhost")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn localhost_resolves_to_this_machine_only() {
        for (addresses, verdict, words) in [
            (&["127.0.0.1"][..], Verdict::Ok, "resolves to 127.0.0.1"),
            (&["::1", "127.0.0.1"], Verdict::Ok, "127.0.0.1, ::1"),
            (&["::1"], Verdict::Warning, "not to 127.0.0.1"),
            (&["127.0.0.1", "10.0.0.9"], Verdict::Error, "not only"),
            (&[], Verdict::Error, "does not resolve"),
        ] {
            let found = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
            let finding = judge(Ok(found));
            assert_eq!(finding.verdict, verdict, "{addresses:?}");
            assert!(finding.what.contains(words), "{finding:?}");
            assert_eq!(finding.fixes.is_empty(), verdict == Verdict::Ok);
        }
        let failed = judge(Err(io::Error::other("no answer")));
        assert_eq!(failed.verdict, Verdict::Error);
    }
}
