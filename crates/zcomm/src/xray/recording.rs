//! A recording: what passed, in a file, to be looked at again.
//!
//! One JSON object a line. The first says what the file is; the others are what happened, in
//! its order, with the time in nanoseconds since the start and the number of the connection:
//!
//! ```json
//! {"format":"zcomm-recording","version":1}
//! {"what":"open","ns":1200000,"conn":1,"peer":"127.0.0.1:50312","tls":false}
//! {"what":"bytes","ns":1300000,"conn":1,"from":"client","base64":"R0VUIC8g…","untold":0}
//! {"what":"end","ns":9300000,"conn":1}
//! {"what":"full"}
//! ```
//!
//! Raw bytes rather than events, so that a better X-ray shows more of an old recording. But
//! what an X-ray hides is not in it: secrets of a handshake are stars, bodies of HTTP are a
//! number (`untold`, bytes that followed). Messages are in it: the file is for its owner.
//!
//! Production records packets (pcapng), for which every tool has a reader.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use zcomm_core::xray::{Decoder, Direction};

use crate::failure::Failure;

/// What the first line says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Format {
    pub(super) format: String,
    pub(super) version: u64,
}

impl Format {
    pub(super) const NAME: &str = "zcomm-recording";
    pub(super) const VERSION: u64 = 1;
}

/// Every other line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    Open {
        ns: u64,
        conn: u64,
        peer: SocketAddr,
        tls: bool,
    },
    Bytes {
        ns: u64,
        conn: u64,
        from: Side,
        base64: String,
        untold: u64,
    },
    End {
        ns: u64,
        conn: u64,
    },
    /// There was more, but no more room.
    Full,
}

/// Who sent it.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Side {
    Client,
    Server,
}

impl From<Direction> for Side {
    fn from(from: Direction) -> Side {
        match from {
            Direction::ClientToServer => Side::Client,
            Direction::ServerToClient => Side::Server,
        }
    }
}

impl From<Side> for Direction {
    fn from(side: Side) -> Direction {
        match side {
            Side::Client => Direction::ClientToServer,
            Side::Server => Direction::ServerToClient,
        }
    }
}

/// A file that is being written. Clones write to the same.
#[derive(Clone)]
pub(super) struct Recording(Arc<Mutex<Writer>>);

struct Writer {
    /// Gone when the recording is full, or cannot be written.
    file: Option<File>,
    left: u64,
}

impl Recording {
    /// Begins a new file of at most so many bytes, for its owner's eyes.
    pub(super) fn begin(path: &Path, max_bytes: u64) -> Result<Recording, Failure> {
        let mut options = OpenOptions::new();
        // Never an existing one: it may be a link to anywhere, or open to everybody.
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| {
            let what = format!("cannot record into {}: {error}", path.display());
            let help = match error.kind() {
                io::ErrorKind::AlreadyExists => "name another file, or delete this one first",
                _ => "name a file in a folder that you can write to",
            };
            Failure::new(what, help)
        })?;
        let (file, left) = (Some(file), max_bytes);
        let recording = Recording(Arc::new(Mutex::new(Writer { file, left })));
        recording.write(&Format {
            format: Format::NAME.into(),
            version: Format::VERSION,
        });
        Ok(recording)
    }

    /// Each line in one write, so that whatever ends the program leaves whole lines.
    fn write(&self, line: &impl Serialize) {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = &mut *writer;
        let Some(file) = &mut writer.file else { return };
        // Nothing in here can fail: no map has a key that is not text.
        let text = serde_json::to_string(line).unwrap_or_default() + "\n";
        let why = match writer.left.checked_sub(text.len() as u64) {
            None => "it is as long as --max-bytes lets it be".to_owned(),
            Some(left) => match file.write_all(text.as_bytes()) {
                Ok(()) => return writer.left = left,
                Err(error) => error.to_string(),
            },
        };
        if let Some(mut file) = writer.file.take() {
            let full = serde_json::to_string(&Line::Full).unwrap_or_default();
            // It may be the disk that is full.
            file.write_all((full + "\n").as_bytes()).ok();
        }
        writeln!(io::stderr(), "the recording ends here: {why}").ok();
    }
}

/// One connection that is being recorded.
pub(super) struct Recorder {
    recording: Recording,
    session: Decoder,
    conn: u64,
}

impl Recorder {
    pub(super) fn open(
        recording: Recording,
        time: Duration,
        conn: u64,
        peer: SocketAddr,
        tls: bool,
    ) -> Recorder {
        let ns = nanoseconds(time);
        recording.write(&Line::Open {
            ns,
            conn,
            peer,
            tls,
        });
        Recorder {
            recording,
            session: Decoder::new(conn),
            conn,
        }
    }

    pub(super) fn passed(&mut self, time: Duration, from: Direction, bytes: &[u8]) {
        let keep = &mut keeper(&self.recording, time, self.conn);
        self.session.keep(from, bytes, keep);
    }

    pub(super) fn ended(&mut self, time: Duration) {
        let keep = &mut keeper(&self.recording, time, self.conn);
        self.session.keep_rest(keep);
        let (ns, conn) = (nanoseconds(time), self.conn);
        self.recording.write(&Line::End { ns, conn });
    }
}

/// Writes down what may be.
fn keeper(recording: &Recording, time: Duration, conn: u64) -> impl FnMut(Direction, &[u8], u64) {
    move |from, bytes, untold| {
        if bytes.is_empty() && untold == 0 {
            return;
        }
        recording.write(&Line::Bytes {
            ns: nanoseconds(time),
            conn,
            from: from.into(),
            base64: BASE64.encode(bytes),
            untold,
        });
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
