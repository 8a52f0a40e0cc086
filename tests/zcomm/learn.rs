//! `zcomm learn` and its exercises: a starter fails, a solution passes, and a wrong solution fails
//! at the step that its first line names. In the bug hunt, the steps are the attack: it works on
//! the broken server and on the wrong fix, and not on the fixed server.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    thread,
};

use crate::{Done, folder, peers, zcomm, zcomm_command};

/// The number of programs that are graded at a time. They mostly wait.
const AT_ONCE: usize = 8;

fn exercises() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demos/exercises")
}

/// The files of all exercises with this ending.
fn files(ending: &str) -> Vec<PathBuf> {
    let tops = [exercises(), exercises().join("hunt")];
    let folders = tops.iter().flat_map(|top| fs::read_dir(top).unwrap());
    let folders = folders.map(|entry| entry.unwrap().path());
    let inside = folders
        .filter(|path| path.is_dir())
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let files = inside.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|found| found == ending))
        .collect();
    files.sort();
    files
}

fn exercise(file: &Path) -> String {
    let folder = file.parent().unwrap().strip_prefix(exercises()).unwrap();
    folder.to_str().unwrap().replace('\\', "/")
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// Grades a program in Rust: all of them are one program, an example of `demos`.
fn grade_rust(file: &Path) -> Done {
    let beside = Path::new(env!("CARGO_BIN_EXE_zcomm"));
    let program = beside.with_file_name("examples").join("exercises");
    let program = program.with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        program.exists(),
        "type: cargo build -p demos --example exercises"
    );
    let mut zcomm = grade(&exercise(file), &format!("{} {{url}}", program.display()));
    zcomm.env("EXERCISE", format!("{}/{}", exercise(file), stem(file)));
    zcomm.output().unwrap().into()
}

/// The command that grades a program of this exercise.
fn grade(exercise: &str, command: &str) -> Command {
    let mut zcomm = zcomm_command(
        Path::new("."),
        &["learn", "check", exercise, "--exec", command],
    );
    #[allow(
        clippy::disallowed_methods,
        reason = "a program finds its interpreter there"
    )]
    zcomm.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    zcomm
}

/// Looks at the result of a program. Returns what is wrong with it.
fn complaint(file: &Path, done: &Done) -> Option<String> {
    let name = stem(file);
    let (code, failed) = match name.as_str() {
        "solution" | "slow" | "fixed" => (0, None),
        "starter" => (1, None),
        _ => {
            let source = fs::read_to_string(file).unwrap();
            let first = source.lines().next().unwrap_or_default();
            (
                1,
                Some(first.trim_start_matches(['/', '#', ' ']).to_owned()),
            )
        }
    };
    let line = done.stdout.lines().find(|line| line.starts_with('✗'));
    let right = done.code == Some(code)
        && line.is_some() == (code == 1)
        && done.stdout.lines().all(|line| line.chars().count() <= 80)
        && failed.is_none_or(|failed| line == Some(failed.as_str()));
    let file = file.display();
    (!right).then(|| format!("{file}: {:?}\n{}{}", done.code, done.stdout, done.stderr))
}

