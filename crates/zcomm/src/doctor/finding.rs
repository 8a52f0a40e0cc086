//! What a check has found, and how it is told: a word, a topic, a sentence; then what to
//! type, on a line of its own that can be copied.
//!
//! The word says it, and the colour repeats it. What is told may repeat what stands in a
//! file or what a process calls itself, so nothing of it reaches a terminal as it is.

use anstyle::Style;
use serde_json::json;

use crate::shared::text::{BAD, FAINT, GOOD, NOTE, visible, wrapped};

/// How wide a line of words may be; what is to be typed stays whole.
const WIDTH: usize = 80;
/// Where the sentences begin: behind the word and the topic.
const INDENT: usize = 20;

/// How good or bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    /// Good to know.
    Note,
    /// It works, and somebody should know.
    Look,
    /// A server would not start, or its clients would refuse it.
    Bad,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Look => "look",
            Verdict::Bad => "bad",
        }
    }

    fn style(self) -> Style {
        match self {
            Verdict::Ok => GOOD,
            Verdict::Note => FAINT,
            Verdict::Look => NOTE,
            Verdict::Bad => BAD,
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) topic: String,
    pub(super) what: String,
    /// What to type or do next, one way a line.
    pub(super) fixes: Vec<String>,
}

impl Finding {
    fn new(verdict: Verdict, topic: impl Into<String>, what: impl Into<String>) -> Finding {
        Finding {
            verdict,
            topic: topic.into(),
            what: what.into(),
            fixes: Vec::new(),
        }
    }

    /// The same with one more thing to type.
    pub(super) fn fix(mut self, fix: impl Into<String>) -> Finding {
        self.fixes.push(fix.into());
        self
    }
}

pub(super) fn ok(topic: impl Into<String>, what: impl Into<String>) -> Finding {
    Finding::new(Verdict::Ok, topic, what)
}

pub(super) fn note(topic: impl Into<String>, what: impl Into<String>) -> Finding {
    Finding::new(Verdict::Note, topic, what)
}

pub(super) fn look(topic: impl Into<String>, what: impl Into<String>) -> Finding {
    Finding::new(Verdict::Look, topic, what)
}

pub(super) fn bad(topic: impl Into<String>, what: impl Into<String>) -> Finding {
    Finding::new(Verdict::Bad, topic, what)
}

/// For people.
pub(super) fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let (word, style) = (finding.verdict.word(), finding.verdict.style());
        let topic = visible(&finding.topic);
        let lines = wrapped(&visible(&finding.what), WIDTH - INDENT);
        let what = lines.join(&format!("\n{:INDENT$}", ""));
        text += &format!("{style}{word:<4}{style:#}  {topic:<12}  {what}\n");
        for fix in &finding.fixes {
            let fix = visible(fix);
            text += &format!("{:INDENT$}{FAINT}->{FAINT:#} {fix}\n", "");
        }
    }
    let count = |verdict| findings.iter().filter(|one| one.verdict == verdict).count();
    let (bad, look) = (count(Verdict::Bad), count(Verdict::Look));
    let summary = match (bad, look) {
        (0, 0) => "All is well.".to_owned(),
        (0, look) => format!("Nothing is bad; {look} to look at."),
        (bad, 0) => format!("{bad} bad: what follows -> repairs it."),
        (bad, look) => format!("{bad} bad, {look} to look at: what follows -> repairs it."),
    };
    text + &format!("\n{summary}\n")
}

/// For programs: JSON hides what could control a terminal by itself.
pub(super) fn json(findings: &[Finding]) -> String {
    let object = |finding: &Finding| {
        json!({
            "verdict": finding.verdict.word(),
            "topic": finding.topic,
            "what": finding.what,
            "fixes": finding.fixes,
        })
    };
    let list: Vec<_> = findings.iter().map(object).collect();
    let good = !findings.iter().any(|one| one.verdict == Verdict::Bad);
    let object = json!({ "good": good, "findings": list });
    format!("{object:#}\n")
}
