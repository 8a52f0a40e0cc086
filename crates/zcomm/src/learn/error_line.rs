//! The line of a program's output that says why it has failed.

use crate::shared::text::visible;

/// The number of characters that are shown of what a program wrote.
const LONGEST: usize = 200;
/// The end of Python's warning about a call without `await`: it did nothing.
const FORGOTTEN: &str = "was never awaited";

/// Whether these lines contain an error. If not yet, it may still come.
pub(super) fn has_error(said: &str) -> bool {
    ["rror", " panicked at ", FORGOTTEN]
        .iter()
        .any(|word| said.contains(word))
}

/// The line that may say what is wrong: the message of a panic, a warning about a forgotten
/// `await`, an error on stderr, the last line there, or the last line on stdout. A log of what is
/// normal says nothing. The place in the learner's file is added.
pub(super) fn error_line(said: &str, printed: &str) -> Option<String> {
    let lines: Vec<_> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    // Rust writes the place of a panic in one line, and the message in the next.
    let panic = said.split_once(" panicked at ").map(|(_, rest)| rest);
    let panic = panic.and_then(|rest| rest.lines().nth(1));
    // Python writes "main.py:5: RuntimeWarning: coroutine 'send' was never awaited".
    let forgotten = lines.iter().find(|line| line.ends_with(FORGOTTEN));
    let forgotten = forgotten.and_then(|line| line.rsplit(": ").next());
    // Node writes its version after an error, so a line with the word is better than the last.
    let errors = lines.iter().rev().filter(|line| line.contains("rror"));
    let last = lines.last().filter(|line| !line.contains(" INFO "));
    let others = errors.chain(last).copied().chain(printed.lines().rev());
    let mut lines = panic.into_iter().chain(forgotten).chain(others);
    let line = visible(lines.next()?.trim());
    let mut shown: String = line.chars().take(LONGEST).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    match place(said) {
        Some(place) => Some(format!("{shown} ({place})")),
        None => Some(shown),
    }
}

/// The line of the learner's file that a traceback, a warning or a panic names.
fn place(said: &str) -> Option<String> {
    let traceback = said.rsplit_once("main.py\", line ");
    let rest = |file: &str| Some(said.split_once(&format!("{file}:"))?.1);
    let files = ["main.py", "main.mjs", "main.rs"];
    let mut others = files.iter().filter_map(|file| Some((*file, rest(file)?)));
    let (file, rest) = traceback
        .map(|(_, rest)| ("main.py", rest))
        .or_else(|| others.next())?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| format!("{file}, line {digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_traceback_is_shown_with_its_line() {
        let python = "connection handler failed\nTraceback (most recent call last):\n  File \
                      \"/venv/server.py\", line 762, in run\n  File \"/x/01_hello/main.py\", line 5, in \
                      handle\n  File \"/usr/lib/json.py\", line 9, in loads\nKeyError: 'add'\n";
        let node = "file:///x/01_hello/main.mjs:19\n  data.add.x\n\nTypeError: no x\n    at f \
                    (file:///x/01_hello/main.mjs:19:5)\n\nNode.js v22\n";
        let panic = "12:00 INFO listening\n\nthread 'tokio-rt-worker' (7) panicked at \
                     03_count/main.rs:20:9:\nnot yet implemented: count\nnote: run with \
                     `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        let forgotten = "/x/01_hello/main.py:5: RuntimeWarning: coroutine 'Connection.send' was \
                         never awaited\n  ws.send(text)\nRuntimeWarning: Enable tracemalloc to \
                         get the object allocation traceback\n";
        for (said, printed, line) in [
            (
                panic,
                "",
                Some("not yet implemented: count (main.rs, line 20)"),
            ),
            (
                forgotten,
                "",
                Some("coroutine 'Connection.send' was never awaited (main.py, line 5)"),
            ),
            (python, "", Some("KeyError: 'add' (main.py, line 5)")),
            (node, "", Some("TypeError: no x (main.mjs, line 19)")),
            ("12:00 INFO listening\n", "", None),
            ("", "bye\n", Some("bye")),
        ] {
            assert_eq!(error_line(said, printed).as_deref(), line);
        }
    }
}
