//! The first lines of every program: where it is, what to open, who may come.
//!
//! A server that says nothing at its start leaves a learner with three questions. And what
//! is dangerous about a setting is best said where everybody looks, at the moment it takes
//! effect.
//!
//! The link may carry a token that was made for this run; it is in the fragment (`#…`),
//! which a browser never sends. Production prints no token anywhere.

use std::net::{IpAddr, SocketAddr};

use crate::{config::Config, origin::Origin, page::Page};

/// Logs the first lines. `new_token` is the token that was made for this run, if one was.
pub(crate) fn announce(
    config: &Config,
    addr: SocketAddr,
    page: Option<Page>,
    new_token: Option<&str>,
) {
    let file = page
        .map(|page| format!(", or double-click {}", page.file))
        .unwrap_or_default();
    let fragment = new_token
        .map(|token| format!("#token={token}"))
        .unwrap_or_default();
    let here = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => {
            SocketAddr::new([127, 0, 0, 1].into(), addr.port())
        }
        IpAddr::V6(ip) if ip.is_unspecified() => {
            SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), addr.port())
        }
        _ => addr,
    };
    tracing::info!("listening on ws://{here}/ - open http://{here}/{fragment}{file}");
    if !addr.ip().is_loopback() {
        for ip in network_addresses(addr.ip()) {
            let other = SocketAddr::new(ip, addr.port());
            tracing::info!("on your network: http://{other}/{fragment}");
        }
        tracing::warn!("reachable from your network: whoever can reach {addr} can try to connect");
    }
    if new_token.is_some() {
        tracing::info!(
            "the token in this link was made for this run; set WEBSOCKET_TOKEN to keep one"
        );
    } else if config.require_auth {
        tracing::info!("clients must show the token in WEBSOCKET_TOKEN: type it into the page");
    }
    match &config.settings_file {
        Some(file) => tracing::info!(
            "settings: {}, and the environment before it",
            file.display()
        ),
        None => {
            tracing::info!("settings: the defaults and the environment; no .zEnv in this folder")
        }
    }
    origins(config.allowed_origins.as_deref(), addr);
}

fn origins(list: Option<&[Origin]>, addr: SocketAddr) {
    match list {
        Some(list) => {
            let names: Vec<_> = list.iter().map(Origin::to_string).collect();
            tracing::info!(
                "pages that may connect: this server's own, {}",
                names.join(", ")
            );
            if list.contains(&Origin::Null) {
                tracing::warn!("null is allowed: any web site can send it from a sandboxed frame");
            }
        }
        None if addr.ip().is_loopback() => tracing::info!(
            "pages that may connect: this server's own, any of localhost:{}, and null (a \
             double-clicked file, or a sandboxed frame of any site)",
            addr.port()
        ),
        None => tracing::info!("pages that may connect: this server's own"),
    }
}

/// The addresses at which other machines reach a server that is bound there.
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
