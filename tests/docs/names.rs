//! What a page names exists: settings, files, programs, close codes, and where links lead.
//! And a figure says where it comes from.

use std::{path::Path, sync::LazyLock};

use libtest_mimic::Failed;
use regex::Regex;

use crate::{page::Page, root};

static SETTING: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bWEBSOCKET_[A-Z_]+\b").unwrap());
static FILE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[\w.-]+(/[\w.*-]+)*\.(rs|md|html|js|css|toml|yml|conf|svg)$").unwrap()
});
static COMMAND: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^zcomm ([a-z]+)").unwrap());
static METHOD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:connection|hub|server|Hub|Token)(?:\.|::)([a-z_]+)").unwrap()
});
/// The sources of the library.
static LIBRARY: LazyLock<String> = LazyLock::new(|| sources(&root().join("crates/zcomm-core/src")));
static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(1\d{3}|4\d{3})\b").unwrap());
static FIGURE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\d ?(µs|us|ms|MB|kB|KiB|MiB|GB|messages/s|connections/s|%)($|\W)").unwrap()
});

/// Of one page.
pub fn check(page: &Page) -> Result<(), Failed> {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).unwrap_or_default();
    let settings = read(".zEnv.example") + &read("crates/zcomm-core/src/settings/config.rs");
    let codes = read("docs/reference/close-codes.md");
    let commands = read("crates/zcomm/src/main.rs");
    let folder = page.file.parent().unwrap_or(Path::new(""));
    let mut wrong = Vec::new();
    for (line, name) in &page.names {
        let mut missing = |what: &str| wrong.push(format!("line {line}: {what} {name:?}"));
        for setting in SETTING.find_iter(name) {
            if !settings.contains(setting.as_str()) {
                missing("no such setting:");
            }
        }
        let exists =
            |file: &str| root().join(file).exists() || root().join(folder).join(file).exists();
        if FILE.is_match(name) && !name.contains('*') && !exists(name) && !somewhere(name) {
            missing("no such file:");
        }
        if let Some(command) = COMMAND.captures(name) {
            let mut variant = command[1].to_owned();
            variant[..1].make_ascii_uppercase();
            if &command[1] != "help" && !commands.contains(&format!("{variant}(")) {
                missing("no such command:");
            }
        }
        if let Some(method) = METHOD.captures(name) {
            let method = &method[1];
            let forms = ["pub fn NAME(", "pub fn NAME<", "pub async fn NAME("]
                .map(|form| form.replace("NAME", method));
            if !forms.iter().any(|form| LIBRARY.contains(form)) {
                missing("no such method:");
            }
        }
        if let Some(code) = CODE.find(name)
            && !codes.is_empty()
            && !codes.contains(code.as_str())
        {
            missing("this close code is not in docs/reference/close-codes.md:");
        }
    }
    for table in &page.tables {
        let has_figures = table.cells.iter().any(|cell| FIGURE.is_match(cell));
        if has_figures && !table.followed_by.contains("easured") {
            let line = table.line;
            wrong.push(format!(
                "line {line}: a table with figures is followed by \"Measured with …\" and the command"
            ));
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n").into()),
    }
}

fn sources(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let texts = entries.map(|entry| match entry.path() {
        below if below.is_dir() => sources(&below),
        file => std::fs::read_to_string(file).unwrap_or_default(),
    });
    texts.collect()
}

/// A file that is named without its folder.
fn somewhere(name: &str) -> bool {
    let below = ["clients", "demos/src", "crates", "tests", "docs"];
    below
        .iter()
        .any(|folder| is_below(&root().join(folder), name))
}

fn is_below(folder: &Path, name: &str) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir());
    folder.join(name).exists() || folders.any(|folder| is_below(&folder, name))
}

/// Of all pages.
pub fn links(pages: &[Page]) -> Result<(), Failed> {
    let mut dead = Vec::new();
    for page in pages {
        let folder = page.file.parent().unwrap_or(Path::new(""));
        for (line, link) in &page.links {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => root().join(&page.file),
                file => root().join(folder).join(file),
            };
            let there = target.canonicalize().ok();
            let found = there.as_ref().is_some_and(|there| {
                let other = pages.iter().find(|other| {
                    root().join(&other.file).canonicalize().ok().as_ref() == Some(there)
                });
                anchor.is_empty()
                    || other.is_none_or(|other| other.anchors.iter().any(|known| known == anchor))
            });
            if !found {
                dead.push(format!("{}:{line}: {link}", page.file.display()));
            }
        }
    }
    match dead.is_empty() {
        true => Ok(()),
        false => Err(format!("these links lead nowhere:\n{}", dead.join("\n")).into()),
    }
}

/// Every message of the chat, both ways, and every fault is on the page about them.
pub fn envelope() -> Result<(), Failed> {
    let read = |file: &str| std::fs::read_to_string(root().join(file));
    let page = read("docs/reference/envelope.md")?;
    let envelope = read("crates/zcomm-chat/src/envelope.rs")?;
    let faults = read("crates/zcomm-chat/src/fault.rs")?;
    let mut wanted = Vec::new();
    for (source, name) in [(&envelope, "ClientMessage"), (&envelope, "ServerMessage")] {
        let types = variants(source, name);
        wanted.extend(types.map(|name| format!("\"type\":\"{name}\"")));
    }
    wanted.extend(variants(&faults, "Code").map(|name| format!("`{name}`")));
    assert!(wanted.len() > 30, "{wanted:?}");
    wanted.retain(|wanted| !page.contains(wanted));
    match wanted.is_empty() {
        true => Ok(()),
        false => Err(format!("docs/reference/envelope.md has no {}", wanted.join(", ")).into()),
    }
}

/// The variants of an enum, as serde writes them.
fn variants<'a>(source: &'a str, name: &str) -> impl Iterator<Item = String> + use<'a> {
    let body = source.split(&format!("pub enum {name} {{")).nth(1);
    let body = body.and_then(|rest| rest.split("\n}").next());
    let lines = body.unwrap_or_default().lines();
    let names = lines.filter_map(|line| {
        let line = line.strip_prefix("    ")?;
        let capital = line.starts_with(|first: char| first.is_ascii_uppercase());
        capital.then(|| line.split(|c: char| !c.is_alphanumeric()).next())?
    });
    names.map(|name| {
        let mut snake = String::new();
        for (at, letter) in name.char_indices() {
            if letter.is_ascii_uppercase() && at > 0 {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        snake
    })
}
