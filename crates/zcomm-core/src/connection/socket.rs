//! The task that owns the socket.
//!
//! One task reads, writes, pings and closes one connection; nobody else touches it. So
//! nothing can be half written by two, and when the client goes, everything of it goes.
//! [`poll_recv`](Socket::poll_recv) is the pump that drives all of it:
//!
//! 1. While whole messages are buffered, return the next one at once.
//! 2. When it would have to wait, first write: mail for this client, what is new in the
//!    hub's log, what the handler has sent. *Flush before you wait* turns a burst of 32
//!    answers into one write.
//! 3. Then wait for all of it together: input, log, mail, the nearest deadline.
//!
//! What is written is bounded: nothing more is taken from the log or the mailbox until the
//! network has taken the batch before.
//!
//! Production has the same pump; what differs is who feeds the log.

use std::task::{Context, Poll, Waker};

use crate::{
    clients::registry::{Mail, Membership},
    connection::{
        counted::Counted,
        deadlines::{Deadlines, Due},
    },
    error::{Error, Result},
    hub::{cursor::Cursor, subscriptions::Subscriptions},
    protocol::{close_reason::CloseReason, message::Message, rate::Budget},
    settings::config::Config,
    wire::codec::{End, Received},
};

/// A connection after its handshake, with everything that belongs to it.
pub(crate) struct Socket {
    pub(crate) wire: Counted,
    /// Gone, with the cursors, as soon as the connection has ended.
    attached: Option<(Membership, Subscriptions)>,
    batch: Vec<Message>,
    deadlines: Deadlines,
    pub(crate) messages: Budget,
    controls: Budget,
    max_send_bytes: usize,
    /// The codec has said that it needs more input than it has.
    drained: bool,
    /// The codec holds output that the network has not got.
    unflushed: bool,
    end: Option<End>,
}

impl Socket {
    /// A connection after its handshake, of a client that is in the list.
    pub(crate) fn new(
        wire: Counted,
        config: &Config,
        membership: Membership,
        cursor: Cursor,
    ) -> Socket {
        Socket {
            wire,
            attached: Some((membership, Subscriptions::new(cursor))),
            batch: Vec::new(),
            deadlines: Deadlines::new(config),
            messages: Budget::new(config.message_rate()),
            controls: Budget::new(config.control_rate()),
            max_send_bytes: config.max_send_bytes(),
            drained: false,
            unflushed: false,
            end: None,
        }
    }

