//! Makes the learner's folder, and restores a starter.
//!
//! The folder is a small cargo package that uses the checkout's library by its path. It shares the
//! checkout's build folder, so most of its first build is done already.

use std::{
    fs,
    path::{Path, PathBuf},
};

use zcomm_core::shown_path;

use super::{
    exercise::{Exercise, Language, course},
    folder::{Folder, cannot, is_ours},
};
use crate::shared::failure::Failure;

/// The dependencies of the exercises, as the checkout's own `Cargo.toml` has them.
const DEPENDENCIES: [&str; 3] = ["tokio", "serde_json", "tracing"];

/// Makes a learner's folder, or adds the exercises that are new. Never overwrites a program.
/// Returns the folder and the number of new exercises.
pub(super) fn start(path: &Path, language: Option<Language>) -> Result<(Folder, usize), Failure> {
    let path = &checked(path)?;
    let folder = match is_ours(path) {
        true => Folder::at(path)?,
        false => Folder::new(path.clone(), language.unwrap_or(Language::Rust)),
    };
    if let Some(other) = language.filter(|other| *other != folder.language) {
        let what = format!("this folder is for {}", folder.language.name());
        let help = format!(
            "make another folder for {}: zcomm learn start DIR",
            other.name()
        );
        return Err(Failure::usage(what, help));
    }
    let (exercises, mut added) = (Exercise::all()?, 0);
    for exercise in &exercises {
        let Some(starter) = exercise.starter(folder.language) else {
            continue;
        };
        folder.write(
            &format!("{}/{}", exercise.name, exercise.task()),
            &exercise.read(exercise.task())?,
        )?;
        if let Ok(page) = exercise.read("page.html") {
            folder.write(&format!("{}/page.html", exercise.name), &page)?;
        }
        if !folder.program(exercise).exists() {
            let file = format!("{}/{}", exercise.name, folder.language.file());
            folder.write(&file, &starter)?;
            added += 1;
        }
    }
    common_files(&folder, &exercises)?;
    folder.save()?;
    Ok((folder, added))
}

/// Returns the whole path of a folder that is new, empty or a learner's folder, outside the
/// checkout.
fn checked(path: &Path) -> Result<PathBuf, Failure> {
    let here = std::env::current_dir()?.join(path);
    let existing = here.ancestors().find_map(|above| above.canonicalize().ok());
    if existing.is_some_and(|existing| existing.starts_with(course())) {
        return Err(Failure::usage(
            format!("{} is inside the course's own folder", shown_path(path)),
            "your programs must not mix with the files of the course; name a folder beside it: \
             zcomm learn start ../exercises",
        ));
    }
    fs::create_dir_all(path).map_err(|error| cannot("make", path, &error))?;
    let whole = path
        .canonicalize()
        .map_err(|error| cannot("find", path, &error))?;
    let mut entries = fs::read_dir(&whole).map_err(|error| cannot("read", path, &error))?;
    if entries.next().is_some() && !is_ours(&whole) {
        return Err(Failure::usage(
            format!("{} is not empty", shown_path(path)),
            "name a new folder: your own files stay as they are",
        ));
    }
    Ok(whole)
}

/// Puts the starter back, and keeps the learner's program beside it. Returns where the program is
/// now; `None` if there was no change to keep.
pub(super) fn reset(folder: &mut Folder, exercise: &Exercise) -> Result<Option<PathBuf>, Failure> {
    let Some(starter) = exercise.starter(folder.language) else {
        let what = format!("{} is not for {}", exercise.name, folder.language.name());
        let help = "zcomm learn lists the exercises; - marks those that are only for Rust";
        return Err(Failure::usage(what, help));
    };
    let file = folder.program(exercise);
    let changed = file.exists() && fs::read(&file).ok() != Some(starter.clone().into_bytes());
    let kept = changed.then(|| free_name(&file));
    if let Some(kept) = &kept {
        fs::rename(&file, kept).map_err(|error| cannot("rename", &file, &error))?;
    }
    folder.write(
        &format!("{}/{}", exercise.name, folder.language.file()),
        &starter,
    )?;
    folder.forget(&exercise.name)?;
    Ok(kept)
}

