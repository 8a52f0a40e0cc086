//! The time span in which a run measures.
//!
//! All times are nanoseconds since the run began, from one clock in one process. So the tool can
//! compare the time in a message with the time at which the message comes back.

const SECOND: u64 = 1_000_000_000;
/// A timeline has at most this number of points.
const MAX_POINTS: u64 = 300;

#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) begin: u64,
    pub(super) end: u64,
    /// The planned length. Ctrl-C can make the real length shorter.
    pub(super) planned: u64,
}

impl Span {
    pub(super) fn contains(self, time: u64) -> bool {
        (self.begin..self.end).contains(&time)
    }

    pub(super) fn seconds(self) -> f64 {
        self.end.saturating_sub(self.begin) as f64 / 1e9
    }

    /// Returns the time between two points of a timeline: whole seconds, as nanoseconds.
    pub(super) fn step(self) -> u64 {
        let seconds = self.planned.div_ceil(SECOND);
        seconds.div_ceil(MAX_POINTS).max(1) * SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_has_wider_steps() {
        let step = |seconds| {
            let (begin, end, planned) = (0, u64::MAX, seconds * SECOND);
            Span {
                begin,
                end,
                planned,
            }
            .step()
        };
        assert_eq!((step(1), step(300)), (SECOND, SECOND));
        assert_eq!((step(301), step(3600)), (2 * SECOND, 12 * SECOND));
    }
}
