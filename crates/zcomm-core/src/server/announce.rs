//! The first log lines of every server: its address, what to open, and who may connect.
//!
//! This file also logs a warning about each dangerous setting.
//!
//! The link to the page may contain a token that was made for this run. This token is in the
//! fragment (`#…`), which a browser never sends to a server. Only these first lines show the
//! token.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::lookup_host;

use crate::{
    access::origin::Origin,
    http::page::Page,
    program::logging::ALWAYS,
    server::memory::check_memory,
    settings::config::Config,
    text::{hidden::hide, shown::listed},
    tls::{identity::Identity, pem::make_certificates},
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
    address(config, addr, page, new_token).await;
    if !addr.ip().is_loopback() {
        network(config, addr, page.map(|_| fragment.as_str()));
    }
    token(config, page.is_some(), new_token.is_some());
    check_memory(config);
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
    if let Some(token) = new_token {
        hide(token);
    }
}

/// Logs the address of the server, and what to open.
async fn address(config: &Config, addr: SocketAddr, page: Option<Page>, new_token: Option<&str>) {
    let here = reached_from_here(addr);
    let page_host = match is_localhost(config, here).await {
        true => format!("localhost:{}", here.port()),
        false => here.to_string(),
    };
    let line = first_line(config, addr, &page_host, page, new_token);
    tracing::info!(target: ALWAYS, "{line}");
    if here.ip().is_loopback() && page_host == here.to_string() {
        warn_of_name(config, here.ip());
    }
}

/// Returns the first log line: the address of the server, and the link to open. A server
/// without a page has a command to connect instead of a link. Only a space or the end of the
/// line follows a link, because most programs read a link up to the next space.
fn first_line(
    config: &Config,
    addr: SocketAddr,
    page_host: &str,
    page: Option<Page>,
    new_token: Option<&str>,
) -> String {
    let (ws, http) = schemes(config);
    let here = reached_from_here(addr);
    if page.is_none() {
        let option = new_token.map(|token| format!(" --token {token}"));
        let option = option.unwrap_or_default();
        return format!(
            "listening on {ws}://{here}/ - to connect: cargo run --bin zcomm -- connect {ws}://{here}/{option}"
        );
    }
    let double_click = |page: Page| {
        let known = page.address.starts_with(&format!("{ws}://"))
            && page.address.ends_with(&format!(":{}/", addr.port()));
        let then = if known { "" } else { " and type this address" };
        format!(" or double-click {}{then}", page.file)
    };
    let file = page.filter(|_| allows_double_click(config, addr));
    let file = file.map(double_click).unwrap_or_default();
    let fragment = new_token.map(|token| format!("#token={token}"));
    let fragment = fragment.unwrap_or_default();
    format!("listening on {ws}://{here}/ - open {http}://{page_host}/{fragment}{file}")
}

/// Whether the link to the page uses the name `localhost`. Returns true if the certificate is
/// for `localhost`, and `localhost` means this address. (On many systems, `localhost` does not
/// mean `::1`.) A browser saves an exception for a certificate under one host name, so every
/// link should have the same name.
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
             {} --host {ip}",
            make_certificates()
        );
    }
}

