//! Every setting, its default and its limits.
//!
//! A setting is understood once, at the start, or the program does not start: a value that
//! is silently replaced by a default is how protection gets lost (`REQUIRE_AUTH=on` read
//! as "off" was a real bug). A name that looks like ours but is not gets a warning with the
//! nearest name, because a misspelt `WEBSOCKET_TOKN` protects nothing.
//!
//! [`Config`] is a plain struct: a demo that must have authentication writes
//! `Config { require_auth: true, ..Config::from_env()? }`, and a test sets what it needs.
//! The fields without a setting are limits that a lesson has no reason to change.
//!
//! Production adds reloading without a restart; the token and the lists are what one wants
//! to change then.

use std::{path::PathBuf, time::Duration};

use crate::{
    access::refusal::RefuseBy,
    access::{
        origin::{Authority, Origin},
        token::{NamedToken, Token, Tokens},
    },
    error::{Error, Result},
    protocol::rate::Rate,
    settings::{
        parse::{authority, host, list, named_tokens, number, origin, rate, read, seconds, switch},
        table::SETTINGS,
        tls_files::{TlsFiles, tls_files},
        unknown::unknown_names,
        zenv::Settings,
    },
    tls::identity::Identity,
    xray::Xray,
};

/// The settings of a server. `Default` is safe: loopback only, everything limited.
#[derive(Clone, Debug)]
pub struct Config {
    /// `WEBSOCKET_HOST`: the address or name to listen on. Default 127.0.0.1.
    pub host: String,
    /// `WEBSOCKET_PORT`: 0 takes any free port. Default 8765.
    pub port: u16,
    /// `WEBSOCKET_REQUIRE_AUTH`: whether a client must show the token. Default false.
    pub require_auth: bool,
    /// `WEBSOCKET_TOKEN`: the token. Without one, a server that requires it makes its own.
    pub token: Option<Token>,
    /// `WEBSOCKET_TOKENS`: tokens that belong to one name each, at most 256, beside the one
    /// for everybody.
    pub tokens: Vec<NamedToken>,
    /// `WEBSOCKET_ALLOWED_ORIGINS`: beside the server's own pages, exactly these. `None`:
    /// on loopback any loopback origin of the server's port and `null`, else no other.
    pub allowed_origins: Option<Vec<Origin>>,
    /// `WEBSOCKET_ALLOWED_HOSTS`: names this server answers for beside its addresses; port
    /// 0 stands for the port it listens on.
    pub allowed_hosts: Vec<Authority>,
    /// `WEBSOCKET_MAX_CONNECTIONS`: open and half-open ones together, 1 to 1,000,000.
    /// Default 1,000.
    pub max_connections: usize,
    /// `WEBSOCKET_MAX_CONNECTIONS_PER_IP`, an IPv6 network /64 counting as one address.
    /// `None`: 50 for other machines, no limit for this one.
    pub max_connections_per_ip: Option<usize>,
    /// `WEBSOCKET_MAX_MESSAGE_BYTES`: the largest message a client may send, 1 byte to
    /// 64 MiB. Default 64 KiB.
    pub max_message_bytes: usize,
    /// `WEBSOCKET_RATE_LIMIT`: messages per second and connection; the byte and control
    /// frame budgets follow from it. `None` (`off`) lifts all three. Default 20.
    pub rate_limit: Option<u32>,
    /// `WEBSOCKET_PING_INTERVAL`: how often a client is asked whether it is still there,
    /// 0.1 s to an hour. Default 20 s.
    pub ping_interval: Duration,
    /// `WEBSOCKET_PING_TIMEOUT`: how long it may take to answer, 0.1 s to an hour. Default
    /// 10 s.
    pub ping_timeout: Duration,
    /// `WEBSOCKET_SSL_ENABLED`, with `WEBSOCKET_SSL_CERT` and `WEBSOCKET_SSL_KEY`, the files
    /// of a certificate and its private key: then the server speaks `wss://` and
    /// `https://`. Default `None`: `ws://` and `http://`.
    pub tls: Option<Identity>,
    /// `WEBSOCKET_REFUSE`: how a wrong token is answered. Default close.
    pub refuse: RefuseBy,
    /// `WEBSOCKET_XRAY`, or `--xray` behind the program: shows every byte that passes, TLS
    /// taken off, and so what everybody says. Default `None`: off.
    pub xray: Option<Xray>,
    /// `ECHO_PREFIX`: what the echo demo puts before a text, at most 1 KiB. Default `Echo: `.
    pub echo_prefix: String,
    /// Whether the server says at its start where it is and who may come: yes.
    pub announce: bool,
    /// From accept to the end of the opening handshake: 5 s.
    pub handshake_timeout: Duration,
    /// From the first byte of a message to its last: 10 s.
    pub message_timeout: Duration,
    /// For a client to take what we write, or at least 64 KiB of it: 5 s.
    pub flush_timeout: Duration,
    /// From the stop signal to the end of the last connection: 5 s.
    pub stop_timeout: Duration,
    /// The settings file that was read, for the start-up line.
    pub settings_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            host: "127.0.0.1".into(),
            port: 8765,
            require_auth: false,
            token: None,
            tokens: Vec::new(),
            allowed_origins: None,
            allowed_hosts: Vec::new(),
            max_connections: 1000,
            max_connections_per_ip: None,
            max_message_bytes: 64 * 1024,
            rate_limit: Some(20),
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(10),
            tls: None,
            refuse: RefuseBy::Close,
            xray: None,
            echo_prefix: "Echo: ".into(),
            announce: true,
            handshake_timeout: Duration::from_secs(5),
            message_timeout: Duration::from_secs(10),
            flush_timeout: Duration::from_secs(5),
            stop_timeout: Duration::from_secs(5),
            settings_file: None,
        }
    }
}

