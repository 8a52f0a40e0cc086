//! `zcomm certs`: certificates for this machine, and certificates in words.
//!
//! One command makes an authority and a certificate for `localhost`, offline, and prints
//! what to do with them. It installs nothing: whom a computer trusts is its owner's
//! decision, so the steps are printed, and those that undo them beside them.
//!
//! A second run keeps the authority, so that what was trusted once stays trusted, and
//! renews the certificate for the same hosts. Files appear whole or not at all, and a
//! private key is never, not for a moment, readable by others.
//!
//! Production gets its certificates from an authority that everybody trusts, and renews
//! them by a timer.

mod authority;
mod check;
mod files;
mod steps;
mod words;

use std::{path::PathBuf, process::ExitCode};

use zcomm_core::{Certificate, DevelopmentCa, Result, report};

use files::Files;

pub(crate) use self::{check::judge, words::word};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  zcomm certs                      for this machine only
  zcomm certs --new-ca --host 192.168.1.20
                                   for a class that types this address
  zcomm certs --check certs/localhost.pem
                                   what would a client say to it?

Exit code: 0 when it is done, and when a client would accept what was checked;
1 when it would refuse it; 78 for a file or a folder that cannot be used.")]
pub(crate) struct Arguments {
    /// One more name or address that the servers on this machine are reached by; what an
    /// authority may sign for is settled when it is made
    #[arg(long, value_name = "NAME|ADDRESS", value_parser = DevelopmentCa::host)]
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

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let done = match &arguments.check {
        Some(file) => check::explain(file),
        None => make(arguments),
    };
    done.unwrap_or_else(|error| report(&error))
}

fn make(arguments: &Arguments) -> Result<ExitCode> {
    let folder = words::folder(&arguments.folder)?;
    let files = Files::open(&folder)?;
    let hosts = &arguments.host;
    let is_new = arguments.new_ca || !files.have_authority();
    let ca = match is_new {
        true => DevelopmentCa::new(hosts)?,
        false => authority::kept(&files, &folder, hosts)?,
    };
    // All the authority was made for: a renewal takes nothing away.
    let mut names = ca.hosts();
    for host in hosts {
        if !names.contains(host) {
            names.push(host.clone());
        }
    }
    let leaf = ca.issue(&names)?;
    // Said before it is gone: what a browser still trusts has to be found by its name.
    if is_new && let Some(old) = authority::old_name(&files) {
        words::print(&steps::untrust_old(&old))?;
    }
    files.replace(is_new.then(|| ca.pem()).as_ref(), &leaf)?;
    let leaf = Certificate::read_all(&files.leaf)?.swap_remove(0);
    authority::compare_ends(ca.certificate(), &leaf);
    words::print(&steps::steps(&files, ca.certificate(), is_new, &leaf))?;
    Ok(ExitCode::SUCCESS)
}
