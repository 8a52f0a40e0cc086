//! `zcomm chaos`: a proxy that imitates a bad network.
//!
//! Between two programs on one machine, the network has no faults. So a WebSocket program on one
//! machine never needs its heartbeats, acks and back-off. This proxy connects a client with a
//! server and makes faults: for example, it delays data or delivers a message twice. The proxy
//! finds the start of each frame, so a fault can have a target: cut data frame 3, drop all
//! pongs.
//!
//! The table in [`faults`] lists the faults. [`arguments`] reads options, [`commands`] reads
//! keys and script lines, and the [`board`] switches faults on and off.
//!
//! [`carry`] runs a connection: one [`watchdog`], and one [`pump`] for each direction. Each
//! pump has a [`passage`]. The passage finds [`frames`], [disturbs](mod@disturb) them and puts
//! them into a [`delay_queue`].

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
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
use zcomm_core::StopSignals;

pub(crate) use self::arguments::Arguments;
use self::{
    board::Board, carry::Disturbed, commands::Command, faults::Fault, keys::Keys, script::Script,
    units::InputError,
};
use crate::{
    proxy::{Proxy, announce},
    shared::{failure::Failure, handshake::plain_options, run::until, text::visible},
};

impl From<InputError> for Failure {
    fn from(error: InputError) -> Failure {
        Failure::usage(visible(&error.what), visible(&error.help))
    }
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let faults = arguments.faults.read()?;
    let script = match &arguments.script {
        Some(file) => Script::read(file)?,
        None => Script::default(),
    };
    let options = plain_options(&arguments.url, arguments.ca.as_deref())?;
    let proxy = Proxy::bind(arguments.listen, options).await?;
    announce(&proxy, "chaos is between you and").await;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let repeat = arguments.seed.is_none() && faults.get(Fault::Jitter).is_some();
    let board = Arc::new(Board::new(faults, arguments.scope, seed, arguments.xray));
    // Watch for signals before `Keys` changes the terminal. Otherwise a signal could end the
    // program without restoring the terminal.
    let signals = StopSignals::new()?;
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
    // Dropping `keys` restores the terminal. Do this first, because dropping the board may take
    // a second: the board waits for unprinted lines.
    drop(keys);
    drop(board);
    Ok(code)
}

/// Runs the commands of the user and the script. Returns the exit code.
async fn control(
    board: &Board,
    keys: &mut Keys,
    mut script: Script,
    mut signals: StopSignals,
) -> ExitCode {
    let mut begun = None;
    loop {
        let due = begun.and_then(|begun: Instant| Some(begun + script.due()?));
        tokio::select! {
            code = signals.next() => return ExitCode::from(code),
            // When stdin has ended, `select!` skips this branch and waits for the other branches.
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
