//! Why a client is refused: a table with the status, the reason and the help of each refusal.
//!
//! The help says what to do next. If a setting would change the answer, the help names the
//! setting.
//!
//! All texts are constants. If a text repeated what the client sent, an attacker could choose
//! the words of an error page.
//!
//! The response body, the log line and `/why` all use this table.

use serde::Serialize;

use crate::{access::token::TokenPlace, protocol::close_reason::CloseReason};

/// How the server refuses a wrong or missing token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefuseBy {
    /// Accept the WebSocket, then close it with 1008 and a reason. A page can read this reason.
    /// For every other refusal, a page gets only code 1006.
    Close,
    /// Answer HTTP 401 instead of a WebSocket. This answer is simpler, but the page gets only
    /// code 1006.
    Http,
}

/// Why a request is refused. A refusal is not an `Error`, because the server works as
/// configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 400: the request breaks a rule of HTTP or of RFC 6455. The text names the rule.
    Malformed(&'static str),
    /// 401, or close 1008: the server requires a token, and the client sent no token.
    TokenMissing(TokenPlace),
    /// 401, or close 1008: the token is wrong.
    TokenWrong(TokenPlace),
    /// 403: the page's origin is not on the list of allowed origins.
    Origin,
    /// 403: the request names a host that is not a name or an address of this server.
    Host,
    /// 403: only this machine and clients with a token may read the server's statistics, e.g.
    /// `/metrics`.
    NotForAll,
    /// 404: this path does not exist.
    NotFound,
    /// 404: a page asked `/why` about an attempt to connect, but no refusal of this attempt is
    /// stored.
    NotNoted,
    /// 404: the server runs without an X-ray.
    NoXray,
    /// 405: only GET opens a WebSocket or fetches a page.
    Method,
    /// 408: the client did not send its whole request in time.
    Timeout,
    /// 414: the address of the request is longer than 4 KiB.
    UriTooLong,
    /// 426: this path needs a WebSocket handshake of version 13.
    Upgrade,
    /// 426: the request is plain HTTP, and this port speaks TLS.
    PlainOnTls,
    /// 429: this client address has reached its limit of connections.
    AddressFull,
    /// 429: the token is wrong, and this client address has sent too many wrong tokens.
    TooManyWrongTokens,
    /// 431: the head of the request is too long, or has too many headers.
    HeadTooLarge,
    /// 503: the server has reached its limit of connections.
    Full,
    /// 505: an HTTP/1.0 request cannot be upgraded.
    HttpVersion,
    /// 505: the client speaks HTTP/2.
    Http2,
    /// 400: the bytes are not an HTTP request.
    NotHttp,
    /// 400: the bytes are the start of TLS, and this port speaks plain HTTP.
    TlsOnPlain,
    /// 400: the bytes are neither TLS nor a whole HTTP request, and this port speaks TLS.
    NotTls,
}

/// The status and the texts of a refusal. The server answers `/why` with a row as JSON.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) status: u16,
    /// The word under which the metrics count this refusal.
    #[serde(skip)]
    pub(crate) word: &'static str,
    /// What happened. If a token is missing or wrong, this is also the reason in the Close frame.
    pub(crate) reason: &'static str,
    /// What to do next.
    pub(crate) help: &'static str,
}

impl Refusal {
    /// The [`word`](Row::word) of every refusal. The metrics count each word.
    pub(crate) const WORDS: [&'static str; 22] = [
        "malformed",
        "token_missing",
        "token_wrong",
        "origin",
        "host",
        "private",
        "not_found",
        "not_noted",
        "method",
        "uri_too_long",
        "upgrade",
        "address_full",
        "too_many_wrong_tokens",
        "full",
        "http_version",
        "http2",
        "not_http",
        "tls_on_plain",
        "plain_on_tls",
        "not_tls",
        "head_too_large",
        "timeout",
    ];

