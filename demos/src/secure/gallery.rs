//! Seven connections that a client must refuse.
//!
//! A client that trusts every certificate passes every test with good servers. So this file
//! starts seven servers on free ports of this machine, each with one fault. The lesson fails if
//! the client connects to one of these servers, or refuses a server for the wrong reason.

use std::{future::pending, io};

use tracing::info;
use zcomm_core::{
    ClientSocket, Config, ConnectError, Connection, DevelopmentCa, Distrust, Error, Identity,
    LOOPBACK_NAMES, PemPair, Result, Server, Trust,
};

/// A server with one fault.
struct Exhibit<'a> {
    what: &'a str,
    /// The server's certificate; `None` if the server does not use TLS.
    certificate: Option<PemPair>,
    scheme: &'a str,
    /// The authority that the client trusts.
    trusted: &'a DevelopmentCa,
    /// Returns whether an error of the client is the expected error.
    expected: fn(&ConnectError) -> bool,
}

/// Connects to each of the seven servers and logs the client's error.
///
/// # Errors
/// When the client connects to one of the servers, or refuses a server for the wrong reason.
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
            "a valid certificate for another address",
            Some(ca.issue(&["127.0.0.2"])?),
            |error| matches!(why(error), Some(Distrust::WrongName { .. })),
        ),
        exhibit(
            "a server that uses a CA certificate as its own, as many tutorials do",
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
        exhibit("wss:// to a port without TLS", None, |error| {
            matches!(error, ConnectError::NotTls { .. })
        }),
    ];
    let count = exhibits.len();
    for (index, exhibit) in exhibits.into_iter().enumerate() {
        info!(
            "test {} of {count}, the client must refuse: {}",
            index + 1,
            exhibit.what
        );
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
    /// Starts the server, connects, and returns the client's error.
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
                Ok(_) => Err(io::Error::other(format!("{}: the client connected", self.what)).into()),
            },
            ended = server.run(silent, pending()) => {
                ended?;
                Err(io::Error::other("the demonstration server stopped").into())
            }
        }
    }
}

async fn silent(mut connection: Connection) -> Result<()> {
    while connection.recv().await.is_some() {}
    Ok(())
}
