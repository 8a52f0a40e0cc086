//! Moves the bytes of one connection in both directions, and decides when it ends.
//!
//! ```text
//! client ──read──▶ frames ──faults──▶ line (latency, bandwidth) ──write──▶ server
//! ```
//!
//! Two such directions and a watchdog run in one task. The watchdog makes the faults that have
//! no direction: a reset after a time, an end after a silence. What ends a connection goes
//! through the line as well, behind the bytes that came before it.
//!
//! A blackhole stops the writing and nothing else: the proxy still reads, up to what the line
//! holds, and this machine's TCP acknowledges it. So a sender sees nothing wrong, which makes a
//! half-open connection hard to find. The end of a side is held back as well; when both sides
//! have ended, the connection ends.

use std::{future::Future, io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout},
};
use zcomm_core::xray::Direction;

use super::{
    connection::Connection,
    faults::{Fault, Faults, sender},
    line::Ending,
    passage::Passage,
    units::{Rate, Time},
};
use crate::program::until;

/// Read at a time (bytes).
const PIECE: usize = 16 * 1024;
/// So long is what a slow reader reads at once.
const SLICE: Duration = Duration::from_millis(100);
/// When one direction has ended, for the other one to do so.
const GOODBYE: Duration = Duration::from_secs(60);
/// For the last bytes before an end to leave.
const DRAIN: Duration = Duration::from_secs(1);

/// What a blackhole does at a time.
enum Hole {
    No,
    Later(Instant),
    Yes,
}

