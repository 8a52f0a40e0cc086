//! The report as text: a line for each section, and a block of lines for each failed case.

use std::time::Duration;

use super::score::{Context, Score};
use crate::{
    check::{
        case::Level,
        cases::SECTIONS,
        run::Outcome,
        verdict::{Seen, Verdict, lines},
    },
    shared::text::{BAD, FAINT, GOOD, cut, visible, wrapped},
};
use zcomm_core::xray::{Event, EventKind};

/// The width of a line.
const WIDTH: usize = 80;
/// The column where the text of a block begins.
const INDENT: usize = 14;
/// The number of failed cases that are explained in full.
const EXPLAINED: usize = 8;
/// The number of bytes that are shown of each sent frame.
const BYTES: usize = 20;
/// The number of sent frames that are shown.
const FRAMES: usize = 4;

/// The first line: what is tested, the round trip, and the time limit.
pub(crate) fn head(context: &Context, round_trip: Duration, limit: Duration) -> String {
    let (url, limit) = (&context.name, limit.as_secs_f64());
    let what = match round_trip {
        Duration::ZERO => "no answer to a right handshake".to_owned(),
        time => format!("a round trip takes {:.1} ms", time.as_secs_f64() * 1000.0),
    };
    format!("{url} - {what}; each answer may take {limit:.1} s\n")
}

/// Returns the report without its first line.
pub(crate) fn to_text(outcomes: &[Outcome], context: &Context) -> String {
    let mut text = String::new();
    for (section, title) in SECTIONS {
        let mut of_section = outcomes.iter().filter(|one| one.case.section() == section);
        let of_section: Vec<_> = of_section.by_ref().collect();
        if of_section.is_empty() {
            continue;
        }
        text += &section_line(section, title, &of_section);
        if context.verbose {
            of_section.iter().for_each(|one| text += &case_line(one));
        }
    }
    text += &blocks(outcomes, context);
    let skipped = skipped(outcomes);
    if !skipped.is_empty() {
        text += &format!("\n{skipped}");
    }
    text + "\n" + &Score::of(outcomes).line() + "\n"
}

/// Explains the first failed cases, and lists the others.
fn blocks(outcomes: &[Outcome], context: &Context) -> String {
    let failed = outcomes
        .iter()
        .filter_map(|outcome| match &outcome.verdict {
            Verdict::Failed(seen) => Some((outcome, seen)),
            _ => None,
        });
    let (mut text, mut gone) = (String::new(), false);
    for (at, (outcome, seen)) in failed.enumerate() {
        gone |= seen.gone;
        if at == EXPLAINED {
            text += "\nThe other failed cases; --only NAME explains each:\n";
        }
        match at < EXPLAINED {
            true => {
                text += &format!("\n{}", block(outcome, seen));
                row(&mut text, "again", &context.again(outcome.case.id));
            }
            false => text += &case_line(outcome),
        }
    }
    if gone {
        text += "\nThe server stopped during the run. Start it again and add --jobs 1: then the first\n\
                 failed case is the one that stops it.\n";
    }
    text + &echo_hint(outcomes)
}

/// A hint for a server that puts the same text before each message that it sends back.
fn echo_hint(outcomes: &[Outcome]) -> String {
    let mut prefixes = outcomes
        .iter()
        .filter_map(|outcome| match &outcome.verdict {
            Verdict::Failed(seen) => seen.prefix.as_ref(),
            _ => None,
        });
    let Some(first) = prefixes.next().filter(|first| !first.is_empty()) else {
        return String::new();
    };
    if prefixes.any(|prefix| prefix != first) {
        return String::new();
    }
    let shown = cut(&visible(first));
    let hint = format!(
        "The server puts {shown:?} before each text that it sends back. --echo needs the text \
         unchanged: start lesson 2 with ECHO_PREFIX= (empty). For another server, use --send TEXT \
         --expect REGEX instead of --echo."
    );
    format!("\n{}\n", wrapped(&hint, WIDTH).join("\n"))
}

/// Returns the name of the first failed case, and its explanation. A case that was skipped because
/// no WebSocket opens has failed, too.
pub(crate) fn first_failed(outcomes: &[Outcome]) -> Option<(&'static str, String)> {
    outcomes.iter().find_map(|outcome| match &outcome.verdict {
        Verdict::Passed(_) => None,
        Verdict::Failed(seen) => Some((outcome.case.id, block(outcome, seen))),
        Verdict::Skipped(why) => Some((outcome.case.id, format!("    {why}\n"))),
    })
}

