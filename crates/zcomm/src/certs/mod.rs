//! `zcomm certs`: certificates for this machine, and certificates in words.
//!
//! One command makes an authority and a certificate for `localhost`, offline, and prints
//! what to do with them. It installs nothing: whom a computer trusts is its owner's
//! decision, so the steps are printed, and those that undo them beside them.
//!
//! A second run keeps the authority, so that what was trusted once stays trusted, and
//! renews the certificate. Files appear whole or not at all, and a private key is never,
//! not for a moment, readable by others.
//!
//! Production gets its certificates from an authority that everybody trusts, and renews
//! them by a timer.

mod check;
mod steps;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use zcomm_core::{Certificate, DevelopmentCa, Error, LOOPBACK_NAMES, PemError, PemPair, Result};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm certs                             for this machine only
  zcomm certs --host 192.168.1.20         a class reaches this machine by that address
  zcomm certs --check certs/localhost.pem what would a client say to it?")]
pub(crate) struct Arguments {
    /// One more name or address that the servers on this machine are reached by
    #[arg(long, value_name = "NAME|ADDRESS", value_parser = host)]
    host: Vec<String>,

    /// Make a new authority; what was trusted before has to be trusted anew
    #[arg(long)]
    new_ca: bool,

    /// The folder for the four files
    #[arg(long, value_name = "FOLDER", default_value = "certs")]
    folder: PathBuf,

    /// Explain the certificates in this file; exit code 1 when a client would refuse one
    /// of a server
    #[arg(long, value_name = "FILE", conflicts_with_all = ["host", "new_ca", "folder"])]
    check: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.check {
        Some(file) => check::explain(file),
        None => make(arguments),
    }
}

fn host(text: &str) -> Result<String, &'static str> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok();
    match address {
        Some(address @ (std::net::IpAddr::V4(_) | std::net::IpAddr::V6(_))) => {
            if address.is_unspecified() {
                return Err("this stands for every address: name the one that others type");
            }
            Ok(address.to_string())
        }
        None => match zcomm_core::Authority::parse(text, 0) {
            Some(name) if name.port == 0 => Ok(name.host),
            _ => Err("expected a name or an address, e.g. board.local or 192.168.1.20"),
        },
    }
}

/// Where the four files are.
struct Files {
    ca: PathBuf,
    ca_key: PathBuf,
    leaf: PathBuf,
    leaf_key: PathBuf,
}

fn make(arguments: &Arguments) -> Result<ExitCode> {
    let folder = &arguments.folder;
    let files = Files {
        ca: folder.join("ca.pem"),
        ca_key: folder.join("ca.key"),
        leaf: folder.join("localhost.pem"),
        leaf_key: folder.join("localhost.key"),
    };
    fs::create_dir_all(folder).map_err(|error| wrong(folder, &error))?;
    let (ca, made) = match arguments.new_ca || !files.ca.exists() && !files.ca_key.exists() {
        true => (DevelopmentCa::new(&arguments.host)?, true),
        false => (known(&files, &arguments.host)?, false),
    };
    let mut names: Vec<String> = LOOPBACK_NAMES.map(str::to_owned).to_vec();
    names.extend(arguments.host.iter().cloned());
    names.dedup();
    let leaf = ca.issue(&names)?;
    if made {
        let pem = ca.pem();
        write(&files.ca_key, &pem.key, Secret::Yes)?;
        write(&files.ca, &pem.certificate, Secret::No)?;
    }
    write(&files.leaf_key, &leaf.key, Secret::Yes)?;
    write(&files.leaf, &leaf.certificate, Secret::No)?;
    print(&steps::steps(
        &files,
        &ca,
        made,
        &Certificate::read_all(&files.leaf)?[0],
    ));
    Ok(ExitCode::SUCCESS)
}

/// The authority of an earlier run, if it may sign for these hosts.
fn known(files: &Files, hosts: &[String]) -> Result<DevelopmentCa> {
    let refuse = |file: &Path, reason: String| {
        let advice = "--new-ca makes a new authority, which then has to be trusted anew";
        wrong(file, &format!("{reason}; {advice}"))
    };
    let read =
        |file: &Path| fs::read_to_string(file).map_err(|error| refuse(file, error.to_string()));
    let pair = PemPair {
        certificate: read(&files.ca)?,
        key: read(&files.ca_key)?,
    };
    let ca = DevelopmentCa::from_pem(&pair);
    let ca = ca.map_err(|error| refuse(&files.ca, error.to_string()))?;
    if let Some(host) = hosts.iter().find(|host| !ca.may_sign_for(host)) {
        let limits = ca.certificate().permitted_names().join(", ");
        let reason = format!("may sign for {limits}, and not for {host}");
        return Err(refuse(&files.ca, reason));
    }
    match ca.certificate().is_expired() {
        true => Err(refuse(
            &files.ca,
            format!("expired on {}", ca.certificate().not_after()),
        )),
        false => Ok(ca),
    }
}

fn wrong(file: &Path, reason: &dyn std::fmt::Display) -> Error {
    PemError::new(file, reason).into()
}

#[derive(PartialEq)]
enum Secret {
    Yes,
    No,
}

/// Writes a file beside its place and moves it there, so that nobody sees half of it. A
/// secret one is the owner's alone from the first moment.
fn write(file: &Path, text: &str, secret: Secret) -> Result<()> {
    let beside = file.with_extension("new");
    // Left by a run that was cut off; with the rights of that one.
    fs::remove_file(&beside).ok();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if secret == Secret::Yes { 0o600 } else { 0o644 });
    }
    // On Windows the folder's rights count: a user's own folder is closed to others.
    #[cfg(not(unix))]
    drop(secret);
    let written = options.open(&beside).and_then(|mut open| {
        open.write_all(text.as_bytes())?;
        open.sync_all()
    });
    let moved = written.and_then(|()| fs::rename(&beside, file));
    moved.map_err(|error| wrong(file, &error))
}

/// Whoever asked may have hung up (`| head -1`); that is no failure.
fn print(text: &str) {
    writeln!(io::stdout(), "{}", text.trim_end()).ok();
}