    /// The next message, or `None` once the connection has ended, however it did.
    pub(crate) fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        if self.end.is_some() {
            return Poll::Ready(None);
        }
        self.set_waker(context.waker());
        match self.pump(context) {
            Ok(next) => next.map(Some),
            Err(end) => {
                self.end_with(end);
                Poll::Ready(None)
            }
        }
    }

    /// Waits until there is room for another message: at once, unless the client is slow.
    pub(crate) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.end.is_none() && self.deadlines.flushing() {
            self.set_waker(context.waker());
            match self.make_room(context) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(end) => self.end_with(end),
            }
        }
        Poll::Ready(self.still_open())
    }

    /// Writes everything out.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.unflushed {
            self.deadlines.flush_began(self.wire.sent());
        }
        self.poll_room(context)
    }

    /// Puts a message into the codec. It leaves with the next flush, or now when much has
    /// gathered.
    pub(crate) fn put(&mut self, message: Message) -> Result<()> {
        let (size, limit) = (message.len(), self.max_send_bytes);
        if size > limit {
            return Err(Error::MessageTooLarge { size, limit });
        }
        self.still_open()?;
        if let Err(end) = self.write(message) {
            self.end_with(end);
        }
        self.still_open()
    }

    /// The logs it reads, until it has ended.
    pub(crate) fn logs(&mut self) -> Option<&mut Subscriptions> {
        self.attached.as_mut().map(|(_, logs)| logs)
    }

    fn still_open(&self) -> Result<()> {
        self.end.is_none().then_some(()).ok_or(Error::Closed)
    }

    /// Ends the connection from this side.
    pub(crate) fn close(&mut self, why: CloseReason) {
        if self.end.is_none() {
            self.end_with(End::ByUs(why));
        }
    }

    fn set_waker(&mut self, waker: &Waker) {
        if self.wire.set_waker(waker) {
            self.wire.client.set_waker(waker);
            self.deadlines.forget_waker();
            self.logs()
                .into_iter()
                .for_each(Subscriptions::forget_waker);
        }
    }

    fn make_room(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        if self.flush()? {
            return Ok(true);
        }
        if let Poll::Ready(due) = self.deadlines.poll_due_sending(context) {
            self.on_due(due)?;
        }
        match self.wire.client.next_mail(true) {
            Some(Mail::Close(why)) => Err(End::ByUs(why)),
            _ => Ok(false),
        }
    }

    fn pump(&mut self, context: &mut Context<'_>) -> Result<Poll<Message>, End> {
        loop {
            if let Poll::Ready(message) = self.read(context)? {
                return Ok(Poll::Ready(message));
            }
            self.write_news(context.waker())?;
            if let Poll::Ready(due) = self.deadlines.poll_due(context) {
                self.on_due(due)?;
            } else if !self.unflushed || self.deadlines.flushing() {
                return Ok(Poll::Pending);
            }
            // An answered ping leaves something to write, and so does a new one.
        }
    }

    /// Reads until a message is whole.
    fn read(&mut self, context: &mut Context<'_>) -> Result<Poll<Message>, End> {
        if self.drained && !self.wire.is_readable(context) {
            return Ok(Poll::Pending);
        }
        self.drained = false;
        loop {
            match self.wire.read()? {
                Some(Received::Message(message)) => {
                    spend(&mut self.messages)?;
                    self.deadlines.message_ended();
                    return Ok(Poll::Ready(message));
                }
                Some(Received::Ping(_)) => {
                    self.unflushed = true;
                    spend(&mut self.controls)?;
                }
                Some(Received::Pong(payload)) => {
                    // The answer to our own ping costs the client nothing.
                    if !self.deadlines.ponged(&payload) {
                        spend(&mut self.controls)?;
                    }
                }
                None => {
                    self.drained = true;
                    if self.wire.in_message() {
                        self.deadlines.message_began();
                    } else {
                        self.deadlines.message_ended();
                    }
                    return Ok(Poll::Pending);
                }
            }
        }
    }

    /// Writes what others have for this client, batch by batch, until there is no more or
    /// the network takes no more.
    fn write_news(&mut self, waker: &Waker) -> Result<(), End> {
        let mut caught_up = false;
        loop {
            let blocked = !self.flush()?;
            while let Some(mail) = self.wire.client.next_mail(blocked) {
                match mail {
                    Mail::Message(message) => self.write(message)?,
                    Mail::Close(why) => return Err(End::ByUs(why)),
                }
                if self.deadlines.flushing() {
                    break;
                }
            }
            if caught_up || self.deadlines.flushing() {
                return Ok(());
            }
            let mut batch = std::mem::take(&mut self.batch);
            let logs = self.logs();
            let taken = logs.map(|logs| logs.next_batch(&mut batch, waker));
            let taken = taken.unwrap_or_default();
            self.wire.delivers(&taken);
            caught_up = !taken.more;
            for message in batch.drain(..) {
                self.write(message)?;
            }
            self.batch = batch;
        }
    }

    fn write(&mut self, message: Message) -> Result<(), End> {
        let taken = self.wire.write(message)?;
        self.wrote(taken);
        Ok(())
    }

    fn wrote(&mut self, taken: bool) {
        self.unflushed = true;
        if !taken {
            self.deadlines.flush_began(self.wire.sent());
        }
    }

    /// True when the network has taken everything.
    fn flush(&mut self) -> Result<bool, End> {
        if self.unflushed {
            if !self.wire.flush()? {
                self.deadlines.flush_began(self.wire.sent());
                return Ok(false);
            }
            self.unflushed = false;
            self.deadlines.flush_ended();
        }
        Ok(true)
    }

    fn on_due(&mut self, due: Due) -> Result<(), End> {
        match due {
            Due::Ping => {
                if let Some(payload) = self.deadlines.ping(self.wire.sent()) {
                    let taken = self.wire.ping(&payload)?;
                    self.wrote(taken);
                }
                Ok(())
            }
            Due::PongMissing if self.deadlines.pong_may_be_late(self.wire.sent()) => Ok(()),
            Due::PongMissing => Err(self.wire.lost()),
            Due::FlushStuck => Err(self.wire.too_slow()),
            Due::MessageSlow => Err(End::policy("Message too slow")),
        }
    }

    /// Leaves the list and the hub and puts the Close frame on its way: whoever has read it
    /// is not counted any more. The handler is told by `None`; [`finish`](Socket::finish)
    /// does what needs time.
    fn end_with(&mut self, end: End) {
        self.wire.ended(&end);
        self.attached = None;
        match &end {
            End::ByUs(why) => self.wire.close(why),
            // The codec has put the answer to a Close where a flush finds it. And a client
            // may end its side of the TCP connection and still read what we had to say.
            End::ByPeer(_) | End::Broken(_) => drop(self.wire.flush()),
        }
        self.end = Some(end);
    }

    /// Ends the connection in good order; `close` is what to say when it is still open.
    pub(crate) async fn finish(mut self: Box<Self>, close: CloseReason) {
        self.close(close);
        if !matches!(self.end, Some(End::Broken(_))) {
            self.wire.finish().await;
        }
    }
}

fn spend(budget: &mut Budget) -> Result<(), End> {
    let spent = budget.spend(1.0);
    spent.map_err(|_| End::policy(CloseReason::TOO_FAST))
}
