//! The order of the house, as a test: crates are one chain, and inside a crate a file imports
//! only files below it. So no circle is possible, and a reader can start at the bottom.

use std::{collections::BTreeMap, fs, sync::LazyLock};

use regex::Regex;

use crate::house::tidy::{files_below, read, root};

/// The crates from the bottom up, each with its folder.
const CHAIN: [(&str, &str); 7] = [
    ("zcomm-xray", "crates/zcomm-xray"),
    ("zcomm-core", "crates/zcomm-core"),
    ("zcomm-redis", "crates/zcomm-redis"),
    ("zcomm-chat", "crates/zcomm-chat"),
    ("zcomm-course", "crates/zcomm-course"),
    ("demos", "demos"),
    ("zcomm", "crates/zcomm"),
];

/// The modules of a crate, by path.
type Modules = BTreeMap<Vec<String>, Module>;

struct Module {
    file: String,
    /// Its place in the lists of `mod` lines, from the crate's root down. A file that has
    /// modules stands above them.
    place: Vec<usize>,
}

/// A `mod` line, a `use` statement, a path in the code, the tests of a file.
static MODULE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^(?:pub(?:\([a-z]+\))? )?mod (\w+);").unwrap());
static USE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^\s*(?:pub(?:\(\w+\))? )?use\s+([\w:{},\s*]+);").unwrap());
static PATH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:crate|super)(?:::\w+)+").unwrap());
static TESTS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\n#\[cfg\(test\)\]\n(?:pub\(\w+\) )?mod tests").unwrap());

#[test]
fn a_crate_depends_only_on_crates_below_it() {
    for (at, (_, folder)) in CHAIN.iter().enumerate() {
        let manifest = read(format!("{folder}/Cargo.toml"));
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap();
        let dependencies = dependencies.split("\n[").next().unwrap();
        for (above, _) in &CHAIN[at..] {
            let line = format!("\n{above}.workspace");
            assert!(!dependencies.contains(&line), "{folder} uses {above}");
        }
    }
}

#[test]
fn a_file_imports_only_files_that_are_listed_above_it() {
    let mut wrong = Vec::new();
    for (_, folder) in CHAIN {
        let mut modules = Modules::new();
        let source = format!("{folder}/src");
        let root_file = ["lib.rs", "main.rs"].map(|name| format!("{source}/{name}"));
        let root_file = root_file.into_iter().find(|file| exists(file)).unwrap();
        list(&mut modules, &[], &[], root_file, &source);
        let listed: Vec<_> = modules.values().map(|module| &module.file).collect();
        for file in files_below(&source, ".rs") {
            let other = file.contains("/bin/") || file.ends_with("/tests.rs");
            assert!(other || listed.contains(&&file), "{file} is in no list");
        }
        for (path, module) in &modules {
            for used in imports(path, &code(&module.file), &modules) {
                if used.place > module.place {
                    let (file, below) = (&module.file, &used.file);
                    wrong.push(format!("{file} uses {below}, which is listed after it"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn exists(file: &str) -> bool {
    root().join(file).exists()
}

/// Adds a file and the modules that it lists.
fn list(modules: &mut Modules, path: &[String], place: &[usize], file: String, folder: &str) {
    let source = code(&file);
    let names = MODULE
        .captures_iter(&source)
        .map(|found| found[1].to_owned());
    let names: Vec<_> = names.collect();
    for (at, name) in names.iter().enumerate() {
        let inside = format!("{folder}/{name}");
        let flat = format!("{inside}.rs");
        let file = if exists(&flat) {
            flat
        } else {
            format!("{inside}/mod.rs")
        };
        let (path, place) = (
            [path, std::slice::from_ref(name)].concat(),
            [place, &[at]].concat(),
        );
        list(modules, &path, &place, file, &inside);
    }
    let mut place = place.to_vec();
    if !names.is_empty() {
        place.push(usize::MAX);
    }
    modules.insert(path.to_vec(), Module { file, place });
}

/// The code of a file, without comments and tests.
fn code(file: &str) -> String {
    let source = fs::read_to_string(root().join(file)).unwrap();
    let code = TESTS.split(&source).next().unwrap();
    let lines = code.lines().filter(|line| !line.trim().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules that the code of a module names.
fn imports<'a>(at: &[String], code: &str, modules: &'a Modules) -> Vec<&'a Module> {
    let mut paths = Vec::new();
    for found in USE.captures_iter(code) {
        leaves(&found[1], "", &mut paths);
    }
    let rest = USE.replace_all(code, "");
    paths.extend(PATH.find_iter(&rest).map(|found| found.as_str().to_owned()));
    let resolved = paths.iter().filter_map(|path| resolve(at, path, modules));
    resolved.collect()
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`.
fn leaves(tree: &str, before: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        paths.push(format!("{before}{tree}"));
        return;
    };
    let before = format!("{before}{}", head.trim());
    let (mut depth, mut start) = (0, 0);
    let group = group.strip_suffix('}').unwrap();
    for (at, letter) in group.char_indices().chain([(group.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !group[start..at].trim().is_empty() {
                    leaves(&group[start..at], &before, paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The module in which the last name of a path stands; `None` for a path of another crate.
fn resolve<'a>(at: &[String], path: &str, modules: &'a Modules) -> Option<&'a Module> {
    let mut names = path.split("::").map(str::trim).peekable();
    let mut reached = match names.next()? {
        "crate" => Vec::new(),
        "self" => at.to_vec(),
        "super" => at[..at.len() - 1].to_vec(),
        _ => return None,
    };
    while names.next_if_eq(&"super").is_some() {
        reached.pop();
    }
    while let Some(name) = names.peek() {
        let inside = [&reached[..], &[name.to_string()]].concat();
        if !modules.contains_key(&inside) {
            break;
        }
        reached = inside;
        names.next();
    }
    modules.get(&reached)
}
