//! Formats of certificates and keys that this library does not read.
//!
//! Programs store certificates and keys in many formats. This library reads only PEM, and only
//! private keys without a password. For every other known format, the error names the format.
//! If a command can convert the file, the error shows this command.
//!
//! An error never shows a part of the file, because the file may contain a key.

use std::path::Path;

use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::tls::{key_kind::unsupported, pem::PemError};

/// A format: the label of the PEM section, what the file is, and the command that converts the
/// file. In the command, `FILE` stands for the path. If the command is empty, the file cannot
/// be converted.
type Format = (&'static str, &'static str, &'static str);

#[rustfmt::skip] // A table: one line for each format.
const NOT_CERTIFICATES: [Format; 9] = [
    ("TRUSTED CERTIFICATE", "is a certificate in a format of OpenSSL (TRUSTED CERTIFICATE)", "openssl x509 -in FILE -out new.pem"),
    ("X509 CERTIFICATE", "is a certificate with an old label (X509 CERTIFICATE)", "openssl x509 -in FILE -out new.pem"),
    ("PKCS7", "is a PKCS#7 file", "openssl pkcs7 -in FILE -print_certs -out new.pem"),
    ("CERTIFICATE REQUEST", "is a request for a certificate: an authority must sign it first", ""),
    ("NEW CERTIFICATE REQUEST", "is a request for a certificate: an authority must sign it first", ""),
    ("X509 CRL", "is a list of revoked certificates, not a certificate", ""),
    ("PUBLIC KEY", "has a public key and no certificate in it", ""),
    ("RSA PUBLIC KEY", "has a public key and no certificate in it", ""),
    ("PGP PUBLIC KEY BLOCK", "is a PGP key, not a certificate", ""),
];

#[rustfmt::skip] // A table: one line for each format.
const NOT_KEYS: [Format; 8] = [
    ("ENCRYPTED PRIVATE KEY", "is encrypted with a password, and a server cannot ask for it", "openssl pkey -in FILE -out new.key"),
    ("OPENSSH PRIVATE KEY", "is a private key in the format of OpenSSH", "cp FILE new.key && ssh-keygen -p -N '' -m PKCS8 -f new.key"),
    ("DSA PRIVATE KEY", "is a DSA key, which TLS does not use", ""),
    ("PGP PRIVATE KEY BLOCK", "is a PGP key, which TLS does not use", ""),
    ("PUBLIC KEY", "has a public key and no private key in it", ""),
    ("RSA PUBLIC KEY", "has a public key and no private key in it", ""),
    ("CERTIFICATE REQUEST", "has a request for a certificate and no private key in it", ""),
    ("CERTIFICATE", "has a certificate and no private key in it", ""),
];

/// Returns the error for a file without a certificate in PEM. `None` if the format is unknown.
pub(crate) fn not_a_certificate(file: &Path, bytes: &[u8]) -> Option<PemError> {
    let other = other_format(&NOT_CERTIFICATES, bytes);
    other.map(|(reason, command)| error(file, reason, command, bytes))
}

/// Returns the error for a file without a private key that TLS can use. `None` if the format of
/// the file, or the kind of the key, is unknown.
pub(crate) fn not_a_key(file: &Path, bytes: &[u8]) -> Option<PemError> {
    if is_encrypted(bytes) {
        let (_, reason, command) = NOT_KEYS[0];
        return Some(error(file, reason, command, bytes));
    }
    if let Ok(key) = PrivateKeyDer::from_pem_slice(bytes) {
        return unsupported(file, key.secret_der());
    }
    let other = other_format(&NOT_KEYS, bytes);
    other.map(|(reason, command)| error(file, reason, command, bytes))
}

fn error(file: &Path, reason: &str, command: &str, bytes: &[u8]) -> PemError {
    let error = PemError::new(file, reason);
    match command {
        "" if labels(bytes).any(|label| label == "CERTIFICATE") => {
            error.with_help("the private key is the .key beside it")
        }
        "" => error,
        command => {
            let command = command.replace("FILE", &quoted(file));
            error.with_help(format!("convert it, and use the new file: {command}"))
        }
    }
}

/// Returns what a file is and the command that converts it. `None` if the format is unknown.
fn other_format(formats: &[Format], bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    if bytes.contains(&0) || bytes.first() == Some(&0x30) {
        return binary(bytes);
    }
    let found = formats
        .iter()
        .find(|(known, ..)| labels(bytes).any(|label| label == *known));
    if let Some((_, reason, command)) = found {
        return Some((reason, command));
    }
    let text = String::from_utf8_lossy(bytes);
    let indented = text.lines().any(|line| {
        let begins = line.trim_start().starts_with("-----BEGIN ");
        begins && line.starts_with([' ', '\t'])
    });
    if indented {
        let command = "sed 's/^[[:space:]]*//' FILE > new.pem";
        return Some(("has spaces before its lines", command));
    }
    if text.starts_with("PuTTY-User-Key-File") {
        let command = "puttygen FILE -O private-openssh -o new.key";
        return Some(("is a private key in the format of PuTTY", command));
    }
    if text.contains("-----\\n") {
        let command = "printf '%b' \"$(cat FILE)\" > new.pem";
        return Some(("has \\n as text, where its lines should end", command));
    }
    text.trim_start()
        .starts_with('{')
        .then_some(("is JSON, not PEM", ""))
}

/// Returns what a binary file is and the command that converts it: text in UTF-16, a key store
/// of Java, or DER (X.690). `None` for any other file.
fn binary(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let utf16 = bytes.starts_with(&[0xff, 0xfe])
        || bytes.starts_with(&[0xfe, 0xff])
        || bytes.starts_with(b"-\0")
        || bytes.starts_with(b"\0-");
    if utf16 {
        let command = "iconv -f UTF-16 -t UTF-8 FILE > new.pem";
        return Some(("is UTF-16 text", command));
    }
    if bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) || bytes.starts_with(&[0xce; 4]) {
        let command = "keytool -importkeystore -srckeystore FILE -destkeystore new.p12 \
                       -deststoretype PKCS12 && openssl pkcs12 -in new.p12 -nodes -out new.pem";
        return Some(("is a key store of Java", command));
    }
    (bytes.first() == Some(&0x30)).then(|| der(bytes))
}

