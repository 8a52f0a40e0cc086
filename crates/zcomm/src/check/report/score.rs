//! The score of a run, its exit code, and the command that repeats a case.

use std::process::ExitCode;

use crate::check::run::Outcome;
use crate::check::verdict::Verdict;

/// The number of cases with each result.
#[derive(Clone, Copy, Default)]
pub(crate) struct Score {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
}

impl Score {
    pub(crate) fn of(outcomes: &[Outcome]) -> Score {
        let mut score = Score::default();
        for outcome in outcomes {
            *match outcome.verdict {
                Verdict::Passed(_) => &mut score.passed,
                Verdict::Failed(_) => &mut score.failed,
                Verdict::Skipped(_) => &mut score.skipped,
            } += 1;
        }
        score
    }

    pub(super) fn ran(self) -> usize {
        self.passed + self.failed
    }

    /// 0 if all cases that ran have passed, 1 if a case failed, 2 if no case ran.
    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match (self.ran(), self.failed) {
            (0, _) => 2,
            (_, 0) => 0,
            _ => 1,
        })
    }

    /// The last line of a report.
    pub(super) fn line(self) -> String {
        let (ran, passed, failed) = (self.ran(), self.passed, self.failed);
        format!(
            "ran {ran}: {passed} passed, {failed} failed, {} skipped",
            self.skipped
        )
    }
}

/// What a report must know about its run.
pub(crate) struct Context {
    /// The address of the server without secrets, or the command of the client.
    pub(crate) name: String,
    /// The command that repeats the run, without `--only`.
    pub(crate) command: String,
    pub(crate) verbose: bool,
}

impl Context {
    /// The command that repeats a case.
    pub(super) fn again(&self, id: &str) -> String {
        format!("{} --only {id}", self.command)
    }
}
