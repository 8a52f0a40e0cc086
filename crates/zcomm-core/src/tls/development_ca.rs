//! A certificate authority for one machine: small, short-lived, and good for nothing else.
//!
//! A browser believes a certificate when somebody it trusts has signed it. For `localhost`
//! nobody in the world may do that, so development needs an authority of its own. One that
//! a learner is asked to trust must not be able to hurt: the key of an ordinary authority,
//! copied from a laptop, could sign for every bank. This one carries *name constraints*
//! (RFC 5280 section 4.2.1.10): it can sign for this machine, and a browser believes
//! nothing else it signs.
//!
//! The authority signs servers and is none: a certificate that signs itself and calls
//! itself an authority, as many recipes make it, is refused by strict clients even where
//! it is trusted.
//!
//! Production asks an authority that everybody trusts (Let's Encrypt, by the ACME
//! protocol), or runs one with its key in hardware.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use data_encoding::HEXLOWER;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::pki_types::DnsName;
use time::OffsetDateTime;

use crate::tls::{
    certificate::Certificate,
    error::{CertificateError, Result},
};

/// The names of this machine for itself; every leaf has them.
pub const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// What every authority made here is limited to, beside its hosts: one limit for each kind
/// of name, because a kind without a limit is free (RFC 5280 section 4.2.1.10).
const OWN_LIMITS: [&str; 3] = ["localhost", "127.0.0.0/8", "::1/128"];

/// How long an authority lives: a term of lessons.
const CA_DAYS: u32 = 180;
/// How long a server's certificate lives. Short, because renewing it is one command.
const LEAF_DAYS: u32 = 30;
/// Clocks in a classroom differ: a new certificate is valid from a bit earlier on.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// An authority that can sign for this machine.
pub struct DevelopmentCa {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    certificate: Certificate,
}

/// A certificate and its private key, in PEM. It has no `Debug`, because a key must not be
/// printed by accident.
#[derive(Clone)]
pub struct PemPair {
    /// The certificate: public, to be shown to everybody.
    pub certificate: String,
    /// The private key: whoever has it can pose as the names in the certificate.
    pub key: String,
}

