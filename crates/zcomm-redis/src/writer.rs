//! The writer: it appends what the clients of this server send.
//!
//! The writer appends the waiting requests together, as one batch in one call. So on a busy
//! server, the batches are large, and Redis has less work for each entry.
//!
//! If a connection breaks, the writer cannot know whether Redis got the last batch. The writer
//! appends the batch again with the same number, and the script ignores a number that it knows.
//!
//! Each batch has a deadline. After the deadline, the clients get an error. So a frozen Redis that
//! wakes up after the deadline must not append the batch.

use std::{convert::Infallible, sync::Arc};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use crate::{
    append::{Answer, Batch, Clock, append},
    backoff::Backoff,
    entry::{ALIVE, ASKS, Kind},
    link::{Address, Link},
    names::random_name,
    pending::Pending,
    status::Status,
    trouble::Trouble,
};

/// A batch with this number of entries or bytes is full. Redis runs no other command during a call,
/// so a batch must not be too large.
const BATCH_ENTRIES: usize = 64;
const BATCH_BYTES: usize = 1024 * 1024;

/// A request to append an entry.
pub(crate) struct Request<O> {
    pub(crate) payload: Vec<u8>,
    pub(crate) deadline: Instant,
    /// Gets the outcome when the entry has come back. `None` if no caller waits for the outcome.
    pub(crate) sender: Option<oneshot::Sender<O>>,
}

pub(crate) struct Writer<O> {
    pub(crate) address: Address,
    pub(crate) server: Arc<str>,
    /// The epoch for a new log, if this server is the first one to append to it. Each batch has
    /// another epoch, so two logs never have the same one.
    pub(crate) new_epoch: String,
    pub(crate) requests: mpsc::Receiver<Request<O>>,
    pub(crate) pending: Pending<O>,
    pub(crate) status: Arc<Status>,
    /// The number of the next request.
    pub(crate) next: u64,
    pub(crate) link: Option<(Link, Clock)>,
}

impl<O: Send> Writer<O> {
    /// Appends for ever. Appends a sign of life every two seconds, also between many requests:
    /// machines do some work only at a sign of life.
    pub(crate) async fn run(mut self) -> Infallible {
        let mut alive_at = Instant::now();
        loop {
            if Instant::now() >= alive_at {
                let sign = self.sign_of_life();
                alive_at = match self.append(sign).await {
                    true => Instant::now() + ALIVE,
                    false => Instant::now(),
                };
            }
            let request = async {
                self.status.has_started().await;
                self.requests.recv().await
            };
            match timeout_at(alive_at, request).await {
                Ok(Some(request)) => {
                    let batch = self.batch(request);
                    // If no answer came, the next sign of life is due now. It finds out whether
                    // Redis answers again: until then, no client's message is appended.
                    if !batch.entries.is_empty() && !self.append(batch).await {
                        alive_at = Instant::now();
                    }
                }
                // All handles are dropped, so no request can come. Append only signs of life.
                Ok(None) => tokio::time::sleep_until(alive_at).await,
                // The time of the next sign of life has come.
                Err(_) => {}
            }
        }
    }

    /// Makes a batch of the requests that wait.
    fn batch(&mut self, request: Request<O>) -> Batch {
        let mut batch = Batch {
            first: self.next,
            entries: Vec::new(),
            deadline: request.deadline,
        };
        let (mut bytes, mut next) = (0, Some(request));
        while let Some(request) = next {
            // Skip a request that is too late: its client has got an error already.
            let told = request
                .sender
                .as_ref()
                .is_some_and(oneshot::Sender::is_closed);
            if !told && request.deadline > Instant::now() {
                bytes += request.payload.len();
                if let Some(sender) = request.sender {
                    self.pending.add(self.next, sender);
                }
                self.next += 1;
                batch.deadline = batch.deadline.min(request.deadline);
                batch.entries.push((Kind::Data, request.payload));
            }
            let full = batch.entries.len() >= BATCH_ENTRIES || bytes >= BATCH_BYTES;
            next = match full {
                true => None,
                false => self.requests.try_recv().ok(),
            };
        }
        batch
    }

    fn sign_of_life(&mut self) -> Batch {
        self.next += 1;
        let mut payload = self.address.mark().to_vec();
        if self.status.asks() {
            payload.extend(ASKS);
        }
        Batch {
            first: self.next - 1,
            entries: vec![(Kind::Alive, payload)],
            deadline: Instant::now() + self.address.limit,
        }
    }

    /// Appends a batch; tries again until its deadline if there is no answer. Returns whether Redis
    /// has answered.
    async fn append(&mut self, batch: Batch) -> bool {
        if let Ok(epoch) = random_name() {
            self.new_epoch = epoch;
        }
        let mut backoff = Backoff::new();
        let trouble = loop {
            let tried = timeout_at(batch.deadline, self.try_append(&batch)).await;
            let trouble = match tried.unwrap_or_else(|_| Err(Trouble::silent())) {
                Ok(Answer::Done(seq)) => {
                    self.status.writer(Ok(Some(seq)));
                    return true;
                }
                Ok(Answer::Known) => {
                    self.status.writer(Ok(None));
                    return true;
                }
                // The clock of Redis was set forward, or Redis was slow. The answer contains the
                // time in Redis, so the next attempt has a correct deadline.
                Ok(Answer::Late) => Trouble::silent(),
                Ok(Answer::Taken(owner)) => Trouble::taken(&owner, self.address.service()),
                Err(trouble) => {
                    // Drop a connection that got no answer. Also drop a connection to a replica: a
                    // new connection to the same name may lead to the new master.
                    if !trouble.is_refusal() || trouble.word == "READONLY" {
                        self.link = None;
                    }
                    trouble
                }
            };
            if trouble.is_refusal() || Instant::now() >= batch.deadline {
                break trouble;
            }
            // `Err` means that the deadline came during the delay.
            if timeout_at(batch.deadline, backoff.wait()).await.is_err() {
                break trouble;
            }
        };
        let answered = trouble.is_refusal();
        self.status.writer(Err(trouble));
        let last = batch.first + batch.entries.len() as u64 - 1;
        self.pending.fail(batch.first..=last);
        answered
    }

    async fn try_append(&mut self, batch: &Batch) -> Result<Answer, Trouble> {
        let (link, clock) = match &mut self.link {
            Some(known) => known,
            none => {
                let mut link = self.address.connect().await?;
                let clock = Clock::read(&mut link).await?;
                none.insert((link, clock))
            }
        };
        let names = (&*self.server, self.new_epoch.as_str());
        append(link, &self.address, names, batch, clock).await
    }
}
