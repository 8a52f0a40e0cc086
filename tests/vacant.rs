//! An address at which no program listens, for tests of a client that is refused.
//!
//! A fixed port such as 1 could belong to a program of this machine. A port that was free a moment
//! ago could belong to another test.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A socket that has an address and does not listen. While it lives, the system refuses each
/// connection to its address, and no other program gets this address.
pub(crate) struct Vacant {
    pub(crate) addr: SocketAddr,
    _socket: TcpSocket,
}

impl Vacant {
    pub(crate) fn new() -> Vacant {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Vacant {
            addr: socket.local_addr().unwrap(),
            _socket: socket,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.addr)
    }
}