/// Grades all these programs, and panics with all that is wrong.
fn all(files: Vec<PathBuf>, grade: impl Fn(&Path) -> Done + Sync) {
    assert!(!files.is_empty());
    let (todo, wrong) = (Mutex::new(files), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(file) = todo.lock().unwrap().pop() else {
                        return;
                    };
                    let complaint = complaint(&file, &grade(&file));
                    wrong.lock().unwrap().extend(complaint);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A wrong solution that passes would teach a typical error. A slow program is not wrong.
#[test]
fn starters_fail_solutions_pass_and_wrong_solutions_fail_at_their_step() {
    all(files("rs"), grade_rust);
}

#[test]
fn the_same_steps_grade_python_and_javascript() {
    let Some(python) = peers::installed() else {
        return;
    };
    let files = [files("py"), files("mjs")].concat();
    all(files, |file| {
        let (exercise, name) = (exercise(file), stem(file));
        let program = if file.extension().is_some_and(|ending| ending == "py") {
            format!("{} {}", python.display(), file.display())
        } else {
            // Node looks for `ws` beside the file.
            let copy = format!("exercise_{exercise}_{name}.mjs");
            let copy = Path::new(peers::PEERS).join("node").join(copy);
            fs::copy(file, &copy).unwrap();
            format!("node {}", copy.display())
        };
        let done = grade(&exercise, &format!("{program} {{url}}"));
        { done }.output().unwrap().into()
    });
}

/// Each exercise is complete, and no text is wider than a projector.
#[test]
fn an_exercise_has_all_its_files() {
    let steps = files("txt");
    assert!(steps.len() >= 16, "{}", steps.len());
    for steps in steps {
        let folder = steps.parent().unwrap();
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let name = exercise(&steps);
        if name.starts_with("hunt/") {
            continue;
        }
        assert!(read("starter.rs").contains("TODO"), "{name}");
        assert!(!read("solution.rs").contains("TODO"), "{name}");
        assert_eq!(read("hints.md").matches("\n## ").count(), 3, "{name}");
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names: BTreeSet<_> = names.collect();
        let wrong = names.iter().filter(|name| name.starts_with("wrong_"));
        assert!(wrong.count() >= 2, "{name}");
        for ending in ["py", "mjs"] {
            let both = [format!("starter.{ending}"), format!("solution.{ending}")];
            let found = both.iter().filter(|file| names.contains(*file)).count();
            assert_ne!(found, 1, "{name}");
        }
        for line in read("README.md").lines() {
            assert!(line.chars().count() <= 100, "{name}: {line}");
        }
        assert!(
            read("README.md").lines().next().unwrap().len() <= 62,
            "{name}"
        );
    }
}

/// The learner's list and the instructors' table name the same time and the same chapter.
#[test]
fn the_list_has_the_minutes_of_the_instructors() {
    let done = zcomm(Path::new("."), &["learn"]);
    let table =
        fs::read_to_string(exercises().join("../../docs/instructors/exercises.md")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let mut count = 0;
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`');
        let chapter = cells[2].trim_start_matches('[').split(']').next().unwrap();
        let mut listed = done.stdout.lines().map(str::trim);
        let line = listed.find(|line| line.starts_with(name)).unwrap();
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words[1], cells[3], "{line}");
        let same = line.to_lowercase().contains(&chapter.to_lowercase());
        assert!(same, "{line}: {chapter}");
        assert!(line.chars().count() <= 80, "{line}");
        count += 1;
    }
    assert_eq!(count, 19);
}

/// A level of the hunt is small enough to be read on a projector, and names the real thread.
#[test]
fn a_level_of_the_hunt_has_all_its_files() {
    let steps = files("txt").into_iter().map(|file| exercise(&file));
    let levels: Vec<_> = steps.filter(|name| name.starts_with("hunt/")).collect();
    assert!(levels.len() >= 8, "{levels:?}");
    for level in levels {
        let read = |name: &str| fs::read_to_string(exercises().join(&level).join(name)).unwrap();
        let story = read("story.md");
        assert!(story.lines().next().unwrap().len() <= 58, "{level}");
        for part in ["https://github.com/", "\n> ", "Which line?", "Which fix?"] {
            assert!(story.contains(part), "{level}: {part}");
        }
        assert_eq!(read("hints.md").matches("\n## ").count(), 3, "{level}");
        for program in ["broken.rs", "wrong_fix.rs", "fixed.rs"] {
            let source = read(program);
            let code = source.lines().map(str::trim);
            let code = code.filter(|line| !line.is_empty() && !line.starts_with("//"));
            let lines = code.count();
            assert!(lines <= 60, "{level}/{program}: {lines} lines of code");
        }
    }
}

/// The learner's programs are not in the repository: no wrong `git add` can send them upstream.
#[test]
fn a_folder_inside_the_course_is_refused() {
    for inside in ["mine", "docs", "demos/exercises", "a/b/c"] {
        let course = exercises().join("../..");
        let done = zcomm(&course, &["learn", "start", inside]);
        assert_eq!(done.code, Some(2), "{}", done.stdout);
        let error = format!("error: {inside} is inside the course's own folder\nhelp: ");
        assert!(done.stderr.starts_with(&error), "{}", done.stderr);
    }
    assert!(!exercises().join("../../mine").exists());
}

/// A folder outside the checkout, which is empty. `target` may be inside it.
fn outside(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("zcomm-learn-{name}-{}", std::process::id()));
    fs::remove_dir_all(&folder).ok();
    folder
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let folder = outside("other");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("mine.txt"), "mine").unwrap();
    let done = zcomm(
        Path::new("."),
        &["learn", "start", folder.to_str().unwrap()],
    );
    assert_eq!(done.code, Some(2));
    assert!(
        done.stderr.contains("is not empty\nhelp: "),
        "{}",
        done.stderr
    );
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    fs::remove_dir_all(folder).unwrap();
}

/// The way of a learner in Python: start, check, hint, solve, check, reset.
#[test]
fn a_learner_starts_fails_reads_hints_solves_and_resets() {
    let Some(python) = peers::installed() else {
        return;
    };
    let mine = outside("way");
    let learn = |arguments: &[&str]| -> Done {
        let mut zcomm = zcomm_command(&mine, &[&["learn"], arguments].concat());
        // The Python with `websockets` comes first.
        zcomm.env("PATH", python.parent().unwrap());
        zcomm.output().unwrap().into()
    };
    let start = [
        "learn",
        "start",
        mine.to_str().unwrap(),
        "--language",
        "python",
    ];
    let done = zcomm(Path::new("."), &start);
    assert_eq!(done.code, Some(0), "{}", done.stderr);

    let done = learn(&["check"]);
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    let report = "01_hello  Greet each client\n\n\
                  ✗ 1  a client gets Welcome when it connects\n     ada connects\n   \
                  ✗ ada gets Welcome\n     but ada got nothing within 2.";
    assert!(done.stdout.starts_with(report), "{}", done.stdout);
    for line in [
        "  terminal 1        python3 01_hello/main.py\n",
        "  terminal 2 (ada)  cargo zcomm connect ws://127.0.0.1:8765/\n",
        "\n0 passed, 1 failed, 2 not tried yet\n",
    ] {
        assert!(done.stdout.contains(line), "{}", done.stdout);
    }

    for number in [1, 2, 3, 3] {
        let done = learn(&["hint"]);
        let head = format!("01_hello, hint {number} of 3\n");
        assert!(done.stdout.starts_with(&head), "{}", done.stdout);
    }

    // Each language has its own hint.
    learn(&["hint", "11"]);
    let hint = learn(&["hint", "11"]).stdout;
    assert!(
        hint.contains("Python: after the end, `client.close_code`"),
        "{hint}"
    );
    assert!(!hint.contains("socket.end()"), "{hint}");
    assert!(
        hint.lines().all(|line| line.chars().count() <= 80),
        "{hint}"
    );
    let list = learn(&[]).stdout;
    assert!(list.contains(" done in python; - marks "), "{list}");

    let done = learn(&["check", "2"]);
    let error = "error: 02_progress is not for python\nhelp: zcomm learn lists";
    assert!(done.stderr.starts_with(error), "{}", done.stderr);

    let program = mine.join("01_hello/main.py");
    fs::copy(exercises().join("01_hello/solution.py"), &program).unwrap();
    let done = learn(&["check", "1"]);
    assert_eq!(done.code, Some(0), "{}", done.stdout);
    assert!(
        done.stdout
            .contains("3 passed: the server is right\nnext: "),
        "{}",
        done.stdout
    );
    assert!(learn(&[]).stdout.contains("\n✓ 01_hello"));

    // A second start adds what is new, and changes no program.
    let done = zcomm(Path::new("."), &start);
    assert!(
        done.stdout.starts_with("0 new exercises"),
        "{}",
        done.stdout
    );
    assert!(learn(&[]).stdout.contains("\n✓ 01_hello"));

    // Each reset keeps the program, and a starter is nothing to keep.
    for (text, kept) in [("first", "old"), ("second", "old2")] {
        fs::write(&program, text).unwrap();
        let done = learn(&["reset", "hello"]);
        assert_eq!(done.code, Some(0));
        assert!(fs::read_to_string(&program).unwrap().contains("TODO"));
        let kept = program.with_extension(kept);
        let said = format!(
            "01_hello: the starter is back; your program is {}",
            kept.display()
        );
        assert_eq!(done.stdout.trim_end(), said);
        assert_eq!(fs::read_to_string(kept).unwrap(), text);
    }
    assert_eq!(
        learn(&["reset", "hello"]).stdout,
        "01_hello: the starter is back\n"
    );
    assert!(!mine.join("01_hello/main.old3").exists());
    assert!(learn(&[]).stdout.contains("\n  01_hello"));
    fs::remove_dir_all(mine).unwrap();
}

/// `cargo zcomm` is `cargo run`, which describes the package `zcomm` in variables. A build script
/// that sees them in one build, and others in the next, runs in each build.
#[cfg(unix)]
#[test]
fn the_build_of_an_exercise_does_not_see_the_package_of_the_command() {
    use std::os::unix::fs::PermissionsExt;
    let (mine, tools) = (outside("build"), folder("learn-build-tools"));
    let done = zcomm(Path::new("."), &["learn", "start", mine.to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let cargo = tools.join("cargo");
    fs::write(&cargo, "#!/bin/sh\n/usr/bin/env >&2; echo $* >&2; exit 1\n").unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();

    let mut check = zcomm_command(&mine, &["learn", "check", "1"]);
    check.env("PATH", &tools).env("CARGO_HOME", "/kept");
    check.env("CARGO_MANIFEST_DIR", "/course/crates/zcomm");
    check.env("CARGO_MANIFEST_PATH", "/course/crates/zcomm/Cargo.toml");
    check.env("CARGO_PKG_NAME", "zcomm");
    let done: Done = check.output().unwrap().into();
    assert!(!done.stderr.contains("CARGO_MANIFEST"), "{}", done.stderr);
    assert!(!done.stderr.contains("CARGO_PKG"), "{}", done.stderr);
    assert!(done.stderr.contains("CARGO_HOME=/kept"), "{}", done.stderr);
    // Cargo names what it builds, so a learner knows why the check waits.
    assert!(!done.stderr.contains("--quiet"), "{}", done.stderr);
    fs::remove_dir_all(mine).unwrap();
}

/// A folder of a learner in Python, with this program for the exercise `15_bad_input`.
#[cfg(unix)]
fn python_folder(name: &str, program: &str) -> PathBuf {
    let mine = outside(name);
    let path = mine.to_str().unwrap();
    let done = zcomm(
        Path::new("."),
        &["learn", "start", path, "--language", "python"],
    );
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    fs::write(mine.join("15_bad_input/main.py"), program).unwrap();
    mine
}

/// A server in Python closes with 1011, and the reason is only in the traceback.
#[cfg(unix)]
#[test]
fn the_report_shows_the_error_of_a_traceback_and_its_line() {
    let Some(python) = peers::installed() else {
        return;
    };
    let solution = fs::read_to_string(exercises().join("15_bad_input/solution.py")).unwrap();
    let careless = solution.replace("except ValueError", "except KeyError");
    let mine = python_folder("traceback", &careless);
    let mut check = zcomm_command(&mine, &["learn", "check", "15"]);
    check.env("PATH", python.parent().unwrap());
    let done: Done = check.output().unwrap().into();
    assert_eq!(done.code, Some(1));
    let wrote = "     the program wrote: json.decoder.JSONDecodeError: Expecting value: line 1";
    assert!(done.stdout.contains(wrote), "{}", done.stdout);
    let line = 1 + careless
        .lines()
        .position(|line| line.contains("json.loads"))
        .unwrap();
    let place = format!("(main.py, line {line})");
    let words: Vec<_> = done.stdout.split_whitespace().collect();
    assert!(words.join(" ").contains(&place), "{}", done.stdout);
    fs::remove_dir_all(mine).unwrap();
}

/// Each command by hand can be typed as it is: the right Python, the certificate, only the actors
/// that the failed line has to do with.
#[cfg(unix)]
#[test]
fn the_commands_by_hand_can_be_typed() {
    let Some(python) = peers::installed() else {
        return;
    };
    let mine = python_folder("by-hand", "");
    let bin = mine.join(".venv/bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(&python, bin.join("python3")).unwrap();
    let site = fs::canonicalize(python.parent().unwrap().join("../lib")).unwrap();
    let site = fs::read_dir(site).unwrap().next().unwrap().unwrap().path();
    let check = |arguments: &[&str]| -> Done {
        let mut check = zcomm_command(&mine, &[&["learn", "check"], arguments].concat());
        check.env("PYTHONPATH", site.join("site-packages"));
        check.output().unwrap().into()
    };
    let done = check(&["6"]);
    let lines = "  terminal 1        cargo zcomm certs\n\
                 \x20                   export WEBSOCKET_SSL_ENABLED=true\n\
                 \x20                   export WEBSOCKET_SSL_CERT=certs/localhost.pem\n\
                 \x20                   export WEBSOCKET_SSL_KEY=certs/localhost.key\n\
                 \x20                   .venv/bin/python3 06_secure/main.py\n\
                 \x20 terminal 2 (ada)  cargo zcomm connect wss://127.0.0.1:8765/";
    assert!(done.stdout.contains(lines), "{}", done.stdout);
    assert!(
        done.stdout.contains("--ca certs/ca.pem\n"),
        "{}",
        done.stdout
    );

    let door = fs::read_to_string(exercises().join("10_door/solution.py")).unwrap();
    let open = door.replace(", origins=[None, f\"http://127.0.0.1:{port}\"]", "");
    fs::write(mine.join("10_door/main.py"), open).unwrap();
    let done = check(&["10"]);
    assert!(done.stdout.contains("terminal 2 (ada)"), "{}", done.stdout);
    assert!(!done.stdout.contains("terminal 3"), "{}", done.stdout);

    let done = check(&["1", "--exec", "exit 3"]);
    assert!(
        done.stdout.contains("  cargo zcomm connect ws:"),
        "{}",
        done.stdout
    );
    fs::remove_dir_all(mine).unwrap();
}

#[cfg(unix)]
#[test]
fn a_missing_package_is_explained() {
    use std::os::unix::fs::PermissionsExt;
    let (mine, tools) = (python_folder("package", ""), folder("learn-package-tools"));
    let python = tools.join("python3");
    let error = "ModuleNotFoundError: No module named 'websockets'";
    fs::write(
        &python,
        format!("#!/bin/sh\necho \"{error}\" >&2; exit 1\n"),
    )
    .unwrap();
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    let mut check = zcomm_command(&mine, &["learn", "check", "15"]);
    let done: Done = check.env("PATH", &tools).output().unwrap().into();
    let install = "  .venv/bin/pip install -r requirements.txt\n";
    assert!(done.stdout.contains(install), "{}", done.stdout);
    fs::remove_dir_all(mine).unwrap();
}

/// A check of a program that changes while the learner looks at the report.
#[test]
fn watch_grades_again_when_the_file_changes() {
    let Some(python) = peers::installed() else {
        return;
    };
    let mine = outside("watch");
    let start = [
        "learn",
        "start",
        mine.to_str().unwrap(),
        "--language",
        "python",
    ];
    assert_eq!(zcomm(Path::new("."), &start).code, Some(0));
    let mut zcomm = zcomm_command(&mine, &["learn", "watch"]);
    let mut watch = zcomm.env("PATH", python.parent().unwrap()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut until = |start: &str| {
        let found = lines.find(|line| line.as_ref().unwrap().starts_with(start));
        assert!(found.is_some(), "{start}");
    };
    until("✗ 1  a client gets Welcome");
    until("waiting for a change of");
    let solution = fs::read_to_string(exercises().join("01_hello/solution.py")).unwrap();
    fs::write(mine.join("01_hello/main.py"), solution).unwrap();
    until("3 passed: the server is right");
    until("03_count  Count who is connected");
    // Then no program runs, which a killed grader could not end.
    until("waiting for a change of");
    watch.kill().unwrap();
    watch.wait().unwrap();
    fs::remove_dir_all(mine).unwrap();
}

#[test]
fn an_error_says_what_to_type() {
    let nowhere = folder("learn-nowhere");
    for (arguments, error) in [
        (
            &["learn", "check"][..],
            "error: this is not a folder of zcomm learn\nhelp: go to",
        ),
        (
            &["learn", "check", "99", "--exec", "true"],
            "error: no exercise has the name \"99\"\nhelp: zcomm learn lists",
        ),
    ] {
        let done = zcomm(&nowhere, arguments);
        assert_eq!(done.code, Some(2));
        assert!(done.stderr.starts_with(error), "{}", done.stderr);
    }
    let done = grade("03", "exit 3").output().unwrap();
    let done: Done = done.into();
    assert_eq!(done.code, Some(1));
    assert!(
        done.stdout.contains("but the program ended\n"),
        "{}",
        done.stdout
    );
}
