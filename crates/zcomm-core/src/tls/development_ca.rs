//! A certificate authority for one machine, limited in its names and valid for half a year.
//!
//! A browser trusts a certificate that a known authority has signed. No public authority may
//! sign for `localhost`, so development needs its own authority.
//!
//! A learner must be able to trust this authority without risk. If a thief stole the key of an
//! ordinary authority, the thief could sign certificates for every bank. So this authority has
//! *name constraints* (RFC 5280 section 4.2.1.10): browsers accept a certificate of this
//! authority only if the certificate is for this machine.
//!
//! The authority and the server have different certificates. Many recipes make one certificate
//! for both, but strict clients refuse this certificate, even if the user trusts it.
//!
//! In production, the certificate comes from a public authority (Let's Encrypt, by the ACME
//! protocol), or from the company's own authority. A company's authority stores its key in special
//! hardware.

use std::{
    net::{IpAddr, Ipv6Addr},
    path::Path,
};

use data_encoding::HEXLOWER;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use time::{Duration, OffsetDateTime};

use crate::tls::{
    certificate::Certificate,
    error::{CertificateError, Result},
    formats::not_a_key,
    host::host,
};

/// The names by which a machine reaches itself.
pub const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The constraints that every new authority has, in addition to its hosts. There is one
/// constraint for each kind of name (DNS name, IPv4, IPv6), because a kind without a constraint
/// is not limited (RFC 5280 section 4.2.1.10).
const OWN_LIMITS: [&str; 3] = ["localhost", "127.0.0.0/8", "::1/128"];

const CA_DAYS: i32 = 180;
/// The lifetime of a server's certificate. The lifetime is short, because one command makes a
/// new certificate.
const LEAF_DAYS: i32 = 30;
/// A new certificate starts one hour in the past, because the clocks in a classroom differ.
const CLOCK_SKEW: Duration = Duration::HOUR;

/// A certificate authority that can sign for this machine.
pub struct DevelopmentCa {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    certificate: Certificate,
}

/// A certificate and its private key as PEM. This type has no `Debug`, so a key cannot be
/// printed by accident.
#[derive(Clone)]
pub struct PemPair {
    /// The certificate, which is public.
    pub certificate: String,
    /// The private key. A program that has this key can pretend to be the server.
    pub key: String,
}

