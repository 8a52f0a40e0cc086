//! Reads the settings of the server, and prints its addresses.
//!
//! The settings are the same as in the lessons, from the environment and `.zEnv`. An option on the
//! command line replaces the setting of the same meaning.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
};

use zcomm_core::{Config, Error, Identity, Server, Token, hide};

use super::{arguments::Arguments, output::Notes};
use crate::shared::{failure::Failure, handshake::token_in};

/// The certificate and the key that `zcomm certs` makes.
const CERTIFICATE: &str = "certs/localhost.pem";
const KEY: &str = "certs/localhost.key";

/// The settings of the server, and the token if the program has made one for this run.
pub(super) struct Setup {
    pub(super) config: Config,
    new_token: Option<String>,
}

impl Setup {
    pub(super) fn read(arguments: &Arguments, notes: &Notes) -> Result<Setup, Failure> {
        let mut config = Config::from_env_over(Config {
            announce: false,
            ..Config::default()
        })?;
        if config.xray.is_some() {
            return Err(Failure::usage(
                "WEBSOCKET_XRAY is set, but zcomm listen has no X-ray",
                "zcomm xray ws://127.0.0.1:PORT/ in another terminal shows every byte",
            ));
        }
        if let Some(host) = &arguments.host {
            let bare = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'));
            config.host = bare.unwrap_or(host).to_owned();
        }
        config.port = arguments.port.unwrap_or(config.port);
        if let Some(token) = token(arguments)? {
            config.token = Some(token);
            config.require_auth = true;
        }
        if let Some(identity) = identity(arguments, &config, notes)? {
            config.tls = Some(identity);
        }
        // With --exec, each client starts a program. So a client from another machine needs a
        // token.
        config.require_auth |= arguments.exec.is_some() && !is_loopback(&config.host);
        let mut new_token = None;
        if config.require_auth && config.token.is_none() && config.tokens.is_empty() {
            let (token, text) = Token::random()?;
            (config.token, new_token) = (Some(token), Some(text));
        }
        Ok(Setup { config, new_token })
    }

    /// Prints the addresses of the server, and whether a client needs a token.
    pub(super) fn announce(&self, server: &Server, notes: &Notes) {
        let (url, addr) = (server.url(), server.local_addr());
        notes.note(&format!("listening on {url} - Ctrl-C stops"));
        if !addr.ip().is_loopback() {
            let scheme = url.split("://").next().unwrap_or_default();
            for ip in network_addresses(addr.ip()) {
                let other = SocketAddr::new(ip, addr.port());
                notes.note(&format!("on your network: {scheme}://{other}/"));
            }
            if !self.config.require_auth {
                notes.note(
                    "warning: every machine on your network can connect, without a token; \
                     --token-file FILE asks for one",
                );
            }
        }
        if let Some(token) = &self.new_token {
            notes.note(&format!(
                "clients need the token of this run: zcomm connect {url} --token {token}"
            ));
            hide(token);
        }
    }
}

fn token(arguments: &Arguments) -> Result<Option<Token>, Failure> {
    let text = match &arguments.token_file {
        Some(file) => Some(token_in(file)?),
        None => arguments.token.clone(),
    };
    let Some(text) = text else { return Ok(None) };
    // Replace the error, because its text is about a setting and not about an option.
    let token = Token::new(&text).map_err(|_| {
        Failure::usage(
            "the token is too short or too long",
            "a token has 16 to 512 bytes",
        )
    })?;
    Ok(Some(token))
}

/// Reads the files of `--cert` and `--key`. For `--tls`, reads the files of `zcomm certs` if the
/// settings contain no certificate. Returns `None` in all other cases.
fn identity(
    arguments: &Arguments,
    config: &Config,
    notes: &Notes,
) -> Result<Option<Identity>, Failure> {
    let (certificate, key) = match (&arguments.cert, &arguments.key) {
        (Some(certificate), Some(key)) => (certificate.as_path(), key.as_path()),
        _ if arguments.tls && config.tls.is_none() => (Path::new(CERTIFICATE), Path::new(KEY)),
        _ => return Ok(None),
    };
    let identity = Identity::from_files(certificate, key);
    let identity = identity.map_err(|error| match arguments.cert {
        Some(_) => Failure::misuse(error.named_by(&[("--cert", certificate), ("--key", key)])),
        None => error.into(),
    })?;
    for warning in identity.warnings(certificate, key) {
        notes.note(&format!("warning: {warning}"));
    }
    Ok(Some(identity))
}

/// Whether only programs on this machine can connect to this address or name.
fn is_loopback(host: &str) -> bool {
    let address = host.parse().ok();
    address.map_or(host == "localhost", |address: IpAddr| address.is_loopback())
}

/// Returns the addresses at which other machines reach a server that listens at `bound`.
fn network_addresses(bound: IpAddr) -> Vec<IpAddr> {
    if !bound.is_unspecified() {
        return vec![bound];
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let addresses = interfaces.iter().map(if_addrs::Interface::ip);
    addresses
        .filter(|ip| !ip.is_loopback() && (ip.is_ipv4() || bound.is_ipv6()))
        .collect()
}

/// Returns the error of a server that cannot listen, with what to type.
pub(super) fn cannot_listen(error: Error, arguments: &Arguments) -> Failure {
    match &error {
        Error::Setting {
            name,
            value,
            reason,
        } if *name == "WEBSOCKET_HOST" && arguments.host.is_some() => Failure::usage(
            format!("--host {value:?} {reason}"),
            "--host names an address of this machine, e.g. 127.0.0.1, without a port",
        ),
        Error::AddressInUse(addr) => {
            let (port, next) = (addr.port(), addr.port().checked_add(1).unwrap_or(9000));
            Failure::new(
                error.to_string(),
                format!("zcomm listen {next}; zcomm doctor --port {port} names the other program"),
            )
        }
        Error::Listen { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            Failure::usage(
                error.to_string(),
                "a port below 1024 needs special rights: zcomm listen 9000",
            )
        }
        Error::Listen { .. } => Failure::usage(
            error.to_string(),
            "--host names an address of this machine, e.g. 127.0.0.1",
        ),
        _ => error.into(),
    }
}
