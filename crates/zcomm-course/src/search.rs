//! The words of the course, for the search of the pages (`clients/course.js`).
//!
//! The list has one item for each section of each page: title, link, and text. A browser gets the
//! list when the reader begins to search, and searches by itself. So the search works offline.

use pulldown_cmark::{Event, Tag, TagEnd};

use crate::{
    contents::{Entry, entries},
    files::{file, page_name},
    markdown::{parse, text},
};

/// The list as JSON.
pub(crate) fn index() -> String {
    // The answers for instructors are not found by accident.
    let entries = entries().filter(|entry| !entry.file.starts_with("instructors/"));
    let sections: Vec<_> = entries.flat_map(sections).collect();
    // This cannot fail: the list contains only texts.
    serde_json::to_string(&sections).unwrap_or_default()
}

/// The title, the link and the text of each section of a page.
fn sections(entry: &Entry) -> Vec<[String; 3]> {
    let link = format!("/course/{}", page_name(entry.file));
    let events = parse(file(entry.file).unwrap_or_default());
    let is_heading = |event: &_| matches!(event, Event::Start(Tag::Heading { .. }));
    let starts = (0..events.len()).filter(|at| is_heading(&events[*at]));
    let starts: Vec<_> = starts.chain([events.len()]).collect();
    let sections = starts.windows(2).enumerate().map(|(number, section)| {
        let section = &events[section[0]..section[1]];
        let ends = |event: &&_| matches!(event, Event::End(TagEnd::Heading(_)));
        let end = section.iter().position(|event| ends(&event)).unwrap_or(0);
        let (heading, body) = section.split_at(end);
        let body = words(&text(body.iter()));
        match heading.first() {
            Some(Event::Start(Tag::Heading { id: Some(id), .. })) if number > 0 => {
                let title = format!("{} › {}", entry.title, text(heading.iter()));
                [title, format!("{link}#{id}"), body]
            }
            _ => [entry.title.to_owned(), link.clone(), body],
        }
    });
    sections.collect()
}

/// A text with single spaces.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_found_with_its_link() {
        let entry = entries().next().unwrap();
        let sections = sections(entry);
        let idea = sections
            .iter()
            .find(|[_, link, _]| link.ends_with("#the-idea"));
        let [title, link, text] = idea.unwrap();
        assert_eq!(*title, format!("{} › The idea", entry.title));
        assert!(link.starts_with("/course/"));
        assert!(text.len() > 50, "{text}");
    }

    #[test]
    fn the_answers_of_the_instructors_are_not_in_the_list() {
        assert!(!index().contains("/course/instructors/"));
    }
}
