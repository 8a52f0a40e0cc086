//! The settings of a server: every field, its default and its limits.
//!
//! A setting is parsed once, at the start, and a wrong value stops the program. If a default
//! silently replaced a wrong value, the server could lose its protection. This was a real bug:
//! a program read `REQUIRE_AUTH=on` as "off".
//!
//! [`Config`] is a plain struct: a lesson that needs authentication writes
//! `Config { require_auth: true, ..Config::from_env()? }`. Most fields without a setting are
//! limits that no lesson needs to change.

use std::{path::PathBuf, time::Duration};

use crate::{
    access::{
        origin::{Authority, Origin},
        refusal::RefuseBy,
        token::{NamedToken, Token, Tokens},
    },
    error::{Error, Result},
    protocol::rate::Rate,
    settings::{
        parse::{
            answer_time, authority, host, list, named_tokens, number, origin, ping_time, prefix,
            rate, refuse, switch,
        },
        redis::{self, RedisUrl, service_name},
        tls_files::{path, tls_files},
        unknown::unknown_names,
        zenv::Settings,
    },
    tls::identity::Identity,
    xray::Xray,
};

/// The settings of a server. `Default` is safe: loopback only, with limits for every resource.
#[derive(Clone, Debug)]
pub struct Config {
    /// `WEBSOCKET_HOST`: the address or name to listen on. Default 127.0.0.1.
    pub host: String,
    /// `WEBSOCKET_PORT`: the port to listen on; 0 is any free port. Default 8765.
    pub port: u16,
    /// `WEBSOCKET_REQUIRE_AUTH`: whether a client must show a token. Default false.
    pub require_auth: bool,
    /// `WEBSOCKET_TOKEN`: the token that all clients share. `None`: a server that requires a
    /// token makes a new token at its start.
    pub token: Option<Token>,
    /// `WEBSOCKET_TOKENS`: more tokens, at most 256, each with the name of its client.
    pub tokens: Vec<NamedToken>,
    /// `WEBSOCKET_ALLOWED_ORIGINS`: the origins that may connect, in addition to the server's
    /// own pages. Default `None`. On loopback, `None` allows `null` and every loopback origin
    /// at the server's port. On another address, `None` allows no other origin.
    pub allowed_origins: Option<Vec<Origin>>,
    /// `WEBSOCKET_ALLOWED_HOSTS`: the host names that the server accepts in a request, in
    /// addition to `localhost` and the server's addresses. Port 0 means the server's port.
    pub allowed_hosts: Vec<Authority>,
    /// `WEBSOCKET_MAX_CONNECTIONS`: the maximum number of connections, including unfinished
    /// handshakes, 1 to 1,000,000. Default 1,000.
    pub max_connections: usize,
    /// `WEBSOCKET_MAX_CONNECTIONS_PER_IP`: the maximum number of connections from one address.
    /// An IPv6 network /64 counts as one address. `None`: 50 for other machines, no limit for
    /// this machine.
    pub max_connections_per_ip: Option<usize>,
    /// `WEBSOCKET_MAX_MESSAGE_BYTES`: the largest message that a client may send, 1 byte to
    /// 64 MiB. Default 64 KiB.
    pub max_message_bytes: usize,
    /// `WEBSOCKET_RATE_LIMIT`: messages per second from one client, by default 20. This setting
    /// also sets the limits of bytes and of control frames. `None` (`off`) removes all three
    /// limits.
    pub rate_limit: Option<u32>,
    /// `WEBSOCKET_PING_INTERVAL`: the time between two pings to a client, 0.1 s to an hour.
    /// Default 20 s.
    pub ping_interval: Duration,
    /// `WEBSOCKET_PING_TIMEOUT`: the time limit for the answer to a ping, 0.1 s to an hour.
    /// The limit starts again when bytes arrive from the client. The limit is longer if the
    /// client must read other data before the ping. Default 10 s.
    pub ping_timeout: Duration,
    /// `WEBSOCKET_SSL_ENABLED`, `WEBSOCKET_SSL_CERT` and `WEBSOCKET_SSL_KEY`: the certificate
    /// and the private key for `wss://` and `https://`. Default `None`: `ws://` and `http://`.
    pub tls: Option<Identity>,
    /// `WEBSOCKET_REFUSE`: how the server answers a wrong token. Default `Close`.
    pub refuse: RefuseBy,
    /// `WEBSOCKET_REDIS_URL`: the Redis that makes several servers one service. Default `None`: the
    /// server works alone. The crate `zcomm-redis` uses this field; a server alone ignores it.
    pub redis_url: Option<RedisUrl>,
    /// `WEBSOCKET_REDIS_CA`: the file of the authority that signed the certificate of Redis (PEM).
    /// Default `None`: the authorities that this computer trusts.
    pub redis_ca: Option<PathBuf>,
    /// `WEBSOCKET_REDIS_NAME`: the name of the service in Redis. Default `course`.
    pub redis_name: String,
    /// `WEBSOCKET_REDIS_TIMEOUT`: the time limit for an answer of Redis, 0.1 s to a minute. A message
    /// that has not come back by then is not confirmed. Default 2 s.
    pub redis_timeout: Duration,
    /// `WEBSOCKET_XRAY`, or the argument `--xray`: shows every byte of every connection,
    /// decrypted, so every message is readable. Default `None`: off.
    pub xray: Option<Xray>,
    /// `ECHO_PREFIX`: the text that lesson 2 puts before each answer, at most 1 KiB. Default
    /// `Echo: `.
    pub echo_prefix: String,
    /// Whether the server logs its address and who may connect, at its start. Default true.
    pub announce: bool,
    /// The time limit from the TCP connection to the end of the opening handshake. Default 5 s.
    pub handshake_timeout: Duration,
    /// The time limit from the first byte of a message to its last. Each 64 KiB of the message
    /// that arrive start the limit again, so a large message may take longer. Default 10 s.
    pub message_timeout: Duration,
    /// The time limit for a client to accept all data that waits for it, or at least 64 KiB of
    /// this data. The limit is longer while the client may still read earlier data, but at
    /// most four times as long. A client that reads 16 KiB in each second is never too slow.
    /// Default 5 s.
    pub flush_timeout: Duration,
    /// The time limit from the stop signal to the end of the last connection. Messages are sent
    /// until 1 s before the limit, or for three quarters of a limit of less than 4 s. The rest of
    /// the time is for the Close frame. The log says how many messages were not sent to a client.
    /// Default 5 s.
    pub stop_timeout: Duration,
    /// The settings file that was read. The start-up line shows its name.
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
            redis_url: None,
            redis_ca: None,
            redis_name: "course".into(),
            redis_timeout: Duration::from_secs(2),
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
    /// Reads the settings: the process environment overrides `.zEnv` in the working directory,
    /// and `.zEnv` overrides the defaults. The only accepted arguments of the program are
    /// `--xray` and `--xray=json`.
    ///
    /// # Errors
    /// - [`Error::Setting`]: a wrong value.
    /// - [`Error::SettingMissing`]: a missing setting of TLS.
    /// - [`Error::SettingsFile`]: a settings file that cannot be read.
    /// - [`Error::Certificate`]: a certificate that cannot be used.
    /// - [`Error::Argument`]: an unknown argument.
    pub fn from_env() -> Result<Config> {
        let settings = Settings::load()?;
        match &settings.argument {
            Some(argument) => Err(Error::Argument(argument.clone())),
            None => Config::checked(&settings, Config::default()),
        }
    }

