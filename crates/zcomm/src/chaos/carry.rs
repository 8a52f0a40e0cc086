//! Moves bytes between a client's socket and a server's socket, then closes both sockets.
//!
//! A connection can end in three ways:
//!
//! * One side closes its stream. Then the proxy also closes the stream to the other side.
//! * A fault cuts the connection. TCP ends normally on both sides, but the WebSocket has no
//!   Close frame.
//! * A fault resets the connection. TCP may discard bytes that are not read yet. A crashed
//!   machine or a strict firewall also causes a reset.

use std::{io, net::SocketAddr, sync::Arc};

use socket2::SockRef;
use tokio::net::TcpStream;
use zcomm_core::{ByteStream, xray::Direction};

use super::{
    board::Board, connection::ProxiedConnection, delay_queue::Abort, pump::Pump, watchdog::watch,
};
use crate::proxy::{Carry, close_and_drain, pass_both};

/// Carries connections, and applies the faults of this board to their bytes.
pub(super) struct Disturbed(pub(super) Arc<Board>);

impl Carry for Disturbed {
    async fn carry(
        &self,
        client: &mut TcpStream,
        _addr: SocketAddr,
        mut server: ByteStream,
        first: &[u8],
    ) -> io::Result<()> {
        let connection = ProxiedConnection::open(&self.0, first);
        // Keep a second handle to the socket, because a split stream cannot change the socket's
        // options.
        let server_socket = SockRef::from(server.tcp()).try_clone()?;
        let ending = {
            let (client_reads, client_writes) = client.split();
            let (server_reads, server_writes) = tokio::io::split(&mut server);
            let up = Direction::ClientToServer;
            let up = Pump::new(&connection, up, client_reads, server_writes, None);
            let (down, socket) = (Direction::ServerToClient, Some(server_socket));
            let down = Pump::new(&connection, down, server_reads, client_writes, socket);
            tokio::select! {
                ending = watch(&connection) => ending,
                ending = pass_both(up.run(first), down.run(&[])) => ending,
            }
        };
        connection.show_end();
        connection.report("ended".into());
        match ending {
            Ok(()) => Ok(()),
            Err(Abort::Cut) => {
                tokio::join!(close_and_drain(&mut server), close_and_drain(client));
                Ok(())
            }
            Err(Abort::Reset) => {
                server.reset();
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
    }
}
