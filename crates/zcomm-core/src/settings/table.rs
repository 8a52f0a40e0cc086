//! Every setting in one table: its name, its default, its forms, one sentence.
//!
//! A setting is written down in many places: where it is read, where a misspelt name is
//! compared with it, in the page that explains it. Written down by hand, they drift. So the
//! names come from here, `docs/reference/settings.md` is made from here, and the tests below
//! hold the table to what is really read: a default to `Config::default()`, a form to the
//! error that a wrong value gets.
//!
//! Production generates its reference in the same way, or has one that is wrong.

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownSetting {
    /// Its name, in the environment and in `.zEnv`.
    pub name: &'static str,
    /// What counts when it is not set; `None`: nothing does, see its meaning.
    pub default: Option<&'static str>,
    /// The forms it takes, in the words of the error for any other.
    pub forms: &'static str,
    /// What it is for, and what holds without it.
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
        "The address to listen on: `127.0.0.1` is for this machine alone, `0.0.0.0` for everybody on the network.",
    ),
    setting(
        "WEBSOCKET_PORT",
        Some("8765"),
        "a number from 0 to 65535",
        "The port; 0 takes any free one, and the first line of the program says which. Lesson 3 has 8766 of its own.",
    ),
    setting(
        "WEBSOCKET_REQUIRE_AUTH",
        Some("false"),
        "true, 1, yes, on or false, 0, no, off",
        "Whether a client must show the token; lesson 4 and the chat always ask.",
    ),
    setting(
        "WEBSOCKET_TOKEN",
        None,
        "16 to 512 bytes",
        "The token of everybody. Where it is asked for and not set, the program makes one for this run and prints a link with it.",
    ),
    setting(
        "WEBSOCKET_TOKENS",
        None,
        "a name and a token, as in alice:…",
        "Tokens that belong to one name each, at most 256, separated by commas: who shows one has that name in the chat.",
    ),
    setting(
        "WEBSOCKET_ALLOWED_ORIGINS",
        None,
        "origins such as https://app.example.com or http://localhost:3000, with http:// or https:// and without a path, separated by commas; null for a double-clicked page",
        "Pages that may connect, beside the server's own. Not set: on loopback every page of localhost at the server's port, and `null`; elsewhere none.",
    ),
    setting(
        "WEBSOCKET_ALLOWED_HOSTS",
        None,
        "names such as board.local or board.local:8765",
        "Names that this server answers for, beside localhost and the address that was reached; without a port, at the port it listens on. An address without one means 80, with TLS 443: `chat.example.com:80` behind a proxy.",
    ),
    setting(
        "WEBSOCKET_MAX_CONNECTIONS",
        Some("1000"),
        "a number from 1 to 1000000",
        "Connections at a time, half-open ones included; one more is answered 503.",
    ),
    setting(
        "WEBSOCKET_MAX_CONNECTIONS_PER_IP",
        None,
        "a number from 1 to 1000000",
        "Connections at a time from one address, or from one IPv6 network /64. Not set: 50, and no limit for this machine itself.",
    ),
    setting(
        "WEBSOCKET_MAX_MESSAGE_BYTES",
        Some("65536"),
        "a number from 1 to 67108864",
        "The largest message that a client may send, in bytes; a larger one ends its connection with `1009`.",
    ),
    setting(
        "WEBSOCKET_RATE_LIMIT",
        Some("20"),
        "messages per second from 1 to 1000000, or off",
        "Messages a second from one connection, twice as many after a pause; the budgets for bytes and for pings follow from it. `off` lifts all three.",
    ),
    setting(
        "WEBSOCKET_PING_INTERVAL",
        Some("20"),
        "seconds from 0.1 to 3600",
        "Seconds between two pings to a client. Behind a proxy: less than the time after which it ends a silent connection.",
    ),
    setting(
        "WEBSOCKET_PING_TIMEOUT",
        Some("10"),
        "seconds from 0.1 to 3600",
        "Seconds that a client may take to answer a ping; then its connection ends with `1011`.",
    ),
    setting(
        "WEBSOCKET_SSL_ENABLED",
        Some("false"),
        "true, 1, yes, on or false, 0, no, off",
        "TLS: `wss://` and `https://` instead of `ws://` and `http://`, at the same port. It needs the next two.",
    ),
    setting(
        "WEBSOCKET_SSL_CERT",
        None,
        "the path of a file, not what is in it",
        "The file of the certificate (PEM); `zcomm certs` makes one.",
    ),
    setting(
        "WEBSOCKET_SSL_KEY",
        None,
        "the path of a file, not what is in it",
        "The file of the private key that belongs to the certificate (PEM).",
    ),
    setting(
        "WEBSOCKET_REFUSE",
        Some("close"),
        "close or http",
        "How a wrong token is answered: `close` upgrades and closes with `1008` and the reason, which a page can read; `http` answers 401, which a page sees as `1006`.",
    ),
    setting(
        "WEBSOCKET_XRAY",
        Some("off"),
        "off, on or json",
        "Shows every byte that passes, explained; `--xray` behind a program does the same for one run.",
    ),
    setting(
        "ECHO_PREFIX",
        Some("Echo: "),
        "at most 1024 bytes",
        "What lesson 2 puts before a text. Its spaces count, and empty makes an exact mirror.",
    ),
    setting(
        "RUST_LOG",
        Some("info"),
        "error, warn, info, debug or trace",
        "What is logged, for all or by target, e.g. `zcomm_core=debug`.",
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
                // What they say of a wrong value is a matter of `logging` and of nobody.
                "RUST_LOG" | "NO_COLOR" => continue,
                "WEBSOCKET_SSL_CERT" | "WEBSOCKET_SSL_KEY" => "\u{7}".into(),
                _ => "no/such value".into(),
            };
            let error = read(known.name, &wrong).unwrap_err().to_string();
            assert!(error.contains(known.forms), "{error}\n{}", known.forms);
        }
    }
}
