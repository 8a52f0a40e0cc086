//! Why a client is turned away, in numbers for programs and in words for people.
//!
//! Each refusal has an HTTP status, a reason, and a help line that names the setting which
//! would change the answer. None repeats what the client sent: an error page that does is
//! a mirror for attackers. Every text is a constant, so a flood of bad requests allocates
//! nothing for its answers.
//!
//! Which check refuses what is decided in `handshake` and `slots`; the words live here so
//! that the response body, the log line and `/why` cannot differ.
//!
//! Production tells strangers less (a status, no help) and its own monitors more.

use crate::protocol::close_reason::CloseReason;

/// How a wrong or missing token is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuse {
    /// Upgrade, then close 1008 with a reason: the one way a browser shows the page why.
    Close,
    /// HTTP 401 before the upgrade: cleaner, and a browser's page sees only 1006.
    Http,
}

/// A refused request. Not an `Error`: the server did its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 400: the request breaks a rule of HTTP or of RFC 6455; the rule is named.
    Malformed(&'static str),
    /// 401, or close 1008: authentication is on and no token was shown.
    TokenMissing,
    /// 401, or close 1008: the token shown is another one.
    TokenWrong,
    /// 403: the page's origin is not on the list.
    Origin,
    /// 403: the request names a host that this server does not answer for.
    Host,
    /// 403: the figures are for this machine, and for whoever shows a token.
    NotForAll,
    /// 404: nothing is served under this path.
    NotFound,
    /// 404: nothing is known about this attempt.
    NotNoted,
    /// 404: the server runs without an X-ray.
    NoXray,
    /// 405: only GET opens a WebSocket or fetches a page.
    Method,
    /// 414: the address of the request is longer than 4 KiB.
    UriTooLong,
    /// 426: a WebSocket handshake of version 13 is needed here.
    Upgrade,
    /// 429: this address has as many connections as one address may have.
    AddressFull,
    /// 429: this address has shown too many wrong tokens.
    TooManyWrongTokens,
    /// 503: the server has as many connections as it may have.
    Full,
    /// 505: HTTP/1.0 cannot be upgraded.
    HttpVersion,
}

impl Refusal {
    /// Every [`word`](Refusal::word) for a handshake.
    pub(crate) const WORDS: [&'static str; 13] = [
        "malformed",
        "token_missing",
        "token_wrong",
        "origin",
        "host",
        "not_found",
        "method",
        "uri_too_long",
        "upgrade",
        "address_full",
        "too_many_wrong_tokens",
        "full",
        "http_version",
    ];

    /// One word for counting.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Refusal::Malformed(_) => "malformed",
            Refusal::TokenMissing => "token_missing",
            Refusal::TokenWrong => "token_wrong",
            Refusal::Origin => "origin",
            Refusal::Host => "host",
            // Which only a request for a page can hear:
            Refusal::NotForAll | Refusal::NotNoted => "other",
            Refusal::NotFound | Refusal::NoXray => "not_found",
            Refusal::Method => "method",
            Refusal::UriTooLong => "uri_too_long",
            Refusal::Upgrade => "upgrade",
            Refusal::AddressFull => "address_full",
            Refusal::TooManyWrongTokens => "too_many_wrong_tokens",
            Refusal::Full => "full",
            Refusal::HttpVersion => "http_version",
        }
    }

    /// The HTTP status code.
    pub(crate) fn status(self) -> u16 {
        match self {
            Refusal::Malformed(_) => 400,
            Refusal::TokenMissing | Refusal::TokenWrong => 401,
            Refusal::Origin | Refusal::Host | Refusal::NotForAll => 403,
            Refusal::NotFound | Refusal::NotNoted | Refusal::NoXray => 404,
            Refusal::Method => 405,
            Refusal::UriTooLong => 414,
            Refusal::Upgrade => 426,
            Refusal::AddressFull | Refusal::TooManyWrongTokens => 429,
            Refusal::Full => 503,
            Refusal::HttpVersion => 505,
        }
    }

    /// What happened. The two about tokens are also the reasons of close 1008.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Refusal::Malformed(rule) => rule,
            Refusal::TokenMissing => CloseReason::NO_TOKEN,
            Refusal::TokenWrong => CloseReason::WRONG_TOKEN,
            Refusal::Origin => "this page's origin is not allowed",
            Refusal::Host => "this server does not answer for the host in the address",
            Refusal::NotForAll => "these figures are not for everybody",
            Refusal::NotFound => "nothing is served under this path",
            Refusal::NoXray => "this server runs without an X-ray",
            Refusal::NotNoted => "no refusal is noted under this attempt",
            Refusal::Method => "only GET opens a WebSocket",
            Refusal::UriTooLong => "the address is longer than 4 KiB",
            Refusal::Upgrade => "this path speaks WebSocket, version 13",
            Refusal::AddressFull => "too many connections from your address",
            Refusal::TooManyWrongTokens => "too many wrong tokens from your address",
            Refusal::Full => "Maximum connections reached",
            Refusal::HttpVersion => "a WebSocket needs HTTP/1.1",
        }
    }

    /// What to do next.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Refusal::Malformed(_) | Refusal::HttpVersion => {
                "the opening handshake is described in RFC 6455 section 4.1"
            }
            Refusal::TokenMissing => {
                "add ?token=... to the address: the server printed a link that carries it, or it is WEBSOCKET_TOKEN in .zEnv"
            }
            Refusal::TokenWrong => {
                "compare it with the link the server printed, or with WEBSOCKET_TOKEN in .zEnv"
            }
            Refusal::Origin => {
                "open the page that the server itself serves, or add the page's origin to WEBSOCKET_ALLOWED_ORIGINS (null for a double-clicked file)"
            }
            Refusal::Host => {
                "use the address that the server printed, or add the name to WEBSOCKET_ALLOWED_HOSTS"
            }
            Refusal::NotForAll => {
                "ask from the server's own machine, at 127.0.0.1, or show the token: Authorization: Bearer ..."
            }
            Refusal::NotFound => {
                "the page is at /, the WebSocket at / and /ws, and there are /healthz, /stats, /metrics and /why"
            }
            Refusal::NoXray => {
                "start it again with --xray behind it, or with WEBSOCKET_XRAY=on in .zEnv"
            }
            Refusal::NotNoted => "it was read already, is older than 60 s, or never was",
            Refusal::Method => "send GET",
            Refusal::UriTooLong => "shorten it",
            Refusal::Upgrade => "open it with new WebSocket(...), not as a page",
            Refusal::AddressFull => {
                "close some, or raise WEBSOCKET_MAX_CONNECTIONS_PER_IP on the server"
            }
            Refusal::TooManyWrongTokens => "wait some seconds, then try with the right one",
            Refusal::Full => {
                "try again in some seconds, or raise WEBSOCKET_MAX_CONNECTIONS on the server"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_a_handshake_has_a_word_that_is_counted() {
        use Refusal::*;
        let all = [
            Malformed(""),
            TokenMissing,
            TokenWrong,
            Origin,
            Host,
            NotFound,
            Method,
            UriTooLong,
            Upgrade,
            AddressFull,
            TooManyWrongTokens,
            Full,
            HttpVersion,
        ];
        assert_eq!(all.map(Refusal::word), Refusal::WORDS);
    }

    #[test]
    fn the_reasons_that_travel_in_a_close_frame_fit_into_it() {
        for refusal in [Refusal::TokenMissing, Refusal::TokenWrong] {
            assert!(refusal.reason().len() <= 123, "RFC 6455 section 5.5");
        }
    }
}
