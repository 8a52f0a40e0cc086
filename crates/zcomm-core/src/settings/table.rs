//! The table of settings: the name, default, accepted forms and meaning of each setting.
//!
//! The check for unknown names uses this table. A test writes `docs/reference/settings.md`
//! from the table. The tests below read each default and compare the result with
//! `Config::default()`. The tests also check that the error for a wrong value contains the
//! accepted forms.

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownSetting {
    /// The name of the setting, in the environment and in `.zEnv`.
    pub name: &'static str,
    /// The value that is used if the setting is not set. If this is `None`, `meaning` says what
    /// happens without the setting.
    pub default: Option<&'static str>,
    /// The accepted forms, in the same words as in the error for a wrong value.
    pub forms: &'static str,
    /// What the setting does, and what happens if it is not set.
    pub meaning: &'static str,
}

/// Every setting that a program of this workspace reads.
pub const SETTINGS: [KnownSetting; 25] = [
    KnownSetting {
        name: "WEBSOCKET_HOST",
        default: Some("127.0.0.1"),
        forms: "an address or a name, e.g. 127.0.0.1, ::1 or 0.0.0.0",
        meaning: "The address to listen on. `127.0.0.1` allows this machine only; `0.0.0.0` allows every machine on the network.",
    },
    KnownSetting {
        name: "WEBSOCKET_PORT",
        default: Some("8765"),
        forms: "a number from 0 to 65535",
        meaning: "The port to listen on; the default of lesson 3 is 8766. 0 is any free port; the first line of the program names it.",
    },
    KnownSetting {
        name: "WEBSOCKET_REQUIRE_AUTH",
        default: Some("false"),
        forms: "true, 1, yes, on or false, 0, no, off",
        meaning: "Whether a client must show a token. Lesson 4 and the chat always require one.",
    },
    KnownSetting {
        name: "WEBSOCKET_TOKEN",
        default: None,
        forms: "16 to 512 bytes",
        meaning: "The token that all clients share. Not set: a server that requires a token makes a new one at its start and prints a link with it.",
    },
    KnownSetting {
        name: "WEBSOCKET_TOKENS",
        default: None,
        forms: "a name and a token, as in alice:…",
        meaning: "More tokens, at most 256, separated by commas. Each gives its client a fixed name in the chat.",
    },
    KnownSetting {
        name: "WEBSOCKET_ALLOWED_ORIGINS",
        default: None,
        forms: "origins such as https://app.example.com or http://localhost:3000 - with http:// or https:// and without a path, separated by commas; null for a double-clicked page",
        meaning: "The origins of pages that may connect, in addition to the server's own pages. Not set: on loopback, every page of localhost at the server's port, and `null`; elsewhere no other page. A host such as `bücher.example` means `xn--bcher-kva.example`, which browsers send.",
    },
    KnownSetting {
        name: "WEBSOCKET_ALLOWED_HOSTS",
        default: None,
        forms: "names such as board.local or board.local:8765",
        meaning: "The host names for which the server answers, in addition to localhost and its own addresses. A name without a port means the server's port. A request whose `Host` has no port means 80, or 443 if this server itself uses TLS: behind a proxy, write `chat.example.com:80`. A name such as `bücher.example` means `xn--bcher-kva.example`, which browsers send.",
    },
    KnownSetting {
        name: "WEBSOCKET_MAX_CONNECTIONS",
        default: Some("1000"),
        forms: "a number from 1 to 1000000",
        meaning: "The maximum number of connections, including unfinished handshakes. The server answers the next client with 503. A connection that waits after a wrong token does not count.",
    },
    KnownSetting {
        name: "WEBSOCKET_MAX_CONNECTIONS_PER_IP",
        default: None,
        forms: "a number from 1 to 1000000",
        meaning: "The maximum number of connections from one address, or from one IPv6 network /64. Not set: 50 for other machines, no limit for this machine.",
    },
    KnownSetting {
        name: "WEBSOCKET_MAX_MESSAGE_BYTES",
        default: Some("65536"),
        forms: "a number from 1 to 67108864",
        meaning: "The largest message that a client may send, in bytes. A larger one ends its connection with `1009`. A message that has begun is stored, and there is no limit for all clients together: at most `WEBSOCKET_MAX_CONNECTIONS` times this size, and for moments twice as much while a message grows. If the memory of the machine is smaller, clients can end the server; on Linux it warns at its start.",
    },
    KnownSetting {
        name: "WEBSOCKET_RATE_LIMIT",
        default: Some("20"),
        forms: "messages per second from 1 to 1000000, or off",
        meaning: "Messages per second from one client; after a pause, twice as many at once. The limits of bytes and pings follow from it. `off` removes all three.",
    },
    KnownSetting {
        name: "WEBSOCKET_PING_INTERVAL",
        default: Some("20"),
        forms: "a time from 100ms to 1h, such as 500ms, 10s or 2m; a number alone means seconds",
        meaning: "The time between two pings to a client. Behind a proxy, choose less than the proxy's timeout for silent connections.",
    },
    KnownSetting {
        name: "WEBSOCKET_PING_TIMEOUT",
        default: Some("10"),
        forms: "a time from 100ms to 1h, such as 500ms, 10s or 2m; a number alone means seconds",
        meaning: "The time that a client has to answer a ping. After that, its connection ends with `1011`. A client from which bytes arrive is alive: it gets this time again. A client that still reads what was sent before the ping gets 5 s more for each 64 KiB, at most 10 s.",
    },
    KnownSetting {
        name: "WEBSOCKET_SSL_ENABLED",
        default: Some("false"),
        forms: "true, 1, yes, on or false, 0, no, off",
        meaning: "TLS: `wss://` and `https://` instead of `ws://` and `http://`, at the same port. It needs the next two settings.",
    },
    KnownSetting {
        name: "WEBSOCKET_SSL_CERT",
        default: None,
        forms: "the path of a file, not its contents",
        meaning: "The file of the certificate (PEM). `zcomm certs` makes one. A running server takes a renewed file within a minute, without a restart.",
    },
    KnownSetting {
        name: "WEBSOCKET_SSL_KEY",
        default: None,
        forms: "the path of a file, not its contents",
        meaning: "The file of the private key of the certificate (PEM).",
    },
    KnownSetting {
        name: "WEBSOCKET_REFUSE",
        default: Some("close"),
        forms: "close or http",
        meaning: "The answer to a wrong token. `close` accepts the handshake and closes with `1008` and the reason, which a page can read. `http` answers 401, which a page sees as `1006`.",
    },
    KnownSetting {
        name: "WEBSOCKET_REDIS_URL",
        default: None,
        forms: "an address such as redis://127.0.0.1:6379/, or with TLS rediss://user:password@host:6379/0",
        meaning: "The Redis that makes several servers one service. open_broadcast, lesson 4 and the chat use it. Not set: a server works alone.",
    },
    KnownSetting {
        name: "WEBSOCKET_REDIS_CA",
        default: None,
        forms: "the path of a file, not its contents",
        meaning: "The file of the authority that signed the certificate of Redis (PEM), for an address with `rediss://`. Not set: the authorities that this computer trusts.",
    },
    KnownSetting {
        name: "WEBSOCKET_REDIS_NAME",
        default: Some("course"),
        forms: "1 to 64 letters, digits, - or _",
        meaning: "The name of the service in Redis: servers with the same name are one service. Its log is the key `zcomm:NAME:log`. The log belongs to the kind of server that appends to it first: chat_app, a broadcast with tokens, or an open broadcast. A server of another kind needs another name. Servers of one service need the same version and the same tokens.",
    },
    KnownSetting {
        name: "WEBSOCKET_REDIS_TIMEOUT",
        default: Some("2"),
        forms: "a time from 100ms to 1m, such as 500ms or 10s; a number alone means seconds",
        meaning: "The time that a message has to Redis and back. After that, its sender is told that it is not confirmed. Choose more if Redis is far away, or if its disk is slow.",
    },
    KnownSetting {
        name: "WEBSOCKET_XRAY",
        default: Some("off"),
        forms: "off, on or json",
        meaning: "Shows every byte of each connection, explained. The argument `--xray` does the same for one run.",
    },
    KnownSetting {
        name: "ECHO_PREFIX",
        default: Some("Echo: "),
        forms: "at most 1024 bytes",
        meaning: "The text that lesson 2 puts before each answer. Its spaces count. Empty: an exact echo.",
    },
    KnownSetting {
        name: "RUST_LOG",
        default: Some("info"),
        forms: "error, warn, info, debug or trace",
        meaning: "The log level, for everything or for one target, e.g. `zcomm_core=debug`.",
    },
    KnownSetting {
        name: "NO_COLOR",
        default: None,
        forms: "any text",
        meaning: "Set and not empty: no colours, see <https://no-color.org>. From the environment, or from `.zEnv`.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{config::Config, zenv::Settings};

    fn read(name: &'static str, value: &str) -> crate::Result<Config> {
        Config::checked(&Settings::from_pairs(&[(name, value)]), Config::default())
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
                // `Config` does not read these two settings.
                "RUST_LOG" | "NO_COLOR" => continue,
                "WEBSOCKET_SSL_CERT" | "WEBSOCKET_SSL_KEY" | "WEBSOCKET_REDIS_CA" => "\u{7}".into(),
                _ => "no/such value".into(),
            };
            let error = read(known.name, &wrong).unwrap_err().to_string();
            assert!(error.contains(known.forms), "{error}\n{}", known.forms);
        }
    }
}
