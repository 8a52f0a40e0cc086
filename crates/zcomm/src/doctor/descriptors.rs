//! How many clients can a server have on this system?
//!
//! Each connection uses a file descriptor. A program starts with the soft limit, and may raise
//! this limit to the hard limit. The servers of this course raise the limit. Other programs,
//! such as a browser test or another load test, keep the soft limit.

use zcomm_core::most_connections;

use super::{
    finding::{Finding, ok, warning},
    situation::Situation,
};
use crate::shared::text::counted;

pub(super) fn check(situation: &Situation) -> Finding {
    let (soft, hard) = limits();
    judge(soft, hard, situation.config.max_connections)
}

/// Returns the soft and the hard limit of file descriptors. `None` means that there is no limit.
#[cfg(unix)]
fn limits() -> (Option<u64>, Option<u64>) {
    use rustix::process::{Resource, getrlimit};
    let limit = getrlimit(Resource::Nofile);
    (limit.current, limit.maximum)
}

/// Windows does not limit file descriptors.
#[cfg(not(unix))]
fn limits() -> (Option<u64>, Option<u64>) {
    (None, None)
}

fn judge(soft: Option<u64>, hard: Option<u64>, wanted: usize) -> Finding {
    let limits = match (soft, hard) {
        (None, None) => return ok("no limit"),
        (Some(soft), None) => return ok(format!("{soft} (a server raises it without limit)")),
        (Some(soft), Some(hard)) if soft < hard => format!("{soft} (a server raises it to {hard})"),
        (_, Some(hard)) => hard.to_string(),
    };
    let clients = usize::try_from(hard.unwrap_or_default())
        .map_or(u64::MAX, |hard| most_connections(hard) as u64);
    let enough = format!("{limits}: enough for {}", counted(clients, "client"));
    if clients >= wanted as u64 {
        return ok(format!("{enough} (ulimit -Hn)"));
    }
    let fewer = clients.max(1);
    warning(format!("{enough}, but the settings allow {wanted}"))
        .fix(format!("allow fewer: WEBSOCKET_MAX_CONNECTIONS={fewer}"))
        .fix("or raise the limit as root: /etc/security/limits.conf, or LimitNOFILE= in systemd")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn the_hard_limit_says_how_many_clients_are_possible() {
        for (hard, wanted, verdict, words) in [
            (
                Some(1228),
                1000,
                Verdict::Ok,
                "a server raises it to 1228): enough for 1000",
            ),
            (
                Some(1227),
                1000,
                Verdict::Warning,
                "999 clients, but the settings allow 1000",
            ),
            (Some(256), 1000, Verdict::Warning, "137 clients"),
            (Some(5), 1000, Verdict::Warning, "0 clients"),
            (None, 1000, Verdict::Ok, "without limit"),
        ] {
            let finding = judge(Some(256), hard, wanted);
            assert_eq!(finding.verdict, verdict, "{finding:?}");
            assert!(finding.what.contains(words), "{finding:?}");
        }
    }
}
