//! A recording: a file with the bytes of all connections, which `--replay` shows again.
//!
//! Each line is a JSON object. The first line names the format. The other lines are events in
//! their order. `ns` is the time in nanoseconds since the proxy's start, and `conn` is the number
//! of the connection:
//!
//! ```json
//! {"format":"zcomm-recording","version":1}
//! {"what":"open","ns":1200000,"conn":1,"peer":"127.0.0.1:50312","tls":false}
//! {"what":"bytes","ns":1300000,"conn":1,"from":"client","base64":"R0VUIC8g…","untold":0}
//! {"what":"end","ns":9300000,"conn":1}
//! {"what":"full"}
//! ```
//!
//! A recording contains raw bytes, so a later version of the X-ray can show more facts about
//! an old recording.
//!
//! A recording does not contain the data that the X-ray hides. Stars replace the secrets of a
//! handshake. `untold` is the number of bytes that are left out, such as the body of an HTTP
//! message.
//!
//! WebSocket messages are recorded and may be secret. So only the file's owner can read the
//! file.

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
use zcomm_core::{
    shown_path,
    xray::{Decoder, Direction},
};

use crate::shared::failure::Failure;

/// The first line of a recording.
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

/// A line of a recording after the first line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Record {
    Open {
        ns: u64,
        conn: u64,
        peer: SocketAddr,
        tls: bool,
    },
    Bytes {
        ns: u64,
        conn: u64,
        from: Direction,
        base64: String,
        untold: u64,
    },
    End {
        ns: u64,
        conn: u64,
    },
    /// The recording ends early, because it has reached its size limit or a write has failed. All
    /// later bytes are not recorded.
    Full,
}

/// A recording that is being written. Clones write to the same file.
#[derive(Clone)]
pub(super) struct Recording(Arc<Mutex<Writer>>);

struct Writer {
    /// `None` once the recording is full or a write has failed.
    file: Option<File>,
    /// The space that is left until the size limit (bytes).
    left: u64,
}

impl Recording {
    /// Creates a file that only its owner can read. The limit `max_bytes` does not include the
    /// last line, [`Record::Full`].
    pub(super) fn begin(path: &Path, max_bytes: u64) -> Result<Recording, Failure> {
        let mut options = OpenOptions::new();
        // Never write to an existing file: the file may be a link, or all users may read it.
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| {
            let what = format!("cannot record into {}: {error}", shown_path(path));
            let help = match error.kind() {
                io::ErrorKind::AlreadyExists => {
                    "name another file with --record, or delete this one first"
                }
                _ => "--record names a new file in a folder that you can write to",
            };
            Failure::usage(what, help)
        })?;
        let (file, left) = (Some(file), max_bytes);
        let recording = Recording(Arc::new(Mutex::new(Writer { file, left })));
        recording.write(&Format {
            format: Format::NAME.into(),
            version: Format::VERSION,
        });
        Ok(recording)
    }

    /// Writes a line with one call, so that a killed program leaves only whole lines.
    fn write(&self, line: &impl Serialize) {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = &mut *writer;
        let Some(file) = &mut writer.file else { return };
        // `to_string` fails only for a map with keys that are not text. A line contains no map.
        let text = serde_json::to_string(line).unwrap_or_default() + "\n";
        let why = match writer.left.checked_sub(text.len() as u64) {
            None => "it has reached --max-bytes".to_owned(),
            Some(left) => match file.write_all(text.as_bytes()) {
                Ok(()) => return writer.left = left,
                Err(error) => error.to_string(),
            },
        };
        if let Some(mut file) = writer.file.take() {
            let full = serde_json::to_string(&Record::Full).unwrap_or_default();
            // Ignore an error: if the disk is full, this write fails as well.
            file.write_all((full + "\n").as_bytes()).ok();
        }
        writeln!(io::stderr(), "the recording ends here: {why}").ok();
    }
}

/// Records one connection.
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
        recording.write(&Record::Open {
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
        self.recording.write(&Record::End { ns, conn });
    }
}

/// Returns a function that records bytes. The decoder hides the secrets before it calls this
/// function.
fn keeper(recording: &Recording, time: Duration, conn: u64) -> impl FnMut(Direction, &[u8], u64) {
    move |from, bytes, untold| {
        if bytes.is_empty() && untold == 0 {
            return;
        }
        recording.write(&Record::Bytes {
            ns: nanoseconds(time),
            conn,
            from,
            base64: BASE64.encode(bytes),
            untold,
        });
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
