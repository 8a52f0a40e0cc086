//! The conversation with one client.

use std::{future::pending, process::ExitStatus, sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};
use zcomm_core::{CloseReason, Connection, Error, Message, Result};

use super::{
    audience::{Audience, Seat},
    output::{Notes, Output},
    process::{Exec, Process},
};
use crate::shared::run::until;

/// While the queue of a process is full, the server reads no messages for this process. If the
/// queue stays full for this time, the server closes the connection of the client.
const PATIENCE: Duration = Duration::from_secs(4);
/// After a process has ended, the server waits at most this long for each line of its output.
const LAST: Duration = Duration::from_secs(1);
/// The close code for a client that may try again later.
const TRY_AGAIN_LATER: u16 = 1013;

/// What the server does with a message of a client, after it has printed the message.
pub(super) enum Reply {
    Nothing,
    Echo,
    Broadcast,
    Exec(Exec),
}

/// The values that the tasks of all clients share.
pub(super) struct Service {
    pub(super) audience: Arc<Audience>,
    pub(super) out: Output,
    pub(super) notes: Notes,
    pub(super) reply: Reply,
}

impl Service {
    /// Serves one client, from its handshake to the end of the connection.
    pub(super) async fn serve(self: Arc<Self>, mut connection: Connection) -> Result<()> {
        let mut seat = self.audience.join(connection.id());
        let (sender, mut ended) = oneshot::channel();
        // Sending fails only after `serve` has returned.
        connection.on_end(move |end| drop(sender.send(end.clone())));
        self.out.opened(connection.info()).await;
        let done = match &self.reply {
            Reply::Exec(exec) => self.start(exec, &mut connection, &mut seat).await,
            _ => self.talk(&mut connection, seat).await,
        };
        match done {
            Ok(()) | Err(Error::Closed) => {}
            Err(error) => {
                self.notes.note(&format!(
                    "client {}: {}",
                    connection.id(),
                    error.with_help()
                ));
                connection.close(CloseReason::SERVER_ERROR, "Internal error");
            }
        }
        // If the connection is still open, the input of a process has ended, so the server stops.
        connection.close(CloseReason::GOING_AWAY, "Server shutting down");
        if let Ok(end) = ended.try_recv() {
            self.out.closed(connection.info(), &end).await;
        }
        Ok(())
    }

    /// Prints the messages of a client, and sends the lines of the input to the client. Drops the
    /// seat when the client has all lines. Returns when the connection has ended.
    async fn talk(&self, connection: &mut Connection, seat: Seat) -> Result<()> {
        let mut seat = Some(seat);
        loop {
            tokio::select! {
                message = connection.recv() => {
                    let Some(message) = message else { return Ok(()) };
                    self.out.received(connection.info(), &message).await;
                    match self.reply {
                        Reply::Echo => connection.send(message).await?,
                        Reply::Broadcast => {
                            connection.hub().broadcast_except(message, connection.id())?;
                        }
                        Reply::Nothing | Reply::Exec(_) => {}
                    }
                }
                line = next_line(&mut seat) => match line {
                    Some(line) => connection.send(line).await?,
                    None => {
                        connection.flush().await?;
                        seat = None;
                    }
                },
            }
        }
    }

    /// Starts a process for a client, and kills the process at the end.
    async fn start(&self, exec: &Exec, connection: &mut Connection, seat: &mut Seat) -> Result<()> {
        let Some(mut process) = exec.start(connection.id(), &self.notes)? else {
            connection.close(TRY_AGAIN_LATER, "Too many processes: try again later");
            self.notes.note(&format!(
                "client {} refused: too many processes run; --max-processes allows more",
                connection.id()
            ));
            return Ok(());
        };
        let done = match self.exchange(connection, seat, &mut process).await {
            Ok(Some(status)) => last(connection, &mut process, status).await,
            done => done.map(|_| ()),
        };
        process.end().await;
        done
    }

    /// Writes the messages of the client to the process, and sends the lines of the process to
    /// the client. Returns the status of the process if the process has ended. Returns `None` if
    /// the connection or the input has ended.
    async fn exchange(
        &self,
        connection: &mut Connection,
        seat: &mut Seat,
        process: &mut Process,
    ) -> Result<Option<ExitStatus>> {
        // A message that waits for space in the queue of the process, and the time at which this
        // wait ends.
        let mut waiting: Option<(Vec<u8>, Instant)> = None;
        loop {
            let late = waiting.as_ref().map(|(_, late)| *late);
            tokio::select! {
                message = connection.recv(), if waiting.is_none() => {
                    let Some(message) = message else { return Ok(None) };
                    self.out.received(connection.info(), &message).await;
                    waiting = Some((bytes(message), Instant::now() + PATIENCE));
                }
                free = process.input.reserve(), if waiting.is_some() => {
                    // `free` is an error if the process has closed its stdin. Then the line is lost.
                    if let (Ok(free), Some((line, _))) = (free, waiting.take()) {
                        free.send(line);
                    }
                }
                Some(line) = process.lines.recv() => connection.send(message(line)).await?,
                line = seat.next() => match line {
                    Some(line) => connection.send(line).await?,
                    None => {
                        connection.flush().await?;
                        return Ok(None);
                    }
                },
                () = until(late) => {
                    connection.close(CloseReason::SERVER_ERROR, "The process does not read");
                    return Ok(None);
                }
                status = process.child.wait() => return Ok(Some(status?)),
            }
            if waiting.is_some() {
                // While a message waits, this loop does not call `recv`, which also flushes. So
                // flush here.
                connection.flush().await?;
            }
        }
    }
}

/// Waits for the next line. Waits for ever if there is no seat.
async fn next_line(seat: &mut Option<Seat>) -> Option<Message> {
    match seat {
        Some(seat) => seat.next().await,
        None => pending().await,
    }
}

/// Sends the last lines of a process, and closes the connection.
async fn last(
    connection: &mut Connection,
    process: &mut Process,
    status: ExitStatus,
) -> Result<()> {
    // The programs that the process has started may keep stdout open. So kill the whole group
    // of the process. But a program may have left the group. So the wait for each line has a
    // limit, too.
    process.kill();
    while let Ok(Some(line)) = timeout(LAST, process.lines.recv()).await {
        connection.send(message(line)).await?;
    }
    match status.success() {
        true => connection.close(CloseReason::NORMAL, "The process has ended"),
        false => connection.close(
            CloseReason::SERVER_ERROR,
            &format!("The process has ended: {status}"),
        ),
    }
    Ok(())
}

/// Returns the bytes of a message, for a process.
fn bytes(message: Message) -> Vec<u8> {
    match message {
        Message::Text(text) => text.as_bytes().to_vec(),
        Message::Binary(data) => data.to_vec(),
    }
}

/// Makes a message of a line: text if it is UTF-8, otherwise binary.
pub(super) fn message(line: Vec<u8>) -> Message {
    match String::from_utf8(line) {
        Ok(text) => Message::from(text),
        Err(error) => Message::Binary(error.into_bytes().into()),
    }
}
