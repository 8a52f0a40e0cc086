//! Is there a browser on this machine?
//!
//! Every lesson has a page for a browser. Any browser of the last ten years supports WebSocket.
//! On a machine without a browser, use `zcomm connect` as the client.

use std::path::Path;

use super::finding::{Finding, note, ok};

/// For each browser: the names of its program on the PATH, and its usual paths on each system.
const BROWSERS: [(&str, &[&str]); 5] = [
    (
        "Firefox",
        &[
            "firefox",
            "firefox-esr",
            "/snap/bin/firefox",
            "/var/lib/flatpak/exports/bin/org.mozilla.firefox",
            "/Applications/Firefox.app",
            r"C:\Program Files\Mozilla Firefox\firefox.exe",
        ],
    ),
    (
        "Chromium",
        &[
            "chromium",
            "chromium-browser",
            "/snap/bin/chromium",
            "/var/lib/flatpak/exports/bin/org.chromium.Chromium",
            "/Applications/Chromium.app",
        ],
    ),
    (
        "Chrome",
        &[
            "google-chrome",
            "google-chrome-stable",
            "/opt/google/chrome/chrome",
            "/Applications/Google Chrome.app",
            r"C:\Program Files\Google\Chrome\Application\chrome.exe",
            r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
        ],
    ),
    (
        "Edge",
        &[
            "microsoft-edge",
            "microsoft-edge-stable",
            "/Applications/Microsoft Edge.app",
            r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
            r"C:\Program Files\Microsoft\Edge\Application\msedge.exe",
        ],
    ),
    ("Safari", &["/Applications/Safari.app"]),
];

pub(super) fn check() -> Finding {
    let exists = |place: &&str| match Path::new(place).is_absolute() {
        true => Path::new(place).exists(),
        false => which::which(place).is_ok(),
    };
    let found = BROWSERS
        .iter()
        .filter(|(_, places)| places.iter().any(exists));
    let names: Vec<_> = found.map(|(name, _)| *name).collect();
    match names.is_empty() {
        true => note("no browser found on the PATH or in the usual places")
            .fix("use a browser on another machine (see network), or zcomm connect URL"),
        false => ok(names.join(", ")),
    }
}