/// A name for the old program: `main.old`, or `main.old2` and so on if there are older ones.
fn free_name(file: &Path) -> PathBuf {
    let (mut name, mut number) = (file.with_extension("old"), 1);
    while name.exists() {
        number += 1;
        name = file.with_extension(format!("old{number}"));
    }
    name
}

/// The files that all exercises share.
fn common_files(folder: &Folder, exercises: &[Exercise]) -> Result<(), Failure> {
    let course = course();
    let at = course.display().to_string();
    let from_course = |file: &str| {
        let file = course.join(file);
        fs::read_to_string(&file).map_err(|error| cannot("read", &file, &error))
    };
    folder.write("AGENTS.md", &from_course("demos/exercises/AGENTS.md")?)?;
    folder.write("README.md", &from_course("demos/exercises/README.md")?)?;
    folder.write(".gitignore", "/target\n/.venv\n/node_modules\n/certs\n")?;
    folder.write(".cargo/config.toml", &cargo_config(&at))?;
    match folder.language {
        Language::Rust => {
            let root = from_course("Cargo.toml")?;
            folder.write("Cargo.toml", &manifest(&root, &at, exercises))?;
            // With the versions of the checkout, cargo needs no network.
            folder.write("Cargo.lock", &from_course("Cargo.lock")?)?;
        }
        Language::Python => folder.write("requirements.txt", "websockets==17.4\n")?,
        Language::JavaScript => {
            let package = "{ \"private\": true, \"dependencies\": { \"ws\": \"8.23.0\" } }\n";
            folder.write("package.json", package)?;
        }
    }
    Ok(())
}

/// With this file, `cargo zcomm` starts the course's command in the learner's folder.
fn cargo_config(course: &str) -> String {
    let manifest = quoted(&format!("{course}/Cargo.toml"));
    let target = quoted(&format!("{course}/target"));
    format!(
        "# zcomm learn wrote this file. `cargo zcomm` is the command zcomm of the course.\n\
         [alias]\n\
         zcomm = [\"run\", \"--quiet\", \"--manifest-path\", {manifest}, \"--bin\", \"zcomm\", \"--\"]\n\
         \n\
         # The programs of the course are built there: your first build is short.\n\
         [build]\n\
         target-dir = {target}\n"
    )
}

/// The package of the learner: a program for each exercise. `root` is the course's `Cargo.toml`.
fn manifest(root: &str, course: &str, exercises: &[Exercise]) -> String {
    let line = |name: &&str| {
        let start = format!("{name} = ");
        root.lines()
            .find(|line| line.starts_with(&start))
            .unwrap_or_default()
            .to_owned()
            + "\n"
    };
    let dependencies: String = DEPENDENCIES.iter().map(line).collect();
    let core = quoted(&format!("{course}/crates/zcomm-core"));
    let mut text = format!(
        "# zcomm learn wrote this file.\n\
         [package]\n\
         name = \"exercises\"\n\
         version = \"0.1.0\"\n\
         edition = \"2024\"\n\
         publish = false\n\
         autobins = false\n\
         \n\
         [workspace]\n\
         \n\
         [dependencies]\n\
         {dependencies}zcomm-core = {{ path = {core} }}\n\
         \n\
         [profile.dev]\n\
         debug = \"line-tables-only\"\n\
         \n\
         [profile.dev.package.\"*\"]\n\
         debug = false\n"
    );
    for exercise in exercises
        .iter()
        .filter(|one| one.starter(Language::Rust).is_some())
    {
        let (program, name) = (exercise.program(), &exercise.name);
        text += &format!("\n[[bin]]\nname = \"{program}\"\npath = \"{name}/main.rs\"\n");
    }
    text
}

/// A text of TOML. The escapes of TOML and of Rust are the same for paths.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}
