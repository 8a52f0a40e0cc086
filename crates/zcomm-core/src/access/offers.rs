//! Logs what a client offers in its handshake: subprotocols and extensions.
//!
//! This server supports no subprotocol and no extension, so its 101 response chooses none (RFC
//! 6455 section 4.2.2).
//!
//! If a page offers a subprotocol and the server chooses none, the browser ends the connection.
//! The page sees only code 1006. So the server logs this offer at the level `info`.
//!
//! Every browser offers an extension for compression, but also works without compression. So the
//! server logs an offer of only extensions at the level `debug`.

use std::net::SocketAddr;

use hyper::header::{HeaderName, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL};
use tracing::field::debug;

use crate::{
    access::request::Request,
    protocol::message::excerpt,
    text::secrets::{HIDDEN, may_be_secret},
};

/// The extension that every browser offers (RFC 7692).
const COMPRESSION: &str = "permessage-deflate";

impl Request<'_> {
    pub(crate) fn log_offers(&self, peer: SocketAddr) {
        let subprotocols = self.offered(SEC_WEBSOCKET_PROTOCOL).map(debug);
        let extensions = self.offered(SEC_WEBSOCKET_EXTENSIONS).map(debug);
        if subprotocols.is_some() {
            tracing::info!(
                %peer,
                subprotocols,
                extensions,
                "handshake.offers: this server speaks no subprotocol and no extension. \
                 A page that offers a subprotocol ends with 1006: write new WebSocket(url)"
            );
        } else if extensions.is_some() {
            tracing::debug!(%peer, extensions, "handshake.offers: this server speaks no extension");
        }
    }

    /// Returns the first eight names that a header offers, without their parameters. `None` if
    /// the request does not have this header. Some programs send a token as a subprotocol, so
    /// `***` replaces a name that may be a secret.
    fn offered(&self, header: HeaderName) -> Option<String> {
        let offers = self.shown(header)?.split(',').take(8);
        let names = offers.map(|offer| {
            let name = offer.split(';').next().unwrap_or_default().trim();
            match may_be_secret(name) && name != COMPRESSION {
                true => HIDDEN,
                false => name,
            }
        });
        Some(excerpt(&names.collect::<Vec<_>>().join(", ")).into_owned())
    }
}
