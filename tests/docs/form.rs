//! The parts have one form, so that who knows one finds his way in all.

use std::path::Path;

use libtest_mimic::Failed;

use crate::{page::Page, root};

/// What every part has, in this order; others may stand between.
const HEADINGS: [&str; 7] = [
    "You will be able to",
    "Run it",
    "The idea",
    "Read the code",
    "Break it",
    "Check yourself",
    "In production",
];
/// Questions at the end of a part, each with its answer.
const QUESTIONS: usize = 5;

/// Every `docs/NN-….md`.
pub fn check(pages: &[Page]) -> Result<(), Failed> {
    let parts = pages.iter().filter(|page| is_part(&page.file));
    let mut count = 0;
    for part in parts {
        let name = part.file.display();
        let text = std::fs::read_to_string(root().join(&part.file))?;
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
        _ => Err(format!("{count} parts, not 14").into()),
    }
}

fn is_part(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str());
    let number = name.and_then(|name| name.get(..2)?.parse::<u8>().ok());
    number.is_some() && file.parent() == Some(Path::new("docs"))
}

fn numbered(list: &str) -> usize {
    let starts = list.lines().filter_map(|line| line.split_once(". "));
    starts
        .filter(|(number, _)| number.parse::<u8>().is_ok())
        .count()
}
