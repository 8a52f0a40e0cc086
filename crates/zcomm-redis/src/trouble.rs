//! What can be wrong with Redis, in words.
//!
//! A trouble has a word and a sentence. The word is public: `/healthz` shows the word. The
//! sentence is for the server's log: it can name the address, and says what to do. Neither
//! contains the password. A log that belongs to another service is the exception: here `/healthz`
//! shows the sentence, too.

use std::fmt;

use redis::{ErrorKind, RedisError};
use zcomm_core::{ConnectError, Distrust};

/// The maximum length of a text from Redis in the sentence (characters).
const MAX_DETAIL: usize = 200;

const SILENT: &str = "Redis does not answer";
const CLOSED: &str = "Redis has closed the connection";

/// Why Redis cannot be used now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// `starting`, `away`, `silent`, `tls`, `unknown`, `taken`, or the first word of an error from
    /// Redis, such as `READONLY`.
    pub word: String,
    text: String,
}

impl Trouble {
    /// The server has not connected yet.
    pub(crate) fn starting() -> Trouble {
        Trouble {
            word: "starting".into(),
            text: "not connected yet".into(),
        }
    }

    /// No answer came in time. Redis may be frozen, or the network may be cut.
    pub(crate) fn silent() -> Trouble {
        Trouble {
            word: "silent".into(),
            text: SILENT.into(),
        }
    }

    /// The connection is to a replica, which does not accept entries.
    pub(crate) fn replica() -> Trouble {
        Trouble::said("READONLY", "this Redis is a replica")
    }

    /// Redis sent something that this program does not expect.
    pub(crate) fn strange(what: &str) -> Trouble {
        Trouble::said("ERR", what)
    }

    /// The key contains data that this version of this program does not know.
    pub(crate) fn unknown(what: &str, key: &str) -> Trouble {
        Trouble {
            word: "unknown".into(),
            text: format!(
                "{what} in {key} is from another program, or from a newer version of this program; \
                 start the newer version here, or give the other program another \
                 WEBSOCKET_REDIS_NAME and delete the key: redis-cli DEL {key}"
            ),
        }
    }

    /// The log belongs to another service, which appended to it first.
    pub(crate) fn taken(owner: &str, own: &str) -> Trouble {
        // Shorten and escape the name, because it can be any text.
        let owner: String = match owner {
            "" => "another version of this program".to_owned(),
            owner => owner.chars().take(40).collect(),
        };
        Trouble {
            word: "taken".into(),
            text: format!(
                "this log belongs to {}, and this server is {own}; set WEBSOCKET_REDIS_NAME to \
                 another name",
                owner.escape_debug()
            ),
        }
    }

    /// What `/healthz` shows. Contains no address.
    pub(crate) fn public(&self) -> String {
        match self.word.as_str() {
            "taken" => format!("redis: taken: {}", self.text),
            word => format!("redis: {word}"),
        }
    }

    /// Whether a new attempt now would fail in the same way, because Redis answered with an error
    /// or because TLS failed.
    pub(crate) fn is_refusal(&self) -> bool {
        !["away", "silent", "starting"].contains(&self.word.as_str())
    }

    /// Adds a possible cause if Redis closes a new connection or does not answer: perhaps only one
    /// side uses TLS. A Redis without TLS waits for the end of a line, but TLS sends no lines.
    pub(crate) fn perhaps_tls(mut self, tls: bool) -> Trouble {
        self.text += match (self.text.as_str(), tls) {
            (CLOSED, false) => "; if it expects TLS, the address begins with rediss://",
            (SILENT, true) => "; if it has no TLS, the address begins with redis://",
            _ => "",
        };
        self
    }

    /// TLS has failed, or the certificate of Redis is not trusted.
    fn tls(text: &str, help: &str) -> Trouble {
        Trouble {
            word: "tls".into(),
            text: format!("{text}; {help}"),
        }
    }

    fn away(text: String) -> Trouble {
        let word = "away".into();
        Trouble { word, text }
    }

    fn said(code: &str, detail: &str) -> Trouble {
        // Redis ends a wait with this error when it becomes a replica.
        let code = if code == "UNBLOCKED" {
            "READONLY"
        } else {
            code
        };
        let detail: String = detail.chars().take(MAX_DETAIL).collect();
        let detail = match detail.is_empty() {
            true => String::new(),
            false => format!(": {}", detail.escape_debug()),
        };
        let help = match code {
            "WRONGTYPE" => {
                "; another program uses a key of this service: set another WEBSOCKET_REDIS_NAME \
                 (redis-cli --scan --pattern 'zcomm:*' lists the keys)"
            }
            "OOM" => "; Redis is full: raise maxmemory in its configuration",
            "READONLY" => "; WEBSOCKET_REDIS_URL must name the master",
            "NOAUTH" => "; Redis needs a password: redis://:password@host:6379/",
            "WRONGPASS" => "; correct the user and the password in WEBSOCKET_REDIS_URL",
            "NOPERM" => {
                "; this user needs ~zcomm:* +eval +evalsha +script|load +time +role +get +set \
                 +exists +del +hset +hmget +hincrby +xadd +xread +xrange +xrevrange +xlen +xdel"
            }
            "MISCONF" => "; Redis cannot write to its disk, see its log",
            "LOADING" => "; Redis reads its data from the disk: wait",
            _ => "",
        };
        Trouble {
            word: code.to_owned(),
            text: format!("Redis answers {code}{detail}{help}"),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Trouble {
        if error.is_timeout() {
            return Trouble::silent();
        }
        if error.is_io_error() || error.is_connection_dropped() {
            return Trouble::away(CLOSED.into());
        }
        // Several commands were sent together: report the first error.
        if let Some(errors) = error.clone().into_server_errors()
            && let Some((_, first)) = errors.first()
        {
            return Trouble::said(first.code(), first.details().unwrap_or_default());
        }
        if error.kind() == ErrorKind::Parse {
            return Trouble::strange("this program does not speak as Redis does");
        }
        match error.code() {
            Some(code) => Trouble::said(code, error.detail().unwrap_or_default()),
            None if error.kind() == ErrorKind::AuthenticationFailed => {
                Trouble::said("WRONGPASS", error.detail().unwrap_or_default())
            }
            None => Trouble::strange(&error.to_string()),
        }
    }
}

impl From<ConnectError> for Trouble {
    fn from(error: ConnectError) -> Trouble {
        match error {
            ConnectError::Timeout { .. } => Trouble::silent(),
            ConnectError::Certificate {
                why: Distrust::UnknownIssuer { .. } | Distrust::IssuerIsServer { .. },
                ..
            } => {
                let help = "if that authority is your own, WEBSOCKET_REDIS_CA names its file";
                Trouble::tls(&error.to_string(), help)
            }
            ConnectError::NotTls { .. } | ConnectError::Tls { .. } => {
                let help = "if it has no TLS, the address begins with redis://";
                Trouble::tls(&error.to_string(), help)
            }
            ConnectError::Certificate { .. } | ConnectError::Trust(_) => {
                Trouble::tls(&error.to_string(), &error.help())
            }
            error => Trouble::away(error.to_string()),
        }
    }
}
