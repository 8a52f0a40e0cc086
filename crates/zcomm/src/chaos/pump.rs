//! Moves the bytes of one direction, until it ends.
//!
//! ```text
//! client ──read──▶ frames ──faults──▶ queue (latency, bandwidth) ──write──▶ server
//! ```
//!
//! What ends a connection goes through the queue as well, after the bytes that came before it.
//!
//! A blackhole stops the writing and nothing else. The proxy still reads, until the queue is full,
//! and this machine's TCP acknowledges the bytes. So the sender sees nothing wrong, which makes a
//! half-open connection hard to find. The end of a side is held back as well; when both sides
//! have ended, the connection ends.

use std::{io, time::Duration};

use socket2::Socket;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::watch,
    time::{Instant, timeout},
};
use zcomm_core::xray::Direction;

use super::{
    board::Controls,
    connection::ProxiedConnection,
    delay_queue::Ending,
    faults::{Fault, Faults, sender},
    passage::Passage,
    units::Rate,
};
use crate::shared::run::until;

/// The most that one read returns (bytes).
const READ_SIZE: usize = 16 * 1024;
/// A slow reader reads as many bytes at once as its rate allows in this time.
const SLOW_SLICE: Duration = Duration::from_millis(100);
/// The receive buffer of a slow reader (bytes); the operating system doubles it.
const SLOW_BUFFER: usize = 4096;
/// The time limit for the last bytes before a cut or a reset.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// One direction of a connection.
pub(super) struct Pump<'a, R, W> {
    connection: &'a ProxiedConnection<'a>,
    direction: Direction,
    reader: R,
    writer: W,
    /// The socket of the server, in the pump that reads from it.
    slow_socket: Option<Socket>,
    passage: Passage<'a>,
    controls: watch::Receiver<Controls>,
    faults: Faults,
    /// How many cuts by the user are done.
    cuts: u64,
    /// When a slow reader may read again.
    read_at: Instant,
    /// Whether the writer holds bytes that are not flushed.
    unflushed: bool,
    /// Whether the blackhole holds bytes back.
    held: bool,
}

