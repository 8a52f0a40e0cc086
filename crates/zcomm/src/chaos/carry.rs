//! A connection's sockets: how it begins, and the three ways in which it ends.
//!
//! Whoever says goodbye is passed on. What is cut ends on both sides as TCP ends, and only the
//! WebSocket's goodbye is missing. What is reset is what a crashed machine or an angry
//! firewall sends, and may take back what the receiver has not read yet.
//!
//! Production sees all three every day, and tells them apart in its logs.

use std::{io, sync::Arc, time::Duration};

use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use zcomm_core::{ByteStream, xray::Direction};

use super::{board::Board, connection::Connection, line::Ending};
use crate::proxy::Carry;

/// What TCP may keep for a slow reader (bytes); the system doubles it.
const SMALL: usize = 4096;
/// For both sides to take the end that they are given.
const DRAIN: Duration = Duration::from_secs(1);

/// A connection that is about to begin.
pub(super) struct Carried(pub(super) Arc<Board>);

impl Carry for Carried {
    async fn carry(
        self,
        client: &mut TcpStream,
        mut server: ByteStream,
        first: &[u8],
    ) -> io::Result<()> {
        let (number, states) = self.0.open();
        let connection = Connection::new(&self.0, number, states);
        // The same socket once more: its halves do not let anybody ask for its options.
        let options = socket2::SockRef::from(server.tcp()).try_clone()?;
        let shrink = move || {
            // Where the system refuses, the reader is slow with what it has.
            options.set_recv_buffer_size(SMALL).ok();
        };
        let ending = {
            let (client_reads, client_writes) = client.split();
            let (server_reads, server_writes) = tokio::io::split(&mut server);
            let up = connection.pump(
                Direction::ClientToServer,
                first,
                client_reads,
                server_writes,
                || {},
            );
            let down = connection.pump(
                Direction::ServerToClient,
                &[],
                server_reads,
                client_writes,
                shrink,
            );
            connection.both(up, down).await
        };
        connection.finish();
        connection.tell("ended".into());
        match ending {
            Ending::Fin => Ok(()),
            Ending::Cut => {
                // A socket that is closed with something unread takes back what it has said.
                let drained = async {
                    server.shutdown().await.ok();
                    client.shutdown().await.ok();
                    let (mut server_rest, mut client_rest) = (tokio::io::sink(), tokio::io::sink());
                    let server = tokio::io::copy(&mut server, &mut server_rest);
                    let client = tokio::io::copy(client, &mut client_rest);
                    tokio::join!(server, client)
                };
                // Whoever does not take it in time, goes without.
                drop(timeout(DRAIN, drained).await);
                Ok(())
            }
            Ending::Reset => {
                server.reset();
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
    }
}
