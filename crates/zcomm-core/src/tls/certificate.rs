//! A certificate: its names, its issuer, its dates, and the reasons to refuse it.
//!
//! A certificate is a signed statement: *this public key belongs to these names*. A client
//! accepts a certificate if three things are true:
//! - An authority that the client trusts has signed the certificate.
//! - The certificate contains the name in the address.
//! - Today is between the two dates of the certificate.
//!
//! If a browser refuses a certificate, the browser does not tell the page the reason. So
//! [`Certificate`] prints the contents, and [`problems`](Certificate::problems) lists the
//! reasons why clients would refuse the certificate.
//!
//! This file does not check signatures: the TLS library checks them (see `trust`).

use std::{fmt, net::IpAddr, path::Path, time::Duration};

use data_encoding::HEXUPPER;
use rustls::pki_types::{CertificateDer, UnixTime, pem::PemObject};
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, macros::format_description};
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate, X509Name};

use crate::{
    text::shown::{listed, printable},
    tls::{
        formats::not_a_certificate,
        pem::{PemError, is_key, read_pem},
    },
};

/// A certificate that ends within this time gets a warning.
const SOON: time::Duration = time::Duration::days(7);

/// The contents of a certificate (X.509 version 3, RFC 5280). `Display` prints one line for
/// each field.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate in the binary form that TLS sends.
    pub(crate) der: CertificateDer<'static>,
    /// The public key, without its algorithm.
    pub(crate) public_key: Vec<u8>,
    subject: String,
    issuer: String,
    names: Vec<String>,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    authority: bool,
    not_for_servers: bool,
    /// The name constraints of an authority: the only names that it may sign for.
    permitted_names: Vec<String>,
}

impl Certificate {
    /// Reads every certificate of a PEM file, in the order of the file.
    ///
    /// # Errors
    /// If the file cannot be read or contains no certificate. (A PEM parser skips unknown text,
    /// so a file that is not PEM counts as a file without certificates.)
    pub fn read_all(file: &Path) -> Result<Vec<Certificate>, PemError> {
        let pem = read_pem(file)?;
        Certificate::from_pem(&pem).map_err(|reason| match is_key(&pem) {
            true => PemError::new(file, reason).with_help("the certificate is the .pem beside it"),
            false => not_a_certificate(file, &pem).unwrap_or(PemError::new(file, reason)),
        })
    }

    /// Reads every certificate of a PEM text, in the order of the text. The error says what is
    /// wrong.
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Vec<Certificate>, String> {
        let mut chain = Vec::new();
        for der in CertificateDer::pem_slice_iter(pem) {
            // Do not show the parser's own message: it can repeat a part of the file, which may
            // be a key.
            let damaged = "is incomplete: a BEGIN or END line is missing or damaged";
            let der = der.map_err(|_| damaged)?;
            chain.push(Certificate::from_der(der)?);
        }
        match chain.is_empty() {
            true if is_key(pem) => {
                Err("holds a private key and no certificate: do not share it".into())
            }
            true => Err("has no certificate in it (no -----BEGIN CERTIFICATE-----)".into()),
            false => Ok(chain),
        }
    }

