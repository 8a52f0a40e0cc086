//! The handle with which the handlers of a server append to the log.

use std::{convert::Infallible, fmt, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, timeout_at},
};
use zcomm_core::Result;

use crate::{
    link::Address,
    machine::Machine,
    names::random_name,
    neighbours::Neighbours,
    pending::Pending,
    reader::Reader,
    snapshot::Snapshots,
    status::Status,
    writer::{Request, Writer},
};

/// The maximum number of requests that wait for the writer.
const QUEUE: usize = 1024;

/// The entry has not come back from Redis in time. The entry may still come, if only the answer of
/// Redis is late. The server logs what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redis cannot be reached now")
    }
}

impl std::error::Error for Unavailable {}

/// A log that several servers share. All clones append to the same log.
pub struct SharedLog<O> {
    requests: mpsc::Sender<Request<O>>,
    status: Arc<Status>,
    server: Arc<str>,
    /// The time that an entry has to Redis and back.
    limit: Duration,
}

impl<O> Clone for SharedLog<O> {
    fn clone(&self) -> SharedLog<O> {
        SharedLog {
            requests: self.requests.clone(),
            status: Arc::clone(&self.status),
            server: Arc::clone(&self.server),
            limit: self.limit,
        }
    }
}

impl<O> SharedLog<O> {
    /// Appends an entry, waits until this server has applied it, and returns the outcome.
    ///
    /// # Errors
    /// [`Unavailable`] if the outcome takes more than
    /// [`Config::redis_timeout`](zcomm_core::Config::redis_timeout). If Redis has not worked for this
    /// time already, or has not answered an earlier call in time, the error comes at once.
    pub async fn append(&self, payload: Vec<u8>) -> Result<O, Unavailable> {
        if self.status.is_hopeless() {
            return Err(Unavailable);
        }
        let (sender, outcome) = oneshot::channel();
        let deadline = Instant::now() + self.limit;
        let request = Request {
            payload,
            deadline,
            sender: Some(sender),
        };
        let answer = async {
            self.requests.send(request).await.ok()?;
            outcome.await.ok()
        };
        let answer = timeout_at(deadline, answer).await.ok().flatten();
        // The writer gives the entry up at the same moment, and can be the first.
        if answer.is_none() && Instant::now() >= deadline {
            self.status.unanswered();
        }
        answer.ok_or(Unavailable)
    }

    /// Appends an entry later, and does not wait for the outcome. Returns `false` if the queue is
    /// full. If Redis cannot be reached, the entry is lost. So the caller must check later whether
    /// the entry was applied.
    #[must_use]
    pub fn post(&self, payload: Vec<u8>) -> bool {
        let request = Request {
            payload,
            deadline: Instant::now() + self.limit,
            sender: None,
        };
        self.requests.try_send(request).is_ok()
    }

    /// The state of the connection to Redis.
    #[must_use]
    pub fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// The time that an entry has to Redis and back.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// The random name of this server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }
}

/// Opens the log at an address. Its entries change the state `machine`. Returns the handle and a
/// future. The future reads and writes the log, and must run in a task.
///
/// # Errors
/// When the operating system has no random bytes.
pub fn open<M: Machine>(
    address: &Address,
    machine: M,
) -> Result<(
    SharedLog<M::Outcome>,
    impl Future<Output = Infallible> + Send + use<M>,
)> {
    open_with(address, machine, true)
}

/// [`open`] for a test: without `checks`, a reader does not notice what Redis has lost.
///
/// # Errors
/// When the operating system has no random bytes.
#[doc(hidden)]
pub fn open_with<M: Machine>(
    address: &Address,
    machine: M,
    checks: bool,
) -> Result<(
    SharedLog<M::Outcome>,
    impl Future<Output = Infallible> + Send + use<M>,
)> {
    let server: Arc<str> = random_name()?.into();
    let status = Status::new(address.place(), &address.key("log"), address.limit);
    let status = Arc::new(status);
    let pending = Pending::new();
    let (requests, queue) = mpsc::channel(QUEUE);
    let reader = Reader {
        address: address.clone(),
        server: Arc::clone(&server),
        machine,
        pending: pending.clone(),
        status: Arc::clone(&status),
        checks,
        neighbours: Neighbours::new(address),
        last: None,
        snapshots: Snapshots::new(),
        started: false,
        after_hole: None,
        asked: None,
        stuck: false,
    };
    let writer = Writer {
        address: address.clone(),
        server: Arc::clone(&server),
        new_epoch: random_name()?,
        requests: queue,
        pending,
        status: Arc::clone(&status),
        next: 1,
        link: None,
    };
    let log = SharedLog {
        requests,
        status,
        server,
        limit: address.limit,
    };
    Ok((log, run(reader, writer)))
}

/// Runs both tasks of a log for ever.
async fn run<M: Machine>(reader: Reader<M>, writer: Writer<M::Outcome>) -> Infallible {
    let mut tasks = JoinSet::new();
    tasks.spawn(reader.run());
    tasks.spawn(writer.run());
    match tasks.join_next().await {
        Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Some(Ok(never)) => never,
        _ => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::entry::{Entry, Kind, Position};

    /// No task reads the queue, as if Redis was away.
    fn away(limit: Duration) -> (SharedLog<()>, mpsc::Receiver<Request<()>>) {
        let (requests, queue) = mpsc::channel(QUEUE);
        let log = SharedLog {
            requests,
            status: Arc::new(Status::new("127.0.0.1:6379", "zcomm:course:log", limit)),
            server: "me".into(),
            limit,
        };
        (log, queue)
    }

    fn own_entry() -> Entry {
        Entry {
            position: Position {
                epoch: "e".into(),
                seq: 1,
                digest: "aaaa0001".into(),
            },
            server: "me".into(),
            own: true,
            kind: Kind::Alive,
            time: 0,
            wall: 0,
            payload: Bytes::new(),
            number: 1,
            before: String::new(),
            service: "chat_app".into(),
        }
    }

    async fn fails_after(log: &SharedLog<()>, expected: Duration) {
        let began = Instant::now();
        assert_eq!(log.append(Vec::new()).await, Err(Unavailable));
        // Tokio's clock has milliseconds.
        let over = began.elapsed() - expected;
        assert!(over <= Duration::from_millis(1), "{over:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn l14_a_message_waits_for_the_limit_once_and_then_not_at_all() {
        let limit = Duration::from_secs(2);
        let (log, _queue) = away(limit);
        for expected in [limit, Duration::ZERO] {
            fails_after(&log, expected).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn l17_after_a_message_without_an_answer_the_next_one_waits_not_at_all() {
        let limit = Duration::from_secs(2);
        let (log, _queue) = away(limit);
        // Redis worked until now, so no trouble is known.
        log.status.reader(Ok(()));
        for expected in [limit, Duration::ZERO, Duration::ZERO] {
            fails_after(&log, expected).await;
        }
        // Then an own entry comes back.
        log.status.read(&own_entry());
        fails_after(&log, limit).await;
    }

    #[tokio::test(start_paused = true)]
    async fn l17_the_same_if_the_writer_gives_the_message_up_first() {
        let limit = Duration::from_secs(2);
        let (log, mut queue) = away(limit);
        log.status.reader(Ok(()));
        let writer = async move {
            let request = queue.recv().await.unwrap();
            tokio::time::sleep_until(request.deadline).await;
            drop(request);
            queue
        };
        let ((), _queue) = tokio::join!(fails_after(&log, limit), writer);
        fails_after(&log, Duration::ZERO).await;
    }
}
