//! Moves the bytes of one direction from the sender to the receiver.
//!
//! ```text
//! client ──read──▶ frames ──faults──▶ queue (latency, bandwidth) ──write──▶ server
//! ```
//!
//! When the sender closes its stream, this end also waits in the queue, after all earlier bytes.
//!
//! A blackhole only stops writing. The proxy still reads until the queue is full, and TCP on
//! this machine acknowledges the bytes. So the sender sees no error. For this reason, a half-open
//! connection is hard to detect.
//!
//! If one side closes its stream, the other side does not see this during the blackhole. If both
//! sides have closed their streams, the proxy closes the connection.

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

/// One read returns at most this number of bytes.
const READ_SIZE: usize = 16 * 1024;
/// With the fault `slow-reader`, one read returns at most the bytes that the rate allows in this
/// time.
const SLOW_SLICE: Duration = Duration::from_millis(100);
/// The receive buffer of a slow reader (bytes). The operating system doubles this number.
const SLOW_BUFFER: usize = 4096;
/// The time limit for writing the last bytes before a cut or a reset.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// One direction of a connection.
pub(super) struct Pump<'a, R, W> {
    connection: &'a ProxiedConnection<'a>,
    direction: Direction,
    reader: R,
    writer: W,
    /// The server's socket, only in the pump that reads from the server.
    slow_socket: Option<Socket>,
    passage: Passage<'a>,
    controls: watch::Receiver<Controls>,
    faults: Faults,
    /// The number of cuts by the user that this pump has started.
    cuts: u64,
    /// The time at which a slow reader may read again.
    read_at: Instant,
    /// Whether the writer contains bytes that are not flushed.
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

    /// Moves bytes until this direction has ended. The bytes in `first` are already read.
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

    /// Reads, writes or updates the faults once. Returns `false` if this direction is finished.
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
                // An error means that the program ends and has dropped the board.
                Err(_) => return false,
            },
            written = write_some(&mut self.writer, chunk, &mut self.unflushed),
                if may_write || self.unflushed => match written {
                Ok(bytes) => self.passage.sent(bytes, bandwidth),
                // The receiver accepts no more bytes, but may still send bytes, such as a
                // refusal. So the connection stays open.
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

    /// Reads the new faults and cuts from the board.
    fn update_controls(&mut self) {
        let controls = self.controls.borrow_and_update().clone();
        self.faults = controls.faults;
        if controls.cuts > self.cuts {
            self.cuts = controls.cuts;
            self.passage.disturber.cut = true;
        }
    }

    /// Checks whether the blackhole holds bytes back now, and reports the end of a blackhole.
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

    /// Whether the blackhole stops this direction now. For `--times`, a blackhole in both
    /// directions counts once.
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

    /// If the fault `slow-reader` is on for this direction, makes the socket's receive buffer
    /// small, and returns the rate of the fault. Otherwise returns `None`.
    fn slow_reader(&self) -> Option<Rate> {
        let socket = self.slow_socket.as_ref()?;
        let rate = self.faults.rate(Fault::SlowReader, self.direction)?;
        // If this call fails, the reader is still slow, but has a larger buffer.
        socket.set_recv_buffer_size(SLOW_BUFFER).ok();
        Some(rate)
    }

    /// Returns when the next write may begin; `None` if the queue is empty or held back.
    fn next_write(&self) -> Option<Instant> {
        self.passage.queue.due().filter(|_| !self.held)
    }

    /// Returns the next time at which this pump must wake up.
    fn next_wake(&self, now: Instant) -> Option<Instant> {
        let times = [
            self.blackhole_start(),
            self.next_write(),
            Some(self.read_at),
        ];
        times.into_iter().flatten().filter(|time| *time > now).min()
    }
}

/// Closes the stream to the receiver, or flushes the last bytes before a cut or a reset. Ignores
/// errors: an error means that the receiver has left.
async fn pass_end(writer: &mut (impl AsyncWrite + Unpin), ending: Ending) {
    match ending {
        Ok(()) => writer.shutdown().await.ok(),
        Err(_) => timeout(FLUSH_LIMIT, writer.flush()).await.ok().map(drop),
    };
}

/// Writes some of these bytes. If there are no bytes, flushes earlier bytes. A cancelled call
/// loses no bytes.
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
