//! What must fail: seven connections that a client has to refuse.
//!
//! A lesson about trust that shows only what works teaches nothing: a client that believes
//! everybody passes it, too. So here are seven servers, each with one thing wrong, on free
//! ports of this machine. The lesson fails if a client talks to one of them, or refuses it
//! for another reason.
//!
//! Production runs such a list against each new version of its clients.

use std::{future::pending, io};

use tracing::info;
use zcomm_core::{
    ClientSocket, Config, ConnectError, Connection, DevelopmentCa, Distrust, Error, Identity,
    LOOPBACK_NAMES, PemPair, Result, Server, Trust,
};

/// A server with one thing wrong.
struct Exhibit<'a> {
    what: &'a str,
    /// What it shows; `None`: it does not speak TLS.
    certificate: Option<PemPair>,
    scheme: &'a str,
    /// Whom the client believes.
    trusted: &'a DevelopmentCa,
    /// Whether this is the refusal that must come.
    expected: fn(&ConnectError) -> bool,
}

/// Shows each of them, and what the client says.
///
/// # Errors
/// When a client talks to a server that it must refuse, or refuses it for a wrong reason.
pub async fn show() -> Result<()> {
    let (ca, other) = (DevelopmentCa::new(&[])?, DevelopmentCa::new(&[])?);
    let good = ca.issue(&LOOPBACK_NAMES)?;
    let exhibit = |what, certificate, expected| Exhibit {
        what,
        certificate,
        scheme: "wss",
        trusted: &ca,
        expected,
    };
    let exhibits = [
        Exhibit {
            trusted: &other,
            ..exhibit(
                "an authority that this client does not know",
                Some(good.clone()),
                |error| matches!(why(error), Some(Distrust::UnknownIssuer { .. })),
            )
        },
        exhibit(
            "a certificate that expired yesterday",
            Some(ca.issue_ending_in(&LOOPBACK_NAMES, -1)?),
            |error| matches!(why(error), Some(Distrust::Expired { .. })),
        ),
        exhibit(
            "a good certificate, for another address",
            Some(ca.issue(&["127.0.0.2"])?),
            |error| matches!(why(error), Some(Distrust::WrongName { .. })),
        ),
        exhibit(
            "the authority itself as a server, as many recipes make it",
            Some(ca.pem()),
            |error| matches!(why(error), Some(Distrust::CaAsServer)),
        ),
        exhibit(
            "a certificate for this machine and for a bank",
            Some(ca.issue(&["127.0.0.1", "bank.example"])?),
            |error| matches!(why(error), Some(Distrust::OutsideConstraints { .. })),
        ),
        Exhibit {
            scheme: "ws",
            ..exhibit("ws:// to a port that speaks TLS", Some(good), |error| {
                matches!(error, ConnectError::SpeaksTls { .. })
            })
        },
        exhibit("wss:// to a port that does not", None, |error| {
            matches!(error, ConnectError::NotTls { .. })
        }),
    ];
    let count = exhibits.len();
    for (index, exhibit) in exhibits.into_iter().enumerate() {
        info!("{} of {count} that must fail: {}", index + 1, exhibit.what);
        info!("refused: {}", exhibit.refusal().await?);
    }
    Ok(())
}

fn why(error: &ConnectError) -> Option<&Distrust> {
    match error {
        ConnectError::Certificate { why, .. } => Some(why),
        _ => None,
    }
}

impl Exhibit<'_> {
    /// Starts the server, connects, and returns what the client says.
    async fn refusal(self) -> Result<ConnectError> {
        let tls = self.certificate.as_ref().map(Identity::from_pem);
        let config = Config {
            port: 0,
            announce: false,
            tls: tls.transpose()?,
            ..Config::default()
        };
        let server = Server::bind(config).await?;
        let url = format!("{}://{}/", self.scheme, server.local_addr());
        let trust = Trust::only(self.trusted)?;
        tokio::select! {
            connected = ClientSocket::connect(&url, &trust) => match connected {
                Err(Error::Connect(error)) if (self.expected)(&error) => Ok(error),
                Err(error) => Err(error),
                Ok(_) => Err(io::Error::other(format!("{}: the client believed it", self.what)).into()),
            },
            ended = server.run(silent, pending()) => {
                ended?;
                Err(io::Error::other("the server of the demonstration ended").into())
            }
        }
    }
}

async fn silent(mut connection: Connection) -> Result<()> {
    while connection.recv().await.is_some() {}
    Ok(())
}
