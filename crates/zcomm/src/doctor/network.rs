//! Can other machines on the network reach a server here?
//!
//! By default, a server listens only on 127.0.0.1, so other machines cannot reach the server.
//! If the server listens on more addresses, the students of a class must type the right
//! address, and the firewall must allow the port. A program on this machine cannot test
//! whether other machines reach the server. So the doctor shows the addresses and the
//! firewall.

use std::net::{IpAddr, Ipv4Addr};

use super::{
    addresses,
    finding::{Finding, error, note, ok, warning},
    firewall::{Firewall, firewall},
    situation::Situation,
};

const ALL_ADDRESSES: &str = "listen on all addresses: WEBSOCKET_HOST=0.0.0.0";

pub(super) fn check(situation: &Situation) -> Finding {
    let host = &situation.config.host;
    let port = situation.ports.first().filter(|port| **port > 0);
    let own = addresses::own();
    judge(host, addresses::of(host), port.copied(), &own, firewall())
}

fn judge(
    host: &str,
    listening: Option<IpAddr>,
    port: Option<u16>,
    own: &[IpAddr],
    firewall: Option<Firewall>,
) -> Finding {
    let Some(listening) = listening else {
        // Do not show the value: the user may have written a token into this setting by mistake.
        let what = "the name in WEBSOCKET_HOST does not resolve to an address";
        return error(what).fix(ALL_ADDRESSES);
    };
    let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let possible = addresses::list(&addresses::for_others(everywhere, own));
    if listening.is_loopback() {
        let here = "only this machine can reach its servers";
        return match possible.is_empty() {
            true => note(format!(
                "{here}; this machine is not connected to a network"
            )),
            false => note(format!("{here}; its address: {possible}"))
                .fix("to let a class in: WEBSOCKET_HOST=0.0.0.0"),
        };
    }
    let reached = addresses::for_others(listening, own);
    if !reached.is_empty() {
        return reachable(&reached, port, firewall);
    }
    match listening.is_unspecified() || own.contains(&listening) {
        true => warning(format!(
            "WEBSOCKET_HOST={host}, but this machine is not connected to a network"
        ))
        .fix("join the network of the class"),
        false => error(format!(
            "WEBSOCKET_HOST={host} is not an address of this machine: it has {possible}"
        ))
        .fix(ALL_ADDRESSES),
    }
}

fn reachable(ips: &[IpAddr], port: Option<u16>, firewall: Option<Firewall>) -> Finding {
    let port = port.map_or("PORT".to_owned(), |port| port.to_string());
    let list = addresses::list(ips);
    let reachable = ok(format!("a class reaches servers at {list}, port {port}"));
    match firewall {
        None => reachable,
        Some((name, open)) => {
            let open = open.replace("PORT", &port);
            reachable.fix(format!("if {name} blocks it: {open}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{finding::Verdict, firewall::UFW};
    use super::*;

    fn judged(host: &str, own: &[&str], firewall: Option<Firewall>) -> Finding {
        let own: Vec<_> = own.iter().map(|ip| ip.parse().unwrap()).collect();
        judge(host, host.parse().ok(), Some(9000), &own, firewall)
    }

    #[test]
    fn a_server_for_this_machine_says_how_to_let_a_class_in() {
        let found = judged("127.0.0.1", &["127.0.0.1", "192.168.1.20"], Some(UFW));
        assert_eq!(found.verdict, Verdict::Note);
        assert!(found.what.contains("192.168.1.20"), "{found:?}");
        assert!(found.fixes[0].contains("WEBSOCKET_HOST=0.0.0.0"));
        assert_eq!(judged("::1", &["::1"], None).fixes.len(), 0);
    }

    #[test]
    fn a_server_for_a_class_names_the_address_and_the_firewall() {
        let found = judged("0.0.0.0", &["127.0.0.1", "192.168.1.20"], Some(UFW));
        assert_eq!(found.verdict, Verdict::Ok);
        assert!(found.what.ends_with("at 192.168.1.20, port 9000"));
        let fix = "if ufw blocks it: sudo ufw allow 9000/tcp ";
        assert!(found.fixes[0].starts_with(fix), "{found:?}");
        assert_eq!(judged("0.0.0.0", &["10.0.0.1"], None).fixes.len(), 0);
    }

    #[test]
    fn an_address_of_yesterdays_network_is_an_error() {
        let found = judged("192.168.1.20", &["127.0.0.1", "10.0.0.7"], None);
        assert_eq!(found.verdict, Verdict::Error);
        assert!(found.what.ends_with("it has 10.0.0.7"));
        let found = judged("10.0.0.7", &["127.0.0.1", "10.0.0.7"], None);
        assert_eq!(found.verdict, Verdict::Ok);
        let found = judged("board.local", &["10.0.0.7"], None);
        assert_eq!(
            found.what,
            "the name in WEBSOCKET_HOST does not resolve to an address"
        );
        assert_eq!(found.verdict, Verdict::Error);
    }

    #[test]
    fn a_machine_without_a_network_can_have_no_class() {
        for alone in [&["127.0.0.1"][..], &["169.254.3.4", "fe80::1", "::1"]] {
            assert_eq!(judged("0.0.0.0", alone, None).verdict, Verdict::Warning);
        }
        let link_local = judged("169.254.3.4", &["169.254.3.4"], None);
        assert_eq!(link_local.verdict, Verdict::Warning);
    }
}
