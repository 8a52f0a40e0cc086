//! The quiz of a chapter: questions that answer when the reader clicks.
//!
//! In Markdown, the section *Check yourself* has a list of questions and, in `<details>`, a list
//! of answers. A forge and mdBook show both. The page puts each answer behind its question. If a
//! question has options (`a) … b) …`), each option is a button.

use std::{iter, ops::Range};

use pulldown_cmark::{Event, Tag, TagEnd, html};

/// The heading of the section.
const HEADING: &str = "Check yourself";

/// Puts each answer behind its question, if the chapter has a quiz.
pub(crate) fn quiz(mut events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    if let Some((place, page)) = find(&events) {
        events.splice(place, [Event::Html(page.into())]);
    }
    events
}

/// The place of the two lists, and the page that replaces them.
fn find(events: &[Event<'_>]) -> Option<(Range<usize>, String)> {
    let is_heading = |event: &_| matches!(event, Event::Text(text) if &**text == HEADING);
    let heading = events.iter().position(is_heading)?;
    let questions = list(events, heading)?;
    let answers = list(events, questions.end)?;
    let closes = |event: &_| matches!(event, Event::Html(text) if text.trim() == "</details>");
    let last = answers.end + events[answers.end..].iter().position(closes)?;
    let both = iter::zip(
        items(&events[questions.clone()]),
        items(&events[answers.clone()]),
    );
    let items: String = both.map(|(text, answer)| item(&text, &answer)).collect();
    // The last tag is a block of its own, so one more event ends this block.
    let place = questions.start..last + 2;
    Some((place, format!("<ol class=\"quiz\">\n{items}</ol>\n")))
}

/// The next numbered list.
fn list(events: &[Event<'_>], from: usize) -> Option<Range<usize>> {
    let starts = |event: &_| matches!(event, Event::Start(Tag::List(Some(_))));
    let start = from + events[from..].iter().position(starts)?;
    let ends = |event: &_| *event == Event::End(TagEnd::List(true));
    let end = start + events[start..].iter().position(ends)?;
    Some(start..end + 1)
}

/// The items of a list as HTML.
fn items(list: &[Event<'_>]) -> Vec<String> {
    let ends = |event: &Event<'_>| *event == Event::End(TagEnd::Item);
    let items = list[1..list.len() - 1].split(ends);
    let items = items.filter(|item| !item.is_empty()).map(|item| {
        let mut text = String::new();
        html::push_html(&mut text, item[1..].iter().cloned());
        text
    });
    items.collect()
}

/// A question with its options and its answer.
fn item(text: &str, answer: &str) -> String {
    let (question, options) = options(text);
    let right = right(answer);
    let buttons: String = iter::zip('a'.., options)
        .map(|(letter, option)| {
            let verdict = if right.contains(&letter) {
                "right"
            } else {
                "wrong"
            };
            format!(
                "<li><button type=\"button\" data-option=\"{verdict}\">\
                 <b>{letter})</b> <span>{option}</span></button></li>\n"
            )
        })
        .collect();
    let options = match &*buttons {
        "" => buttons,
        buttons => format!("<ul class=\"options\">\n{buttons}</ul>\n"),
    };
    format!(
        "<li><div>{question}</div>\n{options}\
         <details><summary>Answer</summary><div>{answer}</div></details></li>\n"
    )
}

/// Splits `Which? a) one · b) two` into the question and its options.
fn options(text: &str) -> (&str, Vec<&str>) {
    let Some((question, mut rest)) = split(text, 'a') else {
        return (text, Vec::new());
    };
    let mut options = Vec::new();
    for letter in 'b'.. {
        let Some((option, after)) = split(rest, letter) else {
            break;
        };
        options.push(option);
        rest = after;
    }
    options.push(rest);
    let between = |sign: char| sign.is_whitespace() || ",·.;".contains(sign);
    let options = options.iter().map(|option| option.trim_matches(between));
    (question.trim_end(), options.collect())
}

/// The texts before and after `a)`.
fn split(text: &str, letter: char) -> Option<(&str, &str)> {
    let sign = format!("{letter})");
    let mut places = text.match_indices(&sign);
    places.find_map(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + sign.len()..]);
        let is_option = before.ends_with([' ', '\n', '>']) && after.starts_with([' ', '\n']);
        is_option.then_some((before, after))
    })
}

/// The letters with which an answer begins: `c).` or `c and d.`. None, if it begins with a word.
fn right(answer: &str) -> Vec<char> {
    let answer = answer.trim_start().trim_start_matches("<p>");
    let start = answer.split(['.', ',', ':']).next().unwrap_or_default();
    let letters = start.split(" and ").map(|word| {
        let mut letters = word.trim().trim_end_matches(')').chars();
        letters.next().filter(|_| letters.next().is_none())
    });
    letters.collect::<Option<_>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contents::entries, files::file};
    use pulldown_cmark::Parser;

    #[test]
    fn each_answer_stands_behind_its_question() {
        let markdown = "## Check yourself\n\n1. Why?\n2. Which? a) `one` · b) two,\n   c) three\n\n\
                        <details><summary>Answers</summary>\n\n1. So.\n2. b and c. Both.\n\n</details>\n\nEnd.\n";
        let mut page = String::new();
        html::push_html(&mut page, quiz(Parser::new(markdown).collect()).into_iter());
        assert!(
            page.contains("<div>Why?</div>\n<details><summary>Answer</summary><div>So."),
            "{page}"
        );
        assert!(
            page.contains("\"wrong\"><b>a)</b> <span><code>one</code></span>"),
            "{page}"
        );
        assert!(
            page.contains("\"right\"><b>b)</b> <span>two</span>"),
            "{page}"
        );
        assert!(
            page.contains("\"right\"><b>c)</b> <span>three</span>"),
            "{page}"
        );
        assert_eq!(page.matches("<details>").count(), 2, "{page}");
        assert!(page.ends_with("<p>End.</p>\n"), "{page}");
    }

    #[test]
    fn a_word_is_no_option_and_no_letter() {
        assert_eq!(options("Say (a) or b)?"), ("Say (a) or b)?", Vec::new()));
        assert_eq!(right("A, B and C."), ['A']);
        assert_eq!(right("A binary message."), []);
        assert_eq!(right("c). It is."), ['c']);
    }

    #[test]
    fn every_question_with_options_has_a_right_one() {
        let mut count = 0;
        for entry in entries() {
            let source = file(entry.file).unwrap();
            let Some((_, page)) = find(&Parser::new(source).collect::<Vec<_>>()) else {
                continue;
            };
            count += 1;
            for question in page.split("<ul class=\"options\">").skip(1) {
                let options = question.split("</ul>").next().unwrap();
                assert!(options.contains("\"right\""), "{}: {options}", entry.file);
                assert!(options.contains("\"wrong\""), "{}: {options}", entry.file);
            }
        }
        assert!(count >= 14, "{count} chapters with a quiz");
    }
}
