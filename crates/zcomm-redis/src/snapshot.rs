//! A copy of the state in Redis, for a server that starts later.
//!
//! The log does not keep its oldest entries. So from time to time, a server writes a copy of its
//! state to Redis. The copy contains the position of the last entry that the server had applied.
//!
//! A server that starts reads the copy, and then the entries after this position. If the log does
//! not have this position, the copy is not used.

use std::time::Duration;

use bytes::Bytes;
use redis::pipe;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    entry::{Entry, Position},
    link::{Address, Link},
    trouble::Trouble,
};

/// A server writes a copy after `ENTRIES` entries, if the last copy is at least `PAUSE` old. After
/// `MOST_ENTRIES` entries or `MOST_BYTES` bytes, it does not wait for `PAUSE`: the log could remove
/// entries that are in no copy.
const ENTRIES: u64 = 1000;
const PAUSE: Duration = Duration::from_secs(5);
const MOST_ENTRIES: u64 = 5000;
const MOST_BYTES: usize = 24 * 1024 * 1024;

/// Decides when to write a copy, and writes it.
pub(crate) struct Snapshots {
    entries: u64,
    bytes: usize,
    written: Instant,
    /// The task that writes a copy, if one runs.
    writing: JoinSet<()>,
}

impl Snapshots {
    pub(crate) fn new() -> Snapshots {
        Snapshots {
            entries: 0,
            bytes: 0,
            written: Instant::now(),
            writing: JoinSet::new(),
        }
    }

    /// Counts an entry. Returns whether to write a copy now. Only the server that appended the
    /// entry writes one, so not all servers write a copy at the same entry. But if a server asks
    /// for a copy, every other server writes one: no server knows which of them has the state.
    pub(crate) fn due(&mut self, entry: &Entry) -> bool {
        self.entries += 1;
        self.bytes += entry.payload.len();
        let many = self.entries >= ENTRIES && self.written.elapsed() >= PAUSE;
        let needed = self.entries >= MOST_ENTRIES || self.bytes >= MOST_BYTES;
        while self.writing.try_join_next().is_some() {}
        let asked = entry.asks();
        (asked || entry.own && (many || needed)) && self.writing.is_empty()
    }

    /// Writes a copy in the background. If this fails, the next copy may succeed.
    pub(crate) fn write(&mut self, address: &Address, at: &Position, state: Vec<u8>) {
        (self.entries, self.bytes, self.written) = (0, 0, Instant::now());
        let (address, at) = (address.clone(), at.clone());
        self.writing.spawn(async move {
            let written = async {
                let mut link = address.connect().await?;
                let mut set = pipe();
                set.cmd("HSET").arg(address.key("snapshot"));
                set.arg("epoch").arg(at.epoch).arg("seq").arg(at.seq);
                set.arg("digest").arg(at.digest).arg("state").arg(state);
                link.ask::<(i64,)>(&set).await
            };
            if let Err(trouble) = written.await {
                tracing::debug!("the state was not copied to Redis: {trouble}");
            }
        });
    }
}

/// Reads the position and the state of the copy.
pub(crate) async fn read(
    link: &mut Link,
    address: &Address,
) -> Result<Option<(Position, Bytes)>, Trouble> {
    let mut get = pipe();
    get.cmd("HMGET").arg(address.key("snapshot"));
    get.arg("epoch").arg("seq").arg("digest").arg("state");
    type Copy = (Option<String>, Option<u64>, Option<String>, Option<Bytes>);
    let ((epoch, seq, digest, state),): (Copy,) = link.ask(&get).await?;
    let position = epoch.zip(seq).zip(digest);
    let position = position.map(|((epoch, seq), digest)| Position { epoch, seq, digest });
    Ok(position.zip(state))
}
