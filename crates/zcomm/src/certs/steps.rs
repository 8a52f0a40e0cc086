//! What to do with the files: in the order in which a learner needs it.
//!
//! Every step to trust an authority stands beside the one that undoes it. The undoing goes
//! by the authority's name and never by its file, because the file may be gone by then.
//!
//! Browsers move these menus and stores; what is here was looked up in 2026.

use std::path::Path;

use zcomm_core::Certificate;

use super::{
    files::Files,
    words::{quoted, windows_word, word},
};

/// Where trust is kept, each with its own steps.
const STORES: [&str; 5] = [
    "Chromium, Chrome, Edge on Linux",
    "Firefox on Linux (on macOS and Windows it trusts what the system trusts)",
    "Chrome, Edge, Safari, Firefox on macOS",
    "Chrome, Edge, Firefox on Windows",
    "Programs on Debian, Ubuntu: curl, Python's ssl (not requests), this course",
];

/// Which of them this system has; it is printed first.
const OWN: usize = if cfg!(target_os = "macos") {
    2
} else if cfg!(windows) {
    3
} else {
    0
};

/// Chromium made its store elsewhere until version 146, and uses that one while it exists:
/// so an empty ~/.pki must not be made.
const FIND_STORE: &str = r#"db=~/.pki/nssdb; [ -d "$db" ] || db=~/.local/share/pki/nssdb"#;

/// What was made or renewed, and everything that can be done with it.
pub(crate) fn steps(files: &Files, ca: &Certificate, is_new: bool, leaf: &Certificate) -> String {
    let state = match is_new {
        true => "new",
        false => "kept",
    };
    let name = ca.subject();
    let (limits, ca_until) = (ca.permitted_names().join(", "), ca.not_after());
    let (names, until) = (leaf.names().join(", "), leaf.not_after());
    let shown = |file: &Path| file.display().to_string();
    let (ca_pem, ca_key) = (shown(&files.ca), shown(&files.ca_key));
    let (leaf_pem, leaf_key) = (shown(&files.leaf), shown(&files.leaf_key));
    let (cert_value, key_value) = (quoted(&leaf_pem), quoted(&leaf_key));
    let ca_word = word(&ca_pem);
    let mut text = format!(
        r#"{ca_pem}  the authority "{name}" ({state})
    may sign for {limits}
    and names below these, and for nothing else, until {ca_until}
{ca_key}  its private key: yours alone, not for git, not for mail
{leaf_pem}  the certificate of your servers
    for {names}, until {until}
{leaf_key}  its private key

Servers: put these lines into .zEnv, and every lesson speaks wss:// and https://

    WEBSOCKET_SSL_ENABLED=true
    WEBSOCKET_SSL_CERT={cert_value}
    WEBSOCKET_SSL_KEY={key_value}

    cargo run --bin 2_websocket_echo

Programs, while it runs: tell them whom to trust, each time

    curl --cacert {ca_word} https://localhost:8765/healthz
    cargo run --bin 3_websocket_secure -- wss://localhost:8765 --ca {ca_word}

Browsers: tell them once. Nothing was installed: you do it, and you undo it.
Restart the browser after either.
"#
    );
    let (trust, untrust) = (trust(&ca_pem, name), untrust(name));
    for store in own_first() {
        text += &format!("\n  {}\n", STORES[store]);
        text += &step("trust", &trust[store]);
        text += &step("untrust", &untrust[store]);
    }
    text
}

/// How to take back the trust in an authority that is about to be replaced.
pub(crate) fn untrust_old(name: &str) -> String {
    let mut text = format!(
        "The old authority \"{name}\" is replaced.\nTake back the trust in it wherever you gave it:\n"
    );
    let untrust = untrust(name);
    for store in own_first() {
        text += &format!("\n  {}\n", STORES[store]);
        text += &step("untrust", &untrust[store]);
    }
    text + "\n"
}

fn own_first() -> [usize; STORES.len()] {
    let mut order = [0, 1, 2, 3, 4];
    order[..=OWN].rotate_right(1);
    order
}

/// A step of several lines, its name at the first of them.
fn step(name: &str, lines: &str) -> String {
    let mut text = String::new();
    for (at, line) in lines.lines().enumerate() {
        let name = if at == 0 { name } else { "" };
        text += &format!("    {name:<9} {line}\n");
    }
    text
}

fn trust(pem: &str, name: &str) -> [String; STORES.len()] {
    let (file, cn) = (quoted(pem), quoted(name));
    let windows_file = windows_word(pem);
    [
        format!(
            r#"Settings, Privacy and security, Security, Manage certificates,
Local certificates, Custom: Installed by you,
Trusted certificates, Import {pem}
or in a shell, where certutil is in the package libnss3-tools:
  {FIND_STORE}
  [ -d "$db" ] || {{ mkdir -p "$db" && \
    certutil -d "sql:$db" -N --empty-password; }}
  certutil -d "sql:$db" -A -t C,, \
    -n {cn} \
    -i {file}
(Ubuntu's snap of Chromium: db=~/snap/chromium/current/.pki/nssdb)"#
        ),
        format!(
            "Settings, Privacy & Security, View Certificates, Authorities,\nImport {pem}, \
             \"Trust this CA to identify websites\""
        ),
        format!(
            "security add-trusted-cert -r trustRoot -p ssl \\\n  \
             -k ~/Library/Keychains/login.keychain-db {file}\n(a dialog asks for your password)"
        ),
        format!("certutil -user -addstore Root {windows_file}\n(a dialog asks; say yes)"),
        format!(
            "sudo cp {file} \\\n  /usr/local/share/ca-certificates/zcomm.crt && \\\n  \
             sudo update-ca-certificates"
        ),
    ]
}

fn untrust(name: &str) -> [String; STORES.len()] {
    let (cn, windows_name) = (quoted(name), windows_word(name));
    [
        format!(
            r#"the same list, "{name}", Delete
or in a shell:
  {FIND_STORE}
  certutil -d "sql:$db" -D -n {cn}"#
        ),
        format!("the same list, \"{name}\", Delete or Distrust"),
        // With -t, what the user settled about it goes as well.
        format!("security delete-certificate -t -c {cn}"),
        format!("certutil -user -delstore Root {windows_name}\n(a dialog asks; say yes)"),
        "sudo rm /usr/local/share/ca-certificates/zcomm.crt && \\\n  \
         sudo update-ca-certificates --fresh"
            .to_owned(),
    ]
}