fn section_line(section: &str, title: &str, outcomes: &[&Outcome]) -> String {
    let count =
        |test: fn(&Verdict) -> bool| outcomes.iter().filter(|one| test(&one.verdict)).count();
    let passed = count(|verdict| matches!(verdict, Verdict::Passed(_)));
    let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
    let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)));
    let mut result = format!("{passed} passed");
    if failed > 0 {
        result = format!("{BAD}{failed} failed{BAD:#}, {result}");
    }
    if skipped > 0 {
        result += &format!("{FAINT}, {skipped} skipped{FAINT:#}");
    }
    format!("  {section:<6} {title:<34} {result}\n")
}

fn case_line(outcome: &Outcome) -> String {
    let (id, does) = (outcome.case.id, outcome.case.does);
    match &outcome.verdict {
        Verdict::Passed(seen) => format!("    {GOOD}✓{GOOD:#} {id:<12} {does}: {seen}\n"),
        Verdict::Failed(seen) => format!("    {BAD}✗{BAD:#} {id:<12} {does}: {}\n", seen.what),
        Verdict::Skipped(why) => format!("    {FAINT}- {id:<12} {does}: {why}{FAINT:#}\n"),
    }
}

/// Explains a failed case.
fn block(outcome: &Outcome, seen: &Seen) -> String {
    let case = outcome.case;
    let level = match case.level {
        Level::Must => "",
        Level::Should => "  (SHOULD)",
    };
    let does = wrapped(&format!("{}{level}", case.does), WIDTH - INDENT);
    let does = does.join(&format!("\n{:INDENT$}", ""));
    let mut text = format!("{BAD}✗ {}{BAD:#}  {does}\n", case.id);
    let rule = format!("RFC 6455, {}: \"{}\"", case.section(), case.rule);
    paragraph(&mut text, "rule", &rule);
    for (at, event) in outcome.sent.iter().take(FRAMES).enumerate() {
        let label = if at == 0 { "sent" } else { "" };
        own(&mut text, label, event);
    }
    if outcome.sent.len() > FRAMES {
        paragraph(&mut text, "", "…");
    }
    paragraph(&mut text, "expected", &case.expected());
    paragraph(&mut text, "actual", &seen.what);
    seen.lines.iter().for_each(|line| row(&mut text, "", line));
    bytes(&mut text, &seen.bytes, seen.wrong);
    paragraph(&mut text, "to change", case.fix);
    text
}

/// Shows what the case sent: in words, and as bytes if it is a frame.
fn own(text: &mut String, label: &str, event: &Event) {
    let lines = lines(event);
    for (at, line) in lines.iter().enumerate() {
        row(text, if at == 0 { label } else { "" }, line);
    }
    if let EventKind::Frame(frame) = &event.kind {
        let bytes = frame.header.iter().chain(&frame.payload).take(BYTES);
        row(text, "", &hex(&bytes.copied().collect::<Vec<_>>()));
    }
}

/// Shows the bytes of a frame, and marks the wrong byte.
fn bytes(text: &mut String, bytes: &[u8], wrong: Option<usize>) {
    if bytes.is_empty() {
        return;
    }
    row(text, "", &hex(bytes));
    if let Some(wrong) = wrong {
        row(text, "", &format!("{}^^", " ".repeat(3 * wrong)));
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}

fn paragraph(text: &mut String, label: &str, words: &str) {
    for (at, line) in wrapped(words, WIDTH - INDENT).iter().enumerate() {
        row(text, if at == 0 { label } else { "" }, line);
    }
}

fn row(text: &mut String, label: &str, line: &str) {
    let line = format!("    {label:<10}{line}");
    *text += line.trim_end();
    text.push('\n');
}

/// Says why cases were skipped, with the number of cases for each reason.
fn skipped(outcomes: &[Outcome]) -> String {
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for outcome in outcomes {
        let Verdict::Skipped(why) = &outcome.verdict else {
            continue;
        };
        match reasons.iter_mut().find(|(known, _)| known == why) {
            Some((_, count)) => *count += 1,
            None => reasons.push((why, 1)),
        }
    }
    let lines = reasons
        .iter()
        .map(|(why, count)| format!("skipped {count}: {why}\n"));
    lines.collect()
}
