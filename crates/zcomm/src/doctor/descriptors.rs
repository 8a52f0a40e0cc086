//! How many clients does this system let a server have?
//!
//! Each connection is a file descriptor. The soft limit is where a program starts; it may
//! raise it up to the hard limit by itself, and our servers do. Other programs do not: a
//! browser test or a load test of another kind stays at the soft one.

use super::{Situation, finding::Finding};

const TOPIC: &str = "descriptors";

#[cfg(unix)]
pub(super) fn check(situation: &Situation) -> Vec<Finding> {
    use rustix::process::{Resource, getrlimit};

    let limit = getrlimit(Resource::Nofile);
    vec![judge(
        limit.current,
        limit.maximum,
        situation.config.max_connections,
    )]
}

/// Windows has no such limit.
#[cfg(not(unix))]
pub(super) fn check(_: &Situation) -> Vec<Finding> {
    vec![super::finding::ok(TOPIC, "no limit on this system")]
}

#[cfg(unix)]
fn judge(soft: Option<u64>, hard: Option<u64>, wanted: usize) -> Finding {
    use super::finding::{look, ok};
    use crate::shared::text::counted;
    use zcomm_core::OTHER_DESCRIPTORS;

    let shown = |limit: Option<u64>| limit.map_or("no limit".to_owned(), |n| n.to_string());
    let Some(most) = hard else {
        let soft = shown(soft);
        return ok(TOPIC, format!("{soft}, which a server raises as it needs"));
    };
    let room = most.saturating_sub(OTHER_DESCRIPTORS as u64);
    let clients = counted(room, "client");
    let limits = match soft {
        Some(soft) if soft == most => format!("{most}"),
        soft => format!("{}, which a server raises up to {most}", shown(soft)),
    };
    if room < wanted as u64 {
        let what = format!("{limits}: {clients}, and the settings promise {wanted}");
        return look(TOPIC, what)
            .fix(format!(
                "promise less: WEBSOCKET_MAX_CONNECTIONS={}",
                room.max(1)
            ))
            .fix("or have root raise it: /etc/security/limits.conf, or LimitNOFILE= in systemd");
    }
    ok(TOPIC, format!("{limits}: room for {clients} (ulimit -Hn)"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn the_hard_limit_says_how_many_clients_there_is_room_for() {
        for (hard, wanted, verdict, words) in [
            (
                Some(1100),
                1000,
                Verdict::Ok,
                "raises up to 1100: room for 1000",
            ),
            (
                Some(1099),
                1000,
                Verdict::Look,
                "999 clients, and the settings promise 1000",
            ),
            (Some(5), 1000, Verdict::Look, "0 clients"),
            (None, 1000, Verdict::Ok, "as it needs"),
        ] {
            let finding = judge(Some(256), hard, wanted);
            assert_eq!(finding.verdict, verdict, "{finding:?}");
            assert!(finding.what.starts_with("256, "), "{finding:?}");
            assert!(finding.what.contains(words), "{finding:?}");
        }
    }
}
