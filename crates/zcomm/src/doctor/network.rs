//! Can a class on the same network reach a server here?
//!
//! By default nobody can: a server listens on 127.0.0.1. When it listens further, two
//! things stand between it and the class: the address that they type, and the firewall of
//! this machine. Neither can be tried from here, so both are told.

use std::net::{IpAddr, ToSocketAddrs};

use super::{
    Situation,
    finding::{Finding, bad, look, note, ok},
};

const TOPIC: &str = "network";

pub(super) fn check(situation: &Situation) -> Vec<Finding> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let addresses: Vec<_> = interfaces.iter().map(if_addrs::Interface::ip).collect();
    let port = situation.ports.first().copied();
    judge(&situation.config.host, port, &addresses, firewall())
}

/// Whether a server on this host can be reached by this machine alone.
pub(super) fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => {
            let found = (host, 0).to_socket_addrs();
            found.is_ok_and(|mut found| found.all(|one| one.ip().is_loopback()))
        }
    }
}

fn judge(
    host: &str,
    port: Option<u16>,
    addresses: &[IpAddr],
    firewall: Option<Firewall>,
) -> Vec<Finding> {
    // A server on 0.0.0.0 hears IPv4 alone.
    let v4_alone = host.parse().is_ok_and(|ip: IpAddr| ip.is_ipv4());
    let mut others: Vec<_> = addresses.iter().filter(|ip| is_for_others(ip)).collect();
    others.retain(|ip| ip.is_ipv4() || !v4_alone);
    let list: Vec<_> = others.iter().map(ToString::to_string).collect();
    let list = list.join(", ");
    if is_loopback(host) {
        let what = match others.is_empty() {
            true => "servers are for this machine only; it has no other network".to_owned(),
            false => format!("servers are for this machine only; its addresses: {list}"),
        };
        let finding = note(TOPIC, what);
        return vec![match others.is_empty() {
            true => finding,
            false => finding.fix("to let a class in: WEBSOCKET_HOST=0.0.0.0"),
        }];
    }
    if let Ok(ip) = host.parse::<IpAddr>()
        && !ip.is_unspecified()
        && !addresses.contains(&ip)
    {
        let what = format!("WEBSOCKET_HOST={host} is no address of this machine; it has {list}");
        return vec![bad(TOPIC, what).fix("take them all: WEBSOCKET_HOST=0.0.0.0")];
    }
    if others.is_empty() {
        let what = format!("WEBSOCKET_HOST={host}, but this machine is on no network");
        return vec![look(TOPIC, what).fix("join the network of the class")];
    }
    let port = port.map_or("PORT".to_owned(), |port| port.to_string());
    let what = format!("a class reaches servers on {host} at {list}, port {port}");
    let reachable = ok(TOPIC, what);
    let Some(firewall) = firewall else {
        return vec![reachable];
    };
    let what = format!("{} may keep the class out", firewall.name());
    vec![reachable, note("firewall", what).fix(firewall.open(&port))]
}

/// Not this machine alone, and not an address that works without an interface's name only.
fn is_for_others(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    }
}

#[derive(Clone, Copy, Debug)]
enum Firewall {
    Ufw,
    Firewalld,
    Windows,
    Mac,
}

impl Firewall {
    fn name(self) -> &'static str {
        match self {
            Firewall::Ufw => "ufw",
            Firewall::Firewalld => "firewalld",
            Firewall::Windows => "Windows Defender",
            Firewall::Mac => "the firewall of macOS",
        }
    }

    fn open(self, port: &str) -> String {
        match self {
            Firewall::Ufw => {
                format!("sudo ufw allow {port}/tcp    (undo: sudo ufw delete allow {port}/tcp)")
            }
            // Until it is started again: a lesson ends, too.
            Firewall::Firewalld => {
                format!("sudo firewall-cmd --add-port={port}/tcp    (until it restarts)")
            }
            Firewall::Windows => {
                "say yes when it asks at the first start, for private networks".to_owned()
            }
            Firewall::Mac => {
                "say Allow when it asks whether to accept incoming connections".to_owned()
            }
        }
    }
}

/// The one that this machine has, as far as it can be seen without rights.
fn firewall() -> Option<Firewall> {
    if cfg!(windows) {
        Some(Firewall::Windows)
    } else if cfg!(target_os = "macos") {
        Some(Firewall::Mac)
    } else if std::fs::read_to_string("/etc/ufw/ufw.conf")
        .is_ok_and(|text| text.contains("ENABLED=yes"))
    {
        Some(Firewall::Ufw)
    } else if std::path::Path::new("/run/firewalld").exists() {
        Some(Firewall::Firewalld)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    fn findings(host: &str, addresses: &[&str], firewall: Option<Firewall>) -> Vec<Finding> {
        let addresses: Vec<_> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        judge(host, Some(9000), &addresses, firewall)
    }

    #[test]
    fn a_server_for_this_machine_says_how_to_let_a_class_in() {
        let found = findings(
            "127.0.0.1",
            &["127.0.0.1", "192.168.1.20"],
            Some(Firewall::Ufw),
        );
        let [only] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(only.verdict, Verdict::Note);
        assert!(only.what.contains("192.168.1.20"), "{only:?}");
        assert!(only.fixes[0].contains("WEBSOCKET_HOST=0.0.0.0"));
    }

    #[test]
    fn a_server_for_a_class_names_the_address_and_the_firewall() {
        let found = findings(
            "0.0.0.0",
            &["127.0.0.1", "192.168.1.20"],
            Some(Firewall::Ufw),
        );
        assert_eq!(found[0].verdict, Verdict::Ok);
        assert!(found[0].what.ends_with("at 192.168.1.20, port 9000"));
        assert!(found[1].fixes[0].starts_with("sudo ufw allow 9000/tcp "));
        assert_eq!(findings("0.0.0.0", &["10.0.0.1"], None).len(), 1);
    }

    #[test]
    fn an_address_of_yesterdays_network_is_bad() {
        let found = findings("192.168.1.20", &["127.0.0.1", "10.0.0.7"], None);
        assert_eq!(found[0].verdict, Verdict::Bad);
        assert!(found[0].what.contains("it has 10.0.0.7"));
        let found = findings("10.0.0.7", &["127.0.0.1", "10.0.0.7"], None);
        assert_eq!(found[0].verdict, Verdict::Ok);
    }

    #[test]
    fn a_machine_without_a_network_can_have_no_class() {
        for alone in [&["127.0.0.1"][..], &["169.254.3.4", "fe80::1", "::1"]] {
            assert_eq!(findings("0.0.0.0", alone, None)[0].verdict, Verdict::Look);
        }
    }
}
