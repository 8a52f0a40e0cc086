//! The first log lines of every server: its address, what to open, and who may connect.
//!
//! A dangerous setting gets a warning here, when it takes effect. The link to the page may
//! contain a token that was made for this run. This token is in the fragment (`#…`), which a
//! browser never sends to a server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::lookup_host;

use crate::{
    access::origin::Origin, http::page::Page, program::logging::ALWAYS, settings::config::Config,
    text::shown::listed, tls::identity::Identity,
};

/// Logs the first lines. `new_token` is the token that was made for this run, if there is one.
pub(crate) async fn announce(
    config: &Config,
    addr: SocketAddr,
    page: Option<Page>,
    new_token: Option<&str>,
) {
    let fragment = new_token.map(|token| format!("#token={token}"));
    let fragment = fragment.unwrap_or_default();
    address(config, addr, page, &fragment).await;
    if !addr.ip().is_loopback() {
        network(config, addr, &fragment);
    }
    token(config, new_token.is_some());
    if let Some(identity) = &config.tls {
        let certificate = identity.certificate();
        let (names, until) = (listed(certificate.names()), certificate.not_after());
        tracing::info!(
            "TLS: the certificate is for {names}, signed by {}, valid until {until}",
            certificate.issuer()
        );
    }
    if config.xray.is_some() {
        tracing::warn!(
            "the X-ray is on: this output shows every message, and any secret in a message; secrets of \
             the handshake are hidden"
        );
    }
    match &config.settings_file {
        Some(file) => tracing::info!(
            "settings: {}, overridden by the environment",
            file.display()
        ),
        None => {
            tracing::info!("settings: the defaults and the environment; no .zEnv in this folder")
        }
    }
    origins(config.allowed_origins.as_deref(), addr);
}

/// Logs the address of the server, and what to open.
async fn address(config: &Config, addr: SocketAddr, page: Option<Page>, fragment: &str) {
    let (ws, http) = schemes(config);
    let double_click = |page: Page| {
        let known = page.address.starts_with(&format!("{ws}://"))
            && page.address.ends_with(&format!(":{}/", addr.port()));
        let then = if known { "" } else { " and type this address" };
        format!(", or double-click {}{then}", page.file)
    };
    let file = page.filter(|_| allows_double_click(config, addr));
    let file = file.map(double_click).unwrap_or_default();
    let here = reached_from_here(addr);
    let page_host = match is_localhost(config, here).await {
        true => format!("localhost:{}", here.port()),
        false => here.to_string(),
    };
    tracing::info!(
        target: ALWAYS,
        "listening on {ws}://{here}/ - open {http}://{page_host}/{fragment}{file}"
    );
    if here.ip().is_loopback() && page_host == here.to_string() {
        warn_of_name(config, here.ip());
    }
}

/// Whether the link to the page uses the name `localhost`. A browser saves an exception for a
/// certificate under one host name. So every link uses `localhost`, if the certificate is for
/// `localhost`, and if `localhost` is this address: on many systems it is not `::1`.
async fn is_localhost(config: &Config, here: SocketAddr) -> bool {
    let names = config.tls.as_ref().map(|tls| tls.certificate().names());
    let named = names.is_some_and(|names| names.iter().any(|name| name == "localhost"));
    if !named || !here.ip().is_loopback() {
        return false;
    }
    let addresses = lookup_host(("localhost", here.port())).await;
    addresses.is_ok_and(|mut addresses| addresses.any(|addr| addr == here))
}

/// Logs a warning if the certificate is not for this address.
fn warn_of_name(config: &Config, ip: IpAddr) {
    let certificate = config.tls.as_ref().map(Identity::certificate);
    if certificate.is_some_and(|known| !known.names().contains(&ip.to_string())) {
        tracing::warn!(
            "the certificate is not for {ip}, so browsers will refuse it there: make one with \
             cargo run --bin zcomm -- certs --host {ip}"
        );
    }
}

/// Logs how other machines reach the server, and what they can do.
fn network(config: &Config, addr: SocketAddr, fragment: &str) {
    let (_, http) = schemes(config);
    for ip in network_addresses(addr.ip()) {
        let other = SocketAddr::new(ip, addr.port());
        tracing::info!(target: ALWAYS, "on your network: {http}://{other}/{fragment}");
        warn_of_name(config, ip);
    }
    tracing::warn!(
        "reachable from your network: every machine on it can {}; WEBSOCKET_HOST=127.0.0.1 keeps the server to this machine",
        match config.require_auth {
            true => "try to connect",
            false => "connect, without a token",
        }
    );
}

/// Logs which token a client needs. Only the link contains the token itself.
fn token(config: &Config, is_new: bool) {
    if is_new {
        tracing::info!(
            "the token in this link was made for this run; set WEBSOCKET_TOKEN to keep one"
        );
    } else if config.require_auth {
        tracing::info!(
            "clients must show {}: type it into the page",
            match config.token {
                Some(_) => "the token in WEBSOCKET_TOKEN",
                None => "their own token from WEBSOCKET_TOKENS",
            }
        );
    }
}

/// The schemes of the WebSocket and of its page.
pub(crate) fn schemes(config: &Config) -> (&'static str, &'static str) {
    match config.tls {
        Some(_) => ("wss", "https"),
        None => ("ws", "http"),
    }
}

/// The address for a client on this machine. A server at `0.0.0.0` listens at all addresses of
/// the machine. A client needs one address, so this returns the loopback address.
pub(crate) fn reached_from_here(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

fn origins(list: Option<&[Origin]>, addr: SocketAddr) {
    let own = "pages that may connect: this server's own";
    match list {
        None if addr.ip().is_loopback() => tracing::info!(
            "{own}, any of localhost:{}, and null (a double-clicked file, or a sandboxed frame of any \
             site)",
            addr.port()
        ),
        None => tracing::info!("{own}"),
        Some(list) => {
            let others: String = list.iter().map(|origin| format!(", {origin}")).collect();
            tracing::info!("{own}{others}");
            if list.contains(&Origin::Null) {
                tracing::warn!("null is allowed: any web site can send it from a sandboxed frame");
            }
        }
    }
}

/// Whether a page from a double-clicked file, which has the origin `null`, may connect.
fn allows_double_click(config: &Config, addr: SocketAddr) -> bool {
    match &config.allowed_origins {
        Some(list) => list.contains(&Origin::Null),
        None => addr.ip().is_loopback(),
    }
}

/// The addresses at which other machines reach a server that listens on `bound`.
fn network_addresses(bound: IpAddr) -> Vec<IpAddr> {
    if !bound.is_unspecified() {
        return vec![bound];
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let addresses = interfaces.iter().map(if_addrs::Interface::ip);
    // A browser cannot open a link-local address of IPv6: it needs an interface (`fe80::1%eth0`).
    let link_local = |ip: &IpAddr| match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    addresses
        .filter(|ip| !ip.is_loopback() && !link_local(ip) && (ip.is_ipv4() || bound.is_ipv6()))
        .collect()
}
