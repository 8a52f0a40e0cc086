//! The client's part of the opening handshake, as text that a case may change.

use zcomm_core::ConnectOptions;

/// The key in the example of RFC 6455 section 1.3.
pub(super) const EXAMPLE_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A request. `new` makes a right request, and a case may change it.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    target: String,
    pub(super) version: &'static str,
    headers: Vec<(String, String)>,
    /// Whether the request is sent in pieces of 8 bytes.
    pub(super) in_pieces: bool,
}

impl Request {
    /// Makes a right request for a server, with the headers of the command's options.
    pub(super) fn new(target: &str, host: &str, options: &ConnectOptions) -> Request {
        let mut request = Request {
            method: "GET",
            target: target.to_owned(),
            version: "HTTP/1.1",
            headers: Vec::new(),
            in_pieces: false,
        };
        let mut add = |name: &str, value: &str| request.add(name, value);
        add("Host", host);
        add("Upgrade", "websocket");
        add("Connection", "Upgrade");
        add("Sec-WebSocket-Key", &random_key());
        add("Sec-WebSocket-Version", "13");
        if let Some(origin) = &options.origin {
            add("Origin", origin);
        }
        if let Some(token) = &options.token {
            add("Authorization", &format!("Bearer {token}"));
        }
        if !options.protocols.is_empty() {
            add("Sec-WebSocket-Protocol", &options.protocols.join(", "));
        }
        for (name, value) in &options.headers {
            request.set(name, value);
        }
        request
    }

    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// Replaces the header with this name. Adds the header if there is none.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let mut headers = self.headers.iter_mut();
        match headers.find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some(header) => value.clone_into(&mut header.1),
            None => self.add(name, value),
        }
    }

    /// Writes the names of all headers in lower case.
    pub(super) fn lower_case(&mut self) {
        for (name, _) in &mut self.headers {
            name.make_ascii_lowercase();
        }
    }

    /// Returns the request as pieces; each piece is one write.
    pub(super) fn pieces(&self) -> Vec<Vec<u8>> {
        let mut text = format!("{} {} {}\r\n", self.method, self.target, self.version);
        for (name, value) in &self.headers {
            // Without a value, write a line without a colon: one case tests this mistake.
            text += &match value.as_str() {
                "" => format!("{name}\r\n"),
                value => format!("{name}: {value}\r\n"),
            };
        }
        let bytes = (text + "\r\n").into_bytes();
        let size = if self.in_pieces { 8 } else { bytes.len() };
        bytes.chunks(size).map(<[u8]>::to_vec).collect()
    }
}

/// Returns 16 random bytes in base64.
fn random_key() -> String {
    let mut key = [0; 16];
    fastrand::fill(&mut key);
    data_encoding::BASE64.encode(&key)
}
