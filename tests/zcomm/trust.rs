//! Which servers the command trusts: without a list of authorities, and with the certificate of
//! one server.

use std::{fs, path::Path, process::Command};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use time::{Duration, OffsetDateTime};
use zcomm_core::{Config, Identity, PemPair};

use crate::{
    Done, certs, folder, pipe,
    servers::{Running, echo, start, with_tls},
    zcomm_command,
};

/// Makes a certificate for this name as `openssl req -x509` does: it signs itself, and is marked
/// as an authority. Returns the parameters and the key, too.
fn self_signed(name: &str, days: i64) -> (PemPair, CertificateParams, KeyPair) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(days);
    params.not_before = params.not_after - Duration::days(100);
    let key = KeyPair::generate().unwrap();
    let pair = PemPair {
        certificate: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    };
    (pair, params, key)
}

fn serve(pair: &PemPair) -> Running {
    let config = Config {
        tls: Some(Identity::from_pem(pair).unwrap()),
        ..Config::default()
    };
    start(config, echo)
}

/// Says hello at `wss://HOST`, and trusts this file.
fn hello(server: &Running, host: &str, ca: &Path) -> Done {
    let url = format!("wss://{host}:{}/", server.addr.port());
    let arguments = ["connect", &url, "--ca", ca.to_str().unwrap()];
    pipe(zcomm_command(Path::new("."), &arguments), "hello\n")
}

#[track_caller]
fn assert_refused(done: &Done, why: &str) {
    assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""));
    assert!(done.stderr.contains(why), "{}", done.stderr);
}

/// The user trusts exactly this certificate, and reads what it lacks.
#[test]
fn a_self_signed_certificate_is_trusted_for_its_own_server() {
    let folder = folder("self_signed");
    let own = folder.join("own.pem");
    let (pair, ..) = self_signed("localhost", 30);
    fs::write(&own, &pair.certificate).unwrap();
    let server = serve(&pair);
    let done = hello(&server, "localhost", &own);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), "Echo: hello\n")
    );
    let note = "own.pem: this certificate is trusted for localhost, and nothing that it signs: it \
                signed itself and is marked as an authority (CA:TRUE), so Firefox and \
                other clients refuse it\n";
    assert!(done.stderr.starts_with("note: "), "{}", done.stderr);
    assert!(done.stderr.ends_with(note), "{}", done.stderr);

    // The command that explains a certificate says the same. Its exit code counts the clients
    // that refuse it.
    let done = certs(&folder, &["--check", "own.pem"]);
    assert_eq!(done.code, Some(1));
    let refusal = "a client refuses it: it is for a server and is marked as an authority";
    assert!(done.stdout.contains(refusal), "{}", done.stdout);
    let remark = "named with --ca, this certificate is trusted for localhost, and nothing that it";
    assert!(done.stdout.contains(remark), "{}", done.stdout);

    // Near misses: another name, a day too late, and a certificate that looks the same.
    let done = hello(&server, "127.0.0.1", &own);
    assert_refused(&done, "it is for localhost, not for 127.0.0.1");
    let (old, ..) = self_signed("localhost", -1);
    let old_file = folder.join("old.pem");
    fs::write(&old_file, &old.certificate).unwrap();
    let done = hello(&serve(&old), "localhost", &old_file);
    assert_refused(&done, "it expired on 20");
    let (other, ..) = self_signed("localhost", 30);
    let done = hello(&serve(&other), "localhost", &own);
    assert_refused(&done, "it is a certificate authority: ");
    assert!(done.stderr.contains("--ca FILE trusts exactly this"));
}

/// Otherwise the file of one server could sign for every server in the world.
#[test]
fn a_self_signed_certificate_signs_for_no_other_server() {
    let folder = folder("signs_nothing");
    let own = folder.join("own.pem");
    let (pair, params, key) = self_signed("localhost", 30);
    fs::write(&own, &pair.certificate).unwrap();
    let leaf_key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let name = DnType::CommonName;
    leaf.distinguished_name.push(name, "another server");
    let leaf = leaf
        .signed_by(&leaf_key, &Issuer::new(params, &key))
        .unwrap();
    let leaf = PemPair {
        certificate: leaf.pem(),
        key: leaf_key.serialize_pem(),
    };
    let done = hello(&serve(&leaf), "localhost", &own);
    assert_refused(
        &done,
        "whose certificate is trusted for its own server only",
    );
    assert!(done.stderr.contains("help: the file of --ca lists names"));

    // Near miss: an authority lists no names, and what it signs is trusted.
    let server = start(with_tls(&folder), echo);
    let done = hello(&server, "localhost", &folder.join("certs/ca.pem"));
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
}

/// As in a small container, which has no list of authorities.
#[cfg(target_os = "linux")]
#[test]
fn only_wss_needs_the_authorities_of_this_computer() {
    let folder = folder("no_authorities");
    let without_list = |arguments: &[&str]| -> Command {
        let mut command = zcomm_command(&folder, arguments);
        command.env("SSL_CERT_FILE", "/missing/file");
        command.env("SSL_CERT_DIR", "/missing/folder");
        command
    };
    let plain = start(Config::default(), echo);
    let url = format!("ws://{}/", plain.addr);
    let done = pipe(without_list(&["connect", &url]), "hello\n");
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), "Echo: hello\n"),
        "{}",
        done.stderr
    );
    let load = ["stress", &url, "-c", "1", "-r", "1", "-d", "0.2"];
    let done = pipe(without_list(&load), "");
    assert!(done.stdout.contains("1 of 1 opened"), "{}", done.stderr);

    let secure = start(with_tls(&folder), echo);
    let url = format!("wss://localhost:{}/", secure.addr.port());
    let done = pipe(without_list(&["connect", &url]), "hello\n");
    assert_eq!(done.code, Some(78), "{}", done.stderr);
    let error = "error: this computer's list of trusted authorities cannot be read: ";
    assert!(done.stderr.starts_with(error), "{}", done.stderr);
    assert!(done.stderr.contains("name an authority with --ca FILE"));

    // `--ca` needs its own file only, for an authority and for one server.
    let (pair, ..) = self_signed("localhost", 30);
    fs::write(folder.join("own.pem"), &pair.certificate).unwrap();
    let own = serve(&pair);
    let own_url = format!("wss://localhost:{}/", own.addr.port());
    for (url, ca) in [(&url, "certs/ca.pem"), (&own_url, "own.pem")] {
        let done = pipe(without_list(&["connect", url, "--ca", ca]), "hello\n");
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert_eq!(done.stdout, "Echo: hello\n");
    }
    // Near miss: a server of which no file is named.
    let done = pipe(without_list(&["connect", &url, "--ca", "own.pem"]), "");
    assert_refused(&done, "which is not trusted here");
}
