//! `zcomm xray`: every byte between a client and a server, of which neither knows.
//!
//! The `--xray` of the lessons needs a lesson. This stands between any client and any
//! server, a browser and a service on the internet, and shows the same: each frame bit by
//! bit, the handshake with the sum that proves it, the rules that are broken.
//!
//! Production captures packets and decrypts them with the keys that a browser writes down
//! (`SSLKEYLOGFILE`); a proxy sees the same and needs no rights.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use zcomm_core::{
    Certificate, ConnectOptions, Trust, shutdown_signal,
    xray::{Direction, Form, Tap, Xray},
};

use crate::{
    failure::Failure,
    proxy::{Between, Passing, Proxy, Steps, announce},
};

/// 128 and the number of SIGINT, as shells count.
const INTERRUPTED: u8 = 130;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm xray ws://127.0.0.1:8765/
                              then open http://127.0.0.1:8770/, or
                              zcomm connect ws://127.0.0.1:8770/
  zcomm xray wss://localhost:8766/ --ca certs/ca.pem
                              what is said inside of TLS

The server gets its own name as Host, and as the origin of its own page; all
else passes as it is. Secrets of the handshake are not shown; those in
messages are.

Exit code: 1 when it failed, 130 after Ctrl-C.")]
pub(crate) struct Arguments {
    /// The server, e.g. wss://example.com/chat
    url: String,

    /// Where clients shall connect to
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8770")]
    listen: SocketAddr,

    /// A file with an authority to trust, beside those that this computer trusts
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// One JSON object a line instead of tables
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let watched = match runtime {
        Ok(runtime) => runtime.block_on(watch(arguments)),
        Err(error) => Err(error.into()),
    };
    watched.unwrap_or_else(|failure| failure.report())
}

async fn watch(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let shutdown = shutdown_signal();
    let also = match &arguments.ca {
        Some(file) => Certificate::read_all(file)?,
        None => Vec::new(),
    };
    let options = ConnectOptions::new(&arguments.url, &Trust::platform(&also)?);
    let proxy = Proxy::bind(arguments.listen, options).await?;
    announce(&proxy, "the X-ray is between you and").await;
    let xray = Xray::stdout(match arguments.json {
        true => Form::Json,
        false => Form::Text,
    });
    let between = move |passing: Passing| Watched(xray.tap(Some(passing.client), passing.tls));
    proxy.run(between, shutdown).await;
    Ok(ExitCode::from(INTERRUPTED))
}

/// Looks, and passes everything on.
struct Watched(Tap);

impl Between for Watched {
    fn came(&mut self, from: Direction, bytes: &[u8], steps: &mut Steps) {
        self.0.passed(from, bytes);
        steps.send(bytes);
    }
}
