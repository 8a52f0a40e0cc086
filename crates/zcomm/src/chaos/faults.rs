//! What can go wrong with a connection, as plain data.
//!
//! A fault is a word with a value, `latency 200ms`, and mostly a direction; the faults of a
//! moment are a short list of them, at most one of each kind. The same words stand in an
//! option, in a script and in a line of stdin, so there is one thing to learn.
//!
//! Production has such faults without anybody who switches them on: they are what its
//! networks, relays and load balancers do.

use std::{fmt, mem::discriminant, time::Duration};

use zcomm_core::xray::Direction;

use super::units::{Rate, Time};
use crate::output::counted;

/// One way, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ways {
    Both,
    Only(Direction),
}

impl Ways {
    fn include(self, way: Direction) -> bool {
        self == Ways::Both || self == Ways::Only(way)
    }
}

/// Who sends what goes this way.
pub(super) fn sender(way: Direction) -> &'static str {
    match way {
        Direction::ClientToServer => "from the client",
        Direction::ServerToClient => "from the server",
    }
}

/// What goes wrong. Frames are counted in each direction, from 1; of those that carry data
/// alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// Everything comes so much later.
    Latency(Duration),
    /// And by up to so much more, differently for each frame.
    Jitter(Duration),
    /// No more bytes than this get through.
    Bandwidth(Rate),
    /// So long after it was opened, nothing passes any more.
    Blackhole(Duration),
    /// It ends in the middle of this frame.
    CutMidFrame(u64),
    /// It is reset after so long.
    ResetAfterTime(Duration),
    /// It is reset after so many frames.
    ResetAfterFrames(u64),
    /// No pong arrives.
    DropPongs,
    /// What the server sends is read no faster than this.
    SlowReader(Rate),
    /// Of so many frames one arrives twice.
    Duplicate(u64),
    /// One bit of this frame is turned over.
    Corrupt(u64),
    /// It is closed when so long no byte has passed, either way.
    IdleKill(Duration),
}

impl Fault {
    /// Its name, without the value.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Fault::Latency(_) => "latency",
            Fault::Jitter(_) => "jitter",
            Fault::Bandwidth(_) => "bandwidth",
            Fault::Blackhole(_) => "blackhole",
            Fault::CutMidFrame(_) => "cut-mid-frame",
            Fault::ResetAfterTime(_) | Fault::ResetAfterFrames(_) => "reset-after",
            Fault::DropPongs => "drop-pongs",
            Fault::SlowReader(_) => "slow-reader",
            Fault::Duplicate(_) => "duplicate",
            Fault::Corrupt(_) => "corrupt",
            Fault::IdleKill(_) => "idle-kill",
        }
    }

    /// Whether it can be said which way: a connection as a whole has no direction.
    pub(super) fn has_ways(&self) -> bool {
        !matches!(
            self,
            Fault::ResetAfterTime(_) | Fault::SlowReader(_) | Fault::IdleKill(_)
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Fault::Blackhole(Duration::ZERO) | Fault::DropPongs => f.write_str(name),
            Fault::Latency(time)
            | Fault::Jitter(time)
            | Fault::Blackhole(time)
            | Fault::ResetAfterTime(time)
            | Fault::IdleKill(time) => write!(f, "{name} {}", Time(*time)),
            Fault::Bandwidth(rate) | Fault::SlowReader(rate) => write!(f, "{name} {rate}"),
            Fault::ResetAfterFrames(frames) => write!(f, "{name} {}", counted(*frames, "frame")),
            Fault::CutMidFrame(number) | Fault::Duplicate(number) | Fault::Corrupt(number) => {
                write!(f, "{name} {number}")
            }
        }
    }
}

/// A fault that is switched on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Active {
    pub(super) fault: Fault,
    pub(super) ways: Ways,
}

impl fmt::Display for Active {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ways {
            Ways::Both => write!(f, "{}", self.fault),
            Ways::Only(Direction::ClientToServer) => write!(f, "{} to-server", self.fault),
            Ways::Only(Direction::ServerToClient) => write!(f, "{} to-client", self.fault),
        }
    }
}

/// All that is switched on, at most one of each kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Faults(Vec<Active>);

impl Faults {
    /// Switches a fault on, in the place of one of its kind.
    pub(super) fn put(&mut self, active: Active) {
        let kind = discriminant(&active.fault);
        match self
            .0
            .iter_mut()
            .find(|other| discriminant(&other.fault) == kind)
        {
            Some(other) => *other = active,
            None => self.0.push(active),
        }
    }

    /// Switches off what has this name; says whether there was any.
    pub(super) fn take(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|active| active.fault.name() != name);
        self.0.len() < before
    }

    /// What has this name.
    pub(super) fn get(&self, name: &str) -> Option<Active> {
        self.0
            .iter()
            .find(|active| active.fault.name() == name)
            .copied()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What a fault says that goes this way.
    pub(super) fn of<T>(&self, way: Direction, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let mut this_way = self.0.iter().filter(|active| active.ways.include(way));
        this_way.find_map(|active| pick(&active.fault))
    }

    /// Whether this very fault goes this way.
    pub(super) fn has(&self, way: Direction, fault: Fault) -> bool {
        self.of(way, |one| (*one == fault).then_some(())).is_some()
    }

    /// What a fault of the whole connection says.
    pub(super) fn whole<T>(&self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(|active| pick(&active.fault))
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, others @ ..] = &self.0[..] else {
            return f.write_str("no faults");
        };
        write!(f, "{first}")?;
        others.iter().try_for_each(|other| write!(f, ", {other}"))
    }
}
