//! The result of a check: a verdict, a topic and a sentence, then what to type.
//!
//! Each verdict has a word and a colour, so the report is clear without colours, too.
//!
//! A sentence may contain text from a file or the name of a process. So control characters are
//! replaced before the sentence is printed.

use anstyle::Style;
use serde_json::json;

use crate::shared::text::{BAD, FAINT, GOOD, NOTE, counted, visible, wrapped};

/// The width of a line (characters). Only a line with a command may be longer.
const WIDTH: usize = 80;
/// The column where the sentences begin, after the verdict and the topic.
const INDENT: usize = 21;

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    /// A fact that is good to know, but is not a problem.
    Note,
    /// The lessons work, but the user should look at this.
    Warning,
    /// A server does not start, clients refuse to connect to it, or clients can send nothing.
    Error,
}

impl Verdict {
    fn word(self) -> (&'static str, Style) {
        match self {
            Verdict::Ok => ("ok", GOOD),
            Verdict::Note => ("note", FAINT),
            Verdict::Warning => ("warn", NOTE),
            Verdict::Error => ("error", BAD),
        }
    }
}

/// One result of a check.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) what: String,
    /// What to type or do next. Each entry is one way to fix the problem.
    pub(super) fixes: Vec<String>,
}

impl Finding {
    pub(super) fn new(verdict: Verdict, what: impl Into<String>) -> Finding {
        Finding {
            verdict,
            what: what.into(),
            fixes: Vec::new(),
        }
    }

    /// Adds a way to fix the problem.
    pub(super) fn fix(mut self, fix: impl Into<String>) -> Finding {
        self.fixes.push(fix.into());
        self
    }
}

pub(super) fn ok(what: impl Into<String>) -> Finding {
    Finding::new(Verdict::Ok, what)
}

pub(super) fn note(what: impl Into<String>) -> Finding {
    Finding::new(Verdict::Note, what)
}

pub(super) fn warning(what: impl Into<String>) -> Finding {
    Finding::new(Verdict::Warning, what)
}

pub(super) fn error(what: impl Into<String>) -> Finding {
    Finding::new(Verdict::Error, what)
}

/// All findings, each with the topic of its check.
pub(super) struct Report(pub(super) Vec<(String, Finding)>);

impl Report {
    fn count(&self, verdict: Verdict) -> usize {
        let findings = self.0.iter();
        findings.filter(|(_, one)| one.verdict == verdict).count()
    }

    pub(super) fn has_errors(&self) -> bool {
        self.count(Verdict::Error) > 0
    }

    /// Returns the report as text, for people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (topic, finding) in &self.0 {
            let (word, style) = finding.verdict.word();
            let lines = wrapped(&visible(&finding.what), WIDTH - INDENT);
            let what = lines.join(&format!("\n{:INDENT$}", ""));
            text += &format!("{style}{word:<5}{style:#}  {topic:<12}  {what}\n");
            for fix in &finding.fixes {
                let fix = visible(fix);
                text += &format!("{:INDENT$}{FAINT}->{FAINT:#} {fix}\n", "");
            }
        }
        let summary = match (self.count(Verdict::Error), self.count(Verdict::Warning)) {
            (0, 0) => "No problems found.".to_owned(),
            (errors, warnings) => format!(
                "{}, {}: the lines after -> say how to fix them.",
                counted(errors as u64, "error"),
                counted(warnings as u64, "warning")
            ),
        };
        text + &format!("\n{summary}\n")
    }

    /// Returns the report as JSON, for programs.
    pub(super) fn json(&self) -> String {
        let object = |(topic, finding): &(String, Finding)| {
            json!({
                "verdict": finding.verdict.word().0,
                "topic": topic,
                "what": finding.what,
                "fixes": finding.fixes,
            })
        };
        let findings: Vec<_> = self.0.iter().map(object).collect();
        let object = json!({ "good": !self.has_errors(), "findings": findings });
        format!("{object:#}\n")
    }
}
