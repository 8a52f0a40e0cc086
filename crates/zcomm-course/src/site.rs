//! All files under `/course/`, by path.

use std::{collections::BTreeMap, sync::LazyLock};

use zcomm_core::Asset;

use crate::{
    contents::entries,
    files::{FILES, mime, page_name},
    page, search, slides,
};

/// A text that is made when it is first needed.
type Lazy = LazyLock<String, Box<dyn FnOnce() -> String + Send>>;

static SITE: LazyLock<BTreeMap<String, Lazy>> = LazyLock::new(|| {
    let mut site = BTreeMap::new();
    let mut add = |name: &str, make: Box<dyn FnOnce() -> String + Send>| {
        site.insert(format!("/course/{name}"), Lazy::new(make));
    };
    // The chapters are served as pages; figures and other files as they are.
    for (name, text) in FILES.iter().filter(|(name, _)| !name.ends_with(".md")) {
        add(name, Box::new(|| text.to_string()));
    }
    for entry in entries() {
        add(&page_name(entry.file), Box::new(|| page::chapter(entry)));
    }
    let assets = [
        ("course.css", include_str!("../../../clients/course.css")),
        ("course.js", include_str!("../../../clients/course.js")),
        ("syntax.js", include_str!("../../../clients/syntax.js")),
    ];
    for (name, text) in assets {
        add(name, Box::new(|| text.to_owned()));
    }
    add("search.json", Box::new(search::index));
    add("slides.html", Box::new(slides::slides));
    add("", Box::new(page::map));
    site
});

/// The file of the course that has this path. `None` if the course has no such file.
#[must_use]
pub fn course(path: &str) -> Option<Asset> {
    let (path, text) = SITE.get_key_value(path)?;
    Some(Asset {
        path,
        mime: if path.ends_with('/') {
            mime(".html")
        } else {
            mime(path)
        },
        body: text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_course_is_served() {
        for entry in entries() {
            let page = course(&format!("/course/{}", page_name(entry.file))).unwrap();
            assert!(page.mime.starts_with("text/html"), "{entry:?}");
            assert!(page.body.contains("<h1"), "{entry:?}");
            assert!(!page.body.contains("{main}"), "{entry:?}");
            // The text of a table that Markdown does not see as one.
            assert!(!page.body.contains("<p>| "), "{entry:?}");
        }
        assert!(course("/course/").unwrap().body.contains("class=\"map\""));
    }

    /// A slide is missing if its section in a chapter or in a page for instructors is not found.
    #[test]
    fn the_slides_have_each_chapter_of_90_minutes() {
        let page = course("/course/slides.html").unwrap().body;
        for (class, count) in [("title", 7), ("prompt", 12), ("figure", 8), ("predict", 6)] {
            let start = format!("<section class=\"{class}\">");
            assert_eq!(page.matches(&start).count(), count, "{class}");
        }
        for (class, least) in [("idea", 4), ("table", 4)] {
            let start = format!("<section class=\"{class}\">");
            assert!(page.matches(&start).count() >= least, "{class}");
        }
        assert!(!page.contains("<p></p>"), "a question or a note is missing");
        assert!(!page.contains("href="), "a file alone cannot follow a link");
    }

    /// A path is compared with the list, and no file is opened.
    #[test]
    fn no_path_leads_out_of_the_course() {
        for path in [
            "/course/../Cargo.toml",
            "/course//etc/passwd",
            "/course/%2e%2e/Cargo.toml",
            "/course/attacks/hijack.html",
            "/course/book.toml",
            "/course/SUMMARY.md",
            "/courses/",
            "/style.css",
        ] {
            assert!(course(path).is_none(), "{path}");
        }
    }

    /// Each link, picture and script of each page leads somewhere.
    #[test]
    fn every_address_in_the_pages_is_served() {
        let served = |path: &str| path == "/" || path == "/style.css" || course(path).is_some();
        for page in SITE
            .keys()
            .filter(|path| mime(path).contains("html") || path.ends_with('/'))
        {
            let body = course(page).unwrap().body;
            let folder = &page[..=page.rfind('/').unwrap()];
            let links = ["href=\"", "src=\""].map(|start| body.split(start).skip(1));
            for link in links.into_iter().flatten() {
                let link = link.split(['"', '#']).next().unwrap();
                if link.is_empty() || link.contains(':') {
                    continue;
                }
                let path = match (link.starts_with('/'), link.strip_prefix("../")) {
                    (true, _) => link.to_owned(),
                    (_, Some(rest)) => format!("/course/{rest}"),
                    (_, None) => format!("{folder}{link}"),
                };
                // The script of an explanation turns the file of its chapter into the page.
                let path = match path.strip_suffix(".md") {
                    Some(chapter) if folder.ends_with("/explore/") => format!("{chapter}.html"),
                    _ => path,
                };
                assert!(served(&path), "{page}: {link}");
            }
        }
    }
}
