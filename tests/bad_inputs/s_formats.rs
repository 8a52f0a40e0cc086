//! S: files of certificates and keys in other formats. The error names the format and a command
//! that converts the file. These tests run the command.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use super::s_tls::{installed, pair, with_files};
use crate::children;
use crate::harness::{Client, write_secret};

/// Runs a line of shell in a folder. It must succeed.
fn shell(folder: &Path, line: &str) {
    let mut command = children::command("sh");
    command.args(["-c", line]).current_dir(folder);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {said}");
}

/// The folder of a certificate and its key, `a.pem` and `a.key`. `None` without openssl.
fn files(name: &str) -> Option<PathBuf> {
    let folder = pair(name).0.parent().unwrap().to_owned();
    installed("openssl").then_some(folder)
}

/// The error of a program with these files.
async fn error(folder: &Path, cert: &str, key: &str) -> String {
    let start = with_files(&folder.join(cert), &folder.join(key));
    let (code, output) = start.fails().await;
    assert_eq!(code, Some(78), "{output}");
    output
}

/// The command in the help of an error.
fn command(output: &str) -> &str {
    let command = output.split("use the new file: ").nth(1);
    command.unwrap_or_else(|| panic!("no command in {output}"))
}

#[tokio::test]
async fn s10_a_certificate_in_another_format_is_named_and_the_command_converts_it() {
    let Some(folder) = files("s10_certificates") else {
        return;
    };
    for (make, reason) in [
        ("openssl x509 -in a.pem -outform DER -out odd", "DER"),
        (
            "openssl x509 -in a.pem -trustout -out odd",
            "TRUSTED CERTIFICATE",
        ),
        ("sed 's/ CERT/ X509 CERT/' a.pem > odd", "X509 CERTIFICATE"),
        (
            "openssl crl2pkcs7 -nocrl -certfile a.pem -out odd",
            "PKCS#7",
        ),
        (
            "openssl crl2pkcs7 -nocrl -certfile a.pem -outform DER -out odd",
            "PKCS#7",
        ),
        (
            "openssl pkcs12 -export -in a.pem -inkey a.key -passout pass: -out odd",
            "PKCS#12",
        ),
        ("iconv -f UTF-8 -t UTF-16 a.pem > odd", "UTF-16"),
        ("sed 's/^/  /' a.pem > odd", "spaces"),
        (
            "tr '\\n' '@' < a.pem | sed 's/@/\\\\n/g' > odd",
            "\\n as text",
        ),
    ] {
        shell(&folder, &format!("rm -f odd new.*; {make}"));
        let output = error(&folder, "odd", "a.key").await;
        assert!(output.contains(reason), "{make}: {output}");
        let mut line = command(&output).to_owned();
        if reason == "PKCS#12" {
            // It asks for the password.
            line = line.trim().to_owned() + " -passin pass:";
        }
        shell(&folder, &line);
        let demo = with_files(&folder.join("new.pem"), &folder.join("a.key"));
        Client::connect(demo.start().await.url())
            .await
            .leave()
            .await;
    }
}

#[tokio::test]
async fn s10_a_key_in_another_format_is_named_and_the_command_converts_it() {
    let Some(folder) = files("s10_keys") else {
        return;
    };
    let encrypt = "openssl pkey -in a.key -aes256 -passout pass:secret1";
    for (make, reason, password) in [
        ("openssl pkey -in a.key -outform DER -out odd", "DER", ""),
        ("iconv -f UTF-8 -t UTF-16 a.key > odd", "UTF-16", ""),
        ("sed 's/^/\t/' a.key > odd", "spaces", ""),
        (
            &format!("{encrypt} -out odd"),
            "encrypted",
            " -passin pass:secret1",
        ),
        (
            &format!("{encrypt} -traditional -out odd"),
            "encrypted",
            " -passin pass:secret1",
        ),
        (
            "openssl ec -in a.key -out odd && chmod 600 odd && ssh-keygen -q -p -N '' -f odd",
            "OpenSSH",
            "",
        ),
    ] {
        shell(&folder, &format!("rm -f odd new.*; {make}; chmod 600 odd"));
        let output = error(&folder, "a.pem", "odd").await;
        assert!(output.contains(reason), "{make}: {output}");
        let line = command(&output).trim().replace("new.pem", "new.key");
        shell(&folder, &format!("umask 077; {line}{password}"));
        let demo = with_files(&folder.join("a.pem"), &folder.join("new.key"));
        Client::connect(demo.start().await.url())
            .await
            .leave()
            .await;
    }
}

