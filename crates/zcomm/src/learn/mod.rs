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
mod script;

mod exercise;

mod folder;

mod program;

mod play;
mod start;

mod report;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use zcomm_core::{StopSignals, shown_path};

use crate::shared::{failure::Failure, text::print};
use exercise::{Exercise, Language};
use folder::{Folder, changed};
use play::play;
use program::Target;
use script::Kind;

/// The time between two looks at a file. A look is cheap, and also works on network disks, where a
/// system reports no changes.
const POLL: Duration = Duration::from_millis(300);

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
            start::reset(&mut folder, &exercise)?;
            print(format!("{}: the starter is back\n", exercise.name))?;
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
            format!(
                "\n{done} of {} done in {}\n",
                mine.count(),
                folder.language.name()
            )
        }
    };
    print(text)?;
    Ok(ExitCode::SUCCESS)
}

fn start_in(dir: &std::path::Path, language: Option<Language>) -> Result<ExitCode, Failure> {
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
        format!("{}/README.md", one.name)
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

async fn check(name: Option<&str>, exec: Option<&str>) -> Result<ExitCode, Failure> {
    if let (Some(name), Some(command)) = (name, exec) {
        let target = Target::Exec(command.to_owned());
        let passed = grade(&Exercise::named(name)?, &target, None).await?;
        return Ok(code(passed));
    }
    let mut folder = ours()?;
    let Some(exercise) = chosen(&folder, name)? else {
        return check_all(&folder).await;
    };
    Ok(code(check_one(&mut folder, &exercise).await?))
}

/// At the end, all exercises are graded again.
async fn check_all(folder: &Folder) -> Result<ExitCode, Failure> {
    let mut passed = true;
    for exercise in Exercise::all()? {
        if folder.program(&exercise).exists() {
            let target = Target::of(folder, &exercise)?;
            passed &= grade(&exercise, &target, Some(folder)).await?;
        }
    }
    print("All exercises are done.\n")?;
    Ok(code(passed))
}

/// Grades the learner's program, and notes the result.
async fn check_one(folder: &mut Folder, exercise: &Exercise) -> Result<bool, Failure> {
    let target = Target::of(folder, exercise)?;
    let passed = grade(exercise, &target, Some(folder)).await?;
    if passed {
        folder.note(format!("done {}", exercise.name))?;
        print(match folder.next()? {
            Some(next) => format!("next: {}  {}\n", next.name, next.title),
            None => {
                "This was the last one: zcomm learn check grades all of them again\n".to_owned()
            }
        })?;
    }
    Ok(passed)
}

/// Plays the steps of an exercise, up to the first one that fails. Returns whether all passed.
async fn grade(
    exercise: &Exercise,
    target: &Target,
    folder: Option<&Folder>,
) -> Result<bool, Failure> {
    let script = exercise.script()?;
    print(format!("{}  {}\n\n", exercise.name, exercise.title))?;
    for (at, step) in script.steps.iter().enumerate() {
        match play(step, script.kind, target).await {
            Ok(()) => print(report::passed(at + 1, step))?,
            Err(failed) => {
                let by_hand = report::by_hand(step, &failed, script.kind, exercise, folder);
                let left = script.steps.len() - at - 1;
                print(report::failed(at + 1, step, &failed) + &by_hand)?;
                print(format!("\n{at} passed, 1 failed, {left} not tried yet\n"))?;
                return Ok(false);
            }
        }
    }
    let kind = if script.kind == Kind::Server {
        "server"
    } else {
        "client"
    };
    print(format!(
        "\n{} passed: the {kind} is right\n",
        script.steps.len()
    ))?;
    Ok(true)
}

fn hint(name: Option<&str>) -> Result<ExitCode, Failure> {
    let mut folder = ours()?;
    let Some(exercise) = chosen(&folder, name)? else {
        print("All exercises are done.\n")?;
        return Ok(ExitCode::SUCCESS);
    };
    let hints = exercise.hints()?;
    let number = (folder.hints(&exercise.name) + 1).min(hints.len());
    let hint = hints
        .get(number.saturating_sub(1))
        .map_or("", String::as_str);
    print(format!(
        "{}, hint {number} of {}\n\n{hint}\n",
        exercise.name,
        hints.len()
    ))?;
    folder.note(format!("hint {} {number}", exercise.name))?;
    Ok(ExitCode::SUCCESS)
}

/// Grades an exercise, and again after each change of its file. Then goes on to the next exercise.
async fn watch(name: Option<&str>) -> Result<ExitCode, Failure> {
    let mut folder = ours()?;
    let mut name = name.map(str::to_owned);
    while let Some(exercise) = chosen(&folder, name.as_deref())? {
        let file = folder.program(&exercise);
        let seen = changed(&file);
        let passed = match check_one(&mut folder, &exercise).await {
            Ok(passed) => passed,
            Err(failure) => {
                failure.report();
                false
            }
        };
        if passed {
            name = None;
            continue;
        }
        print(format!(
            "\nwaiting for a change of {}; Ctrl-C stops\n",
            shown_path(&file)
        ))?;
        while changed(&file) == seen {
            tokio::time::sleep(POLL).await;
        }
        print("\n")?;
    }
    print("All exercises are done.\n")?;
    Ok(ExitCode::SUCCESS)
}

/// The exercise with this name, or the next one of this folder.
fn chosen(folder: &Folder, name: Option<&str>) -> Result<Option<Exercise>, Failure> {
    match name {
        Some(name) => Exercise::named(name).map(Some),
        None => folder.next(),
    }
}

/// The learner's folder.
fn ours() -> Result<Folder, Failure> {
    Folder::find()?.ok_or_else(|| {
        Failure::usage(
            "this is not a folder of zcomm learn",
            "go to your folder: cd ../exercises; or make one: zcomm learn start ../exercises",
        )
    })
}

fn code(passed: bool) -> ExitCode {
    ExitCode::from(u8::from(!passed))
}
