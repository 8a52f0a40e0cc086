//! A plan for a class keeps to its time: the minutes of its table are those of its heading. The
//! script has the minutes and the chapters of the plan for 90 minutes.

use libtest_mimic::Failed;
use regex::Regex;

use crate::root;

/// A row of a plan, or a section of the script: its minutes, and the link to its chapter.
type Part = (u32, Option<String>);

fn page(name: &str) -> Result<String, Failed> {
    let file = root().join("docs/instructors").join(name);
    Ok(std::fs::read_to_string(file)?)
}

/// The parts of a plan: `| 15 | [Basics](../basics.md) | … |`.
fn parts(plan: &str) -> Vec<Part> {
    let rows = plan.lines().filter_map(|line| line.strip_prefix("| "));
    let parts = rows.filter_map(|row| {
        let (minutes, rest) = row.split_once(" | ")?;
        let chapter = rest.split_once(" | ")?.0;
        Some((minutes.parse().ok()?, first_link(chapter)))
    });
    parts.collect()
}

fn first_link(text: &str) -> Option<String> {
    let (link, _) = text.split_once("](")?.1.split_once(')')?;
    Some(link.to_owned())
}

/// Every `## … N minutes` of the plans, and what its table adds up to.
pub fn add_up() -> Result<(), Failed> {
    let heading = Regex::new(r"(\d+) minutes$")?;
    let mut count = 0;
    for plan in page("plans.md")?.split("\n## ").skip(1) {
        let title = plan.lines().next().unwrap_or_default();
        let promised: u32 = heading
            .captures(title)
            .ok_or(format!("{title:?} says no minutes"))?[1]
            .parse()?;
        let sum: u32 = parts(plan).iter().map(|(minutes, _)| minutes).sum();
        if sum != promised {
            return Err(format!("{title:?} adds up to {sum} minutes").into());
        }
        count += 1;
    }
    match count {
        0 => Err("there are no plans".into()),
        _ => Ok(()),
    }
}

/// Each section of the script begins when the one before it ends, and is a row of the plan.
pub fn script() -> Result<(), Failed> {
    let plans = page("plans.md")?;
    let plan = plans
        .split("\n## ")
        .find(|plan| plan.contains("90 minutes"));
    let wanted = parts(plan.ok_or("plans.md has no plan for 90 minutes")?);
    let heading = Regex::new(r"^(\d):(\d\d) .*, (\d+) minutes$")?;
    let (mut found, mut time) = (Vec::new(), 0);
    for section in page("script.md")?.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap_or_default();
        let numbers = heading.captures(title);
        let numbers = numbers.ok_or(format!("{title:?} is not `0:15 Title, 15 minutes`"))?;
        let [hours, start, minutes] = [1, 2, 3].map(|at| numbers[at].parse::<u32>().unwrap());
        if 60 * hours + start != time {
            return Err(format!("{title:?} does not begin at minute {time}").into());
        }
        time += minutes;
        // A section about a chapter begins with the link to it.
        let body = section.split("\n\n").nth(1).unwrap_or_default();
        let chapter = body.starts_with('[').then(|| first_link(body)).flatten();
        found.push((minutes, chapter));
    }
    match found == wanted {
        true => Ok(()),
        false => Err(format!("the plan has {wanted:?}, the script has {found:?}").into()),
    }
}

/// Five questions with five answers.
pub fn exit_quiz() -> Result<(), Failed> {
    let quiz = page("exit-quiz.md")?;
    let lists = quiz.split_once("<details>").ok_or("no answers")?;
    let number = Regex::new(r"(?m)^\d\. ")?;
    for list in [lists.0, lists.1] {
        let numbered = number.find_iter(list).count();
        if numbered != 5 {
            return Err(format!("{numbered} questions or answers, not 5").into());
        }
    }
    Ok(())
}
