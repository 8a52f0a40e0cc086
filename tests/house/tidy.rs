//! House rules, as tests: what a reader relies on and a compiler does not check.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::children;

/// The top of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder with this ending, by name.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let names = fs::read_dir(root().join(folder)).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    names
}

/// Every file below a folder with this ending, as a path from the top of the workspace.
pub fn files_below(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in files(folder, "") {
        let path = format!("{folder}/{name}");
        if root().join(&path).is_dir() {
            found.extend(files_below(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found
}

/// Every word that follows `before` in `text`.
fn words_after<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    let word = |rest: &'a str| {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "_-./".contains(c)));
        rest[..end.unwrap_or(rest.len())].trim_end_matches('.')
    };
    text.split(before).skip(1).map(word)
}

fn prose() -> Vec<(String, String)> {
    let top = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        ".zEnv.example",
    ];
    let mut prose: Vec<_> = top
        .iter()
        .map(|name| (name.to_string(), read(name)))
        .collect();
    for (folder, ending) in [
        ("demos/src/bin", ".rs"),
        ("clients", ".html"),
        ("clients", ".js"),
    ] {
        for name in files(folder, ending) {
            prose.push((name.clone(), read(format!("{folder}/{name}"))));
        }
    }
    prose
}

/// A lesson is found by its stem in all its places.
#[test]
fn a_lesson_has_a_program_a_test_and_a_page() {
    let programs = files("demos/src/bin", ".rs");
    assert!(programs.len() >= 4);
    for program in &programs {
        assert!(
            root().join("tests").join(program).exists(),
            "{program} has no tests"
        );
        let Some((number, topic)) = program.trim_end_matches(".rs").split_once("_websocket_")
        else {
            continue;
        };
        let page = format!("clients/{number}_client_{topic}.html");
        assert!(root().join(&page).exists(), "{page} is missing");
        let source = read(format!("demos/src/bin/{program}"));
        assert!(source.contains(&page), "{program} does not name its page");
        assert!(
            source.starts_with(&format!("//! # {number}. ")),
            "{program} has another number"
        );
    }
}

/// A program is short enough to be read aloud.
#[test]
fn a_lesson_keeps_to_its_size() {
    for program in files("demos/src/bin", ".rs") {
        let source = read(format!("demos/src/bin/{program}"));
        let code = source.lines().filter(|line| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with("//")
        });
        let code: Vec<_> = code.collect();
        assert!(
            source.lines().count() <= 80,
            "{program}: {} lines",
            source.lines().count()
        );
        assert!(
            (20..=45).contains(&code.len()),
            "{program}: {} lines of code",
            code.len()
        );
        assert!(
            code.iter().filter(|line| line.starts_with("use ")).count() <= 4,
            "{program}"
        );
        for hidden in [
            "tungstenite",
            "rustls",
            "hyper",
            "spawn",
            "unwrap",
            "expect(",
        ] {
            assert!(!source.contains(hidden), "{program} names {hidden}");
        }
    }
}

/// A file of a library is one concept: at most 250 lines of code, tests not counted.
#[test]
fn a_file_of_the_library_keeps_to_its_size() {
    for library in [
        "zcomm-xray",
        "zcomm-core",
        "zcomm-redis",
        "zcomm-chat",
        "zcomm-course",
    ] {
        for file in files_below(&format!("crates/{library}/src"), ".rs") {
            let source = read(&file);
            assert!(
                source.starts_with("//! "),
                "{file} does not open with its idea"
            );
            if file.ends_with("/tests.rs") {
                continue;
            }
            let code = source.split("#[cfg(test)]").next().unwrap().lines();
            let code =
                code.filter(|line| !line.trim().is_empty() && !line.trim().starts_with("//"));
            let lines = code.count();
            assert!(lines <= 250, "{file}: {lines} lines of code");
        }
    }
}

