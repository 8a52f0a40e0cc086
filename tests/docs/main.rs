//! The course, done: every page of `docs/`, and the README, as a learner would who believes
//! each word.
//!
//! What stands in a block is run, quoted or compared, by its language and what follows that
//! word (which a forge does not show):
//!
//! - `sh`: a terminal, and the lines that are typed into it. `terminal=2` is another one. A
//!   program that goes on running is stopped with Ctrl-C by the next block of its terminal.
//!   `exit=1` says how it ends, if not well; `exit=0` that it does end, and is waited for.
//!   `not-run="why"` is for the few that cannot be run here; they are counted and listed.
//! - `text` behind one: what the terminal then shows, all of it; of a program that goes on,
//!   what comes next. What differs from run to run (times, ports, keys) is masked; with
//!   `about` every number is. `…` alone on a line stands for any lines. With `part` lines may
//!   be left out everywhere, and the next `text` goes on behind these. With `ctrl-c` that is
//!   pressed first, and what follows is all that was not looked at.
//! - `rust`, `js`, `html`, `css`, `toml`, `json` with `file=PATH`: stands in that file.
//! - `diff` with `from=PATH to=PATH`: is what these two files differ in.
//!
//! A line above each block says the same to readers: `labels`. The rest of a page is held to its
//! word, too: `names`. What is a table in the code is made
//! from it: `generated`. An error that a page explains is one that a program has: `errors`.
//! The explanations that move are whole: `explore`. The chapters have one order and one numbering:
//! `chapters`; one form: `form`; the minutes of a plan add up: `plans`.

#![cfg(unix)]
#![allow(unreachable_pub, reason = "a test program is not a library")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod chapters;
#[path = "../children.rs"]
mod children;
mod close_codes;
mod errors;
mod explore;
mod form;
mod generated;
mod labels;
mod masks;
mod names;
mod network;
mod page;
mod plans;
mod quotes;
mod terminal;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use libtest_mimic::{Arguments, Failed, Trial};
use page::{Block, Kind, Page};
use terminal::{Desk, Terminal};

/// Blocks that may say that they cannot be run.
const NOT_RUN: usize = 9;

/// The top of the workspace.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().unwrap()
}

/// What our programs are made of, without their tests: the file, and its text.
pub fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let mut folders: Vec<_> = folders.iter().map(|name| root().join(name)).collect();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|ending| ending == "rs" || ending == "js")
            {
                let source = fs::read_to_string(&path).unwrap();
                let code = source
                    .split("#[cfg(test)]\nmod tests")
                    .next()
                    .unwrap_or_default();
                sources.push((path.display().to_string(), code.to_owned()));
            }
        }
    }
    sources
}