    /// Reads the settings, with `default` for the settings that are not set. This function is
    /// for a program that has its own port and parses its own arguments.
    ///
    /// # Errors
    /// The errors of [`from_env`](Config::from_env), except [`Error::Argument`].
    pub fn from_env_over(default: Config) -> Result<Config> {
        Config::checked(&Settings::load()?, default)
    }

    pub(crate) fn checked(settings: &Settings, default: Config) -> Result<Config> {
        for warning in Config::warnings(settings)? {
            tracing::warn!("{warning}");
        }
        let tls = tls(settings)?;
        let config = Config::without_tls(settings, default)?;
        Ok(Config { tls, ..config })
    }

    pub(crate) fn warnings(settings: &Settings) -> Result<Vec<String>> {
        let unused = redis::without_url(settings, &Config::default().redis_name);
        Ok([settings.warnings.clone(), unknown_names(settings)?, unused].concat())
    }

    /// Reads every setting except the settings of TLS, so no certificate file is opened.
    pub(crate) fn without_tls(settings: &Settings, default: Config) -> Result<Config> {
        let mut config = default;
        settings.read_into(&mut config.host, "WEBSOCKET_HOST", host)?;
        settings.read_into(&mut config.port, "WEBSOCKET_PORT", number(0_u16, 65535))?;
        config.read_access(settings)?;
        config.read_limits(settings)?;
        config.read_redis(settings)?;
        // The spaces of this setting count, so do not trim the value.
        if let Some(text) = settings.get_exact("ECHO_PREFIX") {
            config.echo_prefix = settings.checked("ECHO_PREFIX", text, prefix)?;
        }
        config.settings_file = settings.file.clone();
        // Read this setting last, because it starts a thread. After an error in another
        // setting, the thread would be useless.
        config.xray = Xray::from_settings(settings)?.or(config.xray);
        Ok(config)
    }

