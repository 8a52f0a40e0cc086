//! Is there a browser?
//!
//! Every lesson has a page. Any browser of the last ten years supports WebSocket; without
//! one, `zcomm connect` is the client.

use std::path::Path;

use super::finding::{Finding, note, ok};

/// The browsers, and their programs on the PATH.
const ON_PATH: [(&str, &[&str]); 4] = [
    ("Firefox", &["firefox", "firefox-esr"]),
    ("Chromium", &["chromium", "chromium-browser"]),
    ("Chrome", &["google-chrome", "google-chrome-stable"]),
    ("Edge", &["microsoft-edge", "microsoft-edge-stable"]),
];

/// The places of browsers that are not on the PATH.
const PLACES: &[(&str, &[&str])] = if cfg!(target_os = "macos") {
    &[
        ("Safari", &["/Applications/Safari.app"]),
        ("Firefox", &["/Applications/Firefox.app"]),
        ("Chrome", &["/Applications/Google Chrome.app"]),
        ("Chromium", &["/Applications/Chromium.app"]),
        ("Edge", &["/Applications/Microsoft Edge.app"]),
    ]
} else if cfg!(windows) {
    &[
        (
            "Firefox",
            &[r"C:\Program Files\Mozilla Firefox\firefox.exe"],
        ),
        (
            "Chrome",
            &[
                r"C:\Program Files\Google\Chrome\Application\chrome.exe",
                r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
            ],
        ),
        (
            "Edge",
            &[
                r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
                r"C:\Program Files\Microsoft\Edge\Application\msedge.exe",
            ],
        ),
    ]
} else {
    &[
        (
            "Firefox",
            &[
                "/snap/bin/firefox",
                "/var/lib/flatpak/exports/bin/org.mozilla.firefox",
            ],
        ),
        (
            "Chromium",
            &[
                "/snap/bin/chromium",
                "/var/lib/flatpak/exports/bin/org.chromium.Chromium",
            ],
        ),
        ("Chrome", &["/opt/google/chrome/chrome"]),
    ]
};

pub(super) fn check() -> Finding {
    let on_path = ON_PATH.iter().filter(|(_, names)| {
        let mut names = names.iter();
        names.any(|name| which::which(name).is_ok())
    });
    let in_place = PLACES.iter().filter(|(_, places)| {
        let mut places = places.iter();
        places.any(|place| Path::new(place).exists())
    });
    let mut found: Vec<_> = on_path.chain(in_place).map(|(name, _)| *name).collect();
    found.sort_unstable();
    found.dedup();
    match found.is_empty() {
        true => note("no browser found on the PATH or in the usual places")
            .fix("use a browser on another machine (see network), or zcomm connect URL"),
        false => ok(found.join(", ")),
    }
}
