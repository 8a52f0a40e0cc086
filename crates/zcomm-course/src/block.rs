//! The blocks of a chapter: what the reader types, what a terminal shows, and code.
//!
//! The words after the language of a block (`sh terminal=2`) say to which terminal the block
//! belongs. A forge does not show these words, so a line above the block says the same, e.g.
//! *Terminal 2, type:*. This line becomes the caption of the block.

use pulldown_cmark::{CodeBlockKind, Event, Tag, TagEnd, html};

/// A block, and the line above it that names it.
struct Block {
    /// The language and the words after it.
    info: String,
    text: String,
    label: Option<String>,
}

/// Replaces each block by a figure with a caption.
pub(crate) fn blocks(events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let mut done = Vec::with_capacity(events.len());
    let mut label = None;
    // The terminal of the last command. Output without a terminal belongs to it.
    let mut terminal = "1".to_owned();
    let mut rest = events.into_iter().peekable();
    while let Some(event) = rest.next() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let text = rest
                    .by_ref()
                    .take_while(|event| *event != Event::End(TagEnd::CodeBlock))
                    .filter_map(|event| match event {
                        Event::Text(text) => Some(text.into_string()),
                        _ => None,
                    });
                let block = Block {
                    text: text.collect(),
                    info: match kind {
                        CodeBlockKind::Fenced(info) => info.into_string(),
                        CodeBlockKind::Indented => String::new(),
                    },
                    label: label.take(),
                };
                done.push(Event::Html(block.figure(&mut terminal).into()));
            }
            Event::End(TagEnd::Paragraph)
                if matches!(rest.peek(), Some(Event::Start(Tag::CodeBlock(_)))) =>
            {
                done.push(event);
                label = take_label(&mut done);
            }
            event => done.push(event),
        }
    }
    done
}

/// Takes the last paragraph away and returns its text, if the whole paragraph is emphasised.
fn take_label(done: &mut Vec<Event<'_>>) -> Option<String> {
    let start = Event::Start(Tag::Paragraph);
    let at = done.iter().rposition(|event| *event == start)?;
    let [
        Event::Start(Tag::Emphasis),
        inside @ ..,
        Event::End(TagEnd::Emphasis),
        _,
    ] = &done[at + 1..]
    else {
        return None;
    };
    let mut label = String::new();
    for event in inside {
        match event {
            Event::Text(text) | Event::Code(text) => label.push_str(text),
            Event::SoftBreak => label.push(' '),
            _ => return None,
        }
    }
    done.truncate(at);
    Some(label)
}

impl Block {
    /// The value behind `name=`.
    fn attribute(&self, name: &str) -> Option<&str> {
        let mut words = self.info.split(' ');
        words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    /// The block as HTML. Remembers the terminal of a command.
    fn figure(&self, terminal: &mut String) -> String {
        let language = self.info.split(' ').next().unwrap_or_default();
        let named = self.attribute("terminal");
        let caption = escaped(self.label.as_deref().unwrap_or_default());
        let caption = format!("<span>{caption}</span>");
        let code = escaped(&self.text);
        match (language, self.attribute("file")) {
            ("sh", _) => {
                *terminal = named.unwrap_or("1").to_owned();
                let copy = r#"<button type="button" class="copy">Copy</button>"#;
                figure("typed", terminal, &(caption + copy), &code)
            }
            ("text", None) => figure("shown", named.unwrap_or(terminal), &caption, &code),
            ("diff", _) => figure("changes", "", &caption, &marked(&code)),
            _ => figure("quoted", "", &caption, &code),
        }
    }
}

fn figure(class: &str, terminal: &str, caption: &str, code: &str) -> String {
    let terminal = match terminal {
        "" => String::new(),
        number => format!(" data-terminal=\"{number}\""),
    };
    format!(
        "<figure class=\"{class}\"{terminal}><figcaption>{caption}</figcaption>\
         <pre tabindex=\"0\"><code>{code}</code></pre></figure>\n"
    )
}

/// Marks the lines of a diff that were added or removed.
fn marked(code: &str) -> String {
    let lines = code.lines().map(|line| match line.chars().next() {
        Some('+') => format!("<ins>{line}</ins>\n"),
        Some('-') => format!("<del>{line}</del>\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

/// A text as HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    html::push_html(&mut escaped, [Event::Text(text.into())].into_iter());
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulldown_cmark::Parser;

    fn page(markdown: &str) -> String {
        let mut page = String::new();
        html::push_html(
            &mut page,
            blocks(Parser::new(markdown).collect()).into_iter(),
        );
        page
    }

    #[test]
    fn a_command_has_the_colour_of_its_terminal_and_can_be_copied() {
        let page = page("```sh terminal=2 exit=0\necho '<hi>'\n```\n");
        assert!(page.contains("data-terminal=\"2\""), "{page}");
        assert!(page.contains("<button"), "{page}");
        assert!(page.contains("<code>echo '&lt;hi&gt;'\n</code>"), "{page}");
    }

    #[test]
    fn output_belongs_to_the_last_command_or_to_the_terminal_that_it_names() {
        let page = page("```sh terminal=3\na\n```\n```text\nb\n```\n```text terminal=1\nc\n```\n");
        let terminals: Vec<_> = page
            .split("data-terminal=\"")
            .skip(1)
            .map(|rest| &rest[..1])
            .collect();
        assert_eq!(terminals, ["3", "3", "1"], "{page}");
        assert_eq!(page.matches("<button").count(), 1);
    }

    #[test]
    fn a_line_above_a_block_is_its_caption_and_stands_there_once() {
        let page = page("Go.\n\n*In `a.rs`, line 2:*\n\n```rust file=a.rs\na\n```\n");
        let caption =
            "<p>Go.</p>\n<figure class=\"quoted\"><figcaption><span>In a.rs, line 2:</span>";
        assert!(page.starts_with(caption), "{page}");
        assert_eq!(page.matches("a.rs").count(), 1, "{page}");
    }

    #[test]
    fn a_sentence_above_a_block_stays_where_it_is() {
        let page = page("See *this*:\n\n```sh\na\n```\n");
        assert!(page.contains("<p>See <em>this</em>:</p>"), "{page}");
    }
}