impl Config {
    /// Reads the settings from the process environment, then `.zEnv` in the working
    /// directory, then the defaults. Of arguments the program knows `--xray` and no other.
    ///
    /// # Errors
    /// [`Error::Setting`] for a value that is not one of the accepted forms,
    /// [`Error::SettingsFile`] for a file that cannot be read whole, [`Error::Argument`].
    pub fn from_env() -> Result<Config> {
        let settings = Settings::load()?;
        match &settings.argument {
            Some(argument) => Err(Error::Argument(argument.clone())),
            None => Config::checked(&settings, Config::default()),
        }
    }

    /// The same with other defaults, for a program that has its own port, and reads its
    /// arguments by itself.
    ///
    /// # Errors
    /// As [`from_env`](Config::from_env), except that any argument will do.
    pub fn from_env_over(default: Config) -> Result<Config> {
        Config::checked(&Settings::load()?, default)
    }

    fn checked(settings: &Settings, default: Config) -> Result<Config> {
        for warning in Config::warnings(settings)? {
            tracing::warn!("{warning}");
        }
        Config::from_settings(settings, default)
    }

    /// What is odd about the settings though it stops nothing.
    pub(crate) fn warnings(settings: &Settings) -> Result<Vec<String>> {
        let names = SETTINGS.map(|known| known.name);
        let unknown = unknown_names(settings, &names)?;
        Ok([settings.warnings.clone(), unknown].concat())
    }

    pub(crate) fn from_settings(settings: &Settings, default: Config) -> Result<Config> {
        let config = Config::read_all(settings, default)?;
        let twice = config.token.as_ref().and_then(|shared| {
            let mut named = config.tokens.iter();
            named.find(|named| named.token.is(shared))
        });
        match twice {
            Some(named) => Err(Error::Setting {
                name: "WEBSOCKET_TOKENS",
                value: "***".into(),
                reason: format!(
                    "the token of {:?} is everybody's WEBSOCKET_TOKEN, too: choose another",
                    named.name
                ),
            }),
            None => Ok(config),
        }
    }

