//! A plan for a class keeps to its time: the minutes of its table are those of its heading.

use libtest_mimic::Failed;
use regex::Regex;

use crate::root;

/// Every `## … N minutes` of the plans, and what its table adds up to.
pub fn add_up() -> Result<(), Failed> {
    let plans = std::fs::read_to_string(root().join("docs/instructors/plans.md"))?;
    let heading = Regex::new(r"(\d+) minutes$")?;
    let mut count = 0;
    for plan in plans.split("\n## ").skip(1) {
        let title = plan.lines().next().unwrap_or_default();
        let promised: u32 = heading
            .captures(title)
            .ok_or(format!("{title:?} says no minutes"))?[1]
            .parse()?;
        let rows = plan.lines().filter_map(|line| line.strip_prefix("| "));
        let minutes = rows.filter_map(|row| row.split(' ').next()?.parse::<u32>().ok());
        let sum: u32 = minutes.sum();
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
