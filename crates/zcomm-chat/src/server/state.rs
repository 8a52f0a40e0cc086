//! The state of a chat: its rooms, its sessions and the log of broadcasts.
//!
//! Only commands change the state: see `apply`.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use zcomm_core::{Figure, FigureKind, Hub, HubLimits};

use crate::{
    envelope::SERVER_LOG,
    server::{
        log_image::LogImage,
        moment::Moment,
        resume,
        rooms::{Rooms, RoomsImage},
        servers::Servers,
        sessions::{Peer, Sessions},
        sessions_image::SessionsImage,
    },
};

/// A copy of the log of broadcasts has at most this number of bytes.
const COPIED_LOG: usize = 256 * 1024;

pub(crate) struct ChatState {
    /// The random name of this state. Positions in another state are not valid in this state.
    pub(crate) epoch: String,
    pub(crate) rooms: Rooms,
    pub(crate) sessions: Sessions,
    /// The number of messages stored since the start.
    pub(crate) messages: AtomicU64,
    /// The log of the broadcasts. A server alone sets it when the first client connects.
    pub(crate) log: OnceLock<Hub>,
    /// Whether this server stops. Then its logs are closed, so its state is no longer complete.
    pub(crate) stopped: AtomicBool,
    /// Set if several servers share this state.
    shared: Option<Mutex<Shared>>,
}

/// The part of the state that only several servers have.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Shared {
    servers: Servers,
    /// The number of the entry with which this state began anew; 0 for the first state of a log.
    began: u64,
}

/// A copy of the state.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateImage {
    epoch: String,
    messages: u64,
    rooms: RoomsImage,
    sessions: SessionsImage,
    log: LogImage,
    shared: Shared,
}

/// The server that a command comes from.
#[derive(Clone)]
pub(crate) struct Origin {
    /// The name of the server; empty for a server alone.
    pub(crate) server: Arc<str>,
    /// Whether the command comes from this server.
    pub(crate) here: bool,
}

impl Origin {
    /// This server, with this name.
    pub(crate) fn here(server: Arc<str>) -> Origin {
        Origin { server, here: true }
    }

    pub(crate) fn peer(&self, client: u64) -> Peer {
        let server = Arc::clone(&self.server);
        Peer { server, client }
    }
}

impl ChatState {
    pub(crate) fn new<'a>(epoch: &str, reserved: impl Iterator<Item = &'a str>) -> ChatState {
        ChatState {
            epoch: epoch.to_owned(),
            rooms: Rooms::new(epoch),
            sessions: Sessions::new(epoch, reserved),
            messages: AtomicU64::default(),
            log: OnceLock::new(),
            stopped: AtomicBool::default(),
            shared: None,
        }
    }

    /// A new state of several servers. `began` is the number of the entry with which it begins.
    pub(crate) fn shared(epoch: &str, reserved: &[String], began: u64) -> ChatState {
        let reserved = reserved.iter().map(String::as_str);
        let words = {
            let epoch = epoch.to_owned();
            move |from, to| resume::gap(SERVER_LOG, &epoch, from, Some(to)).into()
        };
        let servers = Servers::default();
        ChatState {
            log: OnceLock::from(Hub::with_gap_words(HubLimits::default(), words)),
            shared: Some(Mutex::new(Shared { servers, began })),
            ..ChatState::new(epoch, reserved)
        }
    }

    /// A copy of the state of several servers. `None` if this server stops.
    pub(crate) fn image(&self) -> Option<StateImage> {
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        Some(StateImage {
            epoch: self.epoch.clone(),
            messages: self.messages.load(Ordering::Relaxed),
            rooms: self.rooms.image(),
            sessions: self.sessions.image(),
            log: LogImage::of(self.log.get()?, COPIED_LOG),
            shared: lock(self.shared.as_ref()?).clone(),
        })
    }

    /// Makes a state from a copy.
    pub(crate) fn from_image(image: StateImage, reserved: &[String]) -> ChatState {
        let state = ChatState::shared(&image.epoch, reserved, image.shared.began);
        state.messages.store(image.messages, Ordering::Relaxed);
        state.rooms.restore(image.rooms);
        state.sessions.restore(image.sessions);
        if let (Some(log), Some(shared)) = (state.log.get(), &state.shared) {
            image.log.restore(log);
            *lock(shared) = image.shared;
        }
        state
    }

    /// Records an entry of `server`. Disconnects the people of servers that are gone, and returns
    /// the names of these servers.
    pub(crate) fn heard(&self, server: &str, milliseconds: u64, time: Moment) -> Vec<String> {
        let Some(shared) = &self.shared else {
            return Vec::new();
        };
        self.sessions.expire(time.clock);
        let gone = lock(shared).servers.heard(server, milliseconds);
        for server in &gone {
            self.without(server, time);
        }
        gone
    }

    /// Removes a server that has said goodbye, and disconnects its people.
    pub(crate) fn server_stops(&self, server: &str, time: Moment) {
        if let Some(shared) = &self.shared {
            lock(shared).servers.stopped(server);
            self.without(server, time);
        }
    }

    /// Disconnects the people of a server.
    fn without(&self, server: &str, time: Moment) {
        for (session, login, client) in self.sessions.of_server(server) {
            let server = server.into();
            let peer = Peer { server, client };
            self.sessions.disconnect(session, &peer, time.clock);
            self.rooms.leave_all(session, login, time);
        }
    }

    /// The number of the entry with which this state began anew.
    pub(crate) fn began(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| lock(shared).began)
    }

    /// The members and messages of each room. For several servers, also the number of servers that
    /// run, and the number of people who are connected to them.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let mut figures = self.rooms.figures();
        let all = |name, help, value| Figure {
            name,
            help,
            kind: FigureKind::Gauge,
            label: "chat",
            values: vec![("shared".to_owned(), value as u64)],
        };
        if let Some(servers) = self.servers() {
            let help = "Servers of this chat that run.";
            figures.push(all("zcomm_chat_servers", help, servers));
            let help = "People who are connected to any server of this chat.";
            figures.push(all("zcomm_chat_clients", help, self.sessions.connected()));
        }
        figures
    }

    /// The number of servers that run; `None` for a server alone.
    pub(crate) fn servers(&self) -> Option<usize> {
        let shared = self.shared.as_ref()?;
        Some(lock(shared).servers.count())
    }

    /// The time of the last entry of the log of several servers; `None` for a server alone.
    pub(crate) fn time_of_last_entry(&self) -> Option<Duration> {
        let shared = self.shared.as_ref()?;
        Some(Duration::from_millis(lock(shared).servers.last()))
    }

    /// Whether several servers have this state.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // After a panic in another task, the data is valid: each change is one assignment.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
