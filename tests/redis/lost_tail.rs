//! The lost tail: a replica becomes the master before it has received the newest entries.
//!
//! The new master gives the numbers of the lost entries to other entries. A server that has read
//! the lost entries continues after their last number. It gets no error, but it misses the other
//! entries with these numbers. And its clients have seen entries that the other servers never read.

use std::time::Duration;

use crate::{
    harness::soon,
    redis::{log::Server, proxy::Proxy, server::Redis},
};

/// A master and its replica, and a proxy that leads to one of them.
pub(crate) struct Pair {
    pub(crate) master: Redis,
    pub(crate) replica: Redis,
    pub(crate) door: Proxy,
}

impl Pair {
    pub(crate) async fn start(name: &str) -> Option<Pair> {
        let master = Redis::start(&format!("{name}-master"), &[]).await?;
        let replica = Redis::start(&format!("{name}-replica"), &[]).await?;
        let door = Proxy::before(master.addr()).await;
        let port = master.port;
        replica.ask(&format!("REPLICAOF 127.0.0.1 {port}")).await;
        Some(Pair {
            master,
            replica,
            door,
        })
    }

    /// Waits until the replica has all entries of the master.
    pub(crate) async fn replicated(&self) {
        let facts = "HGET zcomm:course:facts seq";
        let same = async {
            while self.master.ask(facts).await != self.replica.ask(facts).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        soon("the replica", same).await;
    }
}

/// The first server reads five entries that the replica does not get. Then the replica becomes the
/// master. A second server, which has not read the five entries, appends twenty other entries.
async fn fail_over(name: &str, checks: bool) -> Option<(Server, Server, Pair)> {
    let mut pair = Pair::start(name).await?;
    let one = Server::start(&pair.door.url(), checks).await;
    one.append("before").await;
    pair.replicated().await;
    // Cut the connection between the master and the replica.
    pair.replica.ask("REPLICAOF 127.0.0.1 1").await;
    for n in 0..5 {
        one.append(&format!("tail {n}")).await;
    }
    pair.replica.ask("REPLICAOF NO ONE").await;
    // Before the first server notices it, the new master has more entries than the old master, which
    // also got signs of life meanwhile.
    let other = Server::start(&pair.replica.url(), checks).await;
    for n in 0..60 {
        other.append(&format!("anew {n}")).await;
    }
    pair.door.lead_to(pair.replica.addr());
    pair.master.kill().await;
    Some((one, other, pair))
}

#[tokio::test]
async fn a_server_that_has_read_the_lost_tail_reports_a_loss() {
    let Some((one, other, _pair)) = fail_over("checked", true).await else {
        return;
    };
    let tail = ["before", "tail 0", "tail 1", "tail 2", "tail 3", "tail 4"];
    let with = |more: &[&'static str]| [&tail[..], more].concat();
    one.applied.has(&with(&["lost"])).await;
    one.healthy().await;
    other.append("after").await;
    one.applied.has(&with(&["lost", "after"])).await;
}

/// Without the check, the first server misses entries, and no error says so.
#[tokio::test]
async fn without_the_check_entries_vanish_in_silence() {
    let Some((one, other, _pair)) = fail_over("unchecked", false).await else {
        return;
    };
    let wait = async {
        while !one.applied.texts().contains(&"after".to_owned()) {
            other.append("after").await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    soon("the first server to read on", wait).await;
    let texts = one.applied.texts();
    assert!(!texts.contains(&"lost".to_owned()), "{texts:?}");
    assert!(!texts.contains(&"anew 0".to_owned()), "{texts:?}");
    assert!(texts.contains(&"anew 59".to_owned()), "{texts:?}");
    assert!(one.log.status().health().is_ok(), "and all looks well");
}
