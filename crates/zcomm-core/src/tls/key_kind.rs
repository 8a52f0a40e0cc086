//! Kinds of private keys that TLS cannot use here.
//!
//! A private key has an algorithm, and often a curve. The library for cryptography supports
//! only some algorithms and curves. For all others, the error of the library does not name the
//! algorithm or the curve. So this file finds the name. A server with such a key needs a new
//! key and a new certificate.

use std::path::Path;

use crate::tls::pem::PemError;

/// The object identifier of an algorithm or a curve, as DER (X.690 section 8.19), and its name.
#[rustfmt::skip] // A table: one line for each kind.
const KINDS: [(&[u8], &str); 10] = [
    (&[6, 5, 0x2b, 0x81, 4, 0, 0x23], "a key on the curve P-521"),
    (&[6, 5, 0x2b, 0x81, 4, 0, 0x21], "a key on the curve P-224"),
    (&[6, 5, 0x2b, 0x81, 4, 0, 0x0a], "a key on the curve secp256k1"),
    (&[0x2b, 0x24, 3, 3, 2, 8, 1, 1], "a key on a Brainpool curve"),
    (&[6, 3, 0x2b, 0x65, 0x71], "an Ed448 key"),
    (&[6, 3, 0x2b, 0x65, 0x6e], "an X25519 key, which cannot sign"),
    (&[6, 3, 0x2b, 0x65, 0x6f], "an X448 key, which cannot sign"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0a], "an RSA-PSS key"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], "a DSA key"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 1, 1], "a key on a curve that is written as numbers"),
];

/// Returns the error for a key that has a kind in [`KINDS`], or that is an RSA key of a wrong
/// size. `None` for any other key.
pub(crate) fn unsupported(file: &Path, der: &[u8]) -> Option<PemError> {
    let known = KINDS
        .iter()
        .find(|(id, _)| der.windows(id.len()).any(|part| part == *id));
    let kind = match known {
        Some((_, kind)) => (*kind).to_owned(),
        None => {
            let bits = rsa_bits(der).filter(|bits| !(2048..=4096).contains(bits))?;
            format!("an RSA key of {bits} bits")
        }
    };
    let reason =
        format!("is {kind}: use P-256, P-384 or Ed25519, or an RSA key of 2048 to 4096 bits");
    let error = PemError::new(file, reason);
    let help = format!(
        "{}; or a new key, for which an authority signs a new certificate: openssl genpkey \
         -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out new.key",
        error.help
    );
    Some(error.with_help(help))
}

/// The number of bits in an RSA key: the length of the modulus. In the key, the modulus follows
/// the version, which is 0 (RFC 8017 A.1.2). `None` if the key is not an RSA key.
fn rsa_bits(der: &[u8]) -> Option<usize> {
    let start = der.windows(4).position(|four| four == [2, 1, 0, 2])? + 4;
    let (length, modulus) = match der.get(start..)? {
        [0x82, high, low, rest @ ..] => (256 * usize::from(*high) + usize::from(*low), rest),
        [0x81, length, rest @ ..] => (usize::from(*length), rest),
        [length @ 0..=0x7f, rest @ ..] => (usize::from(*length), rest),
        _ => return None,
    };
    // A zero byte before the modulus marks the modulus as positive. Do not count this byte.
    let zero = usize::from(modulus.first() == Some(&0));
    length.checked_sub(zero).map(|bytes| 8 * bytes)
}