    fn read_all(settings: &Settings, default: Config) -> Result<Config> {
        Ok(Config {
            host: read(settings, "WEBSOCKET_HOST", host)?.unwrap_or(default.host),
            port: read(settings, "WEBSOCKET_PORT", number(0, 65535))?.unwrap_or(default.port),
            require_auth: read(settings, "WEBSOCKET_REQUIRE_AUTH", switch)?
                .unwrap_or(default.require_auth),
            token: read(settings, "WEBSOCKET_TOKEN", Token::new)?,
            tokens: read(settings, "WEBSOCKET_TOKENS", named_tokens)?.unwrap_or_default(),
            allowed_origins: read(settings, "WEBSOCKET_ALLOWED_ORIGINS", list(origin))?,
            allowed_hosts: read(settings, "WEBSOCKET_ALLOWED_HOSTS", list(authority))?
                .unwrap_or_default(),
            max_connections: read(settings, "WEBSOCKET_MAX_CONNECTIONS", number(1, 1_000_000))?
                .unwrap_or(default.max_connections),
            max_connections_per_ip: read(
                settings,
                "WEBSOCKET_MAX_CONNECTIONS_PER_IP",
                number(1, 1_000_000),
            )?,
            max_message_bytes: read(
                settings,
                "WEBSOCKET_MAX_MESSAGE_BYTES",
                number(1, 64 * 1024 * 1024),
            )?
            .unwrap_or(default.max_message_bytes),
            rate_limit: read(settings, "WEBSOCKET_RATE_LIMIT", rate)?.unwrap_or(default.rate_limit),
            ping_interval: read(settings, "WEBSOCKET_PING_INTERVAL", seconds)?
                .unwrap_or(default.ping_interval),
            ping_timeout: read(settings, "WEBSOCKET_PING_TIMEOUT", seconds)?
                .unwrap_or(default.ping_timeout),
            tls: tls(settings)?,
            refuse: read(settings, "WEBSOCKET_REFUSE", refuse)?.unwrap_or(default.refuse),
            echo_prefix: echo_prefix(settings)?.unwrap_or(default.echo_prefix),
            settings_file: settings.file.clone(),
            // The last, because it is the only one that starts something.
            xray: Xray::from_settings(settings)?.or(default.xray),
            ..default
        })
    }

    /// The tokens that a client may show.
    pub(crate) fn known_tokens(&self) -> Tokens {
        Tokens {
            shared: self.token.clone(),
            named: self.tokens.clone(),
        }
    }
}

/// The three settings of TLS. All or none: half of them is a mistake, and a mistake must
/// not end in plain text.
fn tls(settings: &Settings) -> Result<Option<Identity>> {
    let Some(TlsFiles { certificate, key }) = tls_files(settings)? else {
        return Ok(None);
    };
    let identity = Identity::from_files(&certificate, &key)?;
    for warning in identity.warnings(&certificate, &key) {
        tracing::warn!("{warning}");
    }
    Ok(Some(identity))
}

/// Its spaces count, and empty is a value.
fn echo_prefix(settings: &Settings) -> Result<Option<String>> {
    match settings.get_exact("ECHO_PREFIX") {
        Some(prefix) if prefix.len() > 1024 => Err(Error::Setting {
            name: "ECHO_PREFIX",
            value: crate::protocol::message::excerpt(prefix).to_owned(),
            reason: "expected at most 1024 bytes".into(),
        }),
        prefix => Ok(prefix.map(str::to_owned)),
    }
}

fn refuse(text: &str) -> Result<RefuseBy, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "close" => Ok(RefuseBy::Close),
        "http" => Ok(RefuseBy::Http),
        _ => Err("expected close or http"),
    }
}

