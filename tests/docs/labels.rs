//! A line above each block says where the block is typed, and what it is.
//!
//! A forge does not show the words behind the language of a block. So the same is in the text, in
//! one form everywhere: a paragraph in italics, which a renderer can recognise, too.
//!
//! ```text
//! *Terminal 2, type:*
//! *You see:*
//! *You see in terminal 1:*
//! *Terminal 1, press Ctrl-C. You see:*
//! *In `clients/1_client_server.html`:*
//! *From `demos/src/bin/open_broadcast.rs` to `demos/src/bin/4_websocket_broadcast.rs`:*
//! ```

use libtest_mimic::Failed;

use crate::{
    page::{Block, Kind, Page},
    place,
};

/// Every block of a page of `docs` has its label. The README uses one terminal.
pub fn check(page: &Page) -> Result<(), Failed> {
    if !page.file.starts_with("docs") {
        return Ok(());
    }
    let mut wrong = Vec::new();
    for block in &page.blocks {
        let label = label(block);
        if block.label != label {
            wrong.push(format!("{}: not {label}", place(page, block)));
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n").into()),
    }
}

/// The label of a block, from the words behind its language.
fn label(block: &Block) -> String {
    let word = |name| block.attribute(name).unwrap_or_default();
    let terminal = block.attribute("terminal");
    match (block.kind(), terminal) {
        (Kind::Shell, number) => format!("*Terminal {}, type:*", number.unwrap_or("1")),
        (Kind::Output, number) if block.has("ctrl-c") => {
            let number = number.unwrap_or("1");
            format!("*Terminal {number}, press Ctrl-C. You see:*")
        }
        (Kind::Output, Some(number)) => format!("*You see in terminal {number}:*"),
        (Kind::Output, None) => "*You see:*".to_owned(),
        (Kind::Diff, _) => format!("*From `{}` to `{}`:*", word("from"), word("to")),
        (Kind::Quote, _) => format!("*In `{}`:*", word("file")),
    }
}
