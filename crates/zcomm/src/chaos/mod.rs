//! `zcomm chaos`: a bad network, on this machine and on demand.
//!
//! On a loopback nothing goes wrong, so a WebSocket's heartbeats, acks and back-off have nothing
//! to do. This proxy stands between a client and a server and makes faults: delays, blackholes,
//! ends in the middle of a frame, messages that arrive twice. It knows frames, so a fault can be
//! aimed: cut message 3, drop the pongs.
//!
//! The table of [`faults`] names what can go wrong. [`commands`] reads options, scripts and keys;
//! the [`board`] switches the faults. A connection is [carried](carry) by a [`pump`] in each
//! direction and a [`watchdog`]: the [`passage`] finds [`frames`], [disturbs](mod@disturb) them,
//! and puts them into a [`delay_queue`].

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting.
mod frames;
mod teller;
mod units;

mod delay_queue;
mod faults;

mod commands;
mod disturb;

mod board;
mod keys;
mod script;

mod arguments;
mod connection;

mod passage;
mod watchdog;

mod pump;

mod carry;

use std::{process::ExitCode, sync::Arc};

use tokio::time::Instant;
use zcomm_core::ConnectOptions;

pub(crate) use self::arguments::Arguments;
use self::{
    board::Board, carry::Disturbed, commands::Command, faults::Fault, keys::Keys, script::Script,
    units::InputError,
};
use crate::{
    proxy::{Proxy, announce},
    shared::{
        failure::Failure,
        handshake::trust,
        run::{Signals, block_on, until},
        text::visible,
    },
};

impl From<InputError> for Failure {
    fn from(error: InputError) -> Failure {
        Failure::usage(visible(&error.what), visible(&error.help))
    }
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    block_on(serve(arguments)).unwrap_or_else(|failure| failure.report())
}

async fn serve(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let faults = arguments.faults.read()?;
    let script = match &arguments.script {
        Some(file) => Script::read(file)?,
        None => Script::default(),
    };
    let options = ConnectOptions::new(&arguments.url, &trust(arguments.ca.as_deref())?);
    let proxy = Proxy::bind(arguments.listen, options).await?;
    announce(&proxy, "chaos is between you and").await;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let repeat = arguments.seed.is_none() && faults.get(Fault::Jitter).is_some();
    let board = Arc::new(Board::new(faults, arguments.scope, seed, arguments.xray));
    // Before the keys change the terminal: a signal must not end the program without a reset.
    let signals = Signals::new()?;
    let mut keys = Keys::listen();
    if keys.terminal.is_some() {
        board.status("keys: l latency, b blackhole, r reset, 0 all off, ? all keys, q quit".into());
    }
    if repeat {
        board.status(format!("to repeat this jitter: --seed {seed}"));
    }
    board.apply(Command::Now);
    let mut code = ExitCode::SUCCESS;
    let carry = Disturbed(Arc::clone(&board));
    let end = async { code = control(&board, &mut keys, script, signals).await };
    proxy.run(carry, end).await;
    // Restore the terminal first: the board prints its last lines, which may take a second.
    drop(keys);
    drop(board);
    Ok(code)
}

/// Does the commands of the keys and the script; returns the exit code.
async fn control(
    board: &Board,
    keys: &mut Keys,
    mut script: Script,
    mut signals: Signals,
) -> ExitCode {
    let mut begun = None;
    loop {
        let due = begun.and_then(|begun: Instant| Some(begun + script.due()?));
        tokio::select! {
            code = signals.next() => return ExitCode::from(code),
            // After the end of the input, the other branches go on.
            Some(command) = keys.commands.recv() => match command {
                Ok(command) => if !board.apply(command) { return ExitCode::SUCCESS },
                Err(error) => {
                    board.status(visible(&format!("{}; {}", error.what, error.help)));
                }
            },
            () = board.begun.notified(), if begun.is_none() && script.due().is_some() => {
                begun = Some(Instant::now());
                board.status("the script begins".into());
            }
            () = until(due) => {
                if let Some(command) = script.next() && !board.apply(command) {
                    return ExitCode::SUCCESS;
                }
            }
        }
    }
}
