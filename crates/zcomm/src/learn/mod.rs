//! `zcomm learn`: exercises that grade themselves.
//!
//! ```text
//! demos/exercises/NN_name ── start ──▶ the learner's folder ── check ──▶ program
//!        steps.txt ──────────── play ─── the actors of `zcomm check` ──────┘
//! ```
//!
//! An exercise is a folder of files, and its steps are lines of plain words. A check starts the
//! learner's program for each step, in its own process group, and stops at the first step that
//! fails.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod certificate;
mod error_line;
mod script;

mod exercise;

mod folder;

mod program;

mod stage;
mod start;

mod play;

mod report;

mod grade;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use zcomm_core::{StopSignals, shown_path};

use crate::shared::{
    failure::Failure,
    text::{print, wrapped},
};
use exercise::{Exercise, Language};
use folder::Folder;
use grade::{check, chosen, ours, watch};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm learn                        list the exercises, and what is done
  zcomm learn start ../exercises     make a folder for your programs
  zcomm learn start ../py --language python
                                     the exercises that can be done in Python
  cd ../exercises                    the other commands work in this folder:
  cargo zcomm learn check            grade the next exercise
  cargo zcomm learn check 03         grade this one
  cargo zcomm learn hint             one hint more: there are three
  cargo zcomm learn watch            grade whenever you save the file

A check stops at the first step that fails, and shows how to repeat it by hand.

Exit code: 0 if the program passed, 1 if a step failed or the program does not
compile, 2 if it could not be graded.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a folder for your programs, or add the new exercises to it
    Start {
        /// A new folder, outside the folder of the course
        dir: PathBuf,
        /// The language of your programs [default: rust]
        #[arg(long)]
        language: Option<Language>,
    },
    /// Grade the next exercise, or the one with this name
    Check {
        /// The exercise: its name, or only its number
        name: Option<String>,
        /// Grade this command instead of the program in your folder; it listens on the port in
        /// WEBSOCKET_PORT, and {url} stands for the address that a client opens
        #[arg(long, value_name = "COMMAND", requires = "name")]
        exec: Option<String>,
    },
    /// Show one hint more
    Hint {
        /// The exercise: its name, or only its number
        name: Option<String>,
    },
    /// Grade the program whenever its file changes, until Ctrl-C
    Watch {
        /// The exercise: its name, or only its number
        name: Option<String>,
    },
    /// Put a starter back; your program stays beside it, as main.old
    Reset {
        /// The exercise: its name, or only its number
        name: String,
    },
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    match &arguments.command {
        None => list(),
        Some(Command::Start { dir, language }) => start_in(dir, *language),
        Some(Command::Check { name, exec }) => {
            let mut signals = StopSignals::new()?;
            // A signal drops the future of `check`. This kills the program.
            tokio::select! {
                checked = check(name.as_deref(), exec.as_deref()) => checked,
                code = signals.next() => Ok(ExitCode::from(code)),
            }
        }
        Some(Command::Hint { name }) => hint(name.as_deref()),
        Some(Command::Watch { name }) => {
            let mut signals = StopSignals::new()?;
            tokio::select! {
                watched = watch(name.as_deref()) => watched,
                code = signals.next() => Ok(ExitCode::from(code)),
            }
        }
        Some(Command::Reset { name }) => {
            let (mut folder, exercise) = (ours()?, Exercise::named(name)?);
            let kept = start::reset(&mut folder, &exercise)?;
            let kept = kept.map(|kept| format!("; your program is {}", shown_path(&kept)));
            let kept = kept.unwrap_or_default();
            print(format!("{}: the starter is back{kept}\n", exercise.name))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list() -> Result<ExitCode, Failure> {
    let (exercises, folder) = (Exercise::all()?, Folder::find()?);
    let mut text = report::list(&exercises, folder.as_ref());
    text += &match &folder {
        None => "\nstart: cargo run --bin zcomm -- learn start ../exercises\n".to_owned(),
        Some(folder) => {
            let mine = exercises.iter().filter(|one| folder.program(one).exists());
            let done = mine.clone().filter(|one| folder.is_done(&one.name)).count();
            let (mine, language) = (mine.count(), folder.language.name());
            let legend = match exercises.len() - mine {
                0 => String::new(),
                others => format!("; - marks {others} that are only for Rust"),
            };
            format!("\n{done} of {mine} done in {language}{legend}\n")
        }
    };
    print(text)?;
    Ok(ExitCode::SUCCESS)
}

fn start_in(dir: &Path, language: Option<Language>) -> Result<ExitCode, Failure> {
    let (folder, added) = start::start(dir, language)?;
    let install = match folder.language {
        Language::Rust => "",
        Language::Python => {
            "  python3 -m venv .venv\n  .venv/bin/pip install -r requirements.txt\n"
        }
        Language::JavaScript => "  npm install\n",
    };
    let first = folder.next()?;
    let first = first.map_or("README.md".to_owned(), |one| {
        format!("{}/{}", one.name, one.task())
    });
    print(format!(
        "{added} new exercises in {}; now type:\n\
         \x20 cd {}\n{install}\
         \x20 cargo zcomm learn check\n\
         The first task is in {first}\n",
        folder.path.display(),
        shown_path(dir),
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn hint(name: Option<&str>) -> Result<ExitCode, Failure> {
    let mut folder = ours()?;
    let Some(exercise) = chosen(&folder, name)? else {
        print("All exercises are done.\n")?;
        return Ok(ExitCode::SUCCESS);
    };
    let hints = exercise.hints(folder.language)?;
    let number = (folder.hints(&exercise.name) + 1).min(hints.len());
    let hint = hints
        .get(number.saturating_sub(1))
        .map_or("", String::as_str);
    let lines = hint.lines().flat_map(|line| wrapped(line, 80));
    let hint = lines.collect::<Vec<_>>().join("\n");
    print(format!(
        "{}, hint {number} of {}\n\n{hint}\n",
        exercise.name,
        hints.len()
    ))?;
    folder.note(format!("hint {} {number}", exercise.name))?;
    Ok(ExitCode::SUCCESS)
}
