//! The chapters have one form, so that a reader of one finds everything in all.

use libtest_mimic::Failed;

use crate::{chapters, root};

/// What every chapter has, in this order; others may stand between.
const HEADINGS: [&str; 7] = [
    "You will be able to",
    "Run it",
    "The idea",
    "Read the code",
    "Break it",
    "Check yourself",
    "In production",
];
/// Questions at the end of a chapter, each with its answer.
const QUESTIONS: usize = 5;

/// Every chapter of `docs/SUMMARY.md`.
pub fn check() -> Result<(), Failed> {
    let mut count = 0;
    for chapter in chapters::all() {
        let name = chapter.file;
        let text = std::fs::read_to_string(root().join("docs").join(&name))?;
        let mut headings = text.lines().filter_map(|line| line.strip_prefix("## "));
        for wanted in HEADINGS {
            if !headings.any(|heading| heading == wanted) {
                return Err(format!("{name}: no {wanted:?}, or not in its place").into());
            }
        }
        let quiz = text
            .split("\n## ")
            .find(|section| section.starts_with("Check yourself"));
        let (questions, answers) = quiz
            .and_then(|quiz| quiz.split_once("<details><summary>Answers</summary>"))
            .ok_or(format!("{name}: a quiz without answers"))?;
        for (what, list) in [("questions", questions), ("answers", answers)] {
            if numbered(list) != QUESTIONS {
                return Err(format!("{name}: {} {what}, not {QUESTIONS}", numbered(list)).into());
            }
        }
        count += 1;
    }
    match count {
        14 => Ok(()),
        _ => Err(format!("{count} chapters, not 14").into()),
    }
}

fn numbered(list: &str) -> usize {
    let starts = list.lines().filter_map(|line| line.split_once(". "));
    starts
        .filter(|(number, _)| number.parse::<u8>().is_ok())
        .count()
}
