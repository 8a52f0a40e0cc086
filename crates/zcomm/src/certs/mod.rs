//! `zcomm certs`: makes certificates for this machine, and explains certificates.
//!
//! One command makes an authority and a certificate for `localhost`, without the internet.
//! Then the command prints the steps to use the certificates.
//!
//! The command installs nothing, because the user decides which authorities a computer trusts.
//! After each step that trusts the authority, the command prints how to remove the trust.
//!
//! A second run keeps the authority, so the user does not have to trust a new authority. This
//! run renews the certificate for the same hosts.
//!
//! A file is written completely or not at all. Other users can never read a private key.
//!
//! In production, a public authority signs the certificates, and a scheduled job renews them.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod files;
mod quote;

mod authority;
mod check;
mod steps;

use std::{path::PathBuf, process::ExitCode};

use zcomm_core::{Certificate, DevelopmentCa, Result};

use crate::shared::{failure::Failure, text::print};
use files::Files;

pub(crate) use self::{check::judge, files::is_there, quote::word};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm certs                      make certificates for this machine only
  zcomm certs --new-ca --host 192.168.1.20
                                   let a class connect to this address
  zcomm certs --check certs/localhost.pem
                                   show whether a client accepts it

Exit code: 0 on success, 1 if a client would refuse a checked certificate, 2 if
the file of --check cannot be used, 78 if the folder or a file in it cannot.")]
pub(crate) struct Arguments {
    /// Add a name or address of this machine; a name that the authority may not sign for also needs --new-ca
    #[arg(long, value_name = "NAME|ADDRESS", value_parser = DevelopmentCa::host)]
    host: Vec<String>,

    /// Make a new authority; trust it again wherever you trusted the old one
    #[arg(long)]
    new_ca: bool,

    /// Write the four files into this folder
    #[arg(long, value_name = "FOLDER", default_value = "certs")]
    folder: PathBuf,

    /// Explain the certificates in this file; exit code 1 if a client would refuse one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["host", "new_ca", "folder"])]
    check: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    match &arguments.check {
        Some(file) => check::explain(file),
        None => Ok(make(arguments)?),
    }
}

fn make(arguments: &Arguments) -> Result<ExitCode> {
    let folder = quote::folder(&arguments.folder)?;
    let files = Files::open(&folder)?;
    let hosts = &arguments.host;
    let is_new = arguments.new_ca || !files.have_authority();
    let ca = match is_new {
        true => DevelopmentCa::new(hosts)?,
        false => authority::kept(&files, &folder, hosts)?,
    };
    // The new certificate contains all hosts of the authority, and the hosts of `--host`.
    let mut names = ca.hosts();
    for host in hosts {
        if !names.contains(host) {
            names.push(host.clone());
        }
    }
    let leaf = ca.issue(&names)?;
    // Print the old authority's name before its file is replaced. The user needs the name, because
    // browsers list authorities by name.
    if is_new && let Some(old) = authority::old_name(&files) {
        print(steps::untrust_old(&files, &old))?;
    }
    files.replace(is_new.then(|| ca.pem()).as_ref(), &leaf)?;
    let leaf = Certificate::read_all(&files.leaf)?.swap_remove(0);
    authority::compare_ends(ca.certificate(), &leaf);
    print(steps::steps(&files, ca.certificate(), is_new, &leaf))?;
    Ok(ExitCode::SUCCESS)
}