impl DevelopmentCa {
    /// Makes an authority that may sign for loopback and for `hosts`, names or addresses,
    /// and for nothing else. A name stands for the names below it, too: `board.local` allows
    /// `a.board.local`.
    ///
    /// # Errors
    /// [`CertificateError::Invalid`] for what is no [`host`](DevelopmentCa::host).
    pub fn new(hosts: &[String]) -> Result<DevelopmentCa> {
        let hosts = hosts.iter().map(|text| {
            DevelopmentCa::host(text)
                .map_err(|reason| CertificateError::Invalid(format!("{text:?}: {reason}")))
        });
        let mut hosts = hosts.collect::<Result<Vec<_>>>()?;
        // Two authorities of the same name and different keys confuse trust stores.
        let mut number = [0; 3];
        getrandom::fill(&mut number)
            .map_err(|error| CertificateError::Invalid(format!("no random bytes: {error}")))?;
        let number = HEXLOWER.encode(&number);
        let mut params = CertificateParams::default();
        let name = format!("zComm development CA {number}");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let mut permitted = vec![
            GeneralSubtree::DnsName("localhost".into()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
            single(Ipv6Addr::LOCALHOST.into()),
        ];
        hosts.retain(|host| !LOOPBACK_NAMES.contains(&host.as_str()));
        hosts.sort();
        hosts.dedup();
        permitted.extend(hosts.iter().map(|host| match host.parse::<IpAddr>() {
            Ok(ip) => single(ip),
            Err(_) => GeneralSubtree::DnsName(host.clone()),
        }));
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: permitted,
            excluded_subtrees: Vec::new(),
        });
        (params.not_before, params.not_after) = from_now(CA_DAYS);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        DevelopmentCa::assemble(pem, key)
    }

    /// The authority of an earlier run, from its files' contents.
    ///
    /// # Errors
    /// [`CertificateError::Invalid`] when they are not an authority and its key, or when it is not
    /// limited as those made here are: one that could sign for the whole world has no place
    /// in a folder of development certificates.
    pub fn from_pem(pair: &PemPair) -> Result<DevelopmentCa> {
        // Without the reader's words: they may repeat what it read, and this is a key.
        let damaged = |_| CertificateError::Invalid("its key is damaged, or is none".into());
        let key = KeyPair::from_pem(&pair.key).map_err(damaged)?;
        DevelopmentCa::assemble(pair.certificate.clone(), key)
    }

    fn assemble(pem: String, key: KeyPair) -> Result<DevelopmentCa> {
        let first = Certificate::from_pem(pem.as_bytes()).map(|mut chain| chain.swap_remove(0));
        let certificate = first.map_err(CertificateError::Invalid)?;
        if !certificate.is_authority() {
            return Err(CertificateError::Invalid(
                "is no certificate authority".into(),
            ));
        }
        if certificate.public_key != key.public_key_raw() {
            return Err(CertificateError::Invalid(
                "the key belongs to another one".into(),
            ));
        }
        let limits = certificate.permitted_names();
        let limited = |own: &&str| limits.iter().any(|limit| limit == own);
        if !OWN_LIMITS.iter().all(limited) {
            return Err(CertificateError::Invalid(match limits.is_empty() {
                true => "could sign for the whole world: it has no name constraints".into(),
                false => format!(
                    "is not limited to this machine (name constraints: {})",
                    limits.join(", ")
                ),
            }));
        }
        let issuer = Issuer::from_ca_cert_pem(&pem, key)?;
        Ok(DevelopmentCa {
            issuer,
            pem,
            certificate,
        })
    }

    /// What clients have to trust. Public.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The authority itself, to be kept for the next leaf.
    #[must_use]
    pub fn pem(&self) -> PemPair {
        PemPair {
            certificate: self.pem.clone(),
            key: self.issuer.key().serialize_pem(),
        }
    }

    /// A name or an address that clients can ask for, as they write it; the error is the
    /// reason. An IPv6 address may stand in brackets, as in a URL.
    ///
    /// # Errors
    /// For what TLS libraries take for no name (a label of 64 characters, a hyphen at its
    /// end), and for what browsers take for an address though it is none, such as `127.1`.
    pub fn host(text: &str) -> Result<String, &'static str> {
        const EXPECTED: &str = "expected a name or an address, e.g. board.local or 192.168.1.20";
        let bracketed = text.strip_prefix('[').map(|rest| rest.strip_suffix(']'));
        let address = match bracketed {
            Some(inside) => {
                let v6 = inside.and_then(|inside| inside.parse::<Ipv6Addr>().ok());
                Some(v6.ok_or(EXPECTED)?.into())
            }
            None => text.parse::<IpAddr>().ok(),
        };
        if let Some(address) = address {
            return match address.is_unspecified() {
                true => Err("this stands for every address: name the one that others type"),
                false => Ok(address.to_string()),
            };
        }
        if text.len() > 1 && text.ends_with('.') {
            return Err("without the dot at its end: certificates have none");
        }
        // WHATWG URL, "ends in a number": browsers then read all of it as an IPv4 address.
        let last = text.rsplit('.').next().unwrap_or_default();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
        if digits(last)
            || last
                .to_ascii_lowercase()
                .strip_prefix("0x")
                .is_some_and(hex)
        {
            return Err(
                "ends in a number, so it is an address gone wrong: four numbers from 0 \
                        to 255, without zeros before them, e.g. 192.168.1.20",
            );
        }
        let name = DnsName::try_from(text).map_err(|_| EXPECTED)?;
        Ok(name.as_ref().to_ascii_lowercase())
    }

    /// The names and addresses it was made for: those of this machine for itself, and the
    /// hosts it may sign for besides.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        let mut hosts = LOOPBACK_NAMES.map(str::to_owned).to_vec();
        for limit in self.certificate.permitted_names() {
            let host = match limit.split_once('/') {
                Some((ip, "32")) if !ip.contains(':') => ip,
                Some((ip, "128")) => ip,
                // A network names no host.
                Some(_) => continue,
                None => limit,
            };
            match DevelopmentCa::host(host) {
                Ok(host) if !hosts.contains(&host) => hosts.push(host),
                _ => {}
            }
        }
        hosts
    }

    /// Whether it may sign for this name or address, as one of its own. (By the rules it may
    /// for the names below one of its own as well.)
    #[must_use]
    pub fn may_sign_for(&self, host: &str) -> bool {
        let known = self.hosts();
        is_loopback(host) || known.iter().any(|name| name.eq_ignore_ascii_case(host))
    }

    /// A new key with a certificate for these names and addresses, valid for 30 days from
    /// now.
    ///
    /// # Errors
    /// [`CertificateError::Invalid`] for a name that no certificate can hold. A name outside the
    /// authority's constraints is signed here, and refused by every client.
    pub fn issue<S: AsRef<str>>(&self, names: &[S]) -> Result<PemPair> {
        let (start, end) = from_now(LEAF_DAYS);
        self.sign(names, start, end)
    }

    /// The same for 30 days that end in so many days, or ended so many days ago: to see
    /// what clients say to that.
    ///
    /// # Errors
    /// As [`issue`](DevelopmentCa::issue).
    pub fn issue_ending_in<S: AsRef<str>>(&self, names: &[S], days: i32) -> Result<PemPair> {
        let end = OffsetDateTime::now_utc() + time::Duration::days(days.into());
        self.sign(names, end - LEAF_DAYS * DAY, end)
    }

    fn sign<S: AsRef<str>>(
        &self,
        names: &[S],
        not_before: OffsetDateTime,
        not_after: OffsetDateTime,
    ) -> Result<PemPair> {
        let names: Vec<_> = names.iter().map(|name| name.as_ref().to_owned()).collect();
        let first = names.first().cloned().unwrap_or_default();
        // Turns each name into a DNS name or an address.
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, first);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (not_before, not_after);
        let key = KeyPair::generate()?;
        Ok(PemPair {
            certificate: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    address.map_or(host == "localhost", |ip| ip.is_loopback())
}

/// The network that is this one address.
fn single(ip: IpAddr) -> GeneralSubtree {
    let bits = if ip.is_ipv4() { 32 } else { 128 };
    GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(ip, bits))
}

