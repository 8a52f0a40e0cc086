//! Why a client does not trust a server's certificate, and what to do about it.

use crate::{text::shown::listed, tls::pem::make_certificates};

/// Why a client does not trust a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Distrust {
    /// The client does not know the authority that signed the certificate.
    #[error("it is signed by \"{issuer}\", which is not trusted here")]
    UnknownIssuer {
        /// The authority that signed the certificate.
        issuer: String,
    },
    /// The user trusts the issuer's certificate for one server only. So the client does not
    /// accept a certificate that the issuer has signed.
    #[error("it is signed by \"{issuer}\", whose certificate is trusted for its own server only")]
    IssuerIsServer {
        /// The owner of the certificate that signed the server's certificate.
        issuer: String,
    },
    /// The last day of the certificate is in the past.
    #[error("it expired on {not_after}")]
    Expired {
        /// The last day of the certificate.
        not_after: String,
    },
    /// The first day of the certificate is in the future.
    #[error("it is not valid before {not_before}")]
    NotYetValid {
        /// The first day of the certificate.
        not_before: String,
    },
    /// The certificate is not for the name in the address.
    #[error("it is for {}, not for {wanted}", names(.valid))]
    WrongName {
        /// The name in the address.
        wanted: String,
        /// The names in the certificate.
        valid: Vec<String>,
    },
    /// The certificate is for an authority, not for a server.
    #[error(
        "it is a certificate authority: it may sign a server's certificate, but a server cannot use it"
    )]
    CaAsServer,
    /// The name constraints of the authority do not allow a name in the certificate.
    #[error("its authority \"{issuer}\" may not sign for all of its names (name constraints)")]
    OutsideConstraints {
        /// The authority that signed the certificate.
        issuer: String,
    },
    /// Any other reason.
    #[error("{0}")]
    Other(String),
}

impl Distrust {
    /// What the user can do next.
    pub(crate) fn help(&self) -> String {
        let certs = make_certificates();
        match self {
            Distrust::UnknownIssuer { .. } => {
                "if that authority is your own, name its file: --ca certs/ca.pem. No option skips \
                 this check: without it, any machine on the way could pose as the server"
                    .into()
            }
            Distrust::IssuerIsServer { .. } => format!(
                "the file of --ca lists names, so it is the certificate of one server. Name the file \
                 of an authority: it lists no names ({certs} makes one)"
            ),
            Distrust::Expired { .. } => format!(
                "the server needs a new certificate ({certs}), or the clock of this computer is wrong"
            ),
            Distrust::NotYetValid { .. } => "is the clock of this computer right?".into(),
            Distrust::WrongName { .. } => format!(
                "use one of its names in the address, or make one for this name ({certs} --host NAME)"
            ),
            Distrust::CaAsServer => format!(
                "the server needs another certificate ({certs} makes one). If this one is your own \
                 and lists names, --ca FILE trusts exactly this certificate"
            ),
            Distrust::OutsideConstraints { .. } => format!(
                "the server needs another certificate; {certs} makes an authority and a server's \
                 certificate"
            ),
            Distrust::Other(_) => format!("{certs} --check FILE explains a certificate"),
        }
    }
}

fn names(names: &[String]) -> String {
    match names {
        [] => "no name at all".into(),
        names => listed(names),
    }
}
