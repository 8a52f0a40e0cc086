//! What the programs share: their pages, the parts of the chat, and the gallery of lesson 3.
//!
//! The pages are the files in `clients/`, compiled in. A learner can double-click the same
//! file, so there is one page per lesson and not two.

pub mod chat;
pub mod secure;

use zcomm_core::{Asset, Page};

const ASSETS: &[Asset] = &[
    Asset {
        path: "/style.css",
        mime: "text/css; charset=utf-8",
        body: include_str!("../../clients/style.css"),
    },
    Asset {
        path: "/why.js",
        mime: "text/javascript; charset=utf-8",
        body: include_str!("../../clients/why.js"),
    },
    Asset {
        path: "/page.js",
        mime: "text/javascript; charset=utf-8",
        body: include_str!("../../clients/page.js"),
    },
];

/// The life of one connection.
pub const SERVER_PAGE: Page = Page {
    file: "clients/1_client_server.html",
    address: "ws://127.0.0.1:8765/",
    html: include_str!("../../clients/1_client_server.html"),
    assets: ASSETS,
};

/// Text and bytes, there and back.
pub const ECHO_PAGE: Page = Page {
    file: "clients/2_client_echo.html",
    address: "ws://127.0.0.1:8765/",
    html: include_str!("../../clients/2_client_echo.html"),
    assets: ASSETS,
};

/// TLS, and what a page can know of it.
pub const SECURE_PAGE: Page = Page {
    file: "clients/3_client_secure.html",
    address: "wss://localhost:8766/",
    html: include_str!("../../clients/3_client_secure.html"),
    assets: ASSETS,
};

/// One to many, with a token or without.
pub const BROADCAST_PAGE: Page = Page {
    file: "clients/4_client_broadcast.html",
    address: "ws://127.0.0.1:8765/",
    html: include_str!("../../clients/4_client_broadcast.html"),
    assets: ASSETS,
};

/// Rooms, names, and what was missed: the page of `chat_app`.
pub const CHAT_PAGE: Page = Page {
    file: "clients/chat_app.html",
    address: "ws://127.0.0.1:8765/",
    html: include_str!("../../clients/chat_app.html"),
    assets: &[
        Asset {
            path: "/style.css",
            mime: "text/css; charset=utf-8",
            body: include_str!("../../clients/style.css"),
        },
        Asset {
            path: "/chat.css",
            mime: "text/css; charset=utf-8",
            body: include_str!("../../clients/chat.css"),
        },
        Asset {
            path: "/why.js",
            mime: "text/javascript; charset=utf-8",
            body: include_str!("../../clients/why.js"),
        },
        Asset {
            path: "/chat_wire.js",
            mime: "text/javascript; charset=utf-8",
            body: include_str!("../../clients/chat_wire.js"),
        },
        Asset {
            path: "/chat.js",
            mime: "text/javascript; charset=utf-8",
            body: include_str!("../../clients/chat.js"),
        },
    ],
};
