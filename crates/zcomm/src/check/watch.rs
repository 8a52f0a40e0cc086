//! Judges all frames of a connection together.

use zcomm_core::xray::BrokenRule;

use super::{
    reading::{frame, place_of},
    verdict::{Seen, Verdict, passed},
    waiter::{Step, Waiter},
};

impl Waiter<'_> {
    /// Compares the masking keys of all frames. Stops at the Close frame.
    pub(super) async fn new_keys(&mut self) -> Verdict {
        let (until, mut keys) = (self.until(), Vec::new());
        while let Step::Frame(event) = self.step(until).await {
            let Some(seen) = frame(&event) else { continue };
            if keys.contains(&seen.mask) {
                let what = "this masking key was used before";
                return Seen::new(what).with(Some(&event), Some(2)).failed();
            }
            keys.push(seen.mask);
            if seen.opcode == "close" {
                break;
            }
        }
        match keys.len() {
            0 | 1 => Verdict::Skipped("the peer sent fewer than two frames".into()),
            count => passed(format!("{count} frames, {count} keys")),
        }
    }

    /// Looks at every frame until the connection ends, or until the time is over.
    pub(super) async fn keeps(&mut self, rule: BrokenRule) -> Verdict {
        let (until, mut count) = (self.until(), 0_u64);
        loop {
            match self.step(until).await {
                Step::Frame(event) => {
                    count += 1;
                    if event.errors.contains(&rule) {
                        let at = frame(&event).map(|frame| place_of(rule, frame));
                        return Seen::new(rule.what).with(Some(&event), at).failed();
                    }
                }
                Step::Ended(_) | Step::Late if count == 0 => {
                    return Verdict::Skipped("the peer sent no frame".into());
                }
                Step::Ended(_) | Step::Late => return passed(format!("in {count} frames")),
            }
        }
    }
}
