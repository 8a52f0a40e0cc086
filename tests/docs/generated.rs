//! Pages that are made from the code: a table that is written by hand is right on one day.
//!
//! The test compares; with `UPDATE_DOCS=1` it writes the page instead:
//!
//! ```text
//! UPDATE_DOCS=1 cargo test -p demos --test docs -- 'made from the code'
//! ```

use std::{fmt::Write, fs};

use libtest_mimic::Failed;
use regex::Regex;
use zcomm_core::{SETTINGS, xray::CLOSE_CODES};

use crate::{close_codes::USES, root};

/// Writes a page.
type Made = fn() -> String;

/// The pages, and what makes each.
pub const PAGES: [(&str, Made); 4] = [
    ("docs/reference/settings.md", settings),
    ("docs/reference/close-codes.md", close_codes),
    ("clients/close_codes.js", close_codes_of_the_pages),
    ("clients/handlers.js", handlers_of_the_pages),
];

/// Whether the page is what the code says.
pub fn check(file: &str, page: Made) -> Result<(), Failed> {
    let (path, page) = (root().join(file), page());
    if update() {
        fs::create_dir_all(path.parent().unwrap())?;
        fs::write(&path, &page)?;
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    match there == page {
        true => Ok(()),
        false => Err(format!(
            "{file} is not what the code says; UPDATE_DOCS=1 before this command writes it"
        )
        .into()),
    }
}

/// Whether the tests write what they would compare.
pub fn update() -> bool {
    #[allow(
        clippy::disallowed_methods,
        reason = "of a test, and no setting of ours"
    )]
    std::env::var_os("UPDATE_DOCS").is_some()
}

fn settings() -> String {
    let mut page = String::from(
        "# Settings

Every setting of every program, as the programs themselves have it. One is taken from the
environment of the process, else from the file `.zEnv` in the folder the program runs in,
else the default counts. A wrong value stops the program with exit code 78 and says which
forms it accepts; an unknown `WEBSOCKET_…` name gets a warning with the nearest real one. A
misspelt name stops the program if it concerns TLS or `WEBSOCKET_REQUIRE_AUTH`, or if it has the
letters of a setting, as `WEB_SOCKET_TOKEN` has.

",
    );
    page += "| setting | default |\n|---|---|\n";
    for known in SETTINGS {
        let (name, default) = (known.name, default(known.default));
        let anchor = name.to_lowercase();
        writeln!(page, "| [`{name}`](#{anchor}) | {default} |").unwrap();
    }
    for known in SETTINGS {
        let default = default(known.default);
        let (name, forms, meaning) = (known.name, known.forms, known.meaning);
        write!(
            page,
            "\n## {name}\n\n{meaning}\n\n- Default: {default}\n- Accepts: {forms}\n"
        )
        .unwrap();
    }
    page + "
The limits that have no setting, because no lesson has a reason to change them, are fields of
`Config` in `crates/zcomm-core/src/settings/config.rs`: 5 seconds for a handshake, 10 for a message from
its first byte to its last, 5 for a client to take what is written, 5 to stop.

How they are read, and why a dollar sign needs single quotes: [`.zEnv.example`](../../.zEnv.example).
What a wrong one says: [troubleshooting](troubleshooting.md). This page is made from
`crates/zcomm-core/src/settings/table.rs`, by `UPDATE_DOCS=1 cargo test -p demos --test docs`.
"
}

fn default(default: Option<&str>) -> String {
    match default {
        // The spaces of a value count; a code span of a forge keeps them within quotes.
        Some(default) if default.contains(' ') => format!("`'{default}'`"),
        Some(default) => format!("`{default}`"),
        None => "not set".to_owned(),
    }
}

