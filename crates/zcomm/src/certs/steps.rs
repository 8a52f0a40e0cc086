//! What to do with the files.

use zcomm_core::{Certificate, DevelopmentCa};

use super::files::Files;

pub(super) fn steps(files: &Files, ca: &DevelopmentCa, made: bool, leaf: &Certificate) -> String {
    let (pem, ca_key) = (&files.ca, &files.ca_key);
    let (leaf_pem, leaf_key) = (&files.leaf, &files.leaf_key);
    let (ca_pem, ca_key) = (pem.display(), ca_key.display());
    let (leaf_pem, leaf_key) = (leaf_pem.display(), leaf_key.display());
    let ca = ca.certificate();
    let name = ca.subject();
    let (limits, ca_until) = (ca.permitted_names().join(", "), ca.not_after());
    let (names, until) = (leaf.names().join(", "), leaf.not_after());
    let state = if made {
        "new"
    } else {
        "kept: what trusts it still does"
    };
    format!(
        r#"{ca_pem}  the authority "{name}" ({state})
    may sign for {limits} and nothing else, until {ca_until}
{ca_key}  its private key: yours alone, not for git, not for mail
{leaf_pem}  the certificate of your servers
    for {names}, until {until}
{leaf_key}  its private key

Servers: put these lines into .zEnv, and every lesson speaks wss:// and https://

    WEBSOCKET_SSL_ENABLED=true
    WEBSOCKET_SSL_CERT={leaf_pem}
    WEBSOCKET_SSL_KEY={leaf_key}

Programs: tell them whom to trust, each time

    cargo run --bin 3_websocket_secure -- --ca {ca_pem}
    curl --cacert {ca_pem} https://localhost:8765/healthz

Browsers: tell them once. Nothing was installed; it is for you to do and to undo.
Restart the browser after either.

  Chromium and Chrome on Linux (certutil is in the package libnss3-tools)
    first     mkdir -p ~/.pki/nssdb; certutil -d sql:$HOME/.pki/nssdb -N --empty-password
              (only where there is no ~/.pki/nssdb yet)
    trust     certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n "{name}" -i {ca_pem}
    untrust   certutil -d sql:$HOME/.pki/nssdb -D -n "{name}"
  Firefox, everywhere
    trust     Settings, Privacy & Security, View Certificates, Authorities, Import {ca_pem},
              "Trust this CA to identify websites"
    untrust   the same list, "{name}", Delete or Distrust
  Chrome, Edge, Safari on macOS
    trust     security add-trusted-cert -r trustRoot -p ssl -k ~/Library/Keychains/login.keychain-db {ca_pem}
    untrust   security remove-trusted-cert {ca_pem}; security delete-certificate -c "{name}"
  Chrome, Edge on Windows
    trust     certutil -user -addstore Root {ca_pem}
    untrust   certutil -user -delstore Root "{name}"
  Programs on Debian, Ubuntu (curl, Python, this course; not the browsers)
    trust     sudo cp {ca_pem} /usr/local/share/ca-certificates/zcomm.crt && sudo update-ca-certificates
    untrust   sudo rm /usr/local/share/ca-certificates/zcomm.crt && sudo update-ca-certificates --fresh
"#
    )
}
