//! The explanations that move, `docs/explore/*.html`. Each page is one file, so that it can be
//! opened, sent and served alone. The look and the engine are in each, and are the same.

use std::fs;

use libtest_mimic::Failed;
use regex::Regex;

use crate::{page::Page, root};

const FOLDER: &str = "docs/explore";

/// With `UPDATE_DOCS=1`, writes the shared text into each page.
pub fn check(pages: &[Page]) -> Result<(), Failed> {
    let read = |name: &str| fs::read_to_string(root().join(FOLDER).join(name));
    let shared = [
        ("<style id=\"look\">\n", read("look.css")?, "</style>"),
        ("<script id=\"engine\">\n", read("steps.js")?, "</script>"),
    ];
    let mut wrong = Vec::new();
    for entry in fs::read_dir(root().join(FOLDER))? {
        let name = entry?.file_name().into_string().unwrap();
        if !name.ends_with(".html") {
            continue;
        }
        let text = read(&name)?;
        let mut made = text.clone();
        for (start, shared, end) in &shared {
            let (before, rest) = made
                .split_once(start)
                .ok_or(format!("{name}: no {start}"))?;
            let (_, after) = rest.split_once(end).ok_or(format!("{name}: no {end}"))?;
            made = format!("{before}{start}{shared}{end}{after}");
        }
        if crate::generated::update() {
            fs::write(root().join(FOLDER).join(&name), &made)?;
        } else if made != text {
            wrong.push(format!(
                "{name}: not the look or the engine of all; UPDATE_DOCS=1 writes them"
            ));
        }
        // A link to a chapter loads nothing.
        let text = text.replace("<a href=", "");
        if text.contains("src=") || text.contains("href=") || text.contains(" style=") {
            wrong.push(format!(
                "{name}: needs another file, or has a style attribute"
            ));
        }
        let link = format!("explore/{name}");
        let mut links = pages.iter().flat_map(|page| &page.links);
        if !links.any(|(_, target)| *target == link) {
            wrong.push(format!("no part links to {link}"));
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n").into()),
    }
}

/// A colour has one value in all pages of the course.
pub fn colours() -> Result<(), Failed> {
    let colour = Regex::new(r"--([a-z-]+): (light-dark\(.*?\)|#\w+);")?;
    let read = |name: &str| fs::read_to_string(root().join(name));
    let known = read("clients/style.css")? + &read("clients/xray.css")?;
    let look = read(&format!("{FOLDER}/look.css"))?;
    for found in colour.captures_iter(&look) {
        if !known.contains(&found[0]) {
            return Err(format!("look.css: {} is not in clients", &found[0]).into());
        }
    }
    Ok(())
}

/// The messages in an explanation have the fields that the reference knows.
pub fn messages() -> Result<(), Failed> {
    let read = |name: &str| fs::read_to_string(root().join(name));
    let reference = read("docs/reference/envelope.md")?;
    let page = read("docs/explore/tunnel.html")?;
    let (message, field) = (
        Regex::new(r#"\{"type":.*?\}'"#)?,
        Regex::new(r#""\w+":(?:true|false|null)?|"type":"\w+""#)?,
    );
    let mut count = 0;
    for found in message.find_iter(&page) {
        count += 1;
        for field in field.find_iter(found.as_str()) {
            if !reference.contains(field.as_str()) {
                return Err(format!("{}: not in the reference", field.as_str()).into());
            }
        }
    }
    match count {
        10.. => Ok(()),
        _ => Err(format!("only {count} messages were found").into()),
    }
}

/// What the hijack quotes of a server, a page or a log is there.
pub fn quotes() -> Result<(), Failed> {
    let read = |name: &str| fs::read_to_string(root().join(name));
    let page = read("docs/explore/hijack.html")?;
    let sources = read("demos/examples/believes_cookies.rs")?
        + &read("docs/attacks/hijack.html")?
        + &read("docs/4-who-may-connect.md")?;
    for quote in [
        "session=ada-is-logged-in",
        "; HttpOnly; SameSite=Strict",
        "Ada, your balance is 1000",
        "Ada, your order is done: ",
        "pay 1000 to Mallory",
        "handshake.rejected",
        "this page's origin is not allowed",
        "http://127.0.0.1:8767",
    ] {
        if !page.contains(quote) || !sources.contains(quote) {
            return Err(format!("not in the page and in its sources: {quote}").into());
        }
    }
    Ok(())
}
