//! A Markdown file as HTML: its headings, links, tables, blocks and quiz.
//!
//! The files are ours, so HTML in them is kept. The policy of the page allows no inline script.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

use crate::{
    block::blocks,
    files::{file, page_name, target},
    quiz::quiz,
};

/// The text of a file as HTML.
pub(crate) fn page(name: &str, source: &str) -> String {
    let mut events = parse(source);
    leave_out_next(&mut events);
    let events = quiz(blocks(tables(links(name, events))));
    let mut page = String::new();
    html::push_html(&mut page, events.into_iter());
    page
}

/// The parts of a file. Each heading has its anchor.
pub(crate) fn parse(source: &str) -> Vec<Event<'_>> {
    let mut events: Vec<_> = Parser::new_ext(source, Options::ENABLE_TABLES).collect();
    for at in 0..events.len() {
        let ends = |event: &_| matches!(event, Event::End(TagEnd::Heading(_)));
        if matches!(&events[at], Event::Start(Tag::Heading { .. })) {
            let inside = events[at..].iter().take_while(|event| !ends(event));
            let anchor = anchor(&text(inside));
            if let Event::Start(Tag::Heading { id, .. }) = &mut events[at] {
                *id = Some(anchor.into());
            }
        }
    }
    events
}

/// The words of some events.
pub(crate) fn text<'a>(events: impl Iterator<Item = &'a Event<'a>>) -> String {
    let words = events.map(|event| match event {
        Event::Text(text) | Event::Code(text) => &**text,
        Event::SoftBreak | Event::HardBreak => " ",
        Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell) => " ",
        _ => "",
    });
    words.collect()
}

/// The anchor of a heading, as forges and mdBook make it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter_map(|sign| match sign {
        ' ' => Some('-'),
        sign if sign.is_alphanumeric() || sign == '-' || sign == '_' => Some(sign),
        _ => None,
    });
    kept.collect()
}

/// A chapter ends with a link to the next one. The page has its own link.
fn leave_out_next(events: &mut Vec<Event<'_>>) {
    let start = Event::Start(Tag::Paragraph);
    if let Some(at) = events.iter().rposition(|event| *event == start)
        && matches!(&events[at + 1], Event::Text(text) if text.starts_with("Next: "))
    {
        events.truncate(at);
    }
}

/// Lets the links to Markdown files lead to the pages of these files. A link to a file that the
/// course does not have becomes text.
fn links<'a>(name: &str, events: Vec<Event<'a>>) -> Vec<Event<'a>> {
    let mut is_dead = false;
    let mut done = Vec::with_capacity(events.len());
    for mut event in events {
        match &mut event {
            Event::Start(Tag::Link { dest_url, .. }) => match page_link(name, dest_url) {
                Some(link) => *dest_url = link.into(),
                None => {
                    is_dead = true;
                    continue;
                }
            },
            Event::End(TagEnd::Link) if is_dead => {
                is_dead = false;
                continue;
            }
            _ => {}
        }
        done.push(event);
    }
    done
}

/// The link of a page. `None` if the course does not have the file.
fn page_link(name: &str, link: &str) -> Option<String> {
    let (path, anchor) = match link.split_once('#') {
        Some((path, anchor)) => (path, format!("#{anchor}")),
        None => (link, String::new()),
    };
    if path.is_empty() || path.contains(':') {
        return Some(link.to_owned());
    }
    file(&target(name, path)?)?;
    Some(match path.ends_with(".md") {
        true => page_name(path) + &anchor,
        false => link.to_owned(),
    })
}

/// A table that is wider than a phone scrolls in a box.
fn tables(events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let boxed = events.into_iter().flat_map(|event| match &event {
        Event::Start(Tag::Table(_)) => {
            let open = Event::Html("<div class=\"wide\" tabindex=\"0\">".into());
            vec![open, event]
        }
        Event::End(TagEnd::Table) => vec![event, Event::Html("</div>\n".into())],
        _ => vec![event],
    });
    boxed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contents::entries;

    #[test]
    fn links_between_chapters_lead_to_their_pages() {
        let chapter = entries().next().unwrap().file;
        let shown = page(
            "x.md",
            &format!("[a]({chapter}#the-idea) [b](https://a.example/b.md)"),
        );
        let wanted = format!("<a href=\"{}#the-idea\">", page_name(chapter));
        assert!(shown.contains(&wanted), "{shown}");
        assert!(
            shown.contains("<a href=\"https://a.example/b.md\">"),
            "{shown}"
        );
    }

    #[test]
    fn a_link_out_of_the_course_becomes_text() {
        for link in [
            "../README.md",
            "../../../etc/passwd",
            "attacks/hijack.html",
            "no.md",
        ] {
            assert_eq!(
                page("x.md", &format!("See [it]({link}).")),
                "<p>See it.</p>\n",
                "{link}"
            );
        }
    }

    #[test]
    fn a_heading_has_the_anchor_of_a_forge() {
        let shown = page("x.md", "## Say `hi`, and go!\n");
        assert_eq!(
            shown,
            "<h2 id=\"say-hi-and-go\">Say <code>hi</code>, and go!</h2>\n"
        );
    }

    #[test]
    fn the_link_to_the_next_chapter_is_left_out() {
        assert_eq!(page("x.md", "End.\n\nNext: [b](b.md)\n"), "<p>End.</p>\n");
    }
}