/// Such a key cannot be converted. Each good kind is a near miss.
#[tokio::test]
async fn s10_a_kind_of_key_that_tls_does_not_use_is_named() {
    let Some(folder) = files("s10_kinds") else {
        return;
    };
    let curve = |name: &str| format!("EC -pkeyopt ec_paramgen_curve:{name}");
    let explicit = curve("P-256") + " -pkeyopt ec_param_enc:explicit";
    for (algorithm, named) in [
        (curve("P-256"), None),
        (curve("P-384"), None),
        ("ED25519".into(), None),
        ("RSA -pkeyopt rsa_keygen_bits:2048".into(), None),
        (curve("P-521"), Some("P-521")),
        (curve("P-224"), Some("P-224")),
        (curve("secp256k1"), Some("secp256k1")),
        (curve("brainpoolP256r1"), Some("Brainpool")),
        (explicit, Some("as numbers")),
        ("ED448".into(), Some("Ed448")),
        ("X25519".into(), Some("X25519")),
        (
            "RSA -pkeyopt rsa_keygen_bits:1024".into(),
            Some("RSA key of 1024 bits"),
        ),
        (
            "RSA-PSS -pkeyopt rsa_keygen_bits:2048".into(),
            Some("RSA-PSS"),
        ),
    ] {
        shell(
            &folder,
            &format!(
                "umask 077; openssl genpkey -quiet -algorithm {algorithm} -out b.key 2>&1 || \
                      openssl genpkey -algorithm {algorithm} -out b.key"
            ),
        );
        if algorithm == "X25519" {
            std::fs::copy(folder.join("a.pem"), folder.join("b.pem")).unwrap();
        } else {
            shell(
                &folder,
                "openssl req -x509 -key b.key -subj /CN=localhost -days 9 \
                 -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -out b.pem",
            );
        }
        let Some(named) = named else {
            let start = with_files(&folder.join("b.pem"), &folder.join("b.key"));
            start.start().await;
            continue;
        };
        let output = error(&folder, "b.pem", "b.key").await;
        assert!(output.contains("b.key: is a"), "{output}");
        assert!(output.contains(named), "{named}: {output}");
        assert!(output.contains("openssl genpkey"), "{output}");
    }
}

#[tokio::test]
async fn s10_what_is_no_certificate_or_no_key_is_named() {
    let Some(folder) = files("s10_others") else {
        return;
    };
    for (make, as_certificate, as_key) in [
        (
            "openssl pkey -in a.key -pubout -out odd",
            "a public key and no certificate",
            "a public key and no private key",
        ),
        (
            "openssl req -new -key a.key -subj /CN=localhost -out odd",
            "a request for a certificate",
            "a request for a certificate",
        ),
        ("echo '{\"kty\":\"EC\"}' > odd", "is JSON", "is JSON"),
        ("cp a.pem odd", "", "a certificate and no private key"),
        ("rm -f odd; ln -s missing odd", "is a link", "is a link"),
    ] {
        shell(&folder, &format!("rm -f odd; {make}"));
        if !as_certificate.is_empty() {
            let output = error(&folder, "odd", "a.key").await;
            assert!(output.contains(as_certificate), "{make}: {output}");
        }
        let output = error(&folder, "a.pem", "odd").await;
        assert!(output.contains(as_key), "{make}: {output}");
    }
}

/// An editor on Windows writes a byte order mark. Both files work with it, also if a mark is
/// between two joined certificates, or if the lines end with CR.
#[tokio::test]
async fn s10_a_byte_order_mark_and_any_line_end_are_read() {
    let (cert, key) = pair("s10_marks");
    let (pem, secret) = (
        std::fs::read_to_string(&cert).unwrap(),
        std::fs::read_to_string(&key).unwrap(),
    );
    for end in ["\n", "\r\n", "\r"] {
        let marked = |text: &str| format!("\u{feff}{}", text.replace('\n', end));
        std::fs::write(&cert, marked(&pem) + &marked(&pem)).unwrap();
        write_secret(&key, &marked(&secret));
        let demo = with_files(&cert, &key).start().await;
        Client::connect(demo.url()).await.leave().await;
    }
}