impl DevelopmentCa {
    /// Makes an authority that may sign only for loopback and for `hosts` (names or addresses).
    /// A name includes its subdomains: `board.local` also allows `a.board.local`.
    ///
    /// # Errors
    /// [`CertificateError::Invalid`] if [`host`](DevelopmentCa::host) does not accept one of
    /// the `hosts`.
    pub fn new(hosts: &[String]) -> Result<DevelopmentCa> {
        // Put a random number into the name: two authorities with the same name and different
        // keys confuse trust stores.
        let mut number = [0; 3];
        getrandom::fill(&mut number)
            .map_err(|error| CertificateError::Invalid(format!("no random bytes: {error}")))?;
        let name = format!("zComm development CA {}", HEXLOWER.encode(&number));
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: permitted(hosts)?,
            excluded_subtrees: Vec::new(),
        });
        (params.not_before, params.not_after) = validity(CA_DAYS, CA_DAYS);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        DevelopmentCa::assemble(pem, key)
    }

    /// Reads the authority that an earlier run has saved.
    ///
    /// # Errors
    /// [`CertificateError::Invalid`] if the texts are not an authority and its key, or if the
    /// name constraints for this machine are missing. An authority that can sign for every name
    /// does not belong in a folder of development certificates.
    pub fn from_pem(pair: &PemPair) -> Result<DevelopmentCa> {
        // Do not show the parser's own message: it can repeat a part of the key.
        let damaged = |_| {
            let known = not_a_key(Path::new("ca.key"), pair.key.as_bytes());
            let reason = known.map_or("is damaged, or is not a private key".into(), |e| e.reason);
            CertificateError::Invalid(format!("its key {reason}"))
        };
        let key = KeyPair::from_pem(&pair.key).map_err(damaged)?;
        DevelopmentCa::assemble(pair.certificate.clone(), key)
    }

    fn assemble(pem: String, key: KeyPair) -> Result<DevelopmentCa> {
        let chain = Certificate::from_pem(pem.as_bytes()).map_err(CertificateError::Invalid)?;
        let certificate = chain.into_iter().next();
        let certificate = certificate.filter(Certificate::is_authority);
        let Some(certificate) = certificate else {
            return Err(CertificateError::Invalid(
                "is not a certificate authority".into(),
            ));
        };
        if certificate.public_key != key.public_key_raw() {
            return Err(CertificateError::Invalid(
                "the key belongs to another certificate".into(),
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

    /// Returns a host in the form that clients use: a name in lower case, or an address. The
    /// text of an IPv6 address may have brackets, as in a URL.
    ///
    /// # Errors
    /// Why the text is refused. For example, clients read `127.1` in different ways, and no
    /// part of a name may have more than 63 characters or end with a hyphen.
    pub fn host(text: &str) -> Result<String, &'static str> {
        host(text)
    }

    /// The certificate that clients must trust. It is public.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The certificate and the private key of the authority as PEM. A program can store them,
    /// and use them later to sign other certificates.
    #[must_use]
    pub fn pem(&self) -> PemPair {
        PemPair {
            certificate: self.pem.clone(),
            key: self.issuer.key().serialize_pem(),
        }
    }

    /// The names and addresses that the authority was made for: the loopback names, and the
    /// hosts that were given to [`new`](DevelopmentCa::new).
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        let mut hosts = LOOPBACK_NAMES.map(str::to_owned).to_vec();
        for limit in self.certificate.permitted_names() {
            let text = match limit.split_once('/') {
                Some((ip, "32")) if !ip.contains(':') => ip,
                Some((ip, "128")) => ip,
                // A network is not a host, so skip it.
                Some(_) => continue,
                None => limit,
            };
            match host(text) {
                Ok(host) if !hosts.contains(&host) => hosts.push(host),
                _ => {}
            }
        }
        hosts
    }

    /// Whether this name or address is one of the authority's hosts. (The name constraints also
    /// allow the subdomains of a host.)
    #[must_use]
    pub fn may_sign_for(&self, host: &str) -> bool {
        let known = self.hosts();
        is_loopback(host) || known.iter().any(|name| name.eq_ignore_ascii_case(host))
    }

    /// Makes a key and a certificate for these names and addresses, valid for 30 days from now.
    ///
    /// # Errors
    /// [`CertificateError::Invalid`] if a certificate cannot contain one of the names. A name
    /// outside the constraints is not an error here, but every client refuses a certificate
    /// with this name.
    pub fn issue<S: AsRef<str>>(&self, names: &[S]) -> Result<PemPair> {
        self.issue_ending_in(names, LEAF_DAYS)
    }

    /// Makes a certificate that expires `days` days from now, and starts 30 days before that. If
    /// `days` is negative, the certificate has already expired: use such a certificate to see
    /// what clients do.
    ///
    /// # Errors
    /// The errors of [`issue`](DevelopmentCa::issue).
    pub fn issue_ending_in<S: AsRef<str>>(&self, names: &[S], days: i32) -> Result<PemPair> {
        let names: Vec<_> = names.iter().map(|name| name.as_ref().to_owned()).collect();
        let first = names.first().cloned().unwrap_or_default();
        // This call turns each name into a DNS name or an address.
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, first);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = validity(LEAF_DAYS, days);
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

/// The name constraints for loopback, then for these hosts in alphabetical order.
fn permitted(hosts: &[String]) -> Result<Vec<GeneralSubtree>> {
    let mut names = Vec::new();
    for text in hosts {
        let wrong = |reason| CertificateError::Invalid(format!("{text:?}: {reason}"));
        names.push(host(text).map_err(wrong)?);
    }
    names.retain(|name| !LOOPBACK_NAMES.contains(&name.as_str()));
    names.sort();
    names.dedup();
    let names = names.into_iter().map(|name| match name.parse::<IpAddr>() {
        Ok(ip) => single(ip),
        Err(_) => GeneralSubtree::DnsName(name),
    });
    let loopback = [
        GeneralSubtree::DnsName("localhost".into()),
        GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
        single(Ipv6Addr::LOCALHOST.into()),
    ];
    Ok(loopback.into_iter().chain(names).collect())
}

/// A network that contains only this address.
fn single(ip: IpAddr) -> GeneralSubtree {
    let bits = if ip.is_ipv4() { 32 } else { 128 };
    GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(ip, bits))
}

/// The start and the end of a certificate. The end is `days` days from now. The start is
/// `lifetime` days and one hour before the end.
fn validity(lifetime: i32, days: i32) -> (OffsetDateTime, OffsetDateTime) {
    let end = OffsetDateTime::now_utc() + Duration::days(days.into());
    (end - Duration::days(lifetime.into()) - CLOCK_SKEW, end)
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
    fn its_hosts_are_the_loopback_names_and_those_it_was_made_for() {
        let ca = DevelopmentCa::new(&["b.local".into(), "::1".into(), "127.0.0.2".into()]);
        let hosts = ["localhost", "127.0.0.1", "::1", "127.0.0.2", "b.local"];
        assert_eq!(ca.unwrap().hosts(), hosts);
        assert!(DevelopmentCa::new(&["127.1".into()]).is_err());
    }

    #[test]
    fn an_authority_that_could_sign_for_others_is_refused() {
        let limits = |names: &[&str]| NameConstraints {
            permitted_subtrees: names
                .iter()
                .map(|name| GeneralSubtree::DnsName((*name).into()))
                .collect(),
            excluded_subtrees: Vec::new(),
        };
        for (constraints, reason) in [
            (None, "the whole world"),
            // This authority could sign for any IP address, because only its DNS names are
            // limited.
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
                panic!("accepted")
            };
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn a_server_certificate_is_for_its_names_and_cannot_sign() {
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
    fn an_authority_is_the_same_after_it_was_saved() {
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
            "a leaf is not an authority"
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