    /// Reads one certificate in binary form. The error says what is wrong.
    pub(crate) fn from_der(der: CertificateDer<'_>) -> Result<Certificate, String> {
        let der = der.into_owned();
        let unreadable = |error: &dyn fmt::Display| format!("holds no certificate: {error}");
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|error| unreadable(&error))?;
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.map_or(&[][..], |names| &names.value.general_names);
        let basic = parsed.basic_constraints().ok().flatten();
        let usages = parsed.extended_key_usage().ok().flatten();
        let mut permitted_names = Vec::new();
        for extension in parsed.extensions() {
            if let ParsedExtension::NameConstraints(limits) = extension.parsed_extension() {
                let permitted = limits.permitted_subtrees.iter().flatten();
                permitted_names.extend(permitted.map(|tree| name(&tree.base)));
            }
        }
        Ok(Certificate {
            subject: common_name(parsed.subject()),
            issuer: common_name(parsed.issuer()),
            names: names.iter().map(name).collect(),
            not_before: parsed.validity().not_before.to_datetime(),
            not_after: parsed.validity().not_after.to_datetime(),
            authority: basic.is_some_and(|basic| basic.value.ca),
            not_for_servers: usages.is_some_and(|u| !u.value.server_auth && !u.value.any),
            permitted_names,
            public_key: parsed.public_key().subject_public_key.data.to_vec(),
            der,
        })
    }

    /// The common name of the owner. If there is none, all fields of the owner's name.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The common name of the authority that signed the certificate. If there is none, all
    /// fields of the authority's name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The names and addresses for which the certificate is valid (subject alternative names).
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the certificate may sign other certificates.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.authority
    }

    /// The only names and networks for which an authority may sign (permitted subtrees, RFC
    /// 5280 section 4.2.1.10). A name includes its subdomains. If the list is empty, the
    /// authority may sign for all names.
    #[must_use]
    pub fn permitted_names(&self) -> &[String] {
        &self.permitted_names
    }

    /// The first day of the certificate, e.g. `2026-11-30`.
    #[must_use]
    pub fn not_before(&self) -> String {
        day(self.not_before)
    }

    /// The last day of the certificate, e.g. `2026-11-30`.
    #[must_use]
    pub fn not_after(&self) -> String {
        day(self.not_after)
    }

    /// Whether the certificate has expired.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        OffsetDateTime::now_utc() > self.not_after
    }

    /// The SHA-256 digest of the whole certificate, as browsers show it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = HEXUPPER.encode(&Sha256::digest(&self.der));
        let pairs = digest.as_bytes().chunks(2);
        let pairs: Vec<_> = pairs.map(String::from_utf8_lossy).collect();
        pairs.join(":")
    }

    /// The reasons why a client would refuse this certificate if a server sent it today. Empty
    /// if every client that trusts the issuer accepts the certificate.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<_> = self.out_of_date().into_iter().collect();
        if self.authority {
            let not_one = "it is a certificate authority: it may sign a server's certificate, but \
                           a server cannot use it";
            problems.push(not_one.into());
        }
        if self.names.is_empty() {
            problems.push("it lists no names (subject alternative names), so it fits no address; the common name does not count".into());
        }
        if self.not_for_servers {
            problems.push("its key usages exclude servers".into());
        }
        problems
    }

    /// Returns the reason if today is not between the dates of the certificate. Otherwise `None`.
    #[must_use]
    pub fn out_of_date(&self) -> Option<String> {
        self.out_of_date_at(OffsetDateTime::now_utc())
    }

    /// The first and the last second in which the certificate is valid.
    pub(crate) fn dates(&self) -> (UnixTime, UnixTime) {
        let time = |date: OffsetDateTime| {
            let seconds = u64::try_from(date.unix_timestamp()).unwrap_or(0);
            UnixTime::since_unix_epoch(Duration::from_secs(seconds))
        };
        (time(self.not_before), time(self.not_after))
    }

    /// Whether the certificate lists its uses (extended key usage), but not the use by a server.
    pub(crate) fn is_not_for_servers(&self) -> bool {
        self.not_for_servers
    }

    fn out_of_date_at(&self, now: OffsetDateTime) -> Option<String> {
        if now > self.not_after {
            Some(format!("it expired on {}", moment(self.not_after)))
        } else if now < self.not_before {
            Some(format!(
                "it is not valid before {}",
                moment(self.not_before)
            ))
        } else {
            None
        }
    }

    /// A warning in the last seven days of the certificate. `None` at any other time.
    #[must_use]
    pub fn ends_soon(&self) -> Option<String> {
        self.ends_soon_at(OffsetDateTime::now_utc())
    }

    fn ends_soon_at(&self, now: OffsetDateTime) -> Option<String> {
        let soon = (self.not_after - SOON..=self.not_after).contains(&now);
        soon.then(|| format!("it will expire soon, on {}", moment(self.not_after)))
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.authority {
            true => "a certificate authority: it may sign others",
            false => "a certificate of a server or client: it may sign no other",
        };
        let signed = match self.subject == self.issuer {
            true => format!("itself ({})", self.issuer),
            false => self.issuer.clone(),
        };
        writeln!(f, "kind         {kind}")?;
        writeln!(f, "subject      {}", self.subject)?;
        writeln!(f, "signed by    {signed}")?;
        if !self.authority || !self.names.is_empty() {
            writeln!(f, "names        {}", listed(&self.names))?;
        }
        if self.authority {
            let limits = match self.permitted_names.is_empty() {
                true => "any name in the world".to_owned(),
                false => listed(&self.permitted_names),
            };
            writeln!(f, "may sign for {limits}")?;
        }
        writeln!(f, "valid from   {}", moment(self.not_before))?;
        writeln!(f, "valid until  {}", moment(self.not_after))?;
        write!(f, "SHA-256      {}", self.fingerprint())
    }
}

