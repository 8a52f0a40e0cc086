//! A page, taken apart: its blocks, headings, links, the names in it, its tables.

use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::root;

/// A page of the course.
#[derive(Clone, Default)]
pub struct Page {
    /// From the top of the workspace.
    pub file: PathBuf,
    pub blocks: Vec<Block>,
    /// The anchors of its headings.
    pub anchors: Vec<String>,
    /// Its links: the line, and where they lead.
    pub links: Vec<(usize, String)>,
    /// What stands `like this`: the line, and the text.
    pub names: Vec<(usize, String)>,
    pub tables: Vec<Table>,
}

/// A table with what stands behind it.
#[derive(Clone, Default)]
pub struct Table {
    pub line: usize,
    pub cells: Vec<String>,
    /// The paragraph that follows at once.
    pub followed_by: String,
}

/// A block of code, of a terminal, or of what it shows.
#[derive(Clone)]
pub struct Block {
    pub line: usize,
    info: String,
    /// The paragraph directly above, as it is written.
    pub label: String,
    pub text: String,
}

/// What a block is.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    Shell,
    Output,
    Diff,
    /// A piece of a file.
    Quote,
}

impl Block {
    pub fn kind(&self) -> Kind {
        match self.language() {
            "sh" => Kind::Shell,
            "text" if self.attribute("file").is_none() => Kind::Output,
            "diff" => Kind::Diff,
            _ => Kind::Quote,
        }
    }

    pub fn language(&self) -> &str {
        self.info.split([' ', ',']).next().unwrap_or_default()
    }

    /// The value behind `name=`, with or without quotes.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let rest = self.info.split(&format!("{name}=")).nth(1)?;
        match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => rest.split(' ').next(),
        }
    }

    /// Whether this word is there.
    pub fn has(&self, word: &str) -> bool {
        self.info.split(' ').any(|other| other == word)
    }
}

impl Page {
    pub fn read(file: &Path) -> Page {
        let source = std::fs::read_to_string(root().join(file)).unwrap();
        let mut page = Page {
            file: file.to_owned(),
            ..Page::default()
        };
        let line = |offset: usize| source[..offset].matches('\n').count() + 1;
        let mut block: Option<Block> = None;
        let mut paragraph = 0..0;
        let mut heading: Option<String> = None;
        let mut table: Option<Table> = None;
        let mut behind_table = false;
        for (event, range) in Parser::new_ext(&source, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match kind {
                        CodeBlockKind::Fenced(info) => info.to_string(),
                        CodeBlockKind::Indented => "indented".to_owned(),
                    };
                    let is_above = source[paragraph.end..range.start].trim().is_empty();
                    let above = if is_above {
                        &source[paragraph.clone()]
                    } else {
                        ""
                    };
                    block = Some(Block {
                        line: line(range.start),
                        info,
                        label: above.trim().to_owned(),
                        text: String::new(),
                    });
                }
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    page.anchors
                        .extend(heading.take().map(|text| anchor(&text)));
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push((line(range.start), dest_url.to_string()));
                }
                Event::Start(Tag::Table(_)) => {
                    table = Some(Table {
                        line: line(range.start),
                        ..Table::default()
                    });
                }
                Event::Start(Tag::TableCell) => {
                    if let Some(table) = &mut table {
                        table.cells.push(String::new());
                    }
                }
                Event::End(TagEnd::Table) => {
                    page.tables.extend(table.take());
                    behind_table = true;
                }
                Event::End(TagEnd::Paragraph) => {
                    behind_table = false;
                    paragraph = range;
                }
                Event::Text(text) | Event::Code(text) if block.is_none() => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                    if let Some(cell) = table.as_mut().and_then(|table| table.cells.last_mut()) {
                        cell.push_str(&text);
                    } else if behind_table && let Some(table) = page.tables.last_mut() {
                        table.followed_by.push_str(&text);
                    }
                    if source[range.clone()].starts_with('`') {
                        page.names.push((line(range.start), text.to_string()));
                    }
                }
                Event::Text(text) => {
                    if let Some(block) = &mut block {
                        block.text.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        page
    }
}

/// The anchor of a heading, as forges and mdBook make it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    });
    kept.collect()
}
