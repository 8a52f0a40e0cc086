//! Which process listens on a port.
//!
//! "Address in use" names the port and not who has it; the system knows, and says it to
//! whoever asks in its own way (`/proc` on Linux, `libproc` on macOS, a table of
//! `iphlpapi` on Windows). The crate `listeners` asks in all three.
//!
//! A process of another user is not shown to everybody: no answer does not mean that the
//! port is free. Whether it is free, only an attempt to bind it says.
//!
//! Production asks the service manager, which started the process and knows its name.

use std::{io, net::SocketAddr};

use listeners::{Protocol, SocketState};

use crate::output::visible;

/// A process with a listening TCP socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Listening {
    pub(crate) pid: u32,
    /// The program, for people: a process chooses its name, so it is made visible. Linux
    /// keeps 15 bytes of it.
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
}

/// Every process that listens on this TCP port, as far as this user may see.
pub(crate) fn listening_on(port: u16) -> io::Result<Vec<Listening>> {
    let all = listeners::get_all().map_err(|error| io::Error::other(error.to_string()))?;
    let ours = all.into_iter().filter(|one| {
        let tcp = one.protocol == Protocol::TCP && one.state == SocketState::Listen;
        tcp && one.socket.port() == port
    });
    let mut found: Vec<_> = ours
        .map(|one| Listening {
            pid: one.process.pid,
            name: visible(&one.process.name),
            address: one.socket,
        })
        .collect();
    // They come in no order.
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_is_named_with_its_pid() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let found = listening_on(address.port()).unwrap();
        let [only] = &found[..] else {
            panic!("one process listens there: {found:?}");
        };
        assert_eq!((only.pid, only.address), (std::process::id(), address));
        assert!(only.name.starts_with("zcomm"), "{only:?}");
    }

    #[test]
    fn a_port_that_is_only_connected_to_is_nobodys() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        let port = client.local_addr().unwrap().port();
        assert_eq!(listening_on(port).unwrap(), []);
        drop(socket);
    }
}
