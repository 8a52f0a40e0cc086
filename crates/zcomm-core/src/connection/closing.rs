//! The end of a connection: its Close frame, and the log line that says what was not sent.
//!
//! The log line of an end by the server says that the Close frame was sent only if the network
//! has accepted the frame. So the line may have to wait until the last bytes are written.

use std::future::poll_fn;

use tokio::time::timeout_at;

use crate::{
    connection::{recorder::Unsent, socket::Socket},
    protocol::close_reason::CloseReason,
    wire::end::End,
};

impl Socket {
    /// Ends the connection for the reason `close`, if the connection is still open. Then writes
    /// the last bytes, if the connection is not broken.
    ///
    /// If the server stops, first sends the messages in the logs. The handler may have returned
    /// before they were sent, because an append to a closed log fails.
    pub(crate) async fn finish(mut self: Box<Self>, close: CloseReason) {
        if self.stopping().is_some() {
            poll_fn(|context| self.poll_recv(context)).await;
        }
        self.close(close);
        if matches!(self.end, Some(End::Broken(_))) {
            return;
        }
        let until = self.deadlines.close_until();
        let written = self.wire.write_last(until).await;
        if let (Some(messages), Some(end)) = (self.unsent, &self.end) {
            // The client has only a part of the message that is left in the output.
            let has_part =
                !written && self.deadlines.stop_is_over() && !self.wire.meter.output.is_empty();
            let unsent = Unsent {
                messages: messages as usize + usize::from(has_part),
                close_frame: !written,
                ..self.nothing_unsent()
            };
            self.recorder.log_end(end, &self.client.info, &unsent);
        }
        match until {
            _ if !written => {}
            // Ignore a timeout: the Close frame is written, so the connection may end.
            Some(until) => drop(timeout_at(until, self.wire.leave()).await),
            None => self.wire.leave().await,
        }
    }

    /// Removes the client from the registry and the logs, and then sends the Close frame. So when
    /// a client has read the frame, the server does not count this client any more.
    ///
    /// After this call, the handler's `recv` returns `None`. [`finish`](Socket::finish) later
    /// waits for the network.
    pub(super) fn end_with(&mut self, end: End) {
        let messages = self.drop_unsent();
        self.recorder.ended(&end, &self.client.info);
        self.sources = None;
        let sent = self.wire.end(&end);
        if sent || !matches!(end, End::ByUs(_)) {
            let unsent = Unsent {
                messages,
                ..self.nothing_unsent()
            };
            self.recorder.log_end(&end, &self.client.info, &unsent);
        } else {
            // `finish` writes the Close frame, and then the log line.
            self.unsent = Some(u32::try_from(messages).unwrap_or(u32::MAX));
        }
        self.end = Some(end);
    }

    fn nothing_unsent(&self) -> Unsent {
        Unsent {
            messages: 0,
            close_frame: false,
            limit: self.deadlines.stop_timeout(),
        }
    }

    /// When the time of a stop is over, drops the messages that still wait, so that the Close frame
    /// comes next. Returns the number of dropped messages.
    fn drop_unsent(&mut self) -> usize {
        if !self.deadlines.stop_is_over() {
            return 0;
        }
        let sources = self.sources.as_mut();
        let in_logs = sources.map_or(0, |sources| sources.logs.unread());
        in_logs + self.client.waiting_mail() + self.wire.meter.drop_broadcasts()
    }
}
