//! `zcomm xray`: a proxy that shows every byte between a client and a server.
//!
//! The option `--xray` of a lesson shows only the connections of this lesson. This proxy works
//! between any client and any server, such as a browser and a service on the internet. The
//! proxy shows the same facts as `--xray`: each frame bit by bit, the hash that proves the
//! handshake, and the broken rules of the protocol.
//!
//! Without a proxy, you could capture packets, and decrypt the packets with TLS keys. A browser
//! can write these keys to a file (`SSLKEYLOGFILE`). The proxy shows the same data, and does not
//! need special rights on this machine.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod page;
mod recording;

mod replay;

use std::{
    io::{self, ErrorKind, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use tokio::net::TcpStream;
use zcomm_core::{
    ByteStream, StopSignals,
    xray::{Direction, Form, Tap, Xray},
};

use crate::{
    proxy::{Carry, Proxy, announce, relay},
    shared::{failure::Failure, handshake::plain_options, run::block_on, values::listen_address},
};
use page::Screen;
use recording::{Recorder, Recording};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm xray ws://127.0.0.1:8765/
                              then open http://127.0.0.1:8770/ or
                              zcomm connect ws://127.0.0.1:8770/
  zcomm xray wss://localhost:8766/ --ca certs/ca.pem
                              show what TLS carries
  zcomm xray ws://127.0.0.1:8765/ --page
                              show it in a browser, with every byte in colour
  zcomm xray ws://127.0.0.1:8765/ --record lesson.jsonl
                              also write it to a file
  zcomm xray --replay lesson.jsonl
                              show the file again; also with --page

In Host and Origin, the proxy replaces its own name with the server's; the rest
of a handshake passes unchanged. Secrets of the handshake are neither shown nor
recorded; secrets in messages are.

Exit code: 0 after a replay, 1 after an error, 2 for a wrong option, address or
file, 130 after Ctrl-C.")]
pub(crate) struct Arguments {
    /// The server, e.g. wss://example.com/chat
    #[arg(required_unless_present = "replay")]
    url: Option<String>,

    /// The address that clients connect to
    #[arg(long, value_name = "ADDRESS", value_parser = listen_address, default_value = "127.0.0.1:8770")]
    listen: SocketAddr,

    /// Also trust the certificates in this file: an authority, or one server's own
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Print one JSON object per line instead of tables
    #[arg(long)]
    json: bool,

    /// Show it in a web page instead, and print the link
    #[arg(long, conflicts_with = "json")]
    page: bool,

    /// Write everything to a new file that only you can read
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// The size limit of the recording
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024 * 1024,
        value_parser = clap::value_parser!(u64).range(4096..))]
    max_bytes: u64,

    /// Show a recording instead of connecting to a server
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url", "record"])]
    replay: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    match &arguments.replay {
        Some(file) if arguments.page => block_on(display(file)),
        Some(file) => print(file, arguments.json),
        None => block_on(watch(arguments)),
    }
}

/// Runs the proxy until Ctrl-C.
async fn watch(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut signals = StopSignals::new()?;
    // The address is never missing here, because clap requires it without `--replay`.
    let url = arguments.url.as_deref().unwrap_or_default();
    let options = plain_options(url, arguments.ca.as_deref())?;
    let proxy = Proxy::bind(arguments.listen, options).await?;
    if url.contains('?') {
        let what = "the address contains a query, but each client sends its own";
        return Err(Failure::usage(what, "remove the ? and the text after it"));
    }
    let recording = match &arguments.record {
        Some(file) => Some(Recording::begin(file, arguments.max_bytes)?),
        None => None,
    };
    let xray = if arguments.page {
        let screen = Screen::open().await?;
        print_link(&screen);
        Xray::call(move |seen| screen.show(seen))
    } else if arguments.json {
        Xray::stdout(Form::Json)
    } else {
        Xray::stdout(Form::Text)
    };
    announce(&proxy, "the X-ray is between you and").await;
    let tls = proxy.tls();
    let carry = Watch {
        xray,
        recording,
        tls,
    };
    let mut code = 0;
    proxy
        .run(carry, async { code = signals.next().await })
        .await;
    Ok(ExitCode::from(code))
}

/// Shows a recording in a page, until Ctrl-C.
async fn display(file: &Path) -> Result<ExitCode, Failure> {
    let mut signals = StopSignals::new()?;
    let screen = Screen::open().await?;
    let complete = replay::replay(file, |seen| {
        screen.show(seen);
        Ok(())
    });
    note_end(complete?);
    print_link(&screen);
    Ok(ExitCode::from(signals.next().await))
}

fn print_link(screen: &Screen) {
    let link = &screen.link;
    // If stderr is closed, the program continues without printing.
    writeln!(io::stderr(), "open this page:\n  {link}").ok();
}

fn note_end(complete: bool) {
    if !complete {
        writeln!(io::stderr(), "the recording ends here: it was full").ok();
    }
}

/// Prints the events of a recording exactly as the proxy printed these events.
fn print(file: &Path, json: bool) -> Result<ExitCode, Failure> {
    let mut out = io::BufWriter::new(anstream::stdout().lock());
    let complete = replay::replay(file, |seen| {
        let text = match json {
            true => seen.to_json() + "\n",
            false => seen.to_text(true),
        };
        Ok(out.write_all(text.as_bytes())?)
    });
    match out.flush() {
        // This is not an error: the next program has closed the pipe, and needs no more output.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
        flushed => flushed?,
    }
    note_end(complete?);
    Ok(ExitCode::SUCCESS)
}

/// Shows and records the bytes of all connections.
struct Watch {
    xray: Xray,
    recording: Option<Recording>,
    tls: bool,
}

impl Carry for Watch {
    async fn carry(
        &self,
        client: &mut TcpStream,
        addr: SocketAddr,
        server: ByteStream,
        first: &[u8],
    ) -> io::Result<()> {
        let tap = self.xray.tap(Some(addr), self.tls);
        let begin = |to| Recorder::open(to, tap.time(), tap.conn(), addr, self.tls);
        let recorder = self.recording.clone().map(begin);
        let mut watched = Watched { tap, recorder };
        relay(client, server, first, |from, bytes| {
            watched.observe(from, bytes)
        })
        .await
    }
}

/// Shows and records the bytes of one connection. When this value is dropped, the end of the
/// connection is shown and recorded.
struct Watched {
    tap: Tap,
    recorder: Option<Recorder>,
}

impl Watched {
    fn observe(&mut self, from: Direction, bytes: &[u8]) {
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
