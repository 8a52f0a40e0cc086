//! The run from above: threads, connections, the start, the end.
//!
//! ```text
//!   opening ──all open, or time is up──▶ warm-up ▶ measured ▶ drain ──▶ over
//! ```
//!
//! Each part has a time limit, so a run ends when it should, whatever the server does: at
//! most two seconds after the measurement. Each thread has a runtime of its own; connections
//! share nothing but a few counters.

use std::{
    cell::RefCell,
    io,
    pin::{Pin, pin},
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::{
    task::{JoinError, JoinSet, LocalSet},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    lifecycle, pacer,
    plan::{Pace, Span},
    run::{Phase, Run},
    server::Server,
    tally::Tally,
};
use crate::processes::{Usage, Watched};

/// For all connections to open, besides the ramp-up, and for each of them.
const OPENING: Duration = Duration::from_secs(20);
const OPENING_EACH: Duration = Duration::from_millis(5);
/// For messages that are on their way at the end.
pub(super) const DRAIN: Duration = Duration::from_millis(1500);
/// For the goodbyes.
const GOODBYE: Duration = Duration::from_millis(500);
/// Between two looks at the server, and at how far it is.
const LOOK: Duration = Duration::from_millis(100);

/// What a run has found out.
pub(super) struct Measured {
    pub(super) tally: Tally,
    pub(super) span: Span,
    pub(super) opened: usize,
    /// Subscribers at the start.
    pub(super) subscribers: usize,
    pub(super) server: Option<Server>,
    /// CPU time of this process while it measured.
    pub(super) own_cpu: Duration,
    pub(super) interrupted: bool,
}

/// Ctrl-C, once: whoever has seen it does not wait for it again.
struct Interrupt<'a> {
    signal: Pin<&'a mut (dyn Future<Output = io::Result<()>> + 'a)>,
    seen: bool,
}

impl Interrupt<'_> {
    async fn wait(&mut self) {
        if self.seen {
            return std::future::pending().await;
        }
        if self.signal.as_mut().await.is_err() {
            // Signals cannot be watched here: then they do what they usually do.
            return std::future::pending().await;
        }
        self.seen = true;
    }
}

/// Does it all.
pub(super) async fn direct(run: &Arc<Run>) -> io::Result<Measured> {
    let signal = pin!(tokio::signal::ctrl_c());
    let mut interrupt = Interrupt {
        signal,
        seen: false,
    };
    let mut server = Server::find(&run.options.addresses);
    let threads = (0..run.plan.threads).map(|index| {
        let run = Arc::clone(run);
        thread::Builder::new()
            .name(format!("load {index}"))
            .spawn(move || load(&run, index))
    });
    let threads: Vec<_> = threads.collect::<io::Result<_>>()?;
    opening(run, &mut interrupt, server.as_mut()).await;
    let subscribers = run.subscribers.load(Relaxed);
    let own_cpu = match interrupt.seen || run.open.load(Relaxed) == 0 {
        true => Duration::ZERO,
        false => measure(run, &mut interrupt, server.as_mut()).await?,
    };
    run.phase.send_replace(Phase::Over);
    let mut tally = Tally::new();
    for thread in threads {
        // Bounded: GOODBYE. Nothing else is to be done by this thread.
        let one = thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        tally.merge(one);
    }
    tally.cover(run.span());
    Ok(Measured {
        tally,
        span: run.span(),
        opened: run.opened.load(Relaxed),
        subscribers,
        server,
        own_cpu,
        interrupted: interrupt.seen,
    })
}