/// What one connection may spend. All budgets follow from two settings,
/// `WEBSOCKET_RATE_LIMIT` and `WEBSOCKET_MAX_MESSAGE_BYTES`, so that they cannot contradict
/// each other: the largest message always fits, in and out.
impl Config {
    /// The largest message that is sent (bytes): there is always room for an answer to the
    /// largest that may come in.
    pub(crate) fn max_send_bytes(&self) -> usize {
        64 * 1024 + 2 * self.max_message_bytes
    }

    /// The budget for messages of one connection.
    pub(crate) fn message_rate(&self) -> Option<Rate> {
        self.rate(1.0, 2.0)
    }

    /// The budget for pings and pongs of one connection: half as many.
    pub(crate) fn control_rate(&self) -> Option<Rate> {
        self.rate(0.5, 1.0)
    }

    /// The budget for bytes of one connection: at 20 messages a second one of full size
    /// each second, four after a pause; above, in proportion. With tiny messages it is the
    /// frames around them that count, so it is never less than 4 KiB.
    pub(crate) fn byte_rate(&self) -> Option<Rate> {
        self.rate_limit.map(|limit| {
            let bytes =
                self.max_message_bytes.max(4096) as f64 * (f64::from(limit) / 20.0).max(1.0);
            Rate {
                per_second: bytes,
                burst: 4.0 * bytes,
            }
        })
    }

