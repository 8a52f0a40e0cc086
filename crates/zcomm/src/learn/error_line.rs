//! The line of a program's output that says why it has failed.

use crate::shared::text::visible;

/// The number of characters that are shown of what a program wrote.
const LONGEST: usize = 200;

/// The line that may say what is wrong: an error on stderr, the last line there, or the last line
/// on stdout. A log of what is normal says nothing. The place in the learner's file is added.
pub(super) fn error_line(said: &str, printed: &str) -> Option<String> {
    let lines: Vec<_> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    // Node writes its version after an error, so a line with the word is better than the last.
    let errors = lines.iter().rev().filter(|line| line.contains("rror"));
    let last = lines.last().filter(|line| !line.contains(" INFO "));
    let mut lines = errors.chain(last).copied().chain(printed.lines().rev());
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

/// The line of the learner's file that a traceback of Python or Node names.
fn place(said: &str) -> Option<String> {
    let python = said
        .rsplit_once("main.py\", line ")
        .map(|(_, rest)| ("main.py", rest));
    let node = || {
        said.split_once("main.mjs:")
            .map(|(_, rest)| ("main.mjs", rest))
    };
    let (file, rest) = python.or_else(node)?;
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
        for (said, printed, line) in [
            (python, "", Some("KeyError: 'add' (main.py, line 5)")),
            (node, "", Some("TypeError: no x (main.mjs, line 19)")),
            ("12:00 INFO listening\n", "", None),
            ("", "bye\n", Some("bye")),
        ] {
            assert_eq!(error_line(said, printed).as_deref(), line);
        }
    }
}