/// Returns what a DER file is and the command that converts it.
fn der(bytes: &[u8]) -> (&'static str, &'static str) {
    const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    if X509Certificate::from_der(bytes).is_ok() {
        let command = "openssl x509 -inform DER -in FILE -out new.pem";
        return ("is a certificate in binary form (DER)", command);
    }
    // The first fields of the file, after the tag and the length of the outer sequence.
    let fields = match bytes.get(1) {
        Some(long @ 0x81..=0x84) => bytes.get(2 + usize::from(long & 0x7f)..),
        _ => bytes.get(2..),
    };
    let fields = fields.unwrap_or_default();
    match fields {
        [2, 1, 3, ..] => (
            "is PKCS#12 (.p12, .pfx): a certificate and its key, often with a password",
            "openssl pkcs12 -in FILE -nodes -out new.pem",
        ),
        [2, 1, 0 | 1, ..] => (
            "is a private key in binary form (DER)",
            "openssl pkey -inform DER -in FILE -out new.key",
        ),
        fields if contains(&fields[..fields.len().min(16)], PKCS7) => (
            "is a PKCS#7 file in binary form (DER)",
            "openssl pkcs7 -inform DER -in FILE -print_certs -out new.pem",
        ),
        _ => (
            "is in binary form (DER), not PEM",
            "openssl pkey -inform DER -in FILE -out new.key",
        ),
    }
}

/// Whether a password encrypts the key in a PEM text, in PKCS#8 or in the older OpenSSL format.
fn is_encrypted(bytes: &[u8]) -> bool {
    let old = contains(bytes, b"PRIVATE KEY-----") && contains(bytes, b"Proc-Type: 4,ENCRYPTED");
    old || labels(bytes).any(|label| label == "ENCRYPTED PRIVATE KEY")
}

fn labels(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let lines = bytes.split(|byte| matches!(byte, b'\r' | b'\n'));
    let lines = lines.filter_map(|line| std::str::from_utf8(line).ok());
    let labels = lines.filter_map(|line| line.strip_prefix("-----BEGIN "));
    labels.filter_map(|label| label.trim_end().strip_suffix("-----"))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Puts a path into quotes if a shell would not read it as one word.
fn quoted(file: &Path) -> String {
    let text = file.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    match text.chars().all(plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}
