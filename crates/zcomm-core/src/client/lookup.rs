//! Finds the addresses of a host name.
//!
//! The addresses of a name can change at any time. A program that must not connect to some
//! addresses calls [`ConnectOptions::lookup`] once and checks the result. Then the program puts
//! the allowed addresses into [`ConnectOptions::addresses`], so that the client uses only these
//! addresses.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
};

use tokio::sync::oneshot;

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
        // Some name services do not know `localhost.`, which is this computer, too.
        if self.absolute && name != "localhost" {
            name.push('.');
        }
        let found = lookup(name, self.port).await;
        found.map_err(|source| ConnectError::NotFound {
            host: printable(&self.host),
            source,
        })
    }
}

/// Asks the name service in a new thread. A name service that does not answer blocks the thread
/// for a minute. This is not a thread of the runtime, because a runtime waits for its own
/// threads at the end of a program.
async fn lookup(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let (answer, answered) = oneshot::channel();
    let ask = move || {
        let found = (host, port).to_socket_addrs();
        // This fails if the caller has stopped waiting because its time limit has passed.
        answer.send(found.map(Iterator::collect)).ok();
    };
    std::thread::Builder::new()
        .name("name service".into())
        .spawn(ask)?;
    answered.await.map_err(io::Error::other)?
}
