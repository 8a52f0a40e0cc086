//! The task that owns the socket.
//!
//! One task reads, writes, pings and closes one connection. So two tasks can never mix their
//! writes, and everything that belongs to a connection ends with the connection.
//! [`poll_recv`](Socket::poll_recv) does all of the work:
//!
//! 1. If a complete message is buffered, it returns this message at once.
//! 2. Before it waits, it writes: direct messages, new entries of the logs, the handler's own
//!    messages. *Flush before you wait* turns a burst of 32 answers into one write.
//! 3. Then it waits for everything together: input, logs, mailbox, and the nearest deadline.
//!
//! When the server stops, the task takes no more messages from the client. It sends all messages
//! of the logs, and then closes the connection: see `sources`.
//!
//! The memory for output is limited: the task takes nothing more from a log or the mailbox until
//! the network has accepted the previous batch.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::{
    clients::registry::Entry,
    connection::{budgets::Budgets, deadlines::Deadlines, recorder::Recorder, sources::Sources},
    error::{Error, Result},
    metrics::counters::Metrics,
    protocol::{close_reason::CloseReason, message::Message},
    settings::config::Config,
    wire::codec::{Received, Wire},
    wire::end::End,
};

/// A connection after its handshake. Each delivery uses the fields in the middle, so `repr(C)`
/// keeps these fields together in memory.
#[repr(C)]
pub(crate) struct Socket {
    pub(super) deadlines: Deadlines,
    pub(crate) recorder: Recorder,
    /// `None` as soon as the connection has ended.
    pub(crate) sources: Option<Sources>,
    pub(super) end: Option<End>,
    pub(crate) client: Arc<Entry>,
    /// Whether there is output that the network has not accepted.
    unflushed: bool,
    /// Set if the log line of the end must wait, because the network does not accept our Close
    /// frame yet. The value is the number of messages that are not sent.
    pub(super) unsent: Option<u32>,
    pub(super) wire: Wire,
    budgets: Budgets,
}

impl Socket {
    /// A connection after its handshake. Its client is already in the registry.
    pub(crate) fn new(
        wire: Wire,
        config: &Arc<Config>,
        metrics: &Arc<Metrics>,
        sources: Sources,
    ) -> Socket {
        Socket {
            deadlines: Deadlines::new(config),
            recorder: Recorder::new(metrics),
            client: Arc::clone(&sources.membership.client),
            sources: Some(sources),
            end: None,
            unflushed: false,
            unsent: None,
            wire,
            budgets: Budgets::new(config),
        }
    }