impl Connection<'_> {
    /// Until one direction ends the connection, or both have ended.
    pub(super) async fn both(
        &self,
        up: impl Future<Output = Ending>,
        down: impl Future<Output = Ending>,
    ) -> Ending {
        let (mut up, mut down) = (std::pin::pin!(up), std::pin::pin!(down));
        let first = tokio::select! {
            ending = self.watchdog() => return ending,
            ending = &mut up => (ending, Direction::ClientToServer),
            ending = &mut down => (ending, Direction::ServerToClient),
        };
        let rest = async {
            match first.1 {
                Direction::ClientToServer => down.await,
                Direction::ServerToClient => up.await,
            }
        };
        match first.0 {
            // Whoever ends first leaves the other some time for its last words.
            Ending::Fin => tokio::select! {
                ending = self.watchdog() => ending,
                ending = timeout(GOODBYE, rest) => ending.unwrap_or(Ending::Fin),
            },
            other => other,
        }
    }

    /// Ends the connection for reasons that have no direction.
    async fn watchdog(&self) -> Ending {
        let mut states = self.states.clone();
        let resets = states.borrow().resets;
        loop {
            let state = states.borrow_and_update().clone();
            if state.resets > resets {
                self.tell("reset".into());
                return Ending::Reset;
            }
            let time = |fault| state.faults.get(fault)?.value.time();
            let reset = time(Fault::ResetAfter).map(|after| (self.opened + after, after));
            let kill = time(Fault::IdleKill).map(|after| (self.shared().last + after, after));
            let now = Instant::now();
            let strikes = |(at, _): &(Instant, _)| *at <= now && self.board.may_strike();
            if let Some((_, after)) = reset.filter(strikes) {
                self.tell(format!("reset {} after it was opened", Time(after)));
                return Ending::Reset;
            }
            if let Some((_, after)) = kill.filter(strikes) {
                let silent = Time(after);
                self.tell(format!(
                    "closed without a Close frame: no byte for {silent}"
                ));
                return Ending::Cut;
            }
            // What has no strike left waits for the board to change.
            let to_come = |fault: Option<(Instant, Duration)>| {
                let (at, _) = fault.filter(|(at, _)| *at > now)?;
                Some(at)
            };
            tokio::select! {
                // Without a board there is no switch left to wait for.
                changed = states.changed() => if changed.is_err() { return Ending::Fin },
                () = until(earliest([to_come(reset), to_come(kill)])) => {}
            }
        }
    }

    /// One direction, until it has ended.
    pub(super) async fn pump(
        &self,
        way: Direction,
        first: &[u8],
        mut reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
        shrink: impl Fn(),
    ) -> Ending {
        let mut states = self.states.clone();
        let mut passage = Passage::new(self, way);
        let mut cuts = states.borrow().cuts;
        let mut faults = states.borrow_and_update().faults.clone();
        if !first.is_empty() {
            passage.came(first, &faults);
        }
        let mut piece = vec![0; PIECE];
        let (mut read_at, mut unflushed, mut shrunk, mut waited) =
            (self.opened, false, false, false);
        loop {
            let now = Instant::now();
            let (hole, line) = (self.hole(way, &faults), &passage.line);
            let (later, due) = match hole {
                Hole::No => (None, line.due()),
                Hole::Later(at) => (Some(at), line.due()),
                Hole::Yes if self.shared().ended == 2 => return Ending::Fin,
                Hole::Yes => (None, None),
            };
            if matches!(hole, Hole::Yes) {
                waited = true;
            } else if std::mem::take(&mut waited) && line.bytes() > 0 {
                let (bytes, from) = (line.bytes(), sender(way));
                self.tell(format!("the blackhole is gone: {bytes} bytes {from} go on"));
            }
            let ready = due.is_some_and(|due| due <= now);
            if let Some(ending) = line.ending().filter(|_| ready) {
                pass_end(&mut writer, ending).await;
                return ending;
            }
            let bandwidth = faults.rate(Fault::Bandwidth, way);
            let slow = slow(way, &faults);
            if slow.is_some() && !std::mem::replace(&mut shrunk, true) {
                shrink();
            }
            let room = line.has_room();
            let limit = slow.map_or(PIECE, |rate| rate.bytes_in(SLICE).min(PIECE));
            let read_later = (room && read_at > now).then_some(read_at);
            let wake = earliest([later, due.filter(|_| !ready), read_later]);
            let front = if ready { line.front(bandwidth) } else { &[] };
            tokio::select! {
                biased;
                changed = states.changed() => {
                    if changed.is_err() {
                        return Ending::Fin;
                    }
                    let state = states.borrow_and_update().clone();
                    faults = state.faults;
                    if state.cuts > cuts {
                        cuts = state.cuts;
                        passage.disturbed.cut_next();
                    }
                }
                put = put(&mut writer, front, &mut unflushed), if ready || unflushed => match put {
                    Ok(bytes) => passage.went(bytes, bandwidth),
                    // The receiver has left. How, its own direction tells, which may have
                    // more to say: a refusal, for whoever went on talking.
                    Err(_) => return Ending::Fin,
                },
                read = reader.read(&mut piece[..limit]), if room && read_later.is_none() => {
                    let bytes = passage.read(read, &piece, &faults);
                    if let Some(rate) = slow {
                        read_at = read_at.max(now) + rate.takes(bytes);
                    }
                }
                () = until(wake), if wake.is_some() => {}
            }
        }
    }

    /// What a blackhole does this way, now.
    fn hole(&self, way: Direction, faults: &Faults) -> Hole {
        let mut shared = self.shared();
        let Some(after) = faults.time(Fault::Blackhole, way) else {
            if faults.get(Fault::Blackhole).is_none() {
                shared.swallowed = false;
            }
            return Hole::No;
        };
        let at = self.opened + after;
        if Instant::now() < at {
            return Hole::Later(at);
        }
        if !shared.swallowed && self.board.may_strike() {
            shared.swallowed = true;
            self.tell("blackhole: nothing passes any more, and nothing ends".into());
        }
        match shared.swallowed {
            true => Hole::Yes,
            false => Hole::No,
        }
    }
}

/// How slowly the server is read.
fn slow(way: Direction, faults: &Faults) -> Option<Rate> {
    let rate = faults.rate(Fault::SlowReader, way);
    rate.filter(|_| way == Direction::ServerToClient)
}

/// Passes on how it ended. Whoever is gone needs no goodbye.
async fn pass_end(writer: &mut (impl AsyncWrite + Unpin), ending: Ending) {
    match ending {
        Ending::Fin => writer.shutdown().await.ok(),
        Ending::Cut | Ending::Reset => timeout(DRAIN, writer.flush()).await.ok().map(drop),
    };
}

/// Writes some of these bytes; without any, what was written is on its way. Cancel-safe.
async fn put(
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

fn earliest<const N: usize>(times: [Option<Instant>; N]) -> Option<Instant> {
    times.into_iter().flatten().min()
}