fn close_codes() -> String {
    let mut page = String::from(
        "# Close codes

Every code that a program of this course sends, shows or counts: who sends it, with which
words, and what a client does then. RFC 6455 section 7.4 gives the first ones, a registry
that it opened the others. A code under 1000 is never used; 3000 to 3999 are for libraries
and registered; 4000 to 4999 belong to each application, and no two mean the same by them.

The text is for people and at most 123 bytes long. No program should decide by it, with one
exception in this course: `Too slow` is the network's fault, so a client comes back.

\"Comes back\" in this table is what the chat's page, `zcomm chat` and `Client` do: they connect again
after a random wait, or they stop and say so. After a code that is not in the table, they come back
if it is under 4000.

| code | name | a page says | comes back |
|---|---|---|---|
",
    );
    for known in CLOSE_CODES {
        let anchor = format!("{}-{}", known.code, known.name);
        let anchor = anchor
            .to_lowercase()
            .replace(' ', "-")
            .replace([':', '\''], "");
        let (code, name, meaning) = (known.code, known.name, known.meaning);
        let back = match (known.retry, code) {
            (true, _) => "yes",
            (false, 1008) => "only after `Too slow`",
            (false, 1009) => "the chat, without that message",
            (false, _) => "no",
        };
        writeln!(
            page,
            "| [`{code}`](#{anchor}) | {name} | {meaning} | {back} |"
        )
        .unwrap();
    }
    for (known, here) in CLOSE_CODES.iter().zip(USES) {
        assert_eq!(known.code, here.code);
        write!(
            page,
            "\n## {} {}\n\n{}\n\n",
            known.code, known.name, here.sender
        )
        .unwrap();
        let reasons: Vec<_> = here.reasons.iter().map(|reason| quoted(reason)).collect();
        if !reasons.is_empty() {
            writeln!(page, "- Reason: {}", reasons.join(", ")).unwrap();
        }
        writeln!(page, "- A client: {}", here.client).unwrap();
    }
    page + "
A refused handshake has no close code at all: it is answered in HTTP, and a page sees `1006`.
What refuses whom, and with which status: [endpoints](endpoints.md). What a server counts:
`zcomm_closes_total` at `/metrics`, by code. This page is made from
`crates/zcomm-xray/src/close_codes.rs` and `tests/docs/close_codes.rs`, by
`UPDATE_DOCS=1 cargo test -p demos --test docs`.
"
}

/// The same table for the pages, which can load only a classic script.
/// The handlers that the pages show: the program, the file and the name of the handler.
const HANDLERS: [(&str, &str, &str); 4] = [
    (
        "1_websocket_server",
        "demos/src/bin/1_websocket_server.rs",
        "listen",
    ),
    (
        "2_websocket_echo",
        "demos/src/bin/2_websocket_echo.rs",
        "echo",
    ),
    ("3_websocket_secure", "demos/src/secure/mod.rs", "echo"),
    (
        "4_websocket_broadcast",
        "demos/src/bin/4_websocket_broadcast.rs",
        "relay",
    ),
];

fn handlers_of_the_pages() -> String {
    let mut script = String::from(
        "\"use strict\";
// The handlers of the servers, which the lesson pages show beside their own scripts. Do not edit this file: it is made
// from the sources that it names, by UPDATE_DOCS=1 cargo test -p demos --test docs.
const HANDLERS = new Map([
",
    );
    for (program, file, name) in HANDLERS {
        let source = fs::read_to_string(root().join(file)).unwrap();
        let source = source.replace("\r\n", "\n");
        let start = source.find(&format!("async fn {name}(")).unwrap();
        let end = start + source[start..].find("\n}").unwrap() + 2;
        writeln!(script, "  [{program:?}, {{ file: {file:?}, lines: [").unwrap();
        for line in source[start..end].lines() {
            writeln!(script, "    {},", serde_json::to_string(line).unwrap()).unwrap();
        }
        script += "  ] }],\n";
    }
    script + "]);\n"
}

fn close_codes_of_the_pages() -> String {
    let mut script = String::from(
        "\"use strict\";
// The close codes (RFC 6455, section 7.4): what a page says about each, and whether a client connects again after it.
// No server sends 1005, 1006 or 1015: the browser sets them. Do not edit this file: it is made from the table in
// crates/zcomm-xray/src/close_codes.rs, by UPDATE_DOCS=1 cargo test -p demos --test docs.
const CLOSE_CODES = new Map([
",
    );
    for known in CLOSE_CODES {
        let (code, meaning, retry) = (known.code, known.meaning, known.retry);
        writeln!(
            script,
            "  [{code}, {{ retry: {retry}, meaning: {meaning:?} }}],"
        )
        .unwrap();
    }
    script + "]);\n"
}

fn quoted(reason: &str) -> String {
    match reason {
        "" => "none".to_owned(),
        reason => format!("`{}`", reason.replace("{}", "65536")),
    }
}

/// The reasons of the table are those of the sources.
pub fn reasons() -> Result<(), Failed> {
    let sources = crate::sources(&["crates", "demos"]);
    let given = Regex::new(
        r#"(?:\(\s*CloseReason::[A-Z_]+|CloseReason::new\(\s*[A-Z]+|End::policy\()\s*,?\s*"([^"]+)""#,
    )?;
    let known: Vec<_> = USES.iter().flat_map(|code| code.reasons).collect();
    let mut wrong = Vec::new();
    for (file, source) in &sources {
        for reason in given.captures_iter(source) {
            if !known.contains(&&&reason[1]) {
                wrong.push(format!(
                    "{file} gives {:?}: it is not in the table",
                    &reason[1]
                ));
            }
        }
    }
    for reason in known {
        let start = reason.split("{}").next().unwrap_or_default();
        let given = sources
            .iter()
            .any(|(file, source)| !file.ends_with("close_codes.rs") && source.contains(start));
        if !given {
            wrong.push(format!("nobody gives the reason {reason:?}"));
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n").into()),
    }
}
