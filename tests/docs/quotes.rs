//! What is quoted stands where it is said to stand.

use libtest_mimic::Failed;

use crate::{
    children,
    page::{Block, Kind, Page},
    place, root,
};

/// Every block of code is a piece of a file.
pub fn check(page: &Page) -> Result<(), Failed> {
    for block in &page.blocks {
        let place = place(page, block);
        match block.kind() {
            Kind::Quote => {
                let file = block
                    .attribute("file")
                    .ok_or(format!("{place}: say with file=… where this stands"))?;
                let source = std::fs::read_to_string(root().join(file))
                    .map_err(|error| format!("{place}: {file}: {error}"))?;
                stands(block, &source).map_err(|why| format!("{place}: {file}: {why}"))?;
            }
            Kind::Diff => {
                let file = |name| {
                    let file = block.attribute(name);
                    file.ok_or(format!("{place}: say from=… and to=…"))
                };
                let diff = children::command("git")
                    .args([
                        "diff",
                        "--no-index",
                        "--no-color",
                        "-U9999",
                        file("from")?,
                        file("to")?,
                    ])
                    .current_dir(root())
                    .output()?;
                let diff = String::from_utf8(diff.stdout)?;
                stands(block, &diff).map_err(|why| format!("{place}: {why}"))?;
            }
            Kind::Shell | Kind::Output => {}
        }
    }
    Ok(())
}

/// Whether the pieces of a block, which a line of `…` parts, stand in the source in this
/// order. How far they are indented does not matter.
fn stands(block: &Block, source: &str) -> Result<(), String> {
    let trim =
        |text: &str| -> Vec<String> { text.lines().map(|line| line.trim().to_owned()).collect() };
    let source = trim(source);
    let quoted = trim(&block.text);
    let is_gap = |line: &String| {
        matches!(
            line.as_str(),
            "…" | "// …" | "# …" | "<!-- … -->" | "/* … */"
        )
    };
    let mut at = 0;
    for piece in quoted.split(is_gap) {
        let piece: &[String] = match piece {
            [first, rest @ ..] if first.is_empty() => rest,
            piece => piece,
        };
        let piece = match piece {
            [rest @ .., last] if last.is_empty() => rest,
            piece => piece,
        };
        if piece.is_empty() {
            continue;
        }
        let found = source[at..]
            .windows(piece.len())
            .position(|lines| lines == piece);
        let found = found
            .ok_or_else(|| format!("these lines do not stand there:\n{}", piece.join("\n")))?;
        at += found + piece.len();
    }
    Ok(())
}