    #[rustfmt::skip]
    pub(crate) fn row(self) -> Row {
        let row = |status, word, reason, help| Row { status, word, reason, help };
        match self {
            Refusal::Malformed(rule) => row(400, "malformed", rule,
                "the opening handshake is described in RFC 6455 section 4.1"),
            Refusal::TokenMissing(place) => row(401, "token_missing", CloseReason::NO_TOKEN, match place {
                TokenPlace::Printed => "add ?token=... to the address, or type the token into the page: this server printed the token when it started",
                TokenPlace::Setting => "add ?token=... to the address, or type the token into the page: it is WEBSOCKET_TOKEN in the settings of this server",
                TokenPlace::Named => "add ?token=... to the address, or type your token into the page: it is in WEBSOCKET_TOKENS in the settings of this server",
            }),
            Refusal::TokenWrong(place) => row(401, "token_wrong", CloseReason::WRONG_TOKEN, match place {
                TokenPlace::Printed => "compare it with the token that this server printed when it started: each run makes a new one",
                TokenPlace::Setting => "compare it with WEBSOCKET_TOKEN in the settings of this server",
                TokenPlace::Named => "compare it with your token from WEBSOCKET_TOKENS in the settings of this server",
            }),
            Refusal::Origin => row(403, "origin", "this page's origin is not allowed",
                "open the page that the server itself serves, or add the page's origin to WEBSOCKET_ALLOWED_ORIGINS (null for a double-clicked file)"),
            Refusal::Host => row(403, "host", "the Host header is not a name or address of this server",
                "use the address that the server printed, or add the name to WEBSOCKET_ALLOWED_HOSTS, with :80 (with TLS :443) if the address has no port"),
            Refusal::NotForAll => row(403, "private", "these figures are private",
                "ask from the server's own machine, at 127.0.0.1, or show the token: Authorization: Bearer ..."),
            Refusal::NotFound => row(404, "not_found", "nothing is served under this path",
                "the page is at /, the course of a lesson at /course/, the WebSocket at / and /ws, and there are /healthz, /stats, /metrics and /why"),
            Refusal::NotNoted => row(404, "not_noted", "no refusal is stored for this attempt",
                "it was already read, it is older than 60 s, or it never existed"),
            Refusal::NoXray => row(404, "not_found", "this server runs without an X-ray",
                "add --xray to the command (after --), or set WEBSOCKET_XRAY=on in .zEnv"),
            Refusal::Method => row(405, "method", "only GET opens a WebSocket", "send GET"),
            Refusal::UriTooLong => row(414, "uri_too_long", "the address is longer than 4 KiB", "shorten it"),
            Refusal::Upgrade => row(426, "upgrade", "this path speaks WebSocket, version 13",
                "open it with new WebSocket(...), not as a page"),
            Refusal::AddressFull => row(429, "address_full", "too many connections from your address",
                "close some connections, or raise WEBSOCKET_MAX_CONNECTIONS_PER_IP on the server"),
            Refusal::TooManyWrongTokens => row(429, "too_many_wrong_tokens", "too many wrong tokens from your address",
                "this token is wrong, too; the right one is accepted at any time, a wrong one may now wait a second"),
            Refusal::Full => row(503, "full", "Maximum connections reached",
                "try again in some seconds, or raise WEBSOCKET_MAX_CONNECTIONS on the server"),
            Refusal::HttpVersion => row(505, "http_version", "a WebSocket needs HTTP/1.1",
                "send HTTP/1.1; a proxy in front may need a setting for it (nginx: proxy_http_version 1.1;)"),
            Refusal::Http2 => row(505, "http2", "h2_preface: this server does not speak HTTP/2", "use HTTP/1.1"),
            Refusal::NotHttp => row(400, "not_http", "this is not a valid HTTP/1.1 request",
                "begin with GET / HTTP/1.1, then one line for each header, as in Host: 127.0.0.1:8765, then an empty line"),
            Refusal::TlsOnPlain => row(400, "tls_on_plain", "this looks like TLS, and this port speaks plain WebSocket",
                "use ws:// and http:// with this port"),
            Refusal::PlainOnTls => row(426, "plain_on_tls", "this is plain HTTP, and this port speaks TLS",
                "use wss:// and https:// with this port"),
            Refusal::NotTls => row(400, "not_tls", "this is not TLS, and this port speaks TLS",
                "use wss:// and https:// with this port"),
            Refusal::HeadTooLarge => row(431, "head_too_large", "the head of the request is too large",
                "it may have 16 KiB and 64 headers; if a browser sent it, delete the cookies of this host"),
            Refusal::Timeout => row(408, "timeout", "handshake_timeout: the request was not complete in time",
                "send the whole request at once; the server waits 5 s for it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_word_that_is_counted() {
        use Refusal::*;
        let all = [
            Malformed(""),
            TokenMissing(TokenPlace::Printed),
            TokenWrong(TokenPlace::Printed),
            Origin,
            Host,
            NotForAll,
            NotFound,
            NotNoted,
            Method,
            UriTooLong,
            Upgrade,
            AddressFull,
            TooManyWrongTokens,
            Full,
            HttpVersion,
            Http2,
            NotHttp,
            TlsOnPlain,
            PlainOnTls,
            NotTls,
            HeadTooLarge,
            Timeout,
        ];
        assert_eq!(all.map(|refusal| refusal.row().word), Refusal::WORDS);
    }

    #[test]
    fn the_reasons_that_travel_in_a_close_frame_fit_into_it() {
        let place = TokenPlace::Setting;
        for refusal in [Refusal::TokenMissing(place), Refusal::TokenWrong(place)] {
            assert!(refusal.row().reason.len() <= 123, "RFC 6455 section 5.5");
        }
    }
}
