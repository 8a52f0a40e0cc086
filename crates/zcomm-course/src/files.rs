//! The files of `docs/`, compiled into the program.

/// The name of each file from `docs/`, e.g. `figures/a-frame.svg`, and its text.
/// The build script writes the list, so a new chapter needs no change here.
pub(crate) const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The text of a file. `None` if the course has no file of this name.
pub(crate) fn file(name: &str) -> Option<&'static str> {
    let found = FILES.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}

/// The media type of a file.
pub(crate) fn mime(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        // A browser shows a configuration file, and does not download it.
        _ => "text/plain; charset=utf-8",
    }
}

/// The name of the page that is made from a Markdown file. The book of mdBook uses the same names.
pub(crate) fn page_name(markdown: &str) -> String {
    format!("{}.html", markdown.trim_end_matches(".md"))
}

/// The file that a link of a chapter leads to: `../a.md` in `reference/b.md` is `a.md`. `None` if
/// the link leads out of `docs/`.
pub(crate) fn target(from: &str, link: &str) -> Option<String> {
    let mut folders: Vec<_> = from.split('/').collect();
    folders.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(folders.pop()?),
            "." => {}
            part => folders.push(part),
        }
    }
    Some(folders.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_from_the_folder_of_its_file() {
        let from = "reference/b.md";
        assert_eq!(target(from, "c.md").as_deref(), Some("reference/c.md"));
        assert_eq!(target(from, "../a.md").as_deref(), Some("a.md"));
        assert_eq!(target(from, "../../README.md"), None);
    }

    #[test]
    fn the_program_contains_the_course_and_no_attack() {
        assert!(file("SUMMARY.md").is_some());
        assert!(FILES.iter().any(|(name, _)| name.ends_with(".svg")));
        assert!(FILES.iter().all(|(name, _)| !name.starts_with("attacks")));
    }
}
