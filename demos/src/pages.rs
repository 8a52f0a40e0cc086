//! The pages of the lessons: the files in `clients/`, compiled into the programs.
//!
//! A server serves the same file that a learner can double-click, so a lesson has only one page.
//! The server also serves the chapters of the course, under `/course/`.

use zcomm_core::{Asset, Page};
use zcomm_course::course;

/// Includes files of `clients/` in the program.
macro_rules! files {
    ($($name:literal)*) => {
        &[$(Asset {
            path: concat!("/", $name),
            mime: mime($name),
            body: include_str!(concat!("../../clients/", $name)),
        }),*]
    };
}

const fn mime(name: &str) -> &'static str {
    match name.as_bytes() {
        [.., b'.', b'c', b's', b's'] => "text/css; charset=utf-8",
        [.., b'.', b'j', b's'] => "text/javascript; charset=utf-8",
        _ => "text/html; charset=utf-8",
    }
}

const ASSETS: &[Asset] = files![
    "style.css" "close_codes.js" "common.js" "handlers.js" "syntax.js" "code.js" "page.js"
    "wire.js" "xray.html" "xray.css" "xray.js" "xray_detail.js"
];

/// The page of lesson 1: the life of one connection.
pub const SERVER_PAGE: Page = Page {
    file: "clients/1_client_server.html",
    address: "ws://127.0.0.1:8765/",
    html: include_str!("../../clients/1_client_server.html"),
    assets: ASSETS,
    more: course,
};

/// The page of lesson 2: an echo of text and bytes.
pub const ECHO_PAGE: Page = Page {
    file: "clients/2_client_echo.html",
    address: "ws://127.0.0.1:8765/",
    html: include_str!("../../clients/2_client_echo.html"),
    assets: ASSETS,
    more: course,
};

/// The page of lesson 3: TLS, and what a script can read about it.
pub const SECURE_PAGE: Page = Page {
    file: "clients/3_client_secure.html",
    address: "wss://localhost:8766/",
    html: include_str!("../../clients/3_client_secure.html"),
    assets: ASSETS,
    more: course,
};

/// The page of lesson 4 and of `open_broadcast`, with a field for the token.
pub const BROADCAST_PAGE: Page = Page {
    file: "clients/4_client_broadcast.html",
    address: "ws://127.0.0.1:8765/",
    html: include_str!("../../clients/4_client_broadcast.html"),
    assets: ASSETS,
    more: course,
};

/// The page of `chat_app`.
pub const CHAT_PAGE: Page = Page {
    file: "clients/chat_app.html",
    address: "ws://127.0.0.1:8765/",
    html: include_str!("../../clients/chat_app.html"),
    assets: files![
        "style.css" "chat.css" "close_codes.js" "common.js" "wire.js" "chat_wire.js" "chat.js"
        "xray.html" "xray.css" "xray.js" "xray_detail.js"
    ],
    more: course,
};

/// The page of `zcomm xray`. The other pages show it in an iframe.
pub const XRAY_PAGE: Page = Page {
    file: "clients/xray.html",
    address: "",
    html: include_str!("../../clients/xray.html"),
    assets: files!["style.css" "xray.css" "close_codes.js" "common.js" "xray.js" "xray_detail.js"],
    more: |_| None,
};
