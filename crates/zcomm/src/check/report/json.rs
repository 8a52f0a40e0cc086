//! The report as JSON: a line with one object for each case, and a last line with the score.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::score::{Context, Score};
use crate::check::{run::Outcome, verdict::Verdict};

pub(crate) fn to_json(outcomes: &[Outcome], context: &Context) -> String {
    let mut lines: Vec<_> = outcomes.iter().map(|one| case(one, context)).collect();
    let score = Score::of(outcomes);
    lines.push(json!({
        "type": "score",
        "ran": score.ran(),
        "passed": score.passed,
        "failed": score.failed,
        "skipped": score.skipped,
    }));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn case(outcome: &Outcome, context: &Context) -> Value {
    let case = outcome.case;
    let mut line = json!({
        "type": "case",
        "id": case.id,
        "level": case.level.word(),
        "section": case.section(),
        "does": case.does,
        "rule": case.rule,
        "expected": case.expected(),
        "seconds": outcome.took.as_secs_f64(),
    });
    match &outcome.verdict {
        Verdict::Passed(seen) => {
            line["result"] = "passed".into();
            line["actual"] = seen.as_str().into();
        }
        Verdict::Skipped(why) => {
            line["result"] = "skipped".into();
            line["why"] = why.as_str().into();
        }
        Verdict::Failed(seen) => {
            line["result"] = "failed".into();
            line["actual"] = seen.what.as_str().into();
            line["lines"] = json!(seen.lines);
            line["bytes"] = HEXLOWER.encode(&seen.bytes).into();
            line["wrong_byte"] = json!(seen.wrong);
            line["late"] = seen.late.into();
            line["change"] = case.fix.into();
            line["again"] = context.again(case.id).into();
        }
    }
    line
}