fn from_now(days: u32) -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::now_utc();
    (now - CLOCK_SKEW, now + days * DAY)
}

impl From<rcgen::Error> for CertificateError {
    fn from(error: rcgen::Error) -> CertificateError {
        CertificateError::Invalid(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(pem: &str) -> Certificate {
        Certificate::from_pem(pem.as_bytes())
            .unwrap()
            .swap_remove(0)
    }

    #[test]
    fn an_authority_may_sign_for_this_machine_and_the_hosts_it_is_made_for() {
        let ca = DevelopmentCa::new(&["board.local".into(), "192.168.1.20".into()]).unwrap();
        let limits = [
            "localhost",
            "127.0.0.0/8",
            "::1/128",
            "192.168.1.20/32",
            "board.local",
        ];
        assert_eq!(ca.certificate().permitted_names(), limits);
        for (host, may) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("localhost", true),
            ("Board.local", true),
            ("192.168.1.20", true),
            ("192.168.1.21", false),
            ("oard.local", false),
            ("bank.example", false),
        ] {
            assert_eq!(ca.may_sign_for(host), may, "{host}");
        }
    }

    #[test]
    fn a_host_is_what_every_client_takes_for_one() {
        for (text, host) in [
            ("Board.Local", "board.local"),
            ("laptop_3", "laptop_3"),
            ("1and1.example", "1and1.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("192.168.1.20", "192.168.1.20"),
            ("[FD00::1]", "fd00::1"),
            ("fd00:0::1", "fd00::1"),
        ] {
            assert_eq!(DevelopmentCa::host(text), Ok(host.to_owned()));
        }
        let long = format!("{}.local", "a".repeat(64));
        for text in [
            "",
            ".",
            "..",
            "-",
            "a-",
            "-a",
            ".com",
            "a..b",
            "localhost.",
            "*.local",
            "a b",
            "a:80",
            "ä.local",
            "[192.168.1.20]",
            "[board.local]",
            "[::1",
            "::1]",
            "fe80::1%eth0",
            &long,
            "0.0.0.0",
            "::",
            "127.1",
            "1",
            "192.168.1.020",
            "192.168.1.256",
            "0x7f.1",
            "1.0x7F",
            "0x7f",
            "1.0x",
        ] {
            assert!(DevelopmentCa::host(text).is_err(), "{text:?}");
        }
        assert!(
            DevelopmentCa::host("127.1")
                .unwrap_err()
                .contains("an address gone wrong")
        );
        assert!(DevelopmentCa::new(&["127.1".into()]).is_err());
    }

    #[test]
    fn its_hosts_are_those_it_was_made_for() {
        let ca = DevelopmentCa::new(&["b.local".into(), "::1".into(), "127.0.0.2".into()]);
        let hosts = ["localhost", "127.0.0.1", "::1", "127.0.0.2", "b.local"];
        assert_eq!(ca.unwrap().hosts(), hosts);
    }

    #[test]
    fn one_that_could_sign_for_others_is_not_kept() {
        let limits = |names: &[&str]| NameConstraints {
            permitted_subtrees: names
                .iter()
                .map(|name| GeneralSubtree::DnsName((*name).into()))
                .collect(),
            excluded_subtrees: Vec::new(),
        };
        for (constraints, reason) in [
            (None, "the whole world"),
            // Free to sign for any address.
            (Some(limits(&["localhost"])), "not limited to this machine"),
        ] {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.name_constraints = constraints;
            let key = KeyPair::generate().unwrap();
            let pair = PemPair {
                certificate: params.self_signed(&key).unwrap().pem(),
                key: key.serialize_pem(),
            };
            let Err(error) = DevelopmentCa::from_pem(&pair) else {
                panic!("kept")
            };
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn a_leaf_is_for_its_names_and_for_no_signing() {
        let ca = DevelopmentCa::new(&[]).unwrap();
        let leaf = first(&ca.issue(&LOOPBACK_NAMES).unwrap().certificate);
        assert_eq!(leaf.names(), LOOPBACK_NAMES);
        assert_eq!(leaf.issuer(), ca.certificate().subject());
        assert!(!leaf.is_authority());
        assert_eq!(leaf.problems(), [""; 0]);
        let expired = first(&ca.issue_ending_in(&LOOPBACK_NAMES, -1).unwrap().certificate);
        assert!(expired.is_expired());
    }

    #[test]
    fn an_authority_is_the_same_after_it_was_kept() {
        let ca = DevelopmentCa::new(&[]).unwrap();
        let again = DevelopmentCa::from_pem(&ca.pem()).unwrap();
        assert_eq!(
            again.certificate().fingerprint(),
            ca.certificate().fingerprint()
        );
        assert_eq!(again.pem().key, ca.pem().key);
        let leaf = ca.issue(&LOOPBACK_NAMES).unwrap();
        assert!(
            DevelopmentCa::from_pem(&leaf).is_err(),
            "a leaf is no authority"
        );
        let others_key = DevelopmentCa::new(&[]).unwrap().pem().key;
        let mixed = PemPair {
            key: others_key,
            ..ca.pem()
        };
        assert!(
            DevelopmentCa::from_pem(&mixed).is_err(),
            "the key of another one"
        );
    }
}
