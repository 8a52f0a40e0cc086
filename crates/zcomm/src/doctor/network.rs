//! Can a class on the same network reach a server here?
//!
//! By default nobody can: a server listens on 127.0.0.1. When it listens further, two
//! things stand between it and the class: the address that they type, and the firewall of
//! this machine. Neither can be tried from here, so both are told.

use std::net::{IpAddr, Ipv4Addr};

use super::{
    Situation, addresses,
    finding::{Finding, bad, look, note, ok},
    firewall::{Firewall, firewall},
};

const TOPIC: &str = "network";
const TAKE_ALL: &str = "take every address: WEBSOCKET_HOST=0.0.0.0";

pub(super) fn check(situation: &Situation) -> Vec<Finding> {
    let host = &situation.config.host;
    let port = situation.ports.first().copied();
    let own = addresses::own();
    judge(host, &addresses::of(host), port, &own, firewall())
}

fn judge(
    host: &str,
    listening: &[IpAddr],
    port: Option<u16>,
    own: &[IpAddr],
    firewall: Option<Firewall>,
) -> Vec<Finding> {
    if listening.is_empty() {
        let what = format!("WEBSOCKET_HOST={host} leads nowhere");
        return vec![bad(TOPIC, what).fix(TAKE_ALL)];
    }
    let everywhere = [IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
    if addresses::are_loopback(listening) {
        let others = addresses::for_others(&everywhere, own);
        let here = "servers are for this machine only";
        return vec![match others.is_empty() {
            true => note(TOPIC, format!("{here}; it is on no other network")),
            false => note(
                TOPIC,
                format!("{here}; its address: {}", addresses::list(&others)),
            )
            .fix("to let a class in: WEBSOCKET_HOST=0.0.0.0"),
        }];
    }
    let others = addresses::for_others(listening, own);
    if others.is_empty() && listening.iter().any(IpAddr::is_unspecified) {
        let what = format!("WEBSOCKET_HOST={host}, but this machine is on no network");
        return vec![look(TOPIC, what).fix("join the network of the class")];
    }
    if !listening
        .iter()
        .any(|ip| ip.is_unspecified() || own.contains(ip))
    {
        let own = addresses::list(&addresses::for_others(&everywhere, own));
        let what = format!("WEBSOCKET_HOST={host} is no address of this machine: it has {own}");
        return vec![bad(TOPIC, what).fix(TAKE_ALL)];
    }
    let port = port.map_or("PORT".to_owned(), |port| port.to_string());
    let list = addresses::list(&others);
    let reachable = ok(
        TOPIC,
        format!("a class reaches servers at {list}, port {port}"),
    );
    let Some(firewall) = firewall else {
        return vec![reachable];
    };
    let what = format!("{} may keep the class out", firewall.name());
    vec![reachable, note("firewall", what).fix(firewall.open(&port))]
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    fn findings(host: &str, own: &[&str], firewall: Option<Firewall>) -> Vec<Finding> {
        let own: Vec<_> = own.iter().map(|ip| ip.parse().unwrap()).collect();
        let listening = host.parse().into_iter().collect::<Vec<_>>();
        judge(host, &listening, Some(9000), &own, firewall)
    }

    #[test]
    fn a_server_for_this_machine_says_how_to_let_a_class_in() {
        let own = ["127.0.0.1", "192.168.1.20"];
        let found = findings("127.0.0.1", &own, Some(Firewall::Ufw));
        let [only] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(only.verdict, Verdict::Note);
        assert!(only.what.contains("192.168.1.20"), "{only:?}");
        assert!(only.fixes[0].contains("WEBSOCKET_HOST=0.0.0.0"));
        assert_eq!(findings("::1", &["::1"], None)[0].fixes.len(), 0);
    }

    #[test]
    fn a_server_for_a_class_names_the_address_and_the_firewall() {
        let own = ["127.0.0.1", "192.168.1.20"];
        let found = findings("0.0.0.0", &own, Some(Firewall::Ufw));
        assert_eq!(found[0].verdict, Verdict::Ok);
        assert!(found[0].what.ends_with("at 192.168.1.20, port 9000"));
        assert!(found[1].fixes[0].starts_with("sudo ufw allow 9000/tcp "));
        assert_eq!(findings("0.0.0.0", &["10.0.0.1"], None).len(), 1);
    }

    #[test]
    fn an_address_of_yesterdays_network_is_bad() {
        let found = findings("192.168.1.20", &["127.0.0.1", "10.0.0.7"], None);
        assert_eq!(found[0].verdict, Verdict::Bad);
        assert!(found[0].what.ends_with("it has 10.0.0.7"));
        let found = findings("10.0.0.7", &["127.0.0.1", "10.0.0.7"], None);
        assert_eq!(found[0].verdict, Verdict::Ok);
        let found = findings("board.local", &["10.0.0.7"], None);
        assert_eq!(found[0].what, "WEBSOCKET_HOST=board.local leads nowhere");
        assert_eq!(found[0].verdict, Verdict::Bad);
    }

    #[test]
    fn a_machine_without_a_network_can_have_no_class() {
        for alone in [&["127.0.0.1"][..], &["169.254.3.4", "fe80::1", "::1"]] {
            assert_eq!(findings("0.0.0.0", alone, None)[0].verdict, Verdict::Look);
        }
    }
}
