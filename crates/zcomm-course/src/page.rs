//! The pages: a chapter, and the map of all chapters. Both fill the same template.

use std::fmt::Write;

use pulldown_cmark::{Event, HeadingLevel, Tag, TagEnd};

use crate::{
    block::escaped,
    contents::{CONTENTS, Entry, Group, neighbours},
    files::{file, page_name},
    markdown::{self, parse, text},
};

/// The frame of every page.
const TEMPLATE: &str = include_str!("../../../clients/course.html");

/// The start of the map.
const MAP: &str = include_str!("../../../clients/course_map.html");

/// The page of a chapter.
pub(crate) fn chapter(entry: &Entry) -> String {
    let source = file(entry.file).unwrap_or_default();
    let text = markdown::page(entry.file, source);
    let main = format!("<article>\n{text}</article>\n{}", ways_on(entry));
    fill(entry.title, &main, Some(entry))
}

/// The map: every chapter with its first sentence.
pub(crate) fn map() -> String {
    let mut list = String::new();
    for group in CONTENTS.iter() {
        let cards: String = group.entries.iter().map(card).collect();
        list += &match group.name {
            "" => format!("<ol class=\"map\">\n{cards}</ol>\n"),
            name => format!(
                "<details><summary><h2>{}</h2></summary>\n<ol class=\"map\">\n{cards}</ol></details>\n",
                escaped(name)
            ),
        };
    }
    fill("The map", &MAP.replace("{chapters}", &list), None)
}

fn fill(title: &str, main: &str, current: Option<&Entry>) -> String {
    let groups = CONTENTS.iter().map(|group| group_of_links(group, current));
    // The text of the chapter comes last, because it may contain the words of the template.
    let page = TEMPLATE.replace("{title}", &escaped(title));
    let page = page.replace("{contents}", &groups.collect::<String>());
    page.replacen("{main}", main, 1)
}

/// A link to a page. The script of the page marks the links to chapters that are done.
fn link(entry: &Entry, attributes: &str) -> String {
    let (page, title) = (page_name(entry.file), escaped(entry.title));
    format!("<a href=\"/course/{page}\"{attributes}>{title}</a>")
}

/// The name under which the browser remembers a chapter.
fn name(entry: &Entry) -> &str {
    entry.file.trim_end_matches(".md")
}

/// A group in the list of contents. Below the current page, the list has its sections.
fn group_of_links(group: &Group, current: Option<&Entry>) -> String {
    let mut items = String::new();
    for entry in &group.entries {
        let is_current = current == Some(entry);
        let class = if entry.is_part { " class=\"part\"" } else { "" };
        let mark = if is_current {
            " aria-current=\"page\""
        } else {
            ""
        };
        let link = link(entry, mark);
        let sections = if is_current {
            sections(entry)
        } else {
            String::new()
        };
        let name = name(entry);
        // Writing to a string cannot fail.
        writeln!(
            items,
            "<li{class} data-chapter=\"{name}\">{link}{sections}</li>"
        )
        .ok();
    }
    match group.name {
        "" => format!("<ol>\n{items}</ol>\n"),
        name => {
            let open = group.entries.iter().any(|entry| current == Some(entry));
            let open = if open { " open" } else { "" };
            let name = escaped(name);
            format!("<details{open}><summary>{name}</summary>\n<ol>\n{items}</ol></details>\n")
        }
    }
}

/// Links to the sections of a page.
fn sections(entry: &Entry) -> String {
    let events = parse(file(entry.file).unwrap_or_default());
    let mut items = String::new();
    for (at, event) in events.iter().enumerate() {
        let Event::Start(Tag::Heading {
            level: HeadingLevel::H2,
            id: Some(id),
            ..
        }) = event
        else {
            continue;
        };
        let ends = |event: &&_| !matches!(event, Event::End(TagEnd::Heading(_)));
        let heading = escaped(&text(events[at..].iter().take_while(ends)));
        writeln!(items, "<li><a href=\"#{id}\">{heading}</a></li>").ok();
    }
    format!("\n<ul>\n{items}</ul>\n")
}

/// A chapter on the map: the title, and the first sentence.
fn card(entry: &Entry) -> String {
    let class = if entry.is_part { " class=\"part\"" } else { "" };
    let (name, link) = (name(entry), link(entry, ""));
    let first = escaped(&first_sentence(file(entry.file).unwrap_or_default()));
    format!("<li{class} data-chapter=\"{name}\">{link} <span>{first}</span></li>\n")
}

/// The first sentence of a file.
pub(crate) fn first_sentence(source: &str) -> String {
    let events = parse(source);
    let is_start = |event: &&_| **event != Event::Start(Tag::Paragraph);
    let is_inside = |event: &&_| **event != Event::End(TagEnd::Paragraph);
    let paragraph = events.iter().skip_while(is_start).take_while(is_inside);
    let paragraph = text(paragraph);
    let sentence = paragraph.split(". ").next().unwrap_or_default();
    format!("{}.", sentence.trim_end_matches(['.', ':']))
}

/// The end of a chapter: done, the chapter before, and the next one.
fn ways_on(entry: &Entry) -> String {
    let is_chapter = CONTENTS[0].entries.contains(entry);
    let done = match is_chapter {
        true => {
            "<button id=\"done\" type=\"button\" aria-pressed=\"false\">Mark as done</button>\n"
        }
        false => "",
    };
    let [before, next] = neighbours(entry.file);
    let way = |entry: Option<&Entry>, rel| {
        let attribute = format!(" rel=\"{rel}\"");
        entry.map_or_else(String::new, |entry| link(entry, &attribute))
    };
    let (before, next) = (way(before, "prev"), way(next, "next"));
    format!("<footer>{done}<nav aria-label=\"Before and next\">{before}{next}</nav></footer>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first sentence of a chapter is its card on the map.
    #[test]
    fn each_card_says_what_you_do_or_learn() {
        for entry in &CONTENTS[0].entries {
            let sentence = first_sentence(file(entry.file).unwrap());
            assert!(sentence.starts_with("You "), "{}: {sentence}", entry.file);
            assert!(sentence.len() > 40, "{}: {sentence}", entry.file);
        }
    }
}
