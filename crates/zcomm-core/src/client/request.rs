//! Makes the request for a WebSocket (RFC 6455 section 4.1).

use tokio_tungstenite::tungstenite::{
    client::IntoClientRequest,
    handshake::client::Request,
    http::{
        HeaderName, HeaderValue,
        header::{AUTHORIZATION, COOKIE, ORIGIN, SEC_WEBSOCKET_PROTOCOL},
    },
};

use crate::{
    client::{address::Target, options::ConnectOptions},
    error::connect::ConnectError,
    text::shown::printable,
};

impl Target {
    pub(crate) fn request(&self, options: &ConnectOptions) -> Result<Request, ConnectError> {
        let request = self.uri.clone().into_client_request();
        let mut request = request.map_err(|_| wrong("Host", FORBIDDEN))?;
        let token = options.token.as_ref();
        let token = token.map(|token| ("Authorization", format!("Bearer {token}")));
        let origin = options.origin.clone().map(|origin| ("Origin", origin));
        if options.protocols.iter().any(|one| one.contains(',')) {
            return Err(wrong("Sec-WebSocket-Protocol", COMMA));
        }
        let protocols = (!options.protocols.is_empty())
            .then(|| ("Sec-WebSocket-Protocol", options.protocols.join(", ")));
        let own = [token, origin, protocols].into_iter().flatten();
        let own = own.map(|(name, value)| (name.to_owned(), value));
        // A header that may appear only once, such as `Host`, replaces the header of the same
        // name in the request. Any other header is added.
        let mut once: Vec<_> = request.headers().keys().cloned().collect();
        once.extend([AUTHORIZATION, ORIGIN]);
        for (name, value) in own.chain(options.headers.iter().cloned()) {
            let wrong = || wrong(&name, FORBIDDEN);
            let key = HeaderName::try_from(&name).map_err(|_| wrong())?;
            let mut value = HeaderValue::try_from(value).map_err(|_| wrong())?;
            value.set_sensitive(key == AUTHORIZATION || key == COOKIE);
            if !once.contains(&key) {
                request.headers_mut().append(key, value);
            } else if value.to_str().is_ok() {
                request.headers_mut().insert(key, value);
            } else {
                return Err(wrong());
            }
        }
        let protocols = check_protocols(&request);
        protocols.map_err(|reason| wrong("Sec-WebSocket-Protocol", reason))?;
        Ok(request)
    }
}

/// In the header, a comma separates two subprotocols.
const COMMA: &str = "each subprotocol is one word, without a comma";
const FORBIDDEN: &str = "its name or value has characters that HTTP forbids";

fn wrong(name: &str, reason: &'static str) -> ConnectError {
    ConnectError::Header {
        name: printable(name),
        reason,
    }
}

/// Checks that each subprotocol is one word, and that no two are equal (RFC 6455 section 4.1).
fn check_protocols(request: &Request) -> Result<(), &'static str> {
    let mut known = Vec::new();
    for value in request.headers().get_all(SEC_WEBSOCKET_PROTOCOL) {
        for protocol in value.as_bytes().split(|byte| *byte == b',') {
            let protocol = protocol.trim_ascii();
            // HTTP allows the same characters in a subprotocol as in the name of a header.
            // `HeaderName` ignores case, but case matters in a subprotocol. So compare the
            // original bytes.
            HeaderName::from_bytes(protocol)
                .map_err(|_| "each subprotocol is one word, e.g. chat.v2")?;
            if known.contains(&protocol) {
                return Err("a subprotocol is there twice");
            }
            known.push(protocol);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Trust, tls::development_ca::DevelopmentCa};

    fn options() -> ConnectOptions {
        let trust = Trust::only(&DevelopmentCa::new(&[]).unwrap()).unwrap();
        ConnectOptions::new("ws://localhost/", &trust)
    }

    fn request(options: &ConnectOptions) -> Result<Request, String> {
        let target = Target::parse(&options.url).unwrap();
        target.request(options).map_err(|error| error.to_string())
    }

    fn header(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    /// A header in `headers` replaces the header from another option. If such a header is in
    /// `headers` twice, the last one is sent.
    #[test]
    fn a_header_that_may_appear_once_appears_once() {
        let request = request(&ConnectOptions {
            token: Some("token-1".into()),
            origin: Some("http://a.example".into()),
            headers: vec![
                header("authorization", "Basic x"),
                header("Origin", "http://b.example"),
                header("Origin", "http://c.example"),
                header("host", "d.example"),
                header("X-Class", "1"),
                header("X-Class", "2"),
            ],
            ..options()
        })
        .unwrap();
        let all = |name: &str| -> Vec<_> {
            let values = request.headers().get_all(name).into_iter();
            values.map(|value| value.to_str().unwrap()).collect()
        };
        assert_eq!(all("authorization"), ["Basic x"]);
        assert_eq!(all("origin"), ["http://c.example"]);
        assert_eq!(all("host"), ["d.example"]);
        assert_eq!(all("x-class"), ["1", "2"]);
    }

    #[test]
    fn a_subprotocol_is_a_word_and_is_there_once() {
        let with = |protocols: &[&str], more: &[&str]| {
            request(&ConnectOptions {
                protocols: protocols.iter().map(|&one| one.to_owned()).collect(),
                headers: more
                    .iter()
                    .map(|one| header("Sec-WebSocket-Protocol", one))
                    .collect(),
                ..options()
            })
            .map(|_| ())
        };
        assert_eq!(with(&["chat.v2", "chat", "Chat"], &["soap, wamp"]), Ok(()));
        for (protocols, more, reason) in [
            (&["a b"][..], &[][..], "one word"),
            (&[""], &[], "one word"),
            (&["a,"], &[], "one word"),
            (&["a/b"], &[], "one word"),
            (&["ä"], &[], "one word"),
            (&["a", "a"], &[], "twice"),
            (&["a,b"], &[], "without a comma"),
            (&["a", "b, c"], &[], "without a comma"),
            (&[], &["b, b"], "twice"),
            (&["a"], &["b, a"], "twice"),
            (&["a\r\nX: 1"], &[], "characters that HTTP forbids"),
        ] {
            let error = with(protocols, more).unwrap_err();
            let known = "the header \"Sec-WebSocket-Protocol\" cannot be sent: ";
            assert!(
                error.starts_with(known) && error.contains(reason),
                "{error}"
            );
        }
    }
}
