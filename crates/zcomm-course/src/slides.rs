//! The slides of a class of 90 minutes: one page, which needs no other file.
//!
//! `instructors/plans.md` names the chapters. The slides of a chapter are its first sentence and
//! objectives, and from *The idea* its figures, the sentences in bold, and the first table. The
//! questions come from the pages for instructors.

use pulldown_cmark::{Event, HeadingLevel, Tag, TagEnd, html};

use crate::{
    block::escaped,
    contents::{Entry, entries},
    files::{file, target},
    markdown::{parse, text},
    page::first_sentence,
};

/// The page without its slides.
const TEMPLATE: &str = include_str!("../../../clients/slides.html");
const STYLES: [&str; 2] = [
    include_str!("../../../clients/style.css"),
    include_str!("../../../clients/slides.css"),
];
const PLANS: &str = "instructors/plans.md";
/// A larger table does not fit on a slide.
const ROWS: usize = 7;

type Events = Vec<Event<'static>>;

/// The page.
pub(crate) fn slides() -> String {
    let style = format!("<style>\n{}</style>", STYLES.concat());
    let page = TEMPLATE.replace("{style}", &style);
    let slides = plan()
        .into_iter()
        .map(|(minutes, entry)| chapter(minutes, entry));
    page.replacen("{slides}", &slides.collect::<String>(), 1)
}

/// The chapters of 90 minutes, and the minutes of each.
fn plan() -> Vec<(&'static str, &'static Entry)> {
    let plans = file(PLANS).unwrap_or_default().split("\n## ");
    let mut plans = plans.filter(|plan| plan.lines().next().is_some_and(|t| t.contains("90 min")));
    let rows = plans.next().unwrap_or_default().lines();
    let rows = rows.filter_map(|row| {
        let mut cells = row.split(" | ");
        let minutes = cells.next()?.strip_prefix("| ")?;
        let link = cells.next()?.split_once("](")?.1.strip_suffix(')')?;
        let file = target(PLANS, link)?;
        Some((minutes, entries().find(|entry| entry.file == file)?))
    });
    rows.collect()
}

/// The slides of a chapter.
fn chapter(minutes: &str, entry: &Entry) -> String {
    let first = escaped(&first_sentence(file(entry.file).unwrap_or_default()));
    let goals = as_html(&section(entry.file, "You will be able to"));
    let title =
        format!("<p>{first}</p>\n<h3>You will be able to</h3>\n{goals}<p>{minutes} minutes</p>");
    let prompts = section("instructors/prompts.md", entry.title);
    let idea = section(entry.file, "The idea");
    let mut slides = slide("title", entry.title, &title);
    slides += &prompt(&prompts, "Ask");
    for image in elements(&idea, TagEnd::Image) {
        slides += &figure(image);
    }
    slides += &sentences(&idea);
    let tables = elements(&idea, TagEnd::Table);
    let small = |table: &&[_]| elements(table, TagEnd::TableRow).len() <= ROWS;
    if let Some(table) = tables.into_iter().next().filter(small) {
        slides += &slide("table", entry.title, &as_html(table));
    }
    slides += &questions(entry);
    slides + &prompt(&prompts, "Note")
}

fn slide(class: &str, title: &str, content: &str) -> String {
    let title = escaped(title);
    format!("<section class=\"{class}\">\n<h2>{title}</h2>\n{content}</section>\n")
}

/// The text behind **Ask**: or **Note**:.
fn prompt(prompts: &[Event<'_>], name: &str) -> String {
    let start = format!("<strong>{name}</strong>:");
    let items = elements(prompts, TagEnd::Item).into_iter().map(inside);
    let text = items.filter_map(|item| item.strip_prefix(&start).map(str::to_owned));
    let text = text.take(1).collect::<String>();
    slide("prompt", name, &format!("<p>{text}</p>\n"))
}

/// A figure, with its alternative text as the title. A shadow root keeps the names and the style of
/// the figure apart from those of the page and of other figures.
fn figure(image: &[Event<'_>]) -> String {
    let Some(Event::Start(Tag::Image { dest_url, .. })) = image.first() else {
        return String::new();
    };
    let picture = file(dest_url).unwrap_or_default();
    let picture = format!(
        "<div><template shadowrootmode=\"open\">\n<style>svg {{ width: 100%; height: 100% }}</style>\n\
         {picture}</template></div>\n"
    );
    slide("figure", &text(image.iter()), &picture)
}

/// The sentences in bold. A word in bold is no sentence.
fn sentences(idea: &[Event<'_>]) -> String {
    let bold = elements(idea, TagEnd::Strong).into_iter();
    let bold = bold.filter(|bold| text(bold.iter()).ends_with('.'));
    let items: String = bold
        .map(|bold| format!("<li>{}</li>\n", inside(bold)))
        .collect();
    match &*items {
        "" => items,
        items => slide("idea", "The idea", &format!("<ul>\n{items}</ul>\n")),
    }
}

/// What the class predicts. Each question opens its answer.
fn questions(entry: &Entry) -> String {
    let table = section("instructors/answers.md", entry.title);
    let rows = elements(&table, TagEnd::TableRow).into_iter().map(|row| {
        let cells = elements(row, TagEnd::TableCell);
        let [question, answer, ..] = &cells[..] else {
            return String::new();
        };
        let (question, answer) = (inside(question), inside(answer));
        format!("<details><summary>{question}</summary><p>{answer}</p></details>\n")
    });
    slide("predict", "Predict", &rows.collect::<String>())
}

/// The section with this heading. A slide is read without the course, so links become text.
fn section(name: &str, heading: &str) -> Events {
    let mut events = parse(file(name).unwrap_or_default());
    events.retain(|event| {
        !matches!(
            event,
            Event::Start(Tag::Link { .. }) | Event::End(TagEnd::Link)
        )
    });
    let starts = |event: &Event<'_>| {
        matches!(
            event,
            Event::Start(Tag::Heading {
                level: HeadingLevel::H2,
                ..
            })
        )
    };
    let ends = |event: &Event<'_>| *event == Event::End(TagEnd::Heading(HeadingLevel::H2));
    let mut sections = events.split(starts).filter_map(|section| {
        let (title, rest) = section.split_at(section.iter().position(ends)? + 1);
        (text(title.iter()) == heading).then(|| rest.to_vec())
    });
    sections.next().unwrap_or_default()
}

/// The elements of one kind, each from its start to its end.
fn elements<'a, 'e>(events: &'a [Event<'e>], kind: TagEnd) -> Vec<&'a [Event<'e>]> {
    let starts = |event: &Event<'_>| matches!(event, Event::Start(tag) if tag.to_end() == kind);
    let starts = (0..events.len()).filter(|at| starts(&events[*at]));
    let elements = starts.filter_map(|start| {
        let rest = &events[start..];
        let end = rest.iter().position(|event| *event == Event::End(kind))?;
        Some(&rest[..=end])
    });
    elements.collect()
}

fn as_html(events: &[Event<'_>]) -> String {
    let mut page = String::new();
    html::push_html(&mut page, events.iter().cloned());
    page
}

/// An element without its own tags.
fn inside(element: &[Event<'_>]) -> String {
    as_html(&element[1..element.len() - 1])
}