    /// Returns the next message, or `None` once the connection has ended for any reason.
    pub(crate) fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        if self.end.is_some() {
            return Poll::Ready(None);
        }
        let next = match self.buffered() {
            Some(message) => self.received(message),
            None => self.pump(context),
        };
        match next {
            Ok(next) => next.map(Some),
            Err(end) => {
                self.end_with(end);
                Poll::Ready(None)
            }
        }
    }

    /// Returns the next message if it is in the read buffer, and if the server does not stop.
    fn buffered(&mut self) -> Option<Message> {
        match self.sources.as_ref()?.membership.stopping() {
            None => self.wire.buffered(),
            Some(_) => None,
        }
    }

    /// Waits while the client is slow, until there is space for another message.
    pub(crate) fn poll_space(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.end.is_none() && self.deadlines.flushing() {
            self.set_waker(context.waker());
            match self.flush_only() {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(end) => self.end_with(end),
            }
        }
        Poll::Ready(self.still_open())
    }

    /// Waits until the network has accepted all output.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.unflushed {
            self.deadlines.flush_began(self.wire.sent());
        }
        self.poll_space(context)
    }

    /// Puts a message behind all other output. The next flush sends the message. If more than
    /// 64 KiB wait, this call already writes the output.
    pub(crate) fn put(&mut self, message: Message) -> Result<()> {
        self.still_open()?;
        if let Err(end) = self.write(message) {
            self.end_with(end);
        }
        self.still_open()
    }

    /// Returns the delay after which the budgets for messages and for bytes are half full. `None`
    /// if both are at least half full now. [`Connection::hurry`](crate::Connection::hurry) uses
    /// this.
    pub(crate) fn until_half(&self) -> Option<Duration> {
        self.budgets.until_half(&self.wire.meter.budget)
    }

    /// Ends the connection with a Close frame, if it is still open.
    pub(crate) fn close(&mut self, why: CloseReason) {
        if self.end.is_none() {
            self.end_with(End::ByUs(why));
        }
    }

    /// Returns the reason to close once the server stops. From then on, the logs are closed, and
    /// the last messages have a time limit.
    pub(super) fn stopping(&mut self) -> Option<CloseReason> {
        let stop = self.sources.as_mut()?.stopping()?;
        self.deadlines.stopping(stop.until);
        Some(stop.why)
    }

    fn still_open(&self) -> Result<()> {
        self.end.as_ref().map_or(Ok(()), |_| Err(Error::Closed))
    }

    fn set_waker(&mut self, waker: &Waker) {
        if self.wire.set_waker(waker)
            && let Some(sources) = &mut self.sources
        {
            sources.set_waker(waker);
        }
    }

    /// Flushes for a handler that sends and does not read. Returns whether the network has
    /// accepted everything.
    fn flush_only(&mut self) -> Result<bool, End> {
        if !self.flush()? {
            self.stopping();
            if let Poll::Ready(due) = self.deadlines.poll_due_sending(&self.client) {
                self.on_due(due)?;
            }
            self.next_mail()?;
        }
        Ok(!self.unflushed)
    }

    /// Reads, writes and checks the deadlines, until a message has arrived or nothing is left to
    /// do. Not inlined, because its variables would also cost time for a message in the buffer.
    #[inline(never)]
    fn pump(&mut self, context: &mut Context<'_>) -> Result<Poll<Message>, End> {
        self.set_waker(context.waker());
        loop {
            let stopping = self.stopping();
            match self.read()? {
                message @ Poll::Ready(_) if stopping.is_none() => return Ok(message),
                // The server stops, so drop this message. The client may send without pause: let
                // other tasks run before the next read.
                Poll::Ready(_) => context.waker().wake_by_ref(),
                Poll::Pending => {}
            }
            if self.write_pending(context.waker())? {
                stopping.map_or(Ok(()), |why| Err(End::ByUs(why)))?;
            }
            if let Poll::Ready(due) = self.deadlines.poll_due(&self.client) {
                self.on_due(due)?;
            } else if !self.unflushed {
                self.wire.rest();
                return Ok(Poll::Pending);
            } else if self.deadlines.flushing() {
                return Ok(Poll::Pending);
            }
            // Repeat: a new ping or pong must be flushed.
        }
    }

    /// Reads until a message is complete or there is no more input.
    fn read(&mut self) -> Result<Poll<Message>, End> {
        if !self.wire.is_readable() {
            self.wire.meter.caught_up = true;
            return Ok(Poll::Pending);
        }
        loop {
            match self.wire.read()? {
                Some(Received::Message(message)) => return self.received(message),
                Some(Received::Ping(_)) => {
                    self.unflushed = true;
                    self.budgets.spend_control(!self.wire.meter.caught_up)?;
                }
                // A pong that answers our own ping uses no budget.
                Some(Received::Pong(payload)) if self.deadlines.ponged(&payload) => {}
                Some(Received::Pong(_)) => {
                    self.budgets.spend_control(!self.wire.meter.caught_up)?;
                }
                None => {
                    self.wire.meter.caught_up = true;
                    self.deadlines.in_message(self.wire.unfinished_message());
                    return Ok(Poll::Pending);
                }
            }
        }
    }

    /// Counts a message, and checks the rate limit.
    fn received(&mut self, message: Message) -> Result<Poll<Message>, End> {
        self.client.tally.received(&message);
        let waited = !std::mem::replace(&mut self.wire.meter.caught_up, false);
        self.budgets.spend_message(waited)?;
        self.deadlines.in_message(None);
        Ok(Poll::Ready(message))
    }

    /// Writes the direct messages and new log entries for this client, batch by batch. Stops when
    /// all are written, or when the network accepts no more data. Returns whether the network has
    /// accepted everything.
    fn write_pending(&mut self, waker: &Waker) -> Result<bool, End> {
        let mut caught_up = false;
        loop {
            self.flush()?;
            while let Some(message) = self.next_mail()? {
                self.write(message)?;
                if self.deadlines.flushing() {
                    break;
                }
            }
            // A flush sends a batch before all other output, so first write the other output.
            if caught_up || !self.flush()? {
                return Ok(caught_up && !self.unflushed);
            }
            caught_up = self.take_batch(waker);
        }
    }

    /// Removes the next direct message from the mailbox, unless the network is blocked.
    fn next_mail(&mut self) -> Result<Option<Message>, End> {
        let mail = self.client.next_mail(self.deadlines.flushing());
        mail.map_err(End::ByUs)
    }

    /// Takes one batch of log entries, which the next flush writes. Returns true if the logs have
    /// no more entries now.
    fn take_batch(&mut self, waker: &Waker) -> bool {
        let Some(sources) = &mut self.sources else {
            return true;
        };
        let batch = sources.logs.next_batch(waker);
        if batch.messages() > 0 {
            self.unflushed = true;
            self.recorder.batch(&batch, &self.client.tally);
            self.wire.send_first(batch.frames);
        }
        !batch.more
    }

    fn write(&mut self, message: Message) -> Result<(), End> {
        self.client.tally.sent(1, message.len());
        self.put_frame(|wire| wire.write(message))
    }

    pub(super) fn put_frame(
        &mut self,
        put: impl FnOnce(&mut Wire) -> Result<bool, End>,
    ) -> Result<(), End> {
        self.unflushed = true;
        if !put(&mut self.wire)? {
            self.deadlines.flush_began(self.wire.sent());
        }
        Ok(())
    }

    /// Flushes. Returns whether the network has accepted everything. Most calls have nothing to do,
    /// so only the check is inlined.
    #[inline]
    fn flush(&mut self) -> Result<bool, End> {
        match self.unflushed {
            true => self.flush_output(),
            false => Ok(true),
        }
    }

    #[inline(never)]
    fn flush_output(&mut self) -> Result<bool, End> {
        self.unflushed = !self.wire.flush()?;
        if self.unflushed {
            self.deadlines.flush_began(self.wire.sent());
        } else {
            self.deadlines.flush_ended();
            self.recorder.flushed();
        }
        Ok(!self.unflushed)
    }
}
