//! Why a client does not trust a server's certificate, and what to do about it.

use crate::text::shown::listed;

/// Why a certificate is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Distrust {
    /// Signed by somebody whom this client does not know.
    #[error("it is signed by \"{issuer}\", which is not trusted here")]
    UnknownIssuer {
        /// Who signed it.
        issuer: String,
    },
    /// Its last day has passed.
    #[error("it expired on {not_after}")]
    Expired {
        /// Its last day.
        not_after: String,
    },
    /// Its first day is to come.
    #[error("it is not valid before {not_before}")]
    NotYetValid {
        /// Its first day.
        not_before: String,
    },
    /// It is for other names.
    #[error("it is for {}, not for {wanted}", names(.valid))]
    WrongName {
        /// The name in the address.
        wanted: String,
        /// The names in the certificate.
        valid: Vec<String>,
    },
    /// An authority that poses as a server.
    #[error("it is a certificate authority: it may sign a server's certificate, not be one")]
    CaAsServer,
    /// Its signer may not sign for this name.
    #[error("its authority \"{issuer}\" may not sign for all of its names (name constraints)")]
    OutsideConstraints {
        /// Who signed it.
        issuer: String,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Distrust {
    /// What the reader can do next.
    pub(crate) fn help(&self) -> String {
        match self {
            Distrust::UnknownIssuer { .. } => {
                "if that authority is your own, name its file: --ca certs/ca.pem. There is no switch \
                 to ignore it: without this check anybody on the way could pose as the server"
            }
            Distrust::Expired { .. } => {
                "the server needs a new one (cargo run --bin zcomm -- certs); or the clock of this computer \
                 is wrong"
            }
            Distrust::NotYetValid { .. } => "is the clock of this computer right?",
            Distrust::WrongName { .. } => {
                "use one of its names in the address, or make one for this name (cargo run --bin zcomm -- \
                 certs --host NAME)"
            }
            Distrust::CaAsServer | Distrust::OutsideConstraints { .. } => {
                "the server needs another certificate; cargo run --bin zcomm -- certs makes an authority \
                 and a server's certificate"
            }
            Distrust::Other(_) => {
                "cargo run --bin zcomm -- certs --check FILE explains a certificate"
            }
        }
        .into()
    }
}

fn names(names: &[String]) -> String {
    match names {
        [] => "no name at all".into(),
        names => listed(names),
    }
}
