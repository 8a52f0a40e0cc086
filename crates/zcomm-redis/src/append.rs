//! The script that appends entries, and its answers.

use std::sync::LazyLock;

use redis::Script;
use tokio::time::Instant;

use crate::{
    entry::Kind,
    link::{Address, Link, within},
    trouble::Trouble,
};

/// The maximum number of entries in the log, and of bytes in their payloads. The script removes
/// the oldest entries.
const MAX_ENTRIES: usize = 10_000;
const MAX_BYTES: usize = 64 * 1024 * 1024;

static APPEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("append.lua")));

/// Entries that a server appends together.
pub(crate) struct Batch {
    /// The number of the first request. The other requests have the next numbers.
    pub(crate) first: u64,
    pub(crate) entries: Vec<(Kind, Vec<u8>)>,
    /// After this time, the senders have got an error, so Redis must not append the entries.
    pub(crate) deadline: Instant,
}

/// What Redis has done with a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The entries are in the log now. The newest entry has this number.
    Done(u64),
    /// The entries were in the log already: the answer to an earlier try was lost.
    Known,
    /// By the clock of Redis, the deadline is over. Nothing was appended.
    Late,
    /// The log belongs to this other service. Nothing was appended.
    Taken(String),
}

/// The clock of Redis. The script compares the deadline with this clock, and it can differ from
/// the clock of this computer.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    here: Instant,
    /// The time in Redis at the moment `here`, in milliseconds since 1970.
    there: u64,
}

impl Clock {
    /// Asks Redis for its time.
    pub(crate) async fn read(link: &mut Link) -> Result<Clock, Trouble> {
        let asked = redis::pipe().cmd("TIME").to_owned();
        let ((seconds, micros),): ((u64, u64),) = link.ask(&asked).await?;
        Ok(Clock::at(seconds * 1000 + micros / 1000))
    }

    fn at(there: u64) -> Clock {
        let here = Instant::now();
        Clock { here, there }
    }

    fn of_redis(self, at: Instant) -> u64 {
        let after = at.saturating_duration_since(self.here).as_millis() as u64;
        let before = self.here.saturating_duration_since(at).as_millis() as u64;
        self.there + after - before.min(self.there)
    }
}

/// Appends a batch. A batch that is appended again after an error is in the log only once.
pub(crate) async fn append(
    link: &mut Link,
    address: &Address,
    (server, new_epoch): (&str, &str),
    batch: &Batch,
    clock: &mut Clock,
) -> Result<Answer, Trouble> {
    let mut call = APPEND.prepare_invoke();
    call.key(address.key("log"))
        .key(address.key("facts"))
        .key(address.key(&format!("server:{server}")))
        .arg(server)
        .arg(batch.first)
        .arg(new_epoch)
        .arg(clock.of_redis(batch.deadline))
        .arg(MAX_ENTRIES)
        .arg(MAX_BYTES)
        .arg(address.service());
    for (kind, payload) in &batch.entries {
        call.arg(kind.word()).arg(payload);
    }
    let called = call.invoke_async(&mut link.commands);
    let (word, seq, now, owner): (String, u64, u64, String) = within(address.limit, called).await?;
    *clock = Clock::at(now);
    match word.as_str() {
        "done" => Ok(Answer::Done(seq)),
        "known" => Ok(Answer::Known),
        "taken" => Ok(Answer::Taken(owner)),
        _ => Ok(Answer::Late),
    }
}
