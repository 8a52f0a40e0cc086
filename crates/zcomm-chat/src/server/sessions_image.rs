//! A copy of all sessions, for a server that starts later.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use zcomm_core::folded;

use crate::server::{
    session::{Session, SessionImage},
    sessions::{Entry, Peer, Sessions},
};

/// A copy of all sessions.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionsImage {
    last: u64,
    entries: Vec<EntryImage>,
    disconnected: Vec<(Duration, u64)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryImage {
    session: SessionImage,
    connection: Option<(String, u64)>,
    logins: u64,
}

impl Sessions {
    /// A copy of all sessions.
    pub(crate) fn image(&self) -> SessionsImage {
        let table = self.lock();
        let entries = table.sessions.values().map(|entry| EntryImage {
            session: entry.session.image(),
            connection: entry
                .connection
                .as_ref()
                .map(|peer| (peer.server.to_string(), peer.client)),
            logins: entry.logins,
        });
        let mut entries: Vec<_> = entries.collect();
        // A map has no order, but equal states must have equal copies.
        entries.sort_unstable_by_key(|entry| entry.session.number);
        SessionsImage {
            last: table.last,
            entries,
            disconnected: table.disconnected.iter().copied().collect(),
        }
    }

    /// Fills an empty list with the sessions of a copy.
    pub(crate) fn restore(&self, image: SessionsImage) {
        let mut table = self.lock();
        table.last = image.last;
        table.disconnected = image.disconnected.into();
        for entry in image.entries {
            let session = Session::from_image(entry.session, Arc::clone(&self.epoch));
            let session = Arc::new(session);
            let name = folded(&session.name);
            table.names.insert(name, Arc::clone(&session));
            let connection = entry.connection.map(|(server, client)| Peer {
                server: server.into(),
                client,
            });
            let number = session.number;
            let logins = entry.logins;
            table.sessions.insert(
                number,
                Entry {
                    session,
                    connection,
                    logins,
                },
            );
        }
    }
}