/// README and every page of the course.
fn pages() -> Vec<Page> {
    let mut files = vec![PathBuf::from("README.md")];
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root().join(&folder)) else {
            continue;
        };
        for entry in entries {
            let name = folder.join(entry.unwrap().file_name());
            if root().join(&name).is_dir() {
                folders.push(name);
            } else if name.extension().is_some_and(|ending| ending == "md") {
                files.push(name);
            }
        }
    }
    files.sort();
    files.iter().map(|file| Page::read(file)).collect()
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let network = network::option().filter(|_| network::depth() == 0);
    // The pages use the ports that they name. Those with a network of their own mostly wait.
    arguments.test_threads = network.map_or(Some(1), |_| arguments.test_threads.or(Some(4)));
    let pages = pages();
    let mut trials = Vec::new();
    let mut not_run = Vec::new();
    // A test that uses the ports of the lessons.
    let with_ports = |name: String, test: Box<dyn FnOnce() -> Result<(), Failed> + Send>| {
        Trial::test(name.clone(), move || match network {
            Some(option) => network::alone(option, &name),
            None => test(),
        })
    };
    for page in &pages {
        for block in &page.blocks {
            if let Some(why) = block.attribute("not-run") {
                not_run.push(format!("{}:{}: {why}", page.file.display(), block.line));
            }
        }
        let followed = page.clone();
        trials.push(with_ports(
            format!("{} does what it says", page.file.display()),
            Box::new(move || follow(&followed)),
        ));
        for (name, check) in [
            (
                "labels its blocks",
                labels::check as fn(&Page) -> Result<(), Failed>,
            ),
            ("quotes what is there", quotes::check),
            ("names what exists", names::check),
        ] {
            let page = page.clone();
            trials.push(Trial::test(
                format!("{} {name}", page.file.display()),
                move || check(&page),
            ));
        }
    }
    let all = pages.clone();
    trials.push(Trial::test("links lead somewhere", move || {
        names::links(&all)
    }));
    trials.push(Trial::test(
        "the reference of messages is complete",
        names::envelope,
    ));
    for (file, page) in generated::PAGES {
        trials.push(Trial::test(
            format!("{file} is made from the code"),
            move || generated::check(file, page),
        ));
    }
    trials.push(Trial::test(
        "reasons of closing are those of the table",
        generated::reasons,
    ));
    trials.push(Trial::test(
        "errors that are explained exist",
        errors::check,
    ));
    trials.push(Trial::test("plans keep to their time", plans::add_up));
    trials.push(Trial::test("the script keeps to its plan", plans::script));
    trials.push(Trial::test("the exit quiz has answers", plans::exit_quiz));
    let readme = pages.iter().find(|page| page.file == *"README.md");
    let readme = readme.unwrap().clone();
    trials.push(with_ports(
        "a lesson elsewhere changes nothing".to_owned(),
        Box::new(move || network::others(&readme)),
    ));
    trials.push(Trial::test("chapters have one form", form::check));
    trials.push(Trial::test(
        "chapters follow each other",
        chapters::follow_each_other,
    ));
    trials.push(Trial::test("chapters are planned", chapters::are_planned));
    let all = pages.clone();
    trials.push(Trial::test("chapters have one numbering", move || {
        chapters::have_one_numbering(&all)
    }));
    let all = pages.clone();
    trials.push(Trial::test("explanations are whole", move || {
        explore::check(&all)
    }));
    trials.push(Trial::test(
        "explanations have the colours of the pages",
        explore::colours,
    ));
    trials.push(Trial::test(
        "explanations have the messages of the reference",
        explore::messages,
    ));
    trials.push(Trial::test(
        "explanations quote what is there",
        explore::quotes,
    ));
    let count = not_run.len();
    trials.push(Trial::test("few blocks are not run", move || match count {
        0..=NOT_RUN => Ok(()),
        _ => Err(format!("{count} blocks are not run; at most {NOT_RUN} may be").into()),
    }));
    let conclusion = libtest_mimic::run(&arguments, trials);
    println!("{count} blocks are not run:");
    for block in not_run {
        println!("  {block}");
    }
    conclusion.exit_code()
}

/// Does what the page says, from top to bottom.
fn follow(page: &Page) -> Result<(), Failed> {
    if network::depth() == 0 {
        network::check_ports(page)?;
    }
    let desk = Desk::new(&page.file);
    let mut terminals: HashMap<String, Terminal> = HashMap::new();
    let mut last = None;
    for (index, block) in page.blocks.iter().enumerate() {
        let place = format!("{}:{}", page.file.display(), block.line);
        let number = block.attribute("terminal").unwrap_or("1").to_owned();
        match block.kind() {
            Kind::Shell if block.attribute("not-run").is_none() => {
                let terminal = terminals
                    .entry(number.clone())
                    .or_insert_with(|| desk.terminal());
                let shown = shown(page, index);
                terminal
                    .types(&block.text, shown, block.attribute("exit"))
                    .map_err(|why| format!("{place}: {why}"))?;
                last = Some(number);
            }
            Kind::Output => {
                let behind_not_run = index
                    .checked_sub(1)
                    .is_some_and(|before| page.blocks[before].attribute("not-run").is_some());
                if behind_not_run && block.attribute("terminal").is_none() {
                    continue;
                }
                let number = match block.attribute("terminal") {
                    Some(number) => number.to_owned(),
                    None => last
                        .clone()
                        .ok_or(format!("{place}: no terminal shows this"))?,
                };
                let terminal = terminals
                    .get_mut(&number)
                    .ok_or(format!("{place}: nothing was typed into terminal {number}"))?;
                if block.has("ctrl-c") {
                    terminal
                        .interrupt()
                        .map_err(|why| format!("{place}: {why}"))?;
                }
                terminal
                    .shows(&block.text, block.has("about"), block.has("part"))
                    .map_err(|why| format!("{place}: {why}"))?;
            }
            _ => {}
        }
    }
    for (number, terminal) in &mut terminals {
        terminal
            .stop()
            .map_err(|why| format!("{}: terminal {number}: {why}", page.file.display()))?;
    }
    Ok(())
}

/// Whether the next block says what is shown.
fn shown(page: &Page, index: usize) -> bool {
    page.blocks
        .get(index + 1)
        .is_some_and(|next| next.kind() == Kind::Output && next.attribute("terminal").is_none())
}

/// A block and where it is, for a message.
pub fn place(page: &Page, block: &Block) -> String {
    format!("{}:{}", page.file.display(), block.line)
}