/// `.zEnv.example` lists what the programs read, and nothing else.
#[test]
fn the_example_settings_are_complete() {
    let example = read(".zEnv.example");
    let named = |line: &str| {
        let name = line.trim_start_matches("# ").split_once('=')?.0;
        let legal = name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        (legal && !name.is_empty()).then(|| name.to_owned())
    };
    let listed: BTreeSet<_> = example.lines().filter_map(named).collect();
    let known = zcomm_core::SETTINGS
        .iter()
        .map(|known| known.name.to_owned());
    // Every program has that one, and no example is better than its page.
    let known: BTreeSet<_> = known.filter(|name| name != "NO_COLOR").collect();
    assert_eq!(listed, known);
}

/// A setting is in the table, or a misspelt one would not be told its name.
#[test]
fn the_table_of_settings_is_complete() {
    let known = zcomm_core::SETTINGS.map(|known| known.name);
    for file in [
        "settings/config.rs",
        "settings/tls_files.rs",
        "settings/zenv.rs",
        "settings/xray.rs",
        "program/logging.rs",
    ] {
        let source = read(format!("crates/zcomm-core/src/{file}"));
        let code = source.split("#[cfg(test)]").next().unwrap();
        let texts = code.split('"').skip(1).step_by(2);
        let names = texts.filter(|text| text.starts_with("WEBSOCKET_") && !text.ends_with('_'));
        for name in names.filter(|name| !name.contains([' ', ':', '='])) {
            assert!(known.contains(&name), "{file} reads {name}");
        }
    }
}

#[test]
fn pages_load_nothing_from_elsewhere_and_write_only_text() {
    for name in files("clients", "") {
        let source = read(format!("clients/{name}"));
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "@import",
        ] {
            assert!(!source.contains(forbidden), "{name} uses {forbidden}");
        }
        for remote in ["http://", "https://", "src=\"//", "href=\"//", "url("] {
            assert!(!source.contains(remote), "{name} has {remote}");
        }
        let styled = source.contains(" style=") || source.contains("<style");
        assert!(!styled, "{name} has a style of its own");
        for tag in source
            .split('<')
            .skip(1)
            .filter_map(|rest| rest.split_once('>'))
            .map(|(tag, _)| tag)
        {
            let inline = tag
                .split_whitespace()
                .any(|word| word.starts_with("on") && word.contains('='));
            assert!(
                !(inline && name.ends_with(".html")),
                "{name} has an on… attribute: <{tag}>"
            );
        }
    }
}

/// What a text tells a learner to type exists.
#[test]
fn every_command_and_file_that_is_named_exists() {
    let mut binaries = files("demos/src/bin", ".rs");
    binaries.push("zcomm.rs".into());
    for (name, text) in prose() {
        for binary in words_after(&text, "--bin ") {
            assert!(
                binaries.contains(&format!("{binary}.rs")),
                "{name} names the program {binary}"
            );
        }
        for page in words_after(&text, "clients/").filter(|page| page.ends_with(".html")) {
            assert!(
                root().join("clients").join(page).exists(),
                "{name} names clients/{page}"
            );
        }
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next())
        {
            let local = !link.is_empty() && !link.contains("://");
            assert!(
                !local || !name.ends_with(".md") || root().join(link).exists(),
                "{name} links to {link}"
            );
        }
    }
}

/// A private key that is committed once is public for ever.
#[test]
fn git_ignores_secrets() {
    let ignores = read(".gitignore");
    for name in [".zEnv", "certs/", "*.key"] {
        assert!(
            ignores.lines().any(|line| line == name),
            "{name} is not ignored"
        );
    }
    let mut git = children::command("git");
    let git = git.args([
        "check-ignore",
        "certs/localhost.key",
        "certs/ca.key",
        ".zEnv",
    ]);
    // Without git, in a copy without its history, or in the checkout of another user (git then
    // fails with 128), the lines above have to do.
    if let Ok(output) = git.current_dir(root()).output()
        && root().join(".git").exists()
        && output.status.code() != Some(128)
    {
        let ignored = String::from_utf8_lossy(&output.stdout);
        assert_eq!(ignored.lines().count(), 3, "{ignored}");
    }
}

/// The commands that users run are the ones that CI runs.
#[test]
fn ci_calls_the_readmes_test_command() {
    let command = "cargo test --workspace";
    assert!(read("README.md").contains(command));
    assert!(read("CONTRIBUTING.md").contains(command));
    assert!(read(".ci/run").contains(command));
}