/// Logs the addresses for other machines, and whether other machines need a token. `fragment` is
/// the `#…` part of the link to the page; `None` without a page.
fn network(config: &Config, addr: SocketAddr, fragment: Option<&str>) {
    let (ws, http) = schemes(config);
    for ip in network_addresses(addr.ip()) {
        let other = SocketAddr::new(ip, addr.port());
        match fragment {
            Some(fragment) => {
                tracing::info!(target: ALWAYS, "on your network: {http}://{other}/{fragment}");
            }
            None => tracing::info!(target: ALWAYS, "on your network: {ws}://{other}/"),
        }
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

/// Logs whether a client needs a token, and where to find the token, but not the token itself.
fn token(config: &Config, has_page: bool, is_new: bool) {
    if !config.require_auth {
        // Always show this line: a user may believe that the server asks for a token.
        tracing::info!(target: ALWAYS, "{}", without_token(config));
    } else if is_new {
        let place = if has_page { "link" } else { "command" };
        tracing::info!(
            "this server made the token in this {place} for this run; set WEBSOCKET_TOKEN to use the same token every time"
        );
    } else {
        let token = match (&config.token, config.tokens.is_empty()) {
            (Some(_), true) => "the token in WEBSOCKET_TOKEN",
            (Some(_), false) => "the token in WEBSOCKET_TOKEN, or their own from WEBSOCKET_TOKENS",
            (None, _) => "their own token from WEBSOCKET_TOKENS",
        };
        let how = if has_page {
            ": type it into the page"
        } else {
            ""
        };
        tracing::info!("clients must show {token}{how}");
    }
}

/// Says that clients need no token. If the settings contain a token, says that this token has
/// no effect.
fn without_token(config: &Config) -> String {
    let (unused, asks) = match (&config.token, config.tokens.is_empty()) {
        (Some(_), true) => ("WEBSOCKET_TOKEN is set, but ", "it"),
        (Some(_), false) => ("WEBSOCKET_TOKEN and WEBSOCKET_TOKENS are set, but ", "them"),
        (None, false) => ("WEBSOCKET_TOKENS is set, but ", "them"),
        (None, true) => ("", "one"),
    };
    format!(
        "{unused}no token is needed: every program that reaches this address may connect; \
         WEBSOCKET_REQUIRE_AUTH=true asks for {asks}"
    )
}

/// The schemes of the WebSocket and of its page.
pub(crate) fn schemes(config: &Config) -> (&'static str, &'static str) {
    match config.tls {
        Some(_) => ("wss", "https"),
        None => ("ws", "http"),
    }
}

/// The address for a client on this machine. A server at `0.0.0.0` or `::` listens at all
/// addresses of the machine. For such a server, returns the loopback address.
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
    // A browser cannot open a link-local address of IPv6, because this address must contain
    // the network interface (`fe80::1%eth0`).
    let link_local = |ip: &IpAddr| match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    addresses
        .filter(|ip| !ip.is_loopback() && !link_local(ip) && (ip.is_ipv4() || bound.is_ipv6()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page = Page {
        file: "clients/x.html",
        address: "ws://127.0.0.1:8765/",
        html: "",
        assets: &[],
        more: |_| None,
    };

    fn line(page: Option<Page>, port: u16, token: Option<&str>) -> String {
        let addr = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        first_line(&Config::default(), addr, &addr.to_string(), page, token)
    }

    /// Most programs read a link up to the next space.
    #[test]
    fn a_link_is_followed_by_a_blank_or_the_end_of_the_line() {
        for (page, port, token, printed) in [
            (
                Some(PAGE),
                8765,
                None,
                "open http://127.0.0.1:8765/ or double-click clients/x.html",
            ),
            (
                Some(PAGE),
                8765,
                Some("t"),
                "open http://127.0.0.1:8765/#token=t or double-click",
            ),
            (
                Some(PAGE),
                9000,
                None,
                "http://127.0.0.1:9000/ or double-click clients/x.html and type",
            ),
        ] {
            assert!(line(page, port, token).contains(printed), "{printed}");
        }
    }

    #[test]
    fn a_server_for_everybody_says_whether_it_has_a_token_that_it_does_not_ask_for() {
        let token = || crate::access::token::Token::new("a-token-of-24-characters").ok();
        let tokens = crate::settings::parse::named_tokens("ada:a-token-of-ada-herself").unwrap();
        let open = "no token is needed: every program that reaches this address may connect; \
                    WEBSOCKET_REQUIRE_AUTH=true asks for ";
        for (token, tokens, before, after) in [
            (None, Vec::new(), "", "one"),
            (token(), Vec::new(), "WEBSOCKET_TOKEN is set, but ", "it"),
            (
                None,
                tokens.clone(),
                "WEBSOCKET_TOKENS is set, but ",
                "them",
            ),
            (
                token(),
                tokens,
                "WEBSOCKET_TOKEN and WEBSOCKET_TOKENS are set, but ",
                "them",
            ),
        ] {
            let config = Config {
                token,
                tokens,
                ..Config::default()
            };
            assert_eq!(without_token(&config), format!("{before}{open}{after}"));
        }
    }

    /// Without a page, a link would lead to an error page.
    #[test]
    fn a_server_without_a_page_prints_a_command_and_no_link() {
        let plain = line(None, 8765, None);
        assert!(
            plain.ends_with("-- connect ws://127.0.0.1:8765/"),
            "{plain}"
        );
        let with_token = line(None, 8765, Some("t"));
        assert!(
            with_token.ends_with("ws://127.0.0.1:8765/ --token t"),
            "{with_token}"
        );
        assert!(!with_token.contains("http://"), "{with_token}");
    }
}