/// One thread with its share of the connections.
fn load(run: &Arc<Run>, index: usize) -> io::Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tally = Rc::new(RefCell::new(Tally::new()));
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let mut all = JoinSet::new();
        for number in (index..run.plan.connections).step_by(run.plan.threads) {
            let (run, tally) = (Arc::clone(run), Rc::clone(&tally));
            all.spawn_local(lifecycle::live(run, number, tally));
        }
        let mut phase = run.phase.subscribe();
        let over = async {
            // The run outlives its threads.
            phase.wait_for(|phase| *phase == Phase::Over).await.ok();
            sleep(GOODBYE).await;
        };
        tokio::select! {
            () = async {
                while let Some(lived) = all.join_next().await {
                    // What went wrong here must not pass for a measurement.
                    if let Err(Ok(panic)) = lived.map_err(JoinError::try_into_panic) {
                        std::panic::resume_unwind(panic);
                    }
                }
            } => {}
            () = over => {}
        }
    });
    drop(local);
    Ok(tally.replace(Tally::new()))
}

/// Waits until every connection is open or has failed.
async fn opening(run: &Run, interrupt: &mut Interrupt<'_>, mut server: Option<&mut Server>) {
    let all = run.plan.connections;
    let bar = bar("opening  {bar:30} {pos}/{len}", all as u64);
    let each = OPENING_EACH.saturating_mul(u32::try_from(all).unwrap_or(u32::MAX));
    let opened = async {
        loop {
            let opened = run.opened.load(Relaxed);
            bar.set_position(opened as u64);
            if opened + run.failed.load(Relaxed) >= all || interrupt.seen {
                return;
            }
            tokio::select! {
                () = run.changed.notified() => {}
                () = sleep(LOOK) => if let Some(server) = &mut server { server.look() },
                () = interrupt.wait() => {}
            }
        }
    };
    // Those that are not open by then have failed.
    timeout(run.plan.ramp_up + OPENING + each, opened)
        .await
        .ok();
    bar.finish_and_clear();
    if let Some(server) = server {
        server.connected();
    }
}

/// From the first message to the last; returns the CPU time that this process has used.
async fn measure(
    run: &Arc<Run>,
    interrupt: &mut Interrupt<'_>,
    mut server: Option<&mut Server>,
) -> io::Result<Duration> {
    let span = run.start();
    if let Pace::Rate(rate) = run.plan.pace {
        pacer::start(run, rate)?;
    }
    let bar = bar(
        "warm-up  {bar:30} {pos}/{len} s",
        run.plan.warm_up.as_secs(),
    );
    wait(run, interrupt, &mut server, run.started(), span.begin, &bar).await;
    bar.finish_and_clear();
    let mut own = Watched::new([std::process::id()]);
    let Usage { cpu: before, .. } = own.usage();
    if let Some(server) = &mut server {
        server.begin();
    }
    let bar = self::bar(
        "measured {bar:30} {pos}/{len} s",
        run.plan.duration.as_secs(),
    );
    wait(run, interrupt, &mut server, span.begin, span.end, &bar).await;
    run.cut();
    bar.finish_and_clear();
    let used = own.usage().cpu.saturating_sub(before);
    if let Some(server) = &mut server {
        server.end();
    }
    let drained = async {
        while run.busy.load(Relaxed) > 0 {
            run.changed.notified().await;
        }
    };
    // What is not back by then is lost.
    timeout(DRAIN, drained).await.ok();
    Ok(used)
}

/// Waits for this time, or until nothing is left to wait for.
async fn wait(
    run: &Run,
    interrupt: &mut Interrupt<'_>,
    server: &mut Option<&mut Server>,
    from: u64,
    to: u64,
    bar: &ProgressBar,
) {
    while !interrupt.seen && run.open.load(Relaxed) > 0 && run.now() < to {
        let next = run.instant(to).min(Instant::now() + LOOK);
        tokio::select! {
            () = sleep_until(next) => {}
            () = interrupt.wait() => {}
        }
        bar.set_position(run.now().saturating_sub(from) / 1_000_000_000);
        if let Some(server) = server {
            server.look();
        }
    }
}

/// A bar on stderr; where that is no terminal there is none.
fn bar(template: &str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style.progress_chars("#> "))
}
