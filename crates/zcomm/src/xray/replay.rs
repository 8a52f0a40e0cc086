//! Shows a recording again, with the decoder that the proxy uses.
//!
//! The file may come from a stranger, so the replay does not trust the file. The length of a line
//! and the number of connections are limited. Decoded text cannot control a terminal.
//!
//! The first invalid line ends the replay, and the error contains the line's number. After an
//! invalid line, the replay cannot find the start of the next frame, and would show wrong frames.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
    time::Duration,
};

use data_encoding::BASE64;
use zcomm_core::{
    shown_path,
    xray::{Decoder, Event},
};

use super::recording::{Format, Record};
use crate::shared::failure::Failure;

/// The limit for one line of a recording (bytes). The proxy reads at most 16 KiB at once, so
/// each line that it writes is shorter, even as base64.
const MAX_LINE: u64 = 64 * 1024;
/// One line may leave out at most this number of bytes (`untold`).
const MAX_UNTOLD: u64 = 64 * 1024;
/// At most this number of connections are open at the same time. The proxy has the same limit.
const MAX_OPEN: usize = 1_000;
const HOW_TO_RECORD: &str = "--replay names a recording; zcomm xray URL --record FILE makes one";

/// Shows each event of a recording. Returns `false` if the recording ended early.
pub(super) fn replay(
    path: &Path,
    mut show: impl FnMut(&Event) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let name = shown_path(path);
    let unreadable = |error| Failure::usage(format!("cannot read {name}: {error}"), HOW_TO_RECORD);
    let file = File::open(path).map_err(unreadable)?;
    let mut lines = BufReader::new(file);
    let mut replay = Replay::default();
    for number in 1_u64.. {
        let mut line = Vec::new();
        // Reading may fail even if opening was possible: for example, if the path is a folder.
        let read = (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line);
        read.map_err(unreadable)?;
        let events = match (line.pop(), number) {
            (None, 1) => Err("the file is empty".into()),
            (None, _) => return Ok(!replay.full),
            (Some(b'\n'), 1) => check_format(&line),
            (Some(b'\n'), _) => replay.read(&line),
            (Some(_), _) if line.len() as u64 + 1 == MAX_LINE => {
                Err(format!("longer than {MAX_LINE} bytes"))
            }
            (Some(_), _) => Err("the line is not complete".into()),
        };
        let events = events.map_err(|what| {
            let what = format!("{name}, line {number}: {what}");
            match number {
                1 => Failure::usage(what, HOW_TO_RECORD),
                _ => Failure::new(
                    what,
                    "all lines before it are shown; the rest could be shown wrongly",
                ),
            }
        })?;
        events.iter().try_for_each(&mut show)?;
    }
    Ok(true)
}

/// Checks the first line, which names the format. This line has no events.
fn check_format(line: &[u8]) -> Result<Vec<Event>, String> {
    match serde_json::from_slice::<Format>(line) {
        Ok(format) if format.format == Format::NAME => match format.version {
            Format::VERSION => Ok(Vec::new()),
            version => Err(format!(
                "the recording has version {version}; this program reads version {}",
                Format::VERSION
            )),
        },
        _ => Err("this is not a recording of zcomm xray".into()),
    }
}

#[derive(Default)]
struct Replay {
    sessions: HashMap<u64, Decoder>,
    full: bool,
}

impl Replay {
    /// Returns the events of one line, or an error that says what is wrong with the line.
    fn read(&mut self, line: &[u8]) -> Result<Vec<Event>, String> {
        // The error contains only the column, because the line's text could control a terminal.
        let record = serde_json::from_slice(line).map_err(|error| {
            let column = error.column();
            format!("not a line of a recording, from column {column}")
        })?;
        if self.full {
            return Err("a line follows the end".into());
        }
        let mut events = Vec::new();
        let see = &mut |event| events.push(event);
        match record {
            Record::Full => self.full = true,
            Record::Open {
                ns,
                conn,
                peer,
                tls,
            } => {
                let session = self.begin(conn)?;
                session.open(Duration::from_nanos(ns), Some(peer), tls, see);
            }
            Record::Bytes {
                ns,
                conn,
                from,
                base64,
                untold,
            } => {
                let bytes = decode(&base64, untold)?;
                let session = self.session(conn)?;
                session.feed(Duration::from_nanos(ns), from, &bytes, see);
            }
            Record::End { ns, conn } => {
                self.session(conn)?.finish(Duration::from_nanos(ns), see);
                self.sessions.remove(&conn);
            }
        }
        Ok(events)
    }

    fn begin(&mut self, conn: u64) -> Result<&mut Decoder, String> {
        if self.sessions.contains_key(&conn) {
            return Err("this connection is open already".into());
        }
        if self.sessions.len() == MAX_OPEN {
            return Err(format!("more than {MAX_OPEN} connections are open"));
        }
        Ok(self.sessions.entry(conn).or_insert(Decoder::new(conn)))
    }

    fn session(&mut self, conn: u64) -> Result<&mut Decoder, String> {
        let session = self.sessions.get_mut(&conn);
        session.ok_or_else(|| "this connection is not open".to_owned())
    }
}

/// Returns the recorded bytes, then a zero for each byte that was left out. The X-ray does not
/// show these zeros.
fn decode(base64: &str, untold: u64) -> Result<Vec<u8>, String> {
    let decoded = BASE64.decode(base64.as_bytes());
    let mut bytes = decoded.map_err(|_| "the bytes are not base64")?;
    if untold > MAX_UNTOLD {
        return Err(format!("a line leaves out at most {MAX_UNTOLD} bytes"));
    }
    bytes.resize(bytes.len() + untold as usize, 0);
    Ok(bytes)
}
