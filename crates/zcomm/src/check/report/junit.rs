//! The report as a file in the format of JUnit, which build servers read.

use std::fmt::Write;

use zcomm_core::xray::is_visible;

use super::score::{Context, Score};
use crate::check::{run::Outcome, verdict::Verdict};

pub(crate) fn to_junit(outcomes: &[Outcome], context: &Context) -> String {
    let score = Score::of(outcomes);
    let (tests, failed, skipped) = (outcomes.len(), score.failed, score.skipped);
    let mut file = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    file += &format!(
        "<testsuite name=\"zcomm check {}\" tests=\"{tests}\" failures=\"{failed}\" \
         skipped=\"{skipped}\">\n",
        escaped(&context.name)
    );
    for outcome in outcomes {
        file += &case(outcome, context);
    }
    file + "</testsuite>\n"
}

fn case(outcome: &Outcome, context: &Context) -> String {
    let case = outcome.case;
    let (id, does) = (case.id, escaped(case.does));
    let (section, seconds) = (case.section(), outcome.took.as_secs_f64());
    let mut text = format!(
        "  <testcase classname=\"ws.{section}\" name=\"{id} {does}\" time=\"{seconds:.3}\""
    );
    match &outcome.verdict {
        Verdict::Passed(_) => text += "/>\n",
        Verdict::Skipped(why) => {
            let why = escaped(why);
            text += &format!("><skipped message=\"{why}\"/></testcase>\n");
        }
        Verdict::Failed(seen) => {
            let what = escaped(&seen.what);
            let mut body = format!("expected: {}\n", case.expected());
            body += &format!("actual: {}\n{}\n", seen.what, seen.lines.join("\n"));
            body += &format!("to change: {}\nagain: {}", case.fix, context.again(id));
            let body = escaped(&body);
            text += &format!("><failure message=\"{what}\">{body}</failure></testcase>\n");
        }
    }
    text
}

/// Escapes a text for XML. Control characters, which XML does not allow, become `?`.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            '"' => escaped += "&quot;",
            '\n' => escaped.push('\n'),
            c if is_visible(c) && !matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(c),
            // A write to a string cannot fail.
            _ => drop(write!(escaped, "?")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_peer_stays_text() {
        let hostile = "</failure>\"&\x1b[2J\n\u{202e}é";
        assert_eq!(escaped(hostile), "&lt;/failure&gt;&quot;&amp;?[2J\n?é");
    }
}
