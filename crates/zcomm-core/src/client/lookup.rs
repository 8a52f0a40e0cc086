//! Finds the addresses of a host name.
//!
//! The addresses of a name can change at any time. Some programs may connect only to certain
//! addresses. Such a program calls [`ConnectOptions::lookup`] once and checks each address. Then
//! the program puts the allowed addresses into [`ConnectOptions::addresses`]. The client uses
//! only these addresses.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
};

use tokio::sync::oneshot;
use url::quirks::domain_to_unicode;

use crate::{
    client::{address::Target, options::ConnectOptions},
    error::connect::ConnectError,
    text::shown::printable,
};

impl ConnectOptions {
    /// Returns all addresses that the name service has for the host. Put these addresses into
    /// [`addresses`](ConnectOptions::addresses) to connect several times with one lookup.
    ///
    /// # Errors
    /// [`ConnectError::Url`], [`ConnectError::NotFound`], and [`ConnectError::Timeout`] after
    /// `connect_timeout`.
    pub async fn lookup(&self) -> Result<Vec<SocketAddr>, ConnectError> {
        let target = Target::parse(&self.url)?;
        target.within(self.connect_timeout, target.lookup()).await
    }
}

impl Target {
    /// Returns all addresses of the host. The caller must set a time limit.
    pub(crate) async fn lookup(&self) -> Result<Vec<SocketAddr>, ConnectError> {
        let mut name = self.host.clone();
        // Some name services do not know `localhost.` with a dot at the end.
        if self.absolute && name != "localhost" {
            name.push('.');
        }
        let found = lookup(name, self.port).await;
        found.map_err(|source| ConnectError::NotFound {
            host: shown(&self.host),
            source,
        })
    }
}

/// Returns the host name in Unicode. If the name service gets another form of the name, adds
/// this form: `bücher.example (xn--bcher-kva.example)`.
fn shown(host: &str) -> String {
    let unicode = printable(&domain_to_unicode(host));
    match unicode == host {
        true => unicode,
        false => format!("{unicode} ({host})"),
    }
}

/// Asks the name service in a new thread, not in a thread of the runtime. If the name service
/// does not answer, the thread may be blocked for many seconds. A program waits for the threads
/// of its runtime before it ends, so a blocked thread of the runtime would delay the end.
async fn lookup(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let (answer, answered) = oneshot::channel();
    let ask = move || {
        let found = (host, port).to_socket_addrs();
        // This fails if the caller's time limit has passed.
        answer.send(found.map(Iterator::collect)).ok();
    };
    std::thread::Builder::new()
        .name("name service".into())
        .spawn(ask)?;
    answered.await.map_err(io::Error::other)?
}
