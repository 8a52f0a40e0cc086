//! The learner's folder: a file for each exercise, and the progress.
//!
//! The progress is plain text with the names of the exercises, so a learner can read it, copy it
//! to another computer, and delete lines. Unknown names are ignored: an exercise may be renamed.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use zcomm_core::shown_path;

use super::exercise::{Exercise, Language};
use crate::shared::failure::Failure;

/// The file with the progress. A folder with this file is a learner's folder.
pub(super) const PROGRESS: &str = "progress.txt";
const FIRST_LINE: &str =
    "# zcomm learn: each line is an exercise that is done, or a hint that was read.";

pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) language: Language,
    lines: Vec<String>,
}

impl Folder {
    /// Finds the learner's folder: the current folder, or one above it.
    pub(super) fn find() -> Result<Option<Folder>, Failure> {
        let here = env::current_dir()?;
        let mut folders = here.ancestors();
        match folders.find(|folder| is_ours(folder)) {
            Some(folder) => Folder::at(folder).map(Some),
            None => Ok(None),
        }
    }

    /// Reads the progress of this folder.
    pub(super) fn at(folder: &Path) -> Result<Folder, Failure> {
        let file = folder.join(PROGRESS);
        let text = fs::read_to_string(&file).map_err(|error| cannot("read", &file, &error))?;
        let lines = text.lines().map(|line| line.trim().to_owned());
        let lines: Vec<_> = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        let mut languages = lines
            .iter()
            .filter_map(|line| line.strip_prefix("language "));
        let language = languages.next().and_then(Language::of);
        Ok(Folder {
            path: folder.to_owned(),
            language: language.unwrap_or(Language::Rust),
            lines,
        })
    }

    /// A folder without progress, which is not written yet.
    pub(super) fn new(path: PathBuf, language: Language) -> Folder {
        Folder {
            path,
            language,
            lines: vec![format!("language {}", language.name())],
        }
    }

    pub(super) fn is_done(&self, name: &str) -> bool {
        self.lines.contains(&format!("done {name}"))
    }

    /// The first exercise in this folder's language that is not done.
    pub(super) fn next(&self) -> Result<Option<Exercise>, Failure> {
        let mut all = Exercise::all()?.into_iter();
        Ok(all.find(|one| self.program(one).exists() && !self.is_done(&one.name)))
    }

    /// The learner's file of an exercise.
    pub(super) fn program(&self, exercise: &Exercise) -> PathBuf {
        self.path.join(&exercise.name).join(self.language.file())
    }

    /// The number of hints of an exercise that were read.
    pub(super) fn hints(&self, name: &str) -> usize {
        let line = format!("hint {name} ");
        let numbers = self.lines.iter().filter_map(|one| one.strip_prefix(&line));
        numbers
            .filter_map(|number| number.parse().ok())
            .max()
            .unwrap_or(0)
    }

    /// Adds a line to the progress, if it is new.
    pub(super) fn note(&mut self, line: String) -> Result<(), Failure> {
        if !self.lines.contains(&line) {
            self.lines.push(line);
        }
        self.save()
    }

    /// Removes the progress of an exercise.
    pub(super) fn forget(&mut self, name: &str) -> Result<(), Failure> {
        let of_exercise = |line: &String| line.split(' ').nth(1) == Some(name);
        self.lines.retain(|line| !of_exercise(line));
        self.save()
    }

    pub(super) fn save(&self) -> Result<(), Failure> {
        let text = format!("{FIRST_LINE}\n{}\n", self.lines.join("\n"));
        self.write(PROGRESS, &text)
    }

    /// Writes a file of this folder, and the folders above the file.
    pub(super) fn write(&self, file: &str, text: &str) -> Result<(), Failure> {
        let file = self.path.join(file);
        let above = file.parent().unwrap_or(&self.path);
        fs::create_dir_all(above)
            .and_then(|()| fs::write(&file, text))
            .map_err(|error| cannot("write", &file, &error))
    }
}

/// Whether this folder was made by `zcomm learn start`.
pub(super) fn is_ours(folder: &Path) -> bool {
    let text = fs::read_to_string(folder.join(PROGRESS)).unwrap_or_default();
    text.starts_with("# zcomm learn")
}

/// The time of the last change of a file.
pub(super) fn changed(file: &Path) -> Option<SystemTime> {
    file.metadata().and_then(|data| data.modified()).ok()
}

pub(super) fn cannot(what: &str, file: &Path, error: &io::Error) -> Failure {
    let what = format!("cannot {what} {}: {error}", shown_path(file));
    Failure::usage(
        what,
        "name a folder that you can write to: zcomm learn start DIR",
    )
}