    fn read_access(&mut self, settings: &Settings) -> Result<()> {
        settings.read_into(&mut self.require_auth, "WEBSOCKET_REQUIRE_AUTH", switch)?;
        settings.read_into(&mut self.token, "WEBSOCKET_TOKEN", Token::new)?;
        settings.read_into(&mut self.tokens, "WEBSOCKET_TOKENS", named_tokens)?;
        settings.read_into(
            &mut self.allowed_origins,
            "WEBSOCKET_ALLOWED_ORIGINS",
            list(origin),
        )?;
        settings.read_into(
            &mut self.allowed_hosts,
            "WEBSOCKET_ALLOWED_HOSTS",
            list(authority),
        )?;
        settings.read_into(&mut self.refuse, "WEBSOCKET_REFUSE", refuse)?;
        let equals_shared = |token| self.token.as_ref().is_some_and(|shared| shared.is(token));
        let twice = self.tokens.iter().find(|named| equals_shared(&named.token));
        twice.map_or(Ok(()), |named| {
            Err(Error::Setting {
                name: "WEBSOCKET_TOKENS",
                value: "***".into(),
                reason: format!(
                    "the token of {:?} equals WEBSOCKET_TOKEN: choose another",
                    named.name
                ),
            })
        })
    }

    fn read_limits(&mut self, settings: &Settings) -> Result<()> {
        settings.read_into(
            &mut self.max_connections,
            "WEBSOCKET_MAX_CONNECTIONS",
            number(1_usize, 1_000_000),
        )?;
        settings.read_into(
            &mut self.max_connections_per_ip,
            "WEBSOCKET_MAX_CONNECTIONS_PER_IP",
            number(1_usize, 1_000_000),
        )?;
        settings.read_into(
            &mut self.max_message_bytes,
            "WEBSOCKET_MAX_MESSAGE_BYTES",
            number(1_usize, 64 * 1024 * 1024),
        )?;
        settings.read_into(&mut self.rate_limit, "WEBSOCKET_RATE_LIMIT", rate)?;
        settings.read_into(
            &mut self.ping_interval,
            "WEBSOCKET_PING_INTERVAL",
            ping_time,
        )?;
        settings.read_into(&mut self.ping_timeout, "WEBSOCKET_PING_TIMEOUT", ping_time)
    }

    fn read_redis(&mut self, settings: &Settings) -> Result<()> {
        let (url, timeout) = (&mut self.redis_url, &mut self.redis_timeout);
        settings.read_into(url, "WEBSOCKET_REDIS_URL", RedisUrl::parse)?;
        if let Some(file) = path(settings, "WEBSOCKET_REDIS_CA")? {
            self.redis_ca = Some(file);
        }
        settings.read_into(timeout, "WEBSOCKET_REDIS_TIMEOUT", answer_time)?;
        settings.read_into(&mut self.redis_name, "WEBSOCKET_REDIS_NAME", service_name)
    }

    /// One byte for several servers that compare their tokens: different bytes mean different
    /// tokens. `None` if this server checks no token.
    #[must_use]
    pub fn tokens_mark(&self) -> Option<u8> {
        self.require_auth.then(|| self.known_tokens().mark())
    }

    pub(crate) fn known_tokens(&self) -> Tokens {
        Tokens {
            shared: self.token.clone(),
            own: None,
            named: self.tokens.clone(),
        }
    }
}

/// Reads the files that the settings of TLS name, and logs warnings about the files.
fn tls(settings: &Settings) -> Result<Option<Identity>> {
    let Some(files) = tls_files(settings)? else {
        return Ok(None);
    };
    let identity = files.identity()?;
    for warning in identity.warnings(&files.certificate, &files.key) {
        tracing::warn!("{warning}");
    }
    Ok(Some(identity))
}

