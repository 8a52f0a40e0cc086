//! The exercises of the course: the folders of `demos/exercises` in the checkout.
//!
//! A folder has `README.md` (the task), `steps.txt` (how it is graded), `hints.md`, and for each
//! language a starter and a solution. The files are read when they are needed, so a new exercise
//! needs no new build.
//!
//! The bug hunt is the folder `hunt`. Its tasks are named `story.md`, and its starters `broken.rs`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use zcomm_core::shown_path;

use super::script::Script;
use crate::shared::failure::Failure;

/// The folder of the bug hunt.
const HUNT: &str = "hunt";

/// A programming language of the exercises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Language {
    Rust,
    Python,
    #[value(name = "javascript")]
    JavaScript,
}

impl Language {
    pub(super) fn name(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::Python => "python",
            Language::JavaScript => "javascript",
        }
    }

    pub(super) fn ending(self) -> &'static str {
        match self {
            Language::Rust => "rs",
            Language::Python => "py",
            Language::JavaScript => "mjs",
        }
    }

    pub(super) fn of(name: &str) -> Option<Language> {
        let all = [Language::Rust, Language::Python, Language::JavaScript];
        all.into_iter().find(|language| language.name() == name)
    }

    /// The name of the learner's file.
    pub(super) fn file(self) -> String {
        format!("main.{}", self.ending())
    }
}

pub(super) struct Exercise {
    /// The name of the folder: `03_count` or `hunt/cursor`.
    pub(super) name: String,
    pub(super) folder: PathBuf,
    /// The first line of the task.
    pub(super) title: String,
    /// The chapter that the exercise belongs to, e.g. `2. Echo`.
    pub(super) chapter: String,
    /// The minutes that it takes somebody who has just done the chapter.
    pub(super) minutes: String,
}

impl Exercise {
    /// All exercises, in their order. The bug hunt comes last.
    pub(super) fn all() -> Result<Vec<Exercise>, Failure> {
        let top = course().join("demos/exercises");
        let mut folders = Vec::new();
        for folder in [top.clone(), top.join(HUNT)] {
            let entries = fs::read_dir(&folder).map_err(|error| missing(&folder, &error))?;
            folders.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        }
        folders.retain(|folder| folder.join("steps.txt").exists());
        folders.sort();
        let exercises = folders.into_iter();
        exercises.map(|folder| Exercise::at(&top, folder)).collect()
    }

    /// The exercise with this name. The number, or the part after the number or after `hunt/`, is
    /// enough.
    pub(super) fn named(name: &str) -> Result<Exercise, Failure> {
        let mut all = Exercise::all()?.into_iter();
        let number = |exercise: &Exercise| exercise.name.split('_').next().map(str::to_owned);
        let wanted = |exercise: &Exercise| {
            let topic = match exercise.name.split_once('/') {
                None => exercise.name.split_once('_').map(|(_, topic)| topic),
                Some((_, topic)) => Some(topic),
            };
            exercise.name == name
                || topic == Some(name)
                || number(exercise)
                    .is_some_and(|number| number == name || number.trim_start_matches('0') == name)
        };
        all.find(wanted).ok_or_else(|| {
            let what = format!("no exercise has the name {name:?}");
            Failure::usage(what, "zcomm learn lists the exercises")
        })
    }

    fn at(top: &Path, folder: PathBuf) -> Result<Exercise, Failure> {
        let name = folder.strip_prefix(top).unwrap_or(&folder).iter();
        let name: Vec<_> = name.map(|part| part.to_string_lossy()).collect();
        let mut exercise = Exercise {
            name: name.join("/"),
            folder,
            title: String::new(),
            chapter: String::new(),
            minutes: String::new(),
        };
        let task = exercise.read(exercise.task())?;
        let title = task.lines().next().unwrap_or_default();
        title
            .trim_start_matches('#')
            .trim()
            .clone_into(&mut exercise.title);
        // E.g. "Chapter: 2. Echo (`docs/2-echo.md`), 10 minutes."
        let mut lines = task.lines();
        let place = lines.find_map(|line| line.strip_prefix("Chapter: "));
        let (chapter, rest) = place
            .and_then(|place| place.split_once(" ("))
            .unwrap_or_default();
        let time = rest.split_once("), ").unwrap_or_default().1;
        let minutes = time.split_once(" minutes").unwrap_or_default().0;
        (exercise.chapter, exercise.minutes) = (chapter.to_owned(), minutes.to_owned());
        Ok(exercise)
    }

    pub(super) fn is_hunt(&self) -> bool {
        self.name.starts_with(HUNT)
    }

    /// The file with the task.
    pub(super) fn task(&self) -> &'static str {
        if self.is_hunt() {
            "story.md"
        } else {
            "README.md"
        }
    }

    /// The name of the learner's program in Rust. Cargo allows no `/` in it.
    pub(super) fn program(&self) -> String {
        self.name.replace('/', "_")
    }

    pub(super) fn read(&self, file: &str) -> Result<String, Failure> {
        read(&self.folder.join(file))
    }

    pub(super) fn script(&self) -> Result<Script, Failure> {
        Script::read(&self.read("steps.txt")?).map_err(|error| {
            let what = format!("{}/steps.txt: {error}", self.name);
            Failure::new(what, "this is an error of the course: please report it")
        })
    }

    /// The hints, from the smallest to the largest: the sections of `hints.md`. A paragraph that
    /// begins with `Python:` is only for Python.
    pub(super) fn hints(&self, language: Language) -> Result<Vec<String>, Failure> {
        let text = self.read("hints.md")?;
        let hints = text.split("\n## ").skip(1);
        let hints = hints.filter_map(|hint| Some(hint.split_once('\n')?.1));
        let hints = hints.map(|hint| {
            let paragraphs = hint.split("\n\n").map(str::trim);
            let paragraphs = paragraphs.filter(|paragraph| is_for(paragraph, language));
            paragraphs.collect::<Vec<_>>().join("\n\n")
        });
        Ok(hints.collect())
    }

    /// Returns the starter in this language. `None`: the exercise has no starter in this language.
    pub(super) fn starter(&self, language: Language) -> Option<String> {
        let stem = if self.is_hunt() { "broken" } else { "starter" };
        let starter = self.read(&format!("{stem}.{}", language.ending())).ok()?;
        // Such a first line says which step fails: that is for the tests, and not for the learner.
        match starter.split_once("\n\n") {
            Some((line, rest)) if line.starts_with("// ✗") => Some(rest.to_owned()),
            _ => Some(starter),
        }
    }
}

/// The folder of the checkout that this command was built from.
pub(super) fn course() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let top = here.ancestors().nth(2).unwrap_or(here);
    top.canonicalize().unwrap_or_else(|_| top.to_owned())
}

/// Whether a paragraph of a hint is for this language.
fn is_for(paragraph: &str, language: Language) -> bool {
    match paragraph.split_once(':') {
        Some(("Rust", _)) => language == Language::Rust,
        Some(("Python", _)) => language == Language::Python,
        Some(("JavaScript", _)) => language == Language::JavaScript,
        _ => true,
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| missing(file, &error))
}

fn missing(file: &Path, error: &io::Error) -> Failure {
    Failure::usage(
        format!("cannot read {}: {error}", shown_path(file)),
        "the exercises are in the checkout that built this command; if you have moved the \
         checkout, build the command again there: cargo build --bin zcomm",
    )
}
