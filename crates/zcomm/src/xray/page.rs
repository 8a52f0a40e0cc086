//! `--page`: shows the events in a browser while they happen.
//!
//! A small server on this machine appends each event to a hub, which stores the newest events. A
//! page that opens later receives all events that are still in the hub.
//!
//! Messages may be secret, so the page must send a token that is made for this run. The link
//! contains the token after `#`, because a browser does not send this part of a link to a server.

use demos::XRAY_PAGE;
use zcomm_core::{
    Config, Connection, Hub, HubLimits, Result, Server,
    xray::{Event, gap},
};

/// The limits of the hub. A page that opens later can only read events that are in the hub.
const LIMITS: HubLimits = HubLimits {
    entries: 2_000,
    bytes: 16 * 1024 * 1024,
    // The longest event describes an HTTP head of 16 KiB in which every line is a header.
    message_bytes: 1024 * 1024,
};
/// At most this number of pages are open at the same time.
const MAX_PAGES: usize = 10;

/// The server of the page. The server ends when the async runtime ends.
pub(super) struct Screen {
    hub: Hub,
    /// The address to open in a browser.
    pub(super) link: String,
}

impl Screen {
    /// Starts the server of the page. Must be called inside the async runtime.
    pub(super) async fn open() -> Result<Screen> {
        let config = Config {
            port: 0,
            require_auth: true,
            max_connections: MAX_PAGES,
            announce: false,
            ..Config::default()
        };
        let hub = Hub::with_gap_words(LIMITS, |first, last| gap(first, last).into());
        let server = Server::bind(config).await?.page(XRAY_PAGE);
        let token = server.new_token().unwrap_or_default();
        let link = format!("http://{}/#token={token}", server.local_addr());
        let events = hub.clone();
        let handler = move |connection| send_events(events.clone(), connection);
        tokio::spawn(server.run(handler, std::future::pending()));
        Ok(Screen { hub, link })
    }

    /// Sends an event to all pages.
    pub(super) fn show(&self, seen: &Event) {
        // `broadcast` fails only if a message is larger than the hub's limit. Every event is
        // smaller.
        self.hub.broadcast(seen.to_json()).ok();
    }
}

/// Sends all events to a page, beginning with the oldest event in the hub. Ignores messages from
/// the page.
async fn send_events(hub: Hub, mut connection: Connection) -> Result<()> {
    connection.subscribe(&hub, 0);
    while connection.recv().await.is_some() {}
    Ok(())
}
