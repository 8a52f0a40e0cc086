//! The table of contents: `docs/SUMMARY.md`, which mdBook reads, too.
//!
//! The table has the order of the chapters. It begins with the chapters; after that, each heading
//! begins a group.

use std::sync::LazyLock;

use crate::files::file;

/// A page of the course, with its title in the table of contents.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) title: &'static str,
    /// The Markdown file, from `docs/`.
    pub(crate) file: &'static str,
    /// Whether the page belongs to the chapter before it.
    pub(crate) is_part: bool,
}

/// Pages that belong together. The first group has the chapters, and no name.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) entries: Vec<Entry>,
}

pub(crate) static CONTENTS: LazyLock<Vec<Group>> =
    LazyLock::new(|| parse(file("SUMMARY.md").unwrap_or_default()));

/// All pages, in the order of the table of contents.
pub(crate) fn entries() -> impl Iterator<Item = &'static Entry> {
    CONTENTS.iter().flat_map(|group| &group.entries)
}

/// The pages before and after this one.
pub(crate) fn neighbours(file: &str) -> [Option<&'static Entry>; 2] {
    let all: Vec<_> = entries().collect();
    let Some(at) = all.iter().position(|entry| entry.file == file) else {
        return [None, None];
    };
    let before = at.checked_sub(1).map(|at| all[at]);
    [before, all.get(at + 1).copied()]
}

fn parse(summary: &'static str) -> Vec<Group> {
    let mut groups = vec![Group::default()];
    // The first line is the title of the table.
    for line in summary.lines().skip(1) {
        if let Some(name) = line.strip_prefix("# ") {
            let entries = Vec::new();
            groups.push(Group { name, entries });
        } else if let (Some(entry), Some(group)) = (entry(line), groups.last_mut()) {
            group.entries.push(entry);
        }
    }
    groups
}

/// Reads a line such as `- [Echo](2-echo.md)`.
fn entry(line: &'static str) -> Option<Entry> {
    let (before, rest) = line.split_once("- [")?;
    let (title, rest) = rest.split_once("](")?;
    let (file, _) = rest.split_once(')')?;
    Some(Entry {
        title,
        file,
        is_part: !before.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_contents_is_groups_of_pages() {
        let groups =
            parse("# Summary\n\n- [One](1.md)\n  - [More](m.md)\n\n# Reference\n\n- [R](r/r.md)\n");
        assert_eq!(groups.len(), 2);
        let [chapter, part] = &groups[0].entries[..] else {
            panic!("{groups:?}");
        };
        assert_eq!(
            (chapter.title, chapter.file, chapter.is_part),
            ("One", "1.md", false)
        );
        assert!(part.is_part);
        assert_eq!(
            (groups[1].name, groups[1].entries[0].file),
            ("Reference", "r/r.md")
        );
    }

    #[test]
    fn every_page_in_the_table_of_contents_exists() {
        assert!(entries().count() > 20);
        for entry in entries() {
            assert!(file(entry.file).is_some(), "{entry:?}");
        }
    }
}
