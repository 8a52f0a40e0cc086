//! The steps that `zcomm certs` prints, in the order in which a learner needs them.
//!
//! After each step that trusts an authority, the text shows the step that removes this trust.
//! This second step does not need the authority's file, because the file may be deleted
//! already.
//!
//! The steps contain the names of menus and folders. A new version of a browser may change these
//! names. The names were checked in 2026.

use zcomm_core::Certificate;

use super::{
    files::Files,
    quote::{quoted, windows_word, word},
};

/// A place that stores trusted authorities.
struct Store {
    name: &'static str,
    trust: String,
    untrust: String,
}

/// The position of this system's store in the list of stores. This store is printed first.
const OWN: usize = if cfg!(target_os = "macos") {
    2
} else if cfg!(windows) {
    3
} else {
    0
};

/// The shell commands that find Chromium's store. Since version 146, Chromium uses a new folder
/// if the old folder, ~/.pki, does not exist. So these commands must not create an empty ~/.pki.
const FIND_STORE: &str = r#"db=~/.pki/nssdb; [ -d "$db" ] || db=~/.local/share/pki/nssdb"#;

/// Returns the list of the files, and the steps to use them.
pub(super) fn steps(files: &Files, ca: &Certificate, is_new: bool, leaf: &Certificate) -> String {
    let state = if is_new { "new" } else { "kept" };
    let name = ca.subject();
    let (limits, ca_until) = (ca.permitted_names().join(", "), ca.not_after());
    let (names, until) = (leaf.names().join(", "), leaf.not_after());
    let ca_pem = files.ca.display().to_string();
    let (ca_key, leaf_pem) = (files.ca_key.display(), files.leaf.display());
    let leaf_key = files.leaf_key.display();
    let (cert_value, key_value, ca_word) = (quoted(&leaf_pem), quoted(&leaf_key), word(&ca_pem));
    let text = format!(
        r#"{ca_pem}  the authority "{name}" ({state})
    may sign for {limits}
    and their subdomains, and for no other name or address, until {ca_until}
{ca_key}  its private key: keep it secret, never commit or mail it
{leaf_pem}  the certificate of your servers
    for {names}, until {until}
{leaf_key}  its private key

Servers: put these lines into .zEnv, and every lesson uses wss:// and https://

    WEBSOCKET_SSL_ENABLED=true
    WEBSOCKET_SSL_CERT={cert_value}
    WEBSOCKET_SSL_KEY={key_value}

    cargo run --bin 2_websocket_echo

Programs: name the authority in each command, while the server runs

    curl --cacert {ca_word} https://localhost:8765/healthz
    cargo run --bin 3_websocket_secure -- wss://localhost:8765 --ca {ca_word}

Browsers: trust the authority once. Nothing was installed: you add or remove
the trust yourself. Then restart the browser.
"#
    );
    text + &at_each_store(&ca_pem, name, true)
}

/// Returns the steps that remove the trust in the old authority, before its file is replaced.
pub(super) fn untrust_old(files: &Files, name: &str) -> String {
    let text = format!(
        "The old authority \"{name}\" is replaced.\nRemove it from each place where you trusted it:\n"
    );
    text + &at_each_store(&files.ca.display().to_string(), name, false) + "\n"
}

/// Formats a step, with its name in front of the first line.
fn step(name: &str, lines: &str) -> String {
    let lines = lines.replace('\n', &format!("\n{:14}", ""));
    format!("    {name:<9} {lines}\n")
}

/// Returns the steps for every store. This system's store is first. `pem` is the authority's
/// file, and `name` is the authority's name. If `trust` is false, returns only the steps that
/// remove the trust.
fn at_each_store(pem: &str, name: &str, trust: bool) -> String {
    let mut stores = [
        chromium(pem, name),
        firefox(pem, name),
        macos(pem, name),
        windows(pem, name),
        debian(pem),
    ];
    stores[..=OWN].rotate_right(1);
    let mut text = String::new();
    for store in stores {
        text += &format!("\n  {}\n", store.name);
        if trust {
            text += &step("trust", &store.trust);
        }
        text += &step("untrust", &store.untrust);
    }
    text
}

fn chromium(pem: &str, name: &str) -> Store {
    let (file, cn) = (quoted(pem), quoted(name));
    Store {
        name: "Chromium, Chrome, Edge on Linux",
        trust: format!(
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
        untrust: format!(
            r#"the same list, "{name}", Delete
or in a shell:
  {FIND_STORE}
  certutil -d "sql:$db" -D -n {cn}"#
        ),
    }
}

fn firefox(pem: &str, name: &str) -> Store {
    Store {
        name: "Firefox on Linux (on macOS and Windows it trusts what the system trusts)",
        trust: format!(
            "Settings, Privacy & Security, View Certificates, Authorities,\nImport {pem}, \
             \"Trust this CA to identify websites\""
        ),
        untrust: format!("the same list, \"{name}\", Delete or Distrust"),
    }
}

fn macos(pem: &str, name: &str) -> Store {
    let (file, cn) = (quoted(pem), quoted(name));
    Store {
        name: "Chrome, Edge, Safari, Firefox on macOS",
        trust: format!(
            "security add-trusted-cert -r trustRoot -p ssl \\\n  \
             -k ~/Library/Keychains/login.keychain-db {file}\n(a dialog asks for your password)"
        ),
        // `-t` also deletes the user's trust settings for the certificate.
        untrust: format!("security delete-certificate -t -c {cn}"),
    }
}

fn windows(pem: &str, name: &str) -> Store {
    let (file, name) = (windows_word(pem), windows_word(name));
    Store {
        name: "Chrome, Edge, Firefox on Windows",
        trust: format!("certutil -user -addstore Root {file}\n(a dialog asks; say yes)"),
        untrust: format!("certutil -user -delstore Root {name}\n(a dialog asks; say yes)"),
    }
}

fn debian(pem: &str) -> Store {
    let file = quoted(pem);
    Store {
        name: "Programs on Debian, Ubuntu: curl, Python's ssl (not requests), this course",
        trust: format!(
            "sudo cp {file} \\\n  /usr/local/share/ca-certificates/zcomm.crt && \\\n  \
             sudo update-ca-certificates"
        ),
        untrust: "sudo rm /usr/local/share/ca-certificates/zcomm.crt && \\\n  \
                  sudo update-ca-certificates --fresh"
            .to_owned(),
    }
}
