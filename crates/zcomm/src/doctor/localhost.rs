//! Does `localhost` lead here?
//!
//! A name is looked up, and a line in the hosts file is enough to send it elsewhere, or
//! nowhere. Then `ws://localhost:8765/` fails while `ws://127.0.0.1:8765/` works, and the
//! browser says nothing but 1006.

use std::net::{IpAddr, ToSocketAddrs};

use super::{
    Situation,
    finding::{Finding, bad, look, ok},
};

const HOSTS: &str = if cfg!(windows) {
    r"C:\Windows\System32\drivers\etc\hosts"
} else {
    "/etc/hosts"
};

pub(super) fn check(_: &Situation) -> Vec<Finding> {
    let found = ("localhost", 0).to_socket_addrs();
    let found = found.map(|found| found.map(|one| one.ip()).collect());
    vec![judge(found.map_err(|error| error.to_string()))]
}

fn judge(found: Result<Vec<IpAddr>, String>) -> Finding {
    let repair = format!("write into {HOSTS}: 127.0.0.1 localhost");
    let by_address = "until then, type 127.0.0.1 instead of localhost";
    let mut found = match found {
        Ok(found) if !found.is_empty() => found,
        Ok(_) => {
            return bad("localhost", "leads nowhere")
                .fix(repair)
                .fix(by_address);
        }
        Err(error) => {
            let what = format!("leads nowhere: {error}");
            return bad("localhost", what).fix(repair).fix(by_address);
        }
    };
    found.sort();
    found.dedup();
    let list: Vec<_> = found.iter().map(IpAddr::to_string).collect();
    let list = list.join(" and ");
    let v4 = found.iter().any(IpAddr::is_ipv4);
    match found.iter().all(IpAddr::is_loopback) {
        false => bad(
            "localhost",
            format!("leads to {list}: not only to this machine"),
        )
        .fix(repair)
        .fix(by_address),
        // A server listens on 127.0.0.1 unless it is told otherwise.
        true if !v4 => look(
            "localhost",
            format!("leads to {list} alone, not to 127.0.0.1"),
        )
        .fix(repair)
        .fix(by_address),
        true => ok("localhost", format!("leads to {list}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn localhost_leads_to_this_machine_and_nowhere_else() {
        for (addresses, verdict, words) in [
            (&["127.0.0.1"][..], Verdict::Ok, "leads to 127.0.0.1"),
            (&["::1", "127.0.0.1"], Verdict::Ok, "127.0.0.1 and ::1"),
            (&["::1"], Verdict::Look, "not to 127.0.0.1"),
            (&["127.0.0.1", "10.0.0.9"], Verdict::Bad, "not only"),
            (&[], Verdict::Bad, "nowhere"),
        ] {
            let found = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
            let finding = judge(Ok(found));
            assert_eq!(finding.verdict, verdict, "{addresses:?}");
            assert!(finding.what.contains(words), "{finding:?}");
            assert_eq!(finding.fixes.is_empty(), verdict == Verdict::Ok);
        }
        assert_eq!(judge(Err("no answer".into())).verdict, Verdict::Bad);
    }
}
