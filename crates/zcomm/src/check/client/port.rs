//! The port to which the tested client connects. Each case has an address of its own:
//! `ws://127.0.0.1:PORT/case/5.1/4`.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot},
    task::JoinSet,
    time::{Instant, sleep},
};
use zcomm_core::xray::{Direction, Event, EventKind, Head};

use crate::check::link::{Link, Next};

/// The maximum number of connections that have not sent their request yet.
const MOST: usize = 64;
/// The time limit for a request.
const REQUEST: Duration = Duration::from_secs(10);
/// The pause after an error of `accept`.
const PAUSE: Duration = Duration::from_millis(100);

/// A client that has sent its request.
pub(crate) struct Arrived {
    pub(crate) link: Link,
    pub(crate) head: Head,
    pub(crate) request: Box<Event>,
}

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Arrived>>>>;

/// An open port. Dropping this value closes the port.
pub(crate) struct Port {
    addr: SocketAddr,
    waiting: Waiting,
    _accepting: JoinSet<()>,
}

impl Port {
    pub(crate) async fn open() -> io::Result<Port> {
        Port::at(([127, 0, 0, 1], 0).into()).await
    }

    /// Opens this port.
    pub(crate) async fn at(addr: SocketAddr) -> io::Result<Port> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let waiting = Waiting::default();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&waiting)));
        Ok(Port {
            addr,
            waiting,
            _accepting: accepting,
        })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the address of this server: host and port.
    pub(crate) fn place(&self) -> String {
        self.addr.to_string()
    }

    /// Prepares the address of a case. Returns the address, and a receiver for the client that
    /// opens this address.
    pub(crate) fn expect(&self, name: &str) -> (String, oneshot::Receiver<Arrived>) {
        let path = format!("/case/{name}");
        let (sender, arrived) = oneshot::channel();
        let url = format!("ws://{}{path}", self.addr);
        lock(&self.waiting).insert(path, sender);
        (url, arrived)
    }
}

fn lock(waiting: &Waiting) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Arrived>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, waiting: Waiting) {
    let free = Arc::new(Semaphore::new(MOST));
    let mut reading = JoinSet::new();
    loop {
        while reading.try_join_next().is_some() {}
        // The `return` is never reached, because the semaphore is never closed.
        let Ok(place) = Arc::clone(&free).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let waiting = Arc::clone(&waiting);
                reading.spawn(async move {
                    introduce(stream, &waiting).await;
                    drop(place);
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Reads the request of a client, and gives the client to the case with this address. If no case
/// waits, drops the client: a program may connect again after the end of a case.
async fn introduce(stream: TcpStream, waiting: &Waiting) {
    // An error means that the connection has ended.
    stream.set_nodelay(true).ok();
    let mut link = Link::new(stream, Direction::ServerToClient);
    let Next::Event(request) = link.next(Instant::now() + REQUEST).await else {
        return;
    };
    let EventKind::Request(head) = &request.kind else {
        return;
    };
    let head = head.clone();
    let path = head.line.split(' ').nth(1).unwrap_or_default();
    let sender = lock(waiting).remove(path);
    if let Some(sender) = sender {
        // An error means that the case is over.
        sender
            .send(Arrived {
                link,
                head,
                request,
            })
            .ok();
    }
}
