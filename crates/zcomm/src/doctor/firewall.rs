//! Finds the firewall of this machine, without administrator rights.
//!
//! A program on this machine cannot test whether the firewall blocks other machines. So the
//! doctor names the firewall, and says how to open a port in it.

use std::{fs, path::Path};

/// The name of a firewall, and how to open `PORT` in it.
pub(super) type Firewall = (&'static str, &'static str);

pub(super) const UFW: Firewall = (
    "ufw",
    "sudo ufw allow PORT/tcp    (undo: sudo ufw delete allow PORT/tcp)",
);
const FIREWALLD: Firewall = (
    "firewalld",
    "sudo firewall-cmd --add-port=PORT/tcp    (until it restarts)",
);
const WINDOWS: Firewall = (
    "Windows Defender",
    "allow private networks when it asks at the first start",
);
const MAC: Firewall = (
    "the firewall of macOS",
    "click Allow when it asks about incoming connections",
);

/// Returns the firewall of this machine, if one is found.
pub(super) fn firewall() -> Option<Firewall> {
    let ufw = || fs::read_to_string("/etc/ufw/ufw.conf").unwrap_or_default();
    if cfg!(windows) {
        Some(WINDOWS)
    } else if cfg!(target_os = "macos") {
        Some(MAC)
    } else if ufw().contains("ENABLED=yes") {
        Some(UFW)
    } else if Path::new("/run/firewalld").exists() {
        Some(FIREWALLD)
    } else {
        None
    }
}