/// The limits of one connection. All limits are computed from `WEBSOCKET_RATE_LIMIT` and
/// `WEBSOCKET_MAX_MESSAGE_BYTES`. So the largest message always fits, in both directions.
impl Config {
    /// The largest message to send (bytes): 64 KiB plus twice the largest message that a client
    /// may send. So the answer to a message always fits.
    pub(crate) fn max_send_bytes(&self) -> usize {
        64 * 1024 + 2 * self.max_message_bytes
    }

    pub(crate) fn message_rate(&self) -> Option<Rate> {
        self.rate(1.0, 2.0)
    }

    /// The rate limit of pings and pongs: half of the rate limit of messages.
    pub(crate) fn control_rate(&self) -> Option<Rate> {
        self.rate(0.5, 1.0)
    }

    /// The rate limit of bytes: one message of the largest size per second, and four messages
    /// at once after a pause. If clients may send more than 20 messages per second, the limit
    /// grows in proportion. The limit is at least 4 KiB per second, because the headers of tiny
    /// frames count too.
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
        Config::checked(&Settings::from_pairs(pairs), Config::default())
    }

    #[test]
    fn without_settings_every_field_has_its_default() {
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
    fn a_host_with_other_letters_is_read_in_punycode() {
        let hosts = |text| config(&[("WEBSOCKET_ALLOWED_HOSTS", text)]).map(|c| c.allowed_hosts);
        let origins = |text| config(&[("WEBSOCKET_ALLOWED_ORIGINS", text)]);
        let first = |text| origins(text).map(|c| c.allowed_origins.unwrap()[0].to_string());
        for (text, host) in [
            ("bücher.example", "xn--bcher-kva.example:0"),
            ("BÜCHER.example:8765", "xn--bcher-kva.example:8765"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example:0"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah:0"),
        ] {
            assert_eq!(hosts(text).unwrap()[0].to_string(), host);
        }
        for (text, origin) in [
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://bücher.example/", "https://xn--bcher-kva.example"),
            (
                "http://bücher.example:81",
                "http://xn--bcher-kva.example:81",
            ),
        ] {
            assert_eq!(first(text).unwrap(), origin);
        }
        // This name is not `localhost`: the letter о is Cyrillic.
        let look_alike = &hosts("lоcalhost").unwrap()[0];
        assert!(!look_alike.is_loopback(), "{look_alike}");
        for wrong in [
            "bücher",
            "https://bü cher.example",
            "https://bücher.example/a",
            "https://bücher@a.example",
        ] {
            origins(wrong).unwrap_err();
        }
        for wrong in [
            "bü cher",
            "bücher.example/a",
            "bücher.example:x",
            "١٢٧.0.0.1",
        ] {
            hosts(wrong).unwrap_err();
        }
        let host = config(&[("WEBSOCKET_HOST", "bücher.example")])
            .unwrap()
            .host;
        assert_eq!(host, "xn--bcher-kva.example");
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
    fn t05_an_empty_or_short_token_is_refused_and_not_shown() {
        for text in ["", "hunter2"] {
            let error = config(&[("WEBSOCKET_TOKEN", text)])
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("WEBSOCKET_TOKEN=\"***\""), "{error}");
        }
    }

    #[test]
    fn a_named_token_is_checked_like_the_shared_one() {
        let read = |text: &str| config(&[("WEBSOCKET_TOKENS", text)]).map(|c| c.tokens);
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
        let many = |count| (0..count).map(|n| format!("n{n}:token-of-number-{n:03},"));
        assert_eq!(read(&many(256).collect::<String>()).unwrap().len(), 256);
        let error = read(&many(257).collect::<String>()).unwrap_err();
        assert!(error.to_string().contains("at most 256 names"), "{error}");
        let both = [
            ("WEBSOCKET_TOKEN", "shared-long-token"),
            ("WEBSOCKET_TOKENS", "alice:shared-long-token"),
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
            ("WEBSOCKET_PING_TIMEOUT", "500ms", "NaN"),
            ("WEBSOCKET_REFUSE", "http", "401"),
            ("WEBSOCKET_XRAY", "Off", "xml"),
        ] {
            config(&[(name, good)]).unwrap();
            config(&[(name, bad)]).unwrap_err();
        }
    }

    /// s12: A server with only some of the TLS settings does not start, except with
    /// `WEBSOCKET_SSL_ENABLED=false`.
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
