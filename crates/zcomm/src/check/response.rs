//! The server's part of the opening handshake, as text that a case may change.

use zcomm_core::xray::accept_key;

/// An answer. `new` makes a right answer, and a case may change it.
pub(super) struct Response {
    pub(super) status: &'static str,
    headers: Vec<(&'static str, String)>,
    /// Whether the answer is sent in pieces of 8 bytes.
    pub(super) in_pieces: bool,
}

impl Response {
    /// Makes the right answer to a request with this key.
    pub(super) fn new(key: &str) -> Response {
        Response {
            status: "101 Switching Protocols",
            headers: vec![
                ("Upgrade", "websocket".to_owned()),
                ("Connection", "Upgrade".to_owned()),
                ("Sec-WebSocket-Accept", accept_key(key)),
            ],
            in_pieces: false,
        }
    }

    pub(super) fn add(&mut self, name: &'static str, value: &str) {
        self.headers.push((name, value.to_owned()));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.headers.retain(|(known, _)| *known != name);
    }

    pub(super) fn set(&mut self, name: &'static str, value: &str) {
        self.remove(name);
        self.add(name, value);
    }

    /// Whether the answer opens a WebSocket.
    pub(super) fn upgrades(&self) -> bool {
        self.status.starts_with("101")
    }

    /// Returns the answer as pieces; each piece is one write.
    pub(super) fn pieces(&self) -> Vec<Vec<u8>> {
        let mut text = format!("HTTP/1.1 {}\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        let bytes = (text + "\r\n").into_bytes();
        let size = if self.in_pieces { 8 } else { bytes.len() };
        bytes.chunks(size).map(<[u8]>::to_vec).collect()
    }
}
