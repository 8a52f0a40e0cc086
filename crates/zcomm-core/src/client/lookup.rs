//! From a name to addresses.
//!
//! A name is somebody's word, and can mean another machine a second later. Whoever must not
//! connect to some addresses asks once, looks at all that come, and connects to those and no
//! others: see [`ConnectOptions::lookup`] and `addresses`.
//!
//! Production caches what it was told for as long as it was told to.

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
    /// All addresses that the name service has for the host: who connects to a server more
    /// than once asks once, and who must not connect to some looks at them first.
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
    /// All addresses of the host. It has no time limit of its own.
    pub(crate) async fn lookup(&self) -> Result<Vec<SocketAddr>, ConnectError> {
        let found = lookup(self.host.clone(), self.port).await;
        found.map_err(|source| ConnectError::NotFound {
            host: printable(&self.host),
            source,
        })
    }
}

/// Asks the name service, in a thread of its own: the runtime's would be waited for when the
/// program ends, and a name service that is silent is so for a minute.
async fn lookup(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let (answer, answered) = oneshot::channel();
    let ask = move || {
        let found = (host, port).to_socket_addrs();
        // Nobody listens any more when it took too long.
        answer.send(found.map(Iterator::collect)).ok();
    };
    std::thread::Builder::new()
        .name("name service".into())
        .spawn(ask)?;
    answered.await.map_err(io::Error::other)?
}
