//! A recording, seen again: the same decoder, fed from a file.
//!
//! The file may come from anybody, so it is read as what a stranger sends: lines have a
//! length, connections a number, and what is decoded cannot control a terminal. The first
//! line that is none ends it, by its number: behind a hole nobody can tell where a frame
//! begins, and what would be shown then were not what passed.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
    time::Duration,
};

use data_encoding::BASE64;
use zcomm_core::xray::{Decoder, Event, Open};

use super::recording::{Format, Line};
use crate::failure::Failure;

/// The longest line (bytes): a piece of 16 KiB as base64, and more than that.
const MAX_LINE: u64 = 64 * 1024;
/// The largest number of bytes that one line leaves untold.
const MAX_UNTOLD: u64 = 64 * 1024;
/// Connections at a time, as for the proxy.
const MAX_OPEN: usize = 1_000;

/// What is wrong with a line.
enum Wrong {
    Line(String),
    /// Not the line, but whoever reads what we show.
    Shown(Failure),
}

/// Shows what was recorded, event by event. `Ok(false)`: the recording was full before its
/// end.
pub(super) fn replay(
    path: &Path,
    mut show: impl FnMut(&Event) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let name = path.display();
    let unreadable = |error| {
        let what = format!("cannot read {name}: {error}");
        Failure::new(what, "zcomm xray URL --record FILE makes a recording")
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut lines = BufReader::new(file);
    let mut replay = Replay::default();
    for number in 1_u64.. {
        let mut line = Vec::new();
        // A folder can be opened, and not read.
        let read = (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line);
        read.map_err(unreadable)?;
        let taken = match (line.pop(), number) {
            (None, 1) => Err(Wrong::Line("the file is empty".into())),
            (None, _) => return Ok(!replay.full),
            (Some(b'\n'), 1) => first(&line),
            (Some(b'\n'), _) => replay.take(&line, &mut show),
            (Some(_), _) if line.len() as u64 + 1 == MAX_LINE => {
                Err(Wrong::Line(format!("longer than {MAX_LINE} bytes")))
            }
            (Some(_), _) => Err(Wrong::Line("cut off in its middle".into())),
        };
        match taken {
            Ok(()) => {}
            Err(Wrong::Shown(failure)) => return Err(failure),
            Err(Wrong::Line(wrong)) => {
                let help = match number {
                    1 => "zcomm xray URL --record FILE makes a recording",
                    _ => "all before this line is shown; behind a hole nothing could be trusted",
                };
                return Err(Failure::new(
                    format!("{name}, line {number}: {wrong}"),
                    help,
                ));
            }
        }
    }
    Ok(true)
}

/// The line that says what the file is.
fn first(line: &[u8]) -> Result<(), Wrong> {
    let format: Result<Format, _> = serde_json::from_slice(line);
    match format {
        Ok(format) if format.format == Format::NAME => match format.version {
            Format::VERSION => Ok(()),
            version => {
                let known = Format::VERSION;
                let wrong = format!("version {version} of the format, and only {known} is known");
                Err(Wrong::Line(wrong))
            }
        },
        _ => Err(Wrong::Line("this is no recording of zcomm xray".into())),
    }
}

#[derive(Default)]
struct Replay {
    sessions: HashMap<u64, Decoder>,
    full: bool,
}

impl Replay {
    fn take(
        &mut self,
        line: &[u8],
        show: &mut impl FnMut(&Event) -> Result<(), Failure>,
    ) -> Result<(), Wrong> {
        let wrong = |text: &str| Err(Wrong::Line(text.to_owned()));
        // The place in the line, and none of its text: it may hold anything.
        let line = serde_json::from_slice(line).map_err(|error| {
            let column = error.column();
            Wrong::Line(format!("not what a recording has, from column {column} on"))
        })?;
        if self.full {
            return wrong("something follows the end");
        }
        let mut shown = Ok(());
        let see = &mut |seen: Event| {
            if shown.is_ok() {
                shown = show(&seen);
            }
        };
        match line {
            Line::Full => self.full = true,
            Line::Open {
                ns,
                conn,
                peer,
                tls,
            } => {
                if self.sessions.len() == MAX_OPEN {
                    let wrong = format!("more than {MAX_OPEN} connections are open");
                    return Err(Wrong::Line(wrong));
                }
                let mut session = Decoder::new(conn);
                let peer = Some(peer);
                session.open(Duration::from_nanos(ns), Open { peer, tls }, see);
                if self.sessions.insert(conn, session).is_some() {
                    return wrong("this connection is open already");
                }
            }
            Line::Bytes {
                ns,
                conn,
                from,
                base64,
                untold,
            } => {
                let Some(session) = self.sessions.get_mut(&conn) else {
                    return wrong("this connection is not open");
                };
                let Ok(mut bytes) = BASE64.decode(base64.as_bytes()) else {
                    return wrong("its bytes are no base64");
                };
                if untold > MAX_UNTOLD {
                    return wrong("more bytes are left out than pass at a time");
                }
                // Which bytes these were makes no difference to what is shown.
                bytes.resize(bytes.len() + untold as usize, 0);
                session.feed(Duration::from_nanos(ns), from.into(), &bytes, see);
            }
            Line::End { ns, conn } => {
                let Some(mut session) = self.sessions.remove(&conn) else {
                    return wrong("this connection is not open");
                };
                session.finish(Duration::from_nanos(ns), see);
            }
        }
        shown.map_err(Wrong::Shown)
    }
}
