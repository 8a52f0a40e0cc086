//! The firewall of this machine, as far as it can be seen without rights.
//!
//! It cannot be tried from inside: what it does to others, only they see. So it is named,
//! with the one rule that lets a class in, and how to take the rule back.

#[derive(Clone, Copy, Debug)]
pub(super) enum Firewall {
    Ufw,
    Firewalld,
    Windows,
    Mac,
}

impl Firewall {
    pub(super) fn name(self) -> &'static str {
        match self {
            Firewall::Ufw => "ufw",
            Firewall::Firewalld => "firewalld",
            Firewall::Windows => "Windows Defender",
            Firewall::Mac => "the firewall of macOS",
        }
    }

    pub(super) fn open(self, port: &str) -> String {
        match self {
            Firewall::Ufw => {
                format!("sudo ufw allow {port}/tcp    (undo: sudo ufw delete allow {port}/tcp)")
            }
            // Until it is started again: a lesson ends, too.
            Firewall::Firewalld => {
                format!("sudo firewall-cmd --add-port={port}/tcp    (until it restarts)")
            }
            Firewall::Windows => {
                "say yes when it asks at the first start, for private networks".to_owned()
            }
            Firewall::Mac => {
                "say Allow when it asks whether to accept incoming connections".to_owned()
            }
        }
    }
}

/// The one that this machine has.
pub(super) fn firewall() -> Option<Firewall> {
    if cfg!(windows) {
        Some(Firewall::Windows)
    } else if cfg!(target_os = "macos") {
        Some(Firewall::Mac)
    } else if std::fs::read_to_string("/etc/ufw/ufw.conf")
        .is_ok_and(|text| text.contains("ENABLED=yes"))
    {
        Some(Firewall::Ufw)
    } else if std::path::Path::new("/run/firewalld").exists() {
        Some(Firewall::Firewalld)
    } else {
        None
    }
}
