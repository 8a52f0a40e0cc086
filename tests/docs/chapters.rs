//! The chapters: their order, their numbers, and the way from one to the next.
//!
//! A chapter about a lesson has the number of the lesson, and no other chapter has a number.

use std::{collections::BTreeSet, fs};

use libtest_mimic::Failed;
use regex::Regex;

use crate::{page::Page, root};

/// A line of `docs/SUMMARY.md`.
pub struct Chapter {
    /// Its file, within `docs`.
    pub file: String,
    /// Its title, with the number of its lesson if it has one.
    pub title: String,
}

/// The chapters in their order.
pub fn all() -> Vec<Chapter> {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let chapters = summary.split("\n# ").next().unwrap();
    let line = Regex::new(r"(?m)^- \[(.+)\]\((.+)\)$").unwrap();
    let lines = line.captures_iter(chapters);
    lines
        .map(|line| Chapter {
            file: line[2].to_owned(),
            title: line[1].to_owned(),
        })
        .collect()
}

/// Titles, numbers, and the links to the next chapter.
pub fn follow_each_other() -> Result<(), Failed> {
    let chapters = all();
    let mut numbers = Vec::new();
    for (index, chapter) in chapters.iter().enumerate() {
        let Chapter { file, title } = chapter;
        let text = fs::read_to_string(root().join("docs").join(file))?;
        if text.lines().next() != Some(&format!("# {title}")) {
            return Err(format!("{file}: its title is not {title:?}, as in SUMMARY.md").into());
        }
        let number = title.split_once(". ").map(|(number, _)| number);
        let starts_so = |number: &str| file.starts_with(&format!("{number}-"));
        if !number.map_or(
            file.starts_with(|first: char| first.is_alphabetic()),
            starts_so,
        ) {
            return Err(format!("{file}: the number in its name is not that of {title:?}").into());
        }
        numbers.extend(number.map(str::to_owned));
        if let Some(next) = chapters.get(index + 1) {
            let link = format!("\nNext: [{}]({})\n", next.title, next.file);
            if !text.ends_with(&link) {
                return Err(format!("{file}: its last line is not{link}").into());
            }
        }
    }
    let lessons = fs::read_dir(root().join("demos/src/bin"))?.flatten();
    let names = lessons.filter_map(|lesson| lesson.file_name().into_string().ok());
    let names = names.filter_map(|name| Some(name.split_once('_')?.0.to_owned()));
    let lessons: BTreeSet<_> = names.filter(|name| name.parse::<u8>().is_ok()).collect();
    match numbers.iter().eq(lessons.iter()) {
        true => Ok(()),
        false => Err(format!("chapters have {numbers:?}, lessons have {lessons:?}").into()),
    }
}

/// The table of the first chapter has all chapters. Ninety minutes are the same chapters for one
/// person and for a class.
pub fn are_planned() -> Result<(), Failed> {
    let start = fs::read_to_string(root().join("docs/start-here.md"))?;
    let row = Regex::new(r"(?m)^\| (?:Start here|\[(.+)\]\((.+)\)) \| .* \| \w+ \|$")?;
    let rows: Vec<_> = row.captures_iter(&start).collect();
    let rows = rows
        .iter()
        .map(|row| row.get(2).map_or("start-here.md", |file| file.as_str()));
    if !rows.eq(all().iter().map(|chapter| chapter.file.as_str())) {
        return Err("the table of start-here.md is not that of SUMMARY.md".into());
    }
    let paragraph = start
        .split("\n\n")
        .find(|text| text.starts_with("In ninety minutes"));
    let link = Regex::new(r"\]\((?:\.\./)?([\w-]+\.md)\)")?;
    let files = |text: &str| -> Vec<String> {
        link.captures_iter(text)
            .map(|file| file[1].to_owned())
            .collect()
    };
    let alone = files(paragraph.ok_or("start-here.md has no plan for ninety minutes")?);
    let plans = fs::read_to_string(root().join("docs/instructors/plans.md"))?;
    let plan = plans
        .split("\n## ")
        .find(|plan| plan.lines().next().unwrap().contains("90 minutes"));
    let cells = plan.ok_or("plans.md has no plan for 90 minutes")?.lines();
    let class: Vec<_> = cells
        .filter_map(|row| files(row.split('|').nth(2)?).pop())
        .collect();
    match class.first().is_some_and(|first| first == "start-here.md") && class[1..] == alone {
        true => Ok(()),
        false => Err(format!("90 minutes: {alone:?} alone, {class:?} in a class").into()),
    }
}

/// No page names a chapter by a number that is not the number of a lesson.
pub fn have_one_numbering(pages: &[Page]) -> Result<(), Failed> {
    let lessons = all()
        .iter()
        .filter(|chapter| chapter.title.contains(". "))
        .count();
    let number = Regex::new(r"\b([Pp]arts?|[Cc]hapters?)\s+(\d+)")?;
    let block = Regex::new(r"(?ms)^ *```.*?^ *```$")?;
    let mut wrong = Vec::new();
    for page in pages {
        let text = fs::read_to_string(root().join(&page.file))?;
        for found in number.captures_iter(&block.replace_all(&text, "")) {
            let is_lesson = found[2]
                .parse()
                .is_ok_and(|number| (1..=lessons).contains(&number));
            if !found[1].to_lowercase().starts_with("chapter") || !is_lesson {
                wrong.push(format!("{}: {:?}", page.file.display(), &found[0]));
            }
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n").into()),
    }
}
