//! Sends the request for a WebSocket, and checks the answer (RFC 6455 section 4.1).
//!
//! The request contains a random key, and the answer must contain a hash of this key. The hash
//! proves that the server has read this request and knows WebSockets. Without the hash, an old
//! answer from a cache could seem valid.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{
    handshake::{
        client::{Request, generate_request},
        derive_accept_key,
    },
    http::{
        HeaderName,
        header::{
            CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL,
            UPGRADE,
        },
    },
};

use crate::client::{
    answer::Answer,
    opening::{Secrets, refusal_reason, response_lines},
};

/// Why a handshake did not open a WebSocket.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The connection broke, or the answer cannot be read.
    Connection(io::Error),
    /// The server answered with a status that is not 101.
    Refused { status: u16, reason: String },
    /// The answer says that this port needs TLS (RFC 2817 section 4.2).
    NeedsTls,
    /// The server accepted none of the offered subprotocols.
    Subprotocol,
    /// The answer breaks a rule of the protocol.
    Rule(&'static str),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Failed {
        Failed::Connection(error)
    }
}

/// Sends the request and reads the answer. Puts the lines of the answer into `response`. Returns
/// the bytes that came after the answer. The caller must set a time limit.
pub(crate) async fn upgrade(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &Request,
    secrets: &Secrets,
    response: &mut Vec<String>,
) -> Result<Vec<u8>, Failed> {
    let (bytes, key) = generate_request(request.clone()).map_err(io::Error::other)?;
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    let (answer, rest) = Answer::read(stream).await?;
    *response = response_lines(&answer, secrets);
    if answer.status == 426 && answer.list(UPGRADE).any(|one| one.starts_with("TLS/")) {
        return Err(Failed::NeedsTls);
    }
    if answer.status != 101 {
        let text = answer.text(stream, rest).await;
        return Err(Failed::Refused {
            status: answer.status,
            reason: refusal_reason(&answer, &text, secrets),
        });
    }
    check(request, &key, &answer)?;
    Ok(rest)
}

fn check(request: &Request, key: &str, answer: &Answer) -> Result<(), Failed> {
    let has = |name, value: &str| {
        let mut values = answer.list(name);
        values.any(|one| one.eq_ignore_ascii_case(value))
    };
    let only = |name: HeaderName| {
        let mut values = answer.headers.get_all(name).into_iter();
        let first = values.next().and_then(|value| value.to_str().ok());
        first.filter(|_| values.next().is_none())
    };
    let accept = derive_accept_key(key.as_bytes());
    let rule = if answer.is_old {
        "its answer is HTTP/1.0, which has no WebSockets"
    } else if !has(UPGRADE, "websocket") {
        "its answer has no header Upgrade: websocket"
    } else if !has(CONNECTION, "upgrade") {
        "its answer has no header Connection: Upgrade"
    } else if only(SEC_WEBSOCKET_ACCEPT) != Some(&accept) {
        "the header Sec-WebSocket-Accept of its answer does not fit the key of the request"
    } else if answer
        .list(SEC_WEBSOCKET_EXTENSIONS)
        .any(|one| !one.is_empty())
    {
        "it uses an extension that the client did not offer"
    } else {
        return check_subprotocol(request, answer);
    };
    Err(Failed::Rule(rule))
}

/// If the client offers subprotocols, the server must choose one of them. Browsers check this
/// too.
fn check_subprotocol(request: &Request, answer: &Answer) -> Result<(), Failed> {
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    let offered = offered.iter().filter_map(|value| value.to_str().ok());
    let offered: Vec<_> = offered.flat_map(|value| value.split(',')).collect();
    let chosen: Vec<_> = answer.list(SEC_WEBSOCKET_PROTOCOL).collect();
    match chosen.as_slice() {
        [] if offered.is_empty() => Ok(()),
        [] => Err(Failed::Subprotocol),
        [one] if offered.iter().any(|offer| offer.trim() == *one) => Ok(()),
        [_] => Err(Failed::Rule(
            "it chose a subprotocol that the client did not offer",
        )),
        _ => Err(Failed::Rule("it chose several subprotocols")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455 section 1.3: a key and its hash.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const GOOD: [&str; 3] = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    ];

    /// Checks an answer with these headers. The error is the broken rule.
    async fn checked(
        version: &str,
        headers: &[&str],
        offer: Option<&str>,
    ) -> Result<(), &'static str> {
        let head = format!("HTTP/{version} 101 S\r\n{}\r\n\r\n", headers.join("\r\n"));
        let (answer, _) = Answer::read(&mut head.as_bytes()).await.unwrap();
        let mut request = Request::new(());
        if let Some(offer) = offer {
            let offer = offer.parse().unwrap();
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offer);
        }
        match check(&request, KEY, &answer) {
            Ok(()) => Ok(()),
            Err(Failed::Subprotocol) => Err("none of the subprotocols"),
            Err(Failed::Rule(rule)) => Err(rule),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn an_answer_must_prove_that_it_belongs_to_the_request() {
        assert_eq!(checked("1.1", &GOOD, None).await, Ok(()));
        let [upgrade, connection, accept] = GOOD;
        let list = "connection: keep-alive, upgrade";
        let odd = ["UPGRADE: WebSocket", list, accept];
        assert_eq!(checked("1.1", &odd, None).await, Ok(()));
        for (version, headers, reason) in [
            ("1.0", GOOD.to_vec(), "HTTP/1.0"),
            ("1.1", vec![connection, accept], "no header Upgrade"),
            (
                "1.1",
                vec!["Upgrade: h2c", connection, accept],
                "no header Upgrade",
            ),
            ("1.1", vec![upgrade, accept], "no header Connection"),
            (
                "1.1",
                vec![upgrade, "Connection: close", accept],
                "no header Connection",
            ),
            ("1.1", vec![upgrade, connection], "does not fit the key"),
            (
                "1.1",
                vec![upgrade, connection, accept, accept],
                "does not fit the key",
            ),
            (
                "1.1",
                vec![upgrade, connection, "Sec-WebSocket-Accept: x"],
                "does not fit the key",
            ),
        ] {
            let rule = checked(version, &headers, None).await.unwrap_err();
            assert!(rule.contains(reason), "{rule}");
        }
    }

    #[tokio::test]
    async fn only_what_was_offered_may_be_chosen() {
        let extension = "Sec-WebSocket-Extensions: permessage-deflate";
        let (chat, soap) = (
            "Sec-WebSocket-Protocol: chat",
            "Sec-WebSocket-Protocol: soap",
        );
        for (more, offer, reason) in [
            (vec![], None, None),
            (vec!["Sec-WebSocket-Extensions:"], None, None),
            (
                vec![extension],
                None,
                Some("an extension that the client did not offer"),
            ),
            (
                vec![chat],
                None,
                Some("a subprotocol that the client did not offer"),
            ),
            (vec![chat], Some("soap, chat"), None),
            (
                vec![soap],
                Some("chat"),
                Some("a subprotocol that the client did not offer"),
            ),
            (vec![], Some("chat"), Some("none of the subprotocols")),
            (vec![chat, soap], Some("chat"), Some("several subprotocols")),
        ] {
            let headers = [&GOOD[..], &more].concat();
            match (checked("1.1", &headers, offer).await, reason) {
                (Ok(()), None) => {}
                (Err(rule), Some(reason)) if rule.contains(reason) => {}
                (result, _) => panic!("{more:?}: {result:?}"),
            }
        }
    }
}
