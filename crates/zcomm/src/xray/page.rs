//! `--page`: what is seen, in a browser, while it happens.
//!
//! A server of the lessons' own kind, on this machine: each event is appended to a hub, and a
//! page that comes later reads it from its beginning, as far back as the hub goes. What is
//! said may be secret, so the page has to show a token that was made for this run; it stands
//! in the link, behind `#`, which no browser sends anywhere.
//!
//! Production has this in the browser's own tools, for the pages that run in it.

use demos::XRAY_PAGE;
use zcomm_core::{
    Config, Connection, Hub, HubLimits, Result, Server, Token,
    xray::{Event, gap},
};

/// What a page that comes later can still see.
const LIMITS: HubLimits = HubLimits {
    entries: 2_000,
    bytes: 16 * 1024 * 1024,
    // A head of 16 KiB with a name in each line is the longest event.
    message_bytes: 1024 * 1024,
};
/// Pages at a time.
const PAGES: usize = 10;

/// A page that is served. It ends with the runtime that serves it.
pub(super) struct Screen {
    hub: Hub,
    /// What to open in a browser.
    pub(super) link: String,
}

impl Screen {
    /// Serves the page. Call it inside of the runtime.
    pub(super) async fn open() -> Result<Screen> {
        let (token, text) = Token::random()?;
        let config = Config {
            port: 0,
            require_auth: true,
            token: Some(token),
            max_connections: PAGES,
            announce: false,
            ..Config::default()
        };
        let hub = Hub::with_gap_words(LIMITS, |first, last| gap(first, last).into());
        let server = Server::bind(config).await?.page(XRAY_PAGE);
        let link = format!("http://{}/#token={text}", server.local_addr());
        let all = hub.clone();
        let handler = move |connection| watch(all.clone(), connection);
        tokio::spawn(server.run(handler, std::future::pending()));
        Ok(Screen { hub, link })
    }

    /// Something was seen.
    pub(super) fn show(&self, seen: &Event) {
        // One that is too long is missing; none is.
        self.hub.broadcast(seen.to_json()).ok();
    }
}

/// A page gets everything, from the beginning, and has nothing to say.
async fn watch(hub: Hub, mut connection: Connection) -> Result<()> {
    connection.subscribe(&hub, 0);
    while connection.recv().await.is_some() {}
    Ok(())
}