/// Turns a time in seconds since 1970 into a day, e.g. `2026-11-30`.
pub(crate) fn day_of(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).map_or_else(|_| "an unreadable date".into(), day)
}

fn day(date: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day]");
    date.format(form).unwrap_or_default()
}

fn moment(date: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    date.format(form).unwrap_or_default()
}

/// The common name of a subject. If there is none, the whole subject. An attacker may have
/// chosen the text, so the text is made printable.
fn common_name(subject: &X509Name<'_>) -> String {
    let name = subject.iter_common_name().next();
    let name = name.and_then(|name| name.as_str().ok()).map(str::to_owned);
    printable(&name.unwrap_or_else(|| subject.to_string()))
}

/// Returns a name as text: a host name, an address, or a network as `address/bits`.
fn name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => printable(name),
        GeneralName::IPAddress(bytes) => address(bytes),
        other => printable(&other.to_string()),
    }
}

fn address(bytes: &[u8]) -> String {
    let ip = |bytes: &[u8]| {
        let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
        v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
    };
    let text = match bytes.len() {
        // In a name constraint, a network mask follows the address (RFC 5280 section 4.2.1.10).
        8 | 32 => {
            let (network, mask) = bytes.split_at(bytes.len() / 2);
            let bits: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
            ip(network).map(|ip| format!("{ip}/{bits}"))
        }
        _ => ip(bytes).map(|ip| ip.to_string()),
    };
    text.unwrap_or_else(|_| "an unreadable address".into())
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::tls::development_ca::{DevelopmentCa, LOOPBACK_NAMES};

    fn leaf() -> Certificate {
        let ca = DevelopmentCa::new(&[]).unwrap();
        let pem = ca.issue(&LOOPBACK_NAMES).unwrap().certificate;
        Certificate::from_pem(pem.as_bytes())
            .unwrap()
            .swap_remove(0)
    }

    #[test]
    fn s14_the_last_week_gets_a_warning_and_every_later_day_is_a_problem() {
        let leaf = leaf();
        let at = |days| {
            let now = leaf.not_after + Duration::days(days);
            (leaf.ends_soon_at(now), leaf.out_of_date_at(now))
        };
        assert_eq!(at(-8), (None, None));
        let last = moment(leaf.not_after);
        let soon = format!("it will expire soon, on {last}");
        assert_eq!(at(-6), (Some(soon), None));
        assert_eq!(at(1), (None, Some(format!("it expired on {last}"))));
        let first = moment(leaf.not_before);
        assert_ne!(first, last);
        let before = leaf.out_of_date_at(leaf.not_before - Duration::hours(1));
        assert_eq!(before, Some(format!("it is not valid before {first}")));
    }

    #[test]
    fn a_date_is_written_with_all_its_parts() {
        let date = OffsetDateTime::from_unix_timestamp(1_795_999_999).unwrap();
        assert_eq!(moment(date), "2026-11-30 00:53 UTC");
        assert_eq!(day(date), "2026-11-30");
        assert_eq!(day_of(1_795_999_999), "2026-11-30");
        assert_eq!(day_of(u64::MAX), "an unreadable date");
    }

    #[test]
    fn s06_an_authority_is_not_a_server() {
        let ca = DevelopmentCa::new(&[]).unwrap();
        let problems = ca.certificate().problems().join("; ");
        assert!(problems.contains("certificate authority"), "{problems}");
        assert!(problems.contains("no names"), "{problems}");
    }

    #[test]
    fn a_text_without_a_certificate_is_an_error_with_the_reason() {
        let read = |text: &str| Certificate::from_pem(text.as_bytes()).unwrap_err();
        assert!(read("").contains("no certificate"));
        assert!(read("junk").contains("no certificate"));
        let key = DevelopmentCa::new(&[]).unwrap().pem().key;
        assert!(read(&key).contains("private key"));
        let begun = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(read(begun).contains("incomplete"), "{}", read(begun));
        let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(
            read(empty).contains("holds no certificate"),
            "{}",
            read(empty)
        );
    }
}