    fn rate(&self, share: f64, burst: f64) -> Option<Rate> {
        self.rate_limit.map(|limit| Rate {
            per_second: share * f64::from(limit),
            burst: (burst * f64::from(limit)).max(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Result<Config> {
        Config::from_settings(&Settings::from_pairs(pairs), Config::default())
    }

    #[test]
    fn without_settings_everything_is_as_the_defaults_say() {
        assert_eq!(
            format!("{:?}", config(&[]).unwrap()),
            format!("{:?}", Config::default())
        );
    }

    #[test]
    fn c01_a_switch_has_eight_forms_and_everything_else_is_refused() {
        for (text, on) in [
            ("on", true),
            ("TRUE ", true),
            ("yes", true),
            ("Off", false),
            ("0", false),
        ] {
            assert_eq!(
                config(&[("WEBSOCKET_REQUIRE_AUTH", text)])
                    .unwrap()
                    .require_auth,
                on
            );
        }
        for text in ["2", "", "enabled", "ja"] {
            let error = config(&[("WEBSOCKET_REQUIRE_AUTH", text)]).unwrap_err();
            assert!(
                error.to_string().contains("expected true, 1, yes, on"),
                "{error}"
            );
        }
    }

    #[test]
    fn c07_origins_are_whole_and_a_star_is_refused() {
        let read = |text| config(&[("WEBSOCKET_ALLOWED_ORIGINS", text)]).map(|c| c.allowed_origins);
        let origins = read(" https://A.example:443/ , http://b.example:81,file:// ")
            .unwrap()
            .unwrap();
        let shown: Vec<_> = origins.iter().map(Origin::to_string).collect();
        assert_eq!(shown, ["https://a.example", "http://b.example:81", "null"]);
        assert_eq!(read("").unwrap(), Some(vec![]));
        for text in [
            "*",
            "a.example",
            "https://a.example/path",
            "https://*.a.example",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn l08_a_port_is_a_number_up_to_65535() {
        for text in ["70000", "abc", "", "-1", "80.0"] {
            let error = config(&[("WEBSOCKET_PORT", text)]).unwrap_err();
            assert!(error.to_string().starts_with("WEBSOCKET_PORT="), "{error}");
            assert_eq!(error.exit_code(), 78);
        }
        assert_eq!(config(&[("WEBSOCKET_PORT", "0")]).unwrap().port, 0);
    }

    #[test]
    fn t05_an_empty_or_short_token_is_refused_and_not_repeated() {
        for text in ["", "hunter2"] {
            let error = config(&[("WEBSOCKET_TOKEN", text)])
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("WEBSOCKET_TOKEN=\"***\""), "{error}");
        }
    }

    #[test]
    fn a_token_of_ones_own_has_a_name_and_is_as_strict() {
        let read = |text| config(&[("WEBSOCKET_TOKENS", text)]).map(|c| c.tokens);
        let tokens = read(" alice : alices-long-token, Bob:bobs-very-long-token ,").unwrap();
        let names: Vec<_> = tokens.iter().map(|named| named.name.as_str()).collect();
        assert_eq!(names, ["alice", "Bob"]);
        assert!(tokens[0].token.matches("alices-long-token"));
        assert!(!format!("{tokens:?}").contains("long"));
        for (text, place) in [
            ("alices-long-token", "entry 1"),
            ("alice:alices-long-token,bob:short", "entry 2"),
            ("alice:alices-long-token,ALICE:other-long-token-", "entry 2"),
            ("alice:alices-long-token,bob:alices-long-token", "entry 2"),
            ("\u{202e}:alices-long-token", "entry 1"),
            ("", "is empty"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with("WEBSOCKET_TOKENS=\"***\""), "{error}");
            assert!(error.contains(place) && !error.contains("long-"), "{error}");
        }
        let both = [
            ("WEBSOCKET_TOKEN", "everybodys-long-token"),
            ("WEBSOCKET_TOKENS", "alice:everybodys-long-token"),
        ];
        let error = config(&both).unwrap_err().to_string();
        assert!(error.contains("alice"), "{error}");
    }

    #[test]
    fn every_other_setting_has_limits() {
        for (name, good, bad) in [
            ("WEBSOCKET_HOST", "::1", "http://a"),
            ("WEBSOCKET_HOST", "[::1]", "a:80"),
            ("WEBSOCKET_ALLOWED_HOSTS", "a.local, b:9000", "a/b"),
            ("WEBSOCKET_MAX_CONNECTIONS", "1", "0"),
            ("WEBSOCKET_MAX_CONNECTIONS_PER_IP", "50", "none"),
            ("WEBSOCKET_MAX_MESSAGE_BYTES", "16777216", "64k"),
            ("WEBSOCKET_RATE_LIMIT", "OFF", "0"),
            ("WEBSOCKET_PING_INTERVAL", "0.5", "0"),
            ("WEBSOCKET_PING_TIMEOUT", "10", "NaN"),
            ("WEBSOCKET_REFUSE", "http", "401"),
            ("WEBSOCKET_XRAY", "Off", "xml"),
        ] {
            config(&[(name, good)]).unwrap();
            config(&[(name, bad)]).unwrap_err();
        }
    }

    /// s12: all three settings or none; half of them never ends in plain text.
    #[test]
    fn s12_tls_half_set_is_refused() {
        let read = |pairs: &[(&str, &str)]| config(pairs).map(|config| config.tls.is_some());
        let (on, cert, key) = (
            "WEBSOCKET_SSL_ENABLED",
            "WEBSOCKET_SSL_CERT",
            "WEBSOCKET_SSL_KEY",
        );
        assert!(!read(&[(on, "false")]).unwrap());
        assert!(!read(&[(on, "false"), (cert, "c.pem"), (key, "c.key")]).unwrap());
        for (pairs, named) in [
            (&[(on, "true")][..], cert),
            (&[(on, "true"), (key, "c.key")], cert),
            (&[(on, "true"), (cert, "c.pem")], key),
            (&[(on, "maybe"), (cert, "c.pem"), (key, "c.key")], on),
            (&[(cert, "c.pem"), (key, "c.key")], on),
            (&[(key, "c.key")], on),
            (&[(on, "true"), (cert, ""), (key, "c.key")], cert),
        ] {
            let error = read(pairs).unwrap_err();
            assert!(error.to_string().starts_with(named), "{error}");
            assert_eq!(error.exit_code(), 78);
        }
    }
}
