//! The page of a lesson leads to its chapter, and to the chapters before and after it.

use crate::house::tidy::read;

/// The links of a page to the course: the file, the relation, and the text.
fn links(page: &str) -> Vec<(String, String, String)> {
    let html = read(format!("clients/{page}"));
    let (_, nav) = html.split_once("<nav id=\"course\"").unwrap();
    let (nav, _) = nav.split_once("</nav>").unwrap();
    let link = |link: &str| {
        let (file, rest) = link.split_once('"').unwrap();
        let (attributes, rest) = rest.split_once('>').unwrap();
        let (text, _) = rest.split_once("</a>").unwrap();
        (
            file.to_owned(),
            attributes.trim().to_owned(),
            text.to_owned(),
        )
    };
    nav.split("<a href=\"../docs/").skip(1).map(link).collect()
}

/// The chapters in their order: the file and the title.
fn chapters() -> Vec<(String, String)> {
    let summary = read("docs/SUMMARY.md");
    let chapter = |line: &str| {
        let (title, rest) = line.strip_prefix("- [")?.split_once("](")?;
        Some((rest.trim_end_matches(')').to_owned(), title.to_owned()))
    };
    let chapters = summary.split("\n# ").next().unwrap().lines();
    chapters.filter_map(chapter).collect()
}

#[test]
fn a_lesson_links_its_chapters_and_their_neighbours() {
    let chapters = chapters();
    for (page, own) in [
        ("1_client_server.html", &["1-server.md"][..]),
        ("2_client_echo.html", &["2-echo.md"]),
        ("3_client_secure.html", &["3-secure.md"]),
        (
            "4_client_broadcast.html",
            &["broadcast.md", "4-who-may-connect.md"],
        ),
        ("chat_app.html", &["staying-alive.md"]),
    ] {
        let first = chapters
            .iter()
            .position(|(file, _)| file == own[0])
            .unwrap();
        let around = &chapters[first - 1..=first + own.len()];
        let links = links(page);
        let (all, links) = links.split_last().unwrap();
        assert_eq!((&*all.0, &*all.2), ("SUMMARY.md", "All chapters"), "{page}");
        let linked = links
            .iter()
            .map(|(file, _, text)| (file.clone(), text.clone()));
        let linked: Vec<_> = linked.collect();
        assert_eq!(linked, around, "{page}");
        let relations: Vec<_> = links.iter().map(|(_, relation, _)| &**relation).collect();
        let inner = vec![""; own.len()];
        let wanted = [&["rel=\"prev\""][..], &inner, &["rel=\"next\""]].concat();
        assert_eq!(relations, wanted, "{page}");
        for (file, _) in &around[1..=own.len()] {
            assert!(own.contains(&&**file), "{page}: {file}");
        }
    }
}
