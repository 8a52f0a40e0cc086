//! Grades programs: one exercise, all of them, or one whenever its file changes.

use std::{process::ExitCode, time::Duration};

use zcomm_core::shown_path;

use super::{
    exercise::Exercise,
    folder::{Folder, changed},
    play::play,
    program::Target,
    report,
    script::Kind,
};
use crate::shared::{failure::Failure, text::print};

/// The time between two looks at a file. A look is cheap, and also works on network disks, where a
/// system reports no changes.
const POLL: Duration = Duration::from_millis(300);

/// Grades the next exercise, the one with this name, or the command `exec`.
pub(super) async fn check(name: Option<&str>, exec: Option<&str>) -> Result<ExitCode, Failure> {
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

/// Grades an exercise, and again after each change of its file. Then goes on to the next exercise.
pub(super) async fn watch(name: Option<&str>) -> Result<ExitCode, Failure> {
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
pub(super) fn chosen(folder: &Folder, name: Option<&str>) -> Result<Option<Exercise>, Failure> {
    match name {
        Some(name) => Exercise::named(name).map(Some),
        None => folder.next(),
    }
}

/// The learner's folder.
pub(super) fn ours() -> Result<Folder, Failure> {
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
