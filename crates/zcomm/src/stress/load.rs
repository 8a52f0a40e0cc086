//! Runs a load test: starts threads and connections, and controls the phases.
//!
//! ```text
//!   opening ──all open, or timeout──▶ warm-up ▶ measured ▶ drain ──▶ over
//! ```
//!
//! Each phase has a time limit. So a run ends at most two seconds after the measurement, even if
//! the server does not answer.
//!
//! Each thread has its own async runtime, and runs a part of the connections. The threads share
//! only a few counters.

use std::{
    cell::RefCell,
    io,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::{
    task::{JoinSet, LocalSet},
    time::{Instant, sleep, sleep_until, timeout},
};

use zcomm_core::StopSignals;

use super::{
    lifecycle, pacer,
    report::Report,
    run::{Phase, Run},
    server::Server,
    tally::Tally,
};
use crate::shared::{
    processes::{Usage, Watched},
    run::block_on,
};

/// The time limit for opening all connections: `OPENING` plus the ramp-up, plus `OPENING_EACH`
/// for each connection.
const OPENING: Duration = Duration::from_secs(20);
const OPENING_EACH: Duration = Duration::from_millis(5);
/// The time limit for messages that are in flight at the end of the measurement.
pub(super) const DRAIN: Duration = Duration::from_millis(1500);
/// The time limit for closing the connections.
const CLOSING: Duration = Duration::from_millis(500);
/// The pause between two measurements of the server. After each pause, the tool also checks for
/// a signal and updates the progress bar.
const LOOK: Duration = Duration::from_millis(100);

/// Runs a load from the first handshake to the last Close frame.
pub(super) async fn measure(run: &Arc<Run>) -> io::Result<Report> {
    tokio::spawn(watch_signals(Arc::clone(run), StopSignals::new()?));
    let mut director = Director {
        run,
        own: Watched::new([std::process::id()]),
        server: Server::find(&run.options.addresses),
    };
    let mut threads = Vec::new();
    for index in 0..run.plan.threads() {
        let run = Arc::clone(run);
        let thread = thread::Builder::new().name(format!("load {index}"));
        threads.push(thread.spawn(move || load(&run, index))?);
    }
    director.open().await;
    let subscribers = run.subscribers.load(Relaxed);
    let cpu = match director.is_interrupted() || run.open.load(Relaxed) == 0 {
        true => [Duration::ZERO; 2],
        false => director.load().await?,
    };
    run.phase.send_replace(Phase::Over);
    let mut tally = Tally::new();
    for thread in threads {
        // `join` may block this thread, for at most CLOSING. This thread has no other work.
        let one = thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        tally.merge(one);
    }
    tally.cover(run.span());
    let server = director.server;
    Ok(Report::new(run, tally, subscribers, server, cpu))
}

/// Ends the run early after a signal. A second signal ends the process at once.
async fn watch_signals(run: Arc<Run>, mut signals: StopSignals) {
    run.interrupted.store(signals.next().await, Relaxed);
    let code = signals.next().await;
    #[allow(clippy::disallowed_methods, reason = "a second signal means at once")]
    std::process::exit(code.into());
}

/// Runs one thread's share of the connections.
fn load(run: &Arc<Run>, index: usize) -> io::Result<Tally> {
    let tally = Rc::new(RefCell::new(Tally::new()));
    block_on(async {
        let local = LocalSet::new();
        let mut all = JoinSet::new();
        for number in (index..run.plan.connections).step_by(run.plan.threads()) {
            let live = lifecycle::live(Arc::clone(run), number, Rc::clone(&tally));
            all.spawn_local_on(live, &local);
        }
        let over = async {
            run.reached(Phase::Over).await;
            sleep(CLOSING).await;
        };
        // If a connection's task panics, `join_all` panics here, too. The run must stop,
        // because the report would be wrong without this connection.
        let ended = async {
            tokio::select! {
                _ = all.join_all() => {}
                () = over => {}
            }
        };
        local.run_until(ended).await;
        Ok::<_, io::Error>(())
    })?;
    Ok(tally.replace(Tally::new()))
}

/// Controls the phases of a run, and measures the server during the run.
struct Director<'a> {
    run: &'a Arc<Run>,
    own: Watched,
    server: Option<Server>,
}

impl Director<'_> {
    fn is_interrupted(&self) -> bool {
        self.run.interrupted.load(Relaxed) != 0
    }

    /// Measures the server's memory and CPU time.
    fn look(&mut self) -> Usage {
        let server = self.server.as_mut();
        server.map(Server::look).unwrap_or_default()
    }

    /// Returns the CPU time that this process and the server have used.
    fn cpu(&mut self) -> [Duration; 2] {
        [self.own.usage().cpu, self.look().cpu]
    }

    /// Waits until every connection is open or has failed.
    async fn open(&mut self) {
        let run = self.run;
        let all = run.plan.connections;
        let bar = bar("opening  {bar:30} {pos}/{len}", all as u64);
        let each = OPENING_EACH.saturating_mul(u32::try_from(all).unwrap_or(u32::MAX));
        let opened = async {
            loop {
                let opened = run.opened.load(Relaxed);
                bar.set_position(opened as u64);
                if opened + run.failed.load(Relaxed) >= all || self.is_interrupted() {
                    return;
                }
                tokio::select! {
                    () = run.changed.notified() => {}
                    () = sleep(LOOK) => { self.look(); }
                }
            }
        };
        // After this time, a connection that is not open counts as failed.
        let limit = run.plan.ramp_up + OPENING + each;
        timeout(limit, opened).await.ok();
        bar.finish_and_clear();
        if let Some(server) = &mut self.server {
            server.connected = server.look().memory;
        }
    }

    /// Runs the load, from the first message to the last. Returns the CPU time that this process
    /// and the server have used in the measurement.
    async fn load(&mut self) -> io::Result<[Duration; 2]> {
        let run = self.run;
        let span = run.start();
        if let Some(rate) = run.plan.rate {
            pacer::start(run, rate)?;
        }
        self.wait("warm-up ", run.started(), span.begin).await;
        let before = self.cpu();
        self.wait("measured", span.begin, span.end).await;
        run.cut();
        let [own, server] = self.cpu();
        let drained = async {
            while run.busy.load(Relaxed) > 0 {
                run.changed.notified().await;
            }
        };
        // After this time, a message that is not back counts as lost.
        let timed_out = timeout(DRAIN, drained).await.is_err();
        run.timed_out.store(timed_out, Relaxed);
        Ok([
            own.saturating_sub(before[0]),
            server.saturating_sub(before[1]),
        ])
    }

    /// Waits until the time `to`. The progress bar starts at the time `from`. The wait ends early
    /// after a signal, or when no connection is open.
    async fn wait(&mut self, label: &str, from: u64, to: u64) {
        let run = self.run;
        let seconds = |time: u64| time.saturating_sub(from) / 1_000_000_000;
        let bar = bar(
            &format!("{label} {{bar:30}} {{pos}}/{{len}} s"),
            seconds(to),
        );
        while !self.is_interrupted() && run.open.load(Relaxed) > 0 && run.now() < to {
            sleep_until(run.instant(to).min(Instant::now() + LOOK)).await;
            bar.set_position(seconds(run.now()));
            self.look();
        }
        bar.finish_and_clear();
    }
}

/// Returns a progress bar on stderr. The bar is invisible if stderr is not a terminal.
fn bar(template: &str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style.progress_chars("#> "))
}
