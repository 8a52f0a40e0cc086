//! `zcomm chaos`: a bad network, on this machine and on demand.
//!
//! What a WebSocket has heartbeats, acks and back-off for does not happen on a loopback. This
//! stands between a client and a server and makes it happen: delays, silence, an end in the
//! middle of a frame, everything twice. It knows frames, so a fault can be aimed: "cut message
//! 3", "swallow the pongs".
//!
//! What goes wrong is plain data ([`faults`]); [`words`] reads it from options, scripts and
//! keys; the [`board`] switches it. Each [`connection`] is [carried](carry) in two directions
//! ([`passage`]): the [`frames`] are found in its bytes, something is done to them
//! ([`mod@disturb`]), and the [`line`](mod@line) delays them.
//!
//! Production does this to itself on purpose, at an hour when everybody is awake, and calls it
//! a game day.

mod arguments;
mod board;
mod carry;
mod connection;
mod disturb;
mod faults;
mod frames;
mod keys;
mod line;
mod passage;
mod pump;
mod script;
mod teller;
mod units;
mod words;

use std::{process::ExitCode, sync::Arc};

use tokio::time::Instant;
use zcomm_core::ConnectOptions;

pub(crate) use self::arguments::Arguments;
use self::{board::Board, carry::Carried, keys::Keys, script::Script, units::Wrong};
use crate::{
    failure::Failure,
    handshake::trust,
    output::visible,
    program::{block_on, until},
    proxy::{Proxy, announce},
    signals::Signals,
};

impl From<Wrong> for Failure {
    fn from(wrong: Wrong) -> Failure {
        Failure::usage(visible(&wrong.what), visible(&wrong.help))
    }
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    block_on(disturb(arguments)).unwrap_or_else(|failure| failure.report())
}

async fn disturb(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let faults = arguments.faults()?;
    let script = match &arguments.script {
        Some(file) => Script::read(file)?,
        None => Script::default(),
    };
    let options = ConnectOptions::new(&arguments.url, &trust(arguments.ca.as_deref())?);
    let proxy = Proxy::bind(arguments.listen, options).await?;
    announce(&proxy, "chaos is between you and").await;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let now = faults.to_string();
    let board = Arc::new(Board::new(faults, arguments.which(), seed, arguments.xray));
    // Before the terminal is taken: whatever ends this gives it back.
    let signals = Signals::new()?;
    let mut keys = Keys::listen();
    if keys.single {
        board.status(
            "keys: l latency, b blackhole, r reset, 0 all off, ? all of them, q quit".into(),
        );
    }
    if now.contains("jitter") && arguments.seed.is_none() {
        board.status(format!("the same jitter again: --seed {seed}"));
    }
    board.status(format!("now: {now}"));
    let (mut code, switches) = (ExitCode::SUCCESS, Arc::clone(&board));
    let carried = Arc::clone(&board);
    let until_the_end = async { code = switch(&switches, &mut keys, script, signals).await };
    proxy
        .run(move |_| Carried(Arc::clone(&carried)), until_the_end)
        .await;
    // First the terminal: the last lines may have to wait for it.
    drop(keys);
    drop(switches);
    if let Some(board) = Arc::into_inner(board) {
        board.close();
    }
    Ok(code)
}

/// Does what is typed and what the script says, until the end.
async fn switch(
    board: &Board,
    keys: &mut Keys,
    mut script: Script,
    mut signals: Signals,
) -> ExitCode {
    let (mut typing, mut begun) = (true, None);
    loop {
        let due = begun.and_then(|begun: Instant| Some(begun + script.due()?));
        tokio::select! {
            code = signals.next() => return ExitCode::from(code),
            command = keys.commands.recv(), if typing => match command {
                None => typing = false,
                Some(Ok(change)) => if !board.apply(change) { return ExitCode::SUCCESS },
                Some(Err(wrong)) => {
                    board.status(visible(&format!("{}; {}", wrong.what, wrong.help)));
                }
            },
            () = board.begun.notified(), if begun.is_none() && script.due().is_some() => {
                begun = Some(Instant::now());
                board.status("the script begins".into());
            }
            () = until(due) => {
                if let Some(change) = script.next() && !board.apply(change) {
                    return ExitCode::SUCCESS;
                }
            }
        }
    }
}
