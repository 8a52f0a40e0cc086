//! The program that is graded: the learner's file, or the command of `--exec`.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{self, Stdio},
};

use serde_json::Value;
use tokio::process::Command;
use zcomm_core::SETTINGS;

use super::{
    exercise::{Exercise, Language},
    folder::Folder,
};
use crate::shared::{
    failure::Failure,
    shell::{grouped, shell},
};

/// In the command of `--exec`, this text stands for the address that a client opens.
const URL: &str = "{url}";

/// How to start the program.
pub(super) enum Target {
    /// A program with its first arguments, and the folder where it runs.
    File(Vec<PathBuf>, PathBuf),
    Exec(String),
}

impl Target {
    /// Prepares the learner's file of an exercise. Builds a program in Rust.
    pub(super) fn of(folder: &Folder, exercise: &Exercise) -> Result<Target, Failure> {
        let file = folder.program(exercise);
        if exercise.starter(folder.language).is_none() {
            let what = format!("{} is not for {}", exercise.name, folder.language.name());
            let help = "zcomm learn lists the exercises; - marks those that are only for Rust";
            return Err(Failure::usage(what, help));
        }
        if !file.exists() {
            let what = format!("there is no {}/{}", exercise.name, folder.language.file());
            let help = format!("zcomm learn reset {} makes it again", exercise.name);
            return Err(Failure::usage(what, help));
        }
        let words = match folder.language {
            Language::Rust => vec![build(&folder.path, &exercise.program())?],
            Language::Python => vec![python(&folder.path), file],
            Language::JavaScript => vec![PathBuf::from("node"), file],
        };
        Ok(Target::File(words, folder.path.clone()))
    }

    /// Returns the command. A client gets the address as its last argument.
    pub(super) fn command(&self, url: Option<&str>) -> Command {
        let mut command = match self {
            Target::File(words, folder) => {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]).args(url).current_dir(folder);
                grouped(command)
            }
            Target::Exec(command) => {
                let command = command.replace(URL, url.unwrap_or_default());
                // A shell that ended with the signal to stop would hide the program's exit code.
                let trap = if cfg!(unix) { "trap : TERM; " } else { "" };
                shell(&format!("{trap}{command}"))
            }
        };
        // A setting of the learner's terminal must not change the grade.
        for setting in SETTINGS {
            command.env_remove(setting.name);
        }
        command.env("NO_COLOR", "1").env("PYTHONUNBUFFERED", "1");
        command
    }
}

/// Builds a program of the learner's package. Returns its path.
fn build(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let mut cargo = process::Command::new("cargo");
    for variable in of_outer_cargo() {
        cargo.env_remove(variable);
    }
    // Cargo says on stderr what it builds: the learner sees the reason for a wait.
    cargo
        .args(["build", "--message-format", "json-render-diagnostics"])
        .args(["--bin", name])
        .current_dir(folder)
        .stderr(Stdio::inherit());
    let built = cargo.output().map_err(|error| {
        Failure::usage(
            format!("cannot run cargo: {error}"),
            "cargo builds the exercises in Rust: https://rustup.rs",
        )
    })?;
    if !built.status.success() {
        let help = "the compiler's first error, above, says what to change; then check again";
        return Err(Failure::new(format!("{name} does not compile"), help));
    }
    let lines = String::from_utf8_lossy(&built.stdout);
    let messages = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let mut programs = messages.filter_map(|message: Value| {
        let program = message["executable"].as_str()?;
        (message["target"]["name"] == *name).then(|| PathBuf::from(program))
    });
    programs.next().ok_or_else(|| {
        let help = "zcomm learn start DIR, with this folder, writes Cargo.toml again";
        Failure::new(format!("cargo has built no program {name}"), help)
    })
}

/// The variables that `cargo run` has set for this command. They describe the package `zcomm`.
/// A build script that sees another value runs again, and then its package is built again.
fn of_outer_cargo() -> impl Iterator<Item = OsString> {
    let ours = |name: &OsString| {
        let name = name.to_string_lossy();
        ["CARGO_MANIFEST_", "CARGO_PKG_"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    env::vars_os().map(|(name, _)| name).filter(ours)
}

/// The Python of the learner's virtual environment, or of the system.
pub(super) fn python(folder: &Path) -> PathBuf {
    let (own, system) = match cfg!(windows) {
        true => (".venv/Scripts/python.exe", "python"),
        false => (".venv/bin/python3", "python3"),
    };
    let own = folder.join(own);
    if own.exists() { own } else { system.into() }
}
