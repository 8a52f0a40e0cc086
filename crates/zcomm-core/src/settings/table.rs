//! The table of settings: name, default, accepted forms and meaning of each.
//!
//! Other places take the names from here: the check for misspelt names, and
//! `docs/reference/settings.md`, which a test generates. The tests below compare the table with
//! the code that reads the settings: a default with `Config::default()`, a form with the error
//! for a wrong value.

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownSetting {
    /// Its name, in the environment and in `.zEnv`.
    pub name: &'static str,
    /// The value that counts if the setting is not set; `None` if `meaning` describes it.
    pub default: Option<&'static str>,
    /// The accepted forms, as the error for any other value lists them.
    pub forms: &'static str,
    /// What the setting does, and what happens without it.
    pub meaning: &'static str,
}

const fn setting(
    name: &'static str,
    default: Option<&'static str>,
    forms: &'static str,
    meaning: &'static str,
) -> KnownSetting {
    KnownSetting {
        name,
        default,
        forms,
        meaning,
    }
}

/// Every setting that a program of this workspace reads.
pub const SETTINGS: [KnownSetting; 21] = [
    setting(
        "WEBSOCKET_HOST",
        Some("127.0.0.1"),
        "an address or a name, e.g. 127.0.0.1, ::1 or 0.0.0.0",
        "The address to listen on. `127.0.0.1` allows this machine only; `0.0.0.0` allows every machine on the network.",
    ),
    setting(
        "WEBSOCKET_PORT",
        Some("8765"),
        "a number from 0 to 65535",
        "The port to listen on. 0 is any free port; the first line of the program names it. The default of lesson 3 is 8766.",
    ),
    setting(
        "WEBSOCKET_REQUIRE_AUTH",
        Some("false"),
        "true, 1, yes, on or false, 0, no, off",
        "Whether a client must show a token. Lesson 4 and the chat always require one.",
    ),
    setting(
        "WEBSOCKET_TOKEN",
        None,
        "16 to 512 bytes",
        "The token that all clients share. Not set: a server that requires a token makes a new one at its start and prints a link with it.",
    ),
    setting(
        "WEBSOCKET_TOKENS",
        None,
        "a name and a token, as in alice:…",
        "More tokens, at most 256, separated by commas. Each gives its client a fixed name in the chat.",
    ),
    setting(
        "WEBSOCKET_ALLOWED_ORIGINS",
        None,
        "origins such as https://app.example.com or http://localhost:3000, with http:// or https:// and without a path, separated by commas; null for a double-clicked page",
        "The origins of pages that may connect, in addition to the server's own pages. Not set: on loopback, every page of localhost at the server's port, and `null`; elsewhere no other page.",
    ),
    setting(
        "WEBSOCKET_ALLOWED_HOSTS",
        None,
        "names such as board.local or board.local:8765",
        "The host names for which the server answers, in addition to localhost and its own addresses. A name without a port means the server's port. A request whose `Host` has no port means 80, or 443 if this server itself uses TLS: behind a proxy, write `chat.example.com:80`.",
    ),
    setting(
        "WEBSOCKET_MAX_CONNECTIONS",
        Some("1000"),
        "a number from 1 to 1000000",
        "The maximum number of connections, including unfinished handshakes. The server answers the next client with 503.",
    ),
    setting(
        "WEBSOCKET_MAX_CONNECTIONS_PER_IP",
        None,
        "a number from 1 to 1000000",
        "The maximum number of connections from one address, or from one IPv6 network /64. Not set: 50 for other machines, no limit for this machine.",
    ),
    setting(
        "WEBSOCKET_MAX_MESSAGE_BYTES",
        Some("65536"),
        "a number from 1 to 67108864",
        "The largest message that a client may send, in bytes. A larger one ends its connection with `1009`.",
    ),
    setting(
        "WEBSOCKET_RATE_LIMIT",
        Some("20"),
        "messages per second from 1 to 1000000, or off",
        "Messages per second from one client; after a pause, twice as many at once. The limits of bytes and pings follow from it. `off` removes all three.",
    ),
    setting(
        "WEBSOCKET_PING_INTERVAL",
        Some("20"),
        "seconds from 0.1 to 3600",
        "The seconds between two pings to a client. Behind a proxy, choose less than the proxy's timeout for silent connections.",
    ),
    setting(
        "WEBSOCKET_PING_TIMEOUT",
        Some("10"),
        "seconds from 0.1 to 3600",
        "The seconds that a client has to answer a ping. After that, its connection ends with `1011`.",
    ),
    setting(
        "WEBSOCKET_SSL_ENABLED",
        Some("false"),
        "true, 1, yes, on or false, 0, no, off",
        "TLS: `wss://` and `https://` instead of `ws://` and `http://`, at the same port. It needs the next two settings.",
    ),
    setting(
        "WEBSOCKET_SSL_CERT",
        None,
        "the path of a file, not its contents",
        "The file of the certificate (PEM). `zcomm certs` makes one.",
    ),
    setting(
        "WEBSOCKET_SSL_KEY",
        None,
        "the path of a file, not its contents",
        "The file of the private key of the certificate (PEM).",
    ),
    setting(
        "WEBSOCKET_REFUSE",
        Some("close"),
        "close or http",
        "The answer to a wrong token. `close` accepts the handshake and closes with `1008` and the reason, which a page can read. `http` answers 401, which a page sees as `1006`.",
    ),
    setting(
        "WEBSOCKET_XRAY",
        Some("off"),
        "off, on or json",
        "Shows every byte of each connection, explained. The argument `--xray` does the same for one run.",
    ),
    setting(
        "ECHO_PREFIX",
        Some("Echo: "),
        "at most 1024 bytes",
        "The text that lesson 2 puts before each answer. Its spaces count. Empty: an exact echo.",
    ),
    setting(
        "RUST_LOG",
        Some("info"),
        "error, warn, info, debug or trace",
        "The log level, for everything or for one target, e.g. `zcomm_core=debug`.",
    ),
    setting(
        "NO_COLOR",
        None,
        "any text",
        "Set and not empty: no colours, see <https://no-color.org>. From the environment, or from `.zEnv`.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{config::Config, zenv::Settings};

    fn read(name: &'static str, value: &str) -> crate::Result<Config> {
        Config::from_settings(&Settings::from_pairs(&[(name, value)]), Config::default())
    }

    #[test]
    fn a_default_that_is_written_down_changes_nothing() {
        let unset = format!("{:?}", Config::default());
        for known in SETTINGS {
            if let Some(default) = known.default {
                let set = format!("{:?}", read(known.name, default).unwrap());
                assert_eq!(set, unset, "{}={default:?}", known.name);
            }
        }
    }

    #[test]
    fn a_wrong_value_is_answered_with_the_forms_of_the_table() {
        for known in SETTINGS {
            let wrong = match known.name {
                "ECHO_PREFIX" => "x".repeat(1025),
                // `Config` does not read these two.
                "RUST_LOG" | "NO_COLOR" => continue,
                "WEBSOCKET_SSL_CERT" | "WEBSOCKET_SSL_KEY" => "\u{7}".into(),
                _ => "no/such value".into(),
            };
            let error = read(known.name, &wrong).unwrap_err().to_string();
            assert!(error.contains(known.forms), "{error}\n{}", known.forms);
        }
    }
}
