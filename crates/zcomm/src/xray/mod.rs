//! `zcomm xray`: every byte between a client and a server, of which neither knows.
//!
//! The `--xray` of the lessons needs a lesson. This stands between any client and any
//! server, a browser and a service on the internet, and shows the same: each frame bit by
//! bit, the handshake with the sum that proves it, the rules that are broken.
//!
//! Production captures packets and decrypts them with the keys that a browser writes down
//! (`SSLKEYLOGFILE`); a proxy sees the same and needs no rights.

mod page;
mod recording;
mod replay;

use std::{
    io::{self, ErrorKind, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use zcomm_core::{
    ConnectOptions, shutdown_signal,
    xray::{Direction, Form, Tap, Xray},
};

use crate::{
    failure::Failure,
    handshake::trust,
    program::{INTERRUPTED, block_on},
    proxy::{Between, Passing, Proxy, announce},
};
use page::Screen;
use recording::{Recorder, Recording};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm xray ws://127.0.0.1:8765/
                              then open http://127.0.0.1:8770/, or
                              zcomm connect ws://127.0.0.1:8770/
  zcomm xray wss://localhost:8766/ --ca certs/ca.pem
                              what is said inside of TLS
  zcomm xray ws://127.0.0.1:8765/ --page
                              in a browser, with every byte in colour
  zcomm xray ws://127.0.0.1:8765/ --record lesson.jsonl
                              keep it, too
  zcomm xray --replay lesson.jsonl
                              see it again, also with --page

The server gets its own name as Host, and as the origin of its own page; all
else passes as it is. Secrets of the handshake are neither shown nor recorded;
those in messages are.

Exit code: 0 after a replay, 1 when it failed, 130 after Ctrl-C.")]
pub(crate) struct Arguments {
    /// The server, e.g. wss://example.com/chat
    #[arg(required_unless_present = "replay")]
    url: Option<String>,

    /// Where clients shall connect to
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8770")]
    listen: SocketAddr,

    /// A file with an authority to trust, beside those that this computer trusts
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// One JSON object a line instead of tables
    #[arg(long)]
    json: bool,

    /// Show it in a page instead, whose link is printed
    #[arg(long, conflicts_with = "json")]
    page: bool,

    /// Write all that passes into a new file, which only you can read
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// The longest a recording may become
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024 * 1024,
        value_parser = clap::value_parser!(u64).range(4096..))]
    max_bytes: u64,

    /// Show a recording, and connect to nobody
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url", "record"])]
    replay: Option<PathBuf>,
}

impl Arguments {
    fn form(&self) -> Form {
        match self.json {
            true => Form::Json,
            false => Form::Text,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let done = match (&arguments.replay, &arguments.url) {
        (Some(file), _) if arguments.page => block_on(display(file)),
        (Some(file), _) => print(file, arguments.form()),
        (None, Some(url)) => block_on(watch(arguments, url)),
        (None, None) => Ok(ExitCode::FAILURE),
    };
    done.unwrap_or_else(|failure| failure.report())
}

/// Stands between, until Ctrl-C.
async fn watch(arguments: &Arguments, url: &str) -> Result<ExitCode, Failure> {
    let shutdown = shutdown_signal();
    let options = ConnectOptions::new(url, &trust(arguments.ca.as_deref())?);
    let proxy = Proxy::bind(arguments.listen, options).await?;
    if url.contains('?') {
        let what = "an address with a ? in it: each client brings its own query";
        return Err(Failure::usage(what, "leave out the ? and all behind it"));
    }
    let recording = match &arguments.record {
        Some(file) => Some(Recording::begin(file, arguments.max_bytes)?),
        None => None,
    };
    let xray = match arguments.page {
        false => Xray::stdout(arguments.form()),
        true => {
            let screen = Screen::open().await?;
            invite(&screen);
            Xray::call(move |seen| screen.show(seen))
        }
    };
    announce(&proxy, "the X-ray is between you and").await;
    let between = move |passing| Watched::begin(&xray, recording.clone(), passing);
    proxy.run(between, shutdown).await;
    Ok(ExitCode::from(INTERRUPTED))
}

/// Shows a recording in a page, until Ctrl-C.
async fn display(file: &Path) -> Result<ExitCode, Failure> {
    let shutdown = shutdown_signal();
    let screen = Screen::open().await?;
    let whole = replay::replay(file, |seen| {
        screen.show(seen);
        Ok(())
    });
    note_end(whole?);
    invite(&screen);
    shutdown.await;
    Ok(ExitCode::from(INTERRUPTED))
}

fn invite(screen: &Screen) {
    let link = &screen.link;
    // When stderr is gone there is nobody to tell.
    writeln!(io::stderr(), "open this to see it:\n  {link}").ok();
}

fn note_end(whole: bool) {
    if !whole {
        writeln!(io::stderr(), "the recording ends here: it was full").ok();
    }
}

/// Prints what was recorded, as it was printed then.
fn print(file: &Path, form: Form) -> Result<ExitCode, Failure> {
    let mut out = io::BufWriter::new(anstream::stdout().lock());
    let whole = replay::replay(file, |seen| {
        let text = match form {
            Form::Json => seen.to_json() + "\n",
            Form::Text => seen.to_text(true),
        };
        Ok(out.write_all(text.as_bytes())?)
    });
    match out.flush() {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
        flushed => flushed?,
    }
    note_end(whole?);
    Ok(ExitCode::SUCCESS)
}

/// Looks, and writes down.
struct Watched {
    tap: Tap,
    recorder: Option<Recorder>,
}

impl Watched {
    fn begin(xray: &Xray, recording: Option<Recording>, passing: Passing) -> Watched {
        let Passing { client, tls } = passing;
        let tap = xray.tap(Some(client), tls);
        let begin = |to| Recorder::open(to, tap.time(), tap.conn(), client, tls);
        Watched {
            recorder: recording.map(begin),
            tap,
        }
    }
}

impl Between for Watched {
    fn came(&mut self, from: Direction, bytes: &[u8]) {
        self.tap.passed(from, bytes);
        if let Some(recorder) = &mut self.recorder {
            recorder.passed(self.tap.time(), from, bytes);
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.tap.ended();
        if let Some(recorder) = &mut self.recorder {
            recorder.ended(self.tap.time());
        }
    }
}