impl<'a, R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Pump<'a, R, W> {
    pub(super) fn new(
        connection: &'a ProxiedConnection<'a>,
        direction: Direction,
        reader: R,
        writer: W,
        slow_socket: Option<Socket>,
    ) -> Pump<'a, R, W> {
        let mut controls = connection.controls.clone();
        let Controls { faults, cuts, .. } = controls.borrow_and_update().clone();
        Pump {
            connection,
            direction,
            reader,
            writer,
            slow_socket,
            passage: Passage::new(connection, direction),
            controls,
            faults,
            cuts,
            read_at: connection.opened,
            unflushed: false,
            held: false,
        }
    }

    /// Moves bytes until this direction has ended; `first` counts as read already.
    pub(super) async fn run(mut self, first: &[u8]) -> Ending {
        if !first.is_empty() {
            self.passage.receive(first, &self.faults);
        }
        let mut buffer = vec![0; READ_SIZE];
        loop {
            let now = Instant::now();
            self.check_blackhole(now);
            if self.held && self.connection.activity().ended == 2 {
                return Ok(());
            }
            let may_write = self.next_write().is_some_and(|due| due <= now);
            if let Some(ending) = self.passage.queue.ending().filter(|_| may_write) {
                pass_end(&mut self.writer, ending).await;
                return ending;
            }
            if !self.step(now, may_write, &mut buffer).await {
                return Ok(());
            }
        }
    }

    /// Reads or writes once, or takes over a change; returns `false` if nothing can follow.
    async fn step(&mut self, now: Instant, may_write: bool, buffer: &mut [u8]) -> bool {
        let bandwidth = self.faults.rate(Fault::Bandwidth, self.direction);
        let slow = self.slow_reader();
        let limit = slow.map_or(READ_SIZE, |rate| rate.bytes_in(SLOW_SLICE).min(READ_SIZE));
        let may_read = self.passage.queue.has_room() && self.read_at <= now;
        let wake = self.next_wake(now);
        let chunk = match may_write {
            true => self.passage.queue.front(bandwidth),
            false => &[],
        };
        tokio::select! {
            biased;
            changed = self.controls.changed() => match changed {
                Ok(()) => self.update_controls(),
                // Without a board, the program ends.
                Err(_) => return false,
            },
            written = write_some(&mut self.writer, chunk, &mut self.unflushed),
                if may_write || self.unflushed => match written {
                Ok(bytes) => self.passage.sent(bytes, bandwidth),
                // The receiver has left. Its own direction ends the connection, and may still
                // carry data: a refusal, for a client that goes on sending.
                Err(_) => return false,
            },
            read = self.reader.read(&mut buffer[..limit]), if may_read => {
                let bytes = self.passage.handle_read(read, buffer, &self.faults);
                if let Some(rate) = slow {
                    self.read_at = self.read_at.max(now) + rate.takes(bytes);
                }
            }
            () = until(wake) => {}
        }
        true
    }

    /// Takes over what the board has changed.
    fn update_controls(&mut self) {
        let controls = self.controls.borrow_and_update().clone();
        self.faults = controls.faults;
        if controls.cuts > self.cuts {
            self.cuts = controls.cuts;
            self.passage.disturber.cut = true;
        }
    }

    /// Updates whether the blackhole holds bytes back, and reports when it stops.
    fn check_blackhole(&mut self, now: Instant) {
        let was_held = self.held;
        self.held = self.in_blackhole(now);
        let bytes = self.passage.queue.bytes;
        if was_held && !self.held && bytes > 0 {
            let from = sender(self.direction);
            let event = format!("the blackhole has ended: passing on {bytes} bytes {from}");
            self.connection.report(event);
        }
    }

    /// Whether the blackhole has begun. It counts once for both directions.
    fn in_blackhole(&self, now: Instant) -> bool {
        let mut activity = self.connection.activity();
        if self.faults.get(Fault::Blackhole).is_none() {
            activity.in_blackhole = false;
        }
        if self.blackhole_start().is_none_or(|start| start > now) {
            return false;
        }
        if !activity.in_blackhole && self.connection.board.may_break() {
            activity.in_blackhole = true;
            let event = "blackhole: all data is held back, and the connection stays open";
            self.connection.report(event.into());
        }
        activity.in_blackhole
    }

    fn blackhole_start(&self) -> Option<Instant> {
        let after = self.faults.time(Fault::Blackhole, self.direction)?;
        Some(self.connection.opened + after)
    }

    /// Returns the rate of a slow reader, and shrinks the receive buffer for it.
    fn slow_reader(&self) -> Option<Rate> {
        let socket = self.slow_socket.as_ref()?;
        let rate = self.faults.rate(Fault::SlowReader, self.direction)?;
        // If the system refuses, the reader is slow with the buffer that it has.
        socket.set_recv_buffer_size(SLOW_BUFFER).ok();
        Some(rate)
    }

    /// Returns when the queue may be written next; `None` if it is empty or held back.
    fn next_write(&self) -> Option<Instant> {
        self.passage.queue.due().filter(|_| !self.held)
    }

    /// Returns the next time at which something can change by itself.
    fn next_wake(&self, now: Instant) -> Option<Instant> {
        let times = [
            self.blackhole_start(),
            self.next_write(),
            Some(self.read_at),
        ];
        times.into_iter().flatten().filter(|time| *time > now).min()
    }
}

/// Passes an end on. An error means that the receiver has left.
async fn pass_end(writer: &mut (impl AsyncWrite + Unpin), ending: Ending) {
    match ending {
        Ok(()) => writer.shutdown().await.ok(),
        Err(_) => timeout(FLUSH_LIMIT, writer.flush()).await.ok().map(drop),
    };
}

/// Writes some of these bytes; without bytes, flushes those of earlier calls. Cancel-safe.
async fn write_some(
    writer: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    unflushed: &mut bool,
) -> io::Result<usize> {
    if bytes.is_empty() {
        writer.flush().await?;
        *unflushed = false;
        return Ok(0);
    }
    let written = writer.write(bytes).await?;
    *unflushed = true;
    match written {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}
