//! A proxy before Redis. It can break a connection after Redis has run a command, before the answer
//! arrives. And it can hold the readers of the servers at their start.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Forwards bytes to Redis and back.
pub(crate) struct Proxy {
    pub(crate) addr: SocketAddr,
    redis: Arc<Mutex<SocketAddr>>,
    /// Whether to break the connection instead of forwarding the next answer of the script.
    swallow: Arc<AtomicBool>,
    /// Whether a reader waits for the answer to its first command, `ROLE`.
    holds_readers: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn before(redis: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy {
            addr: listener.local_addr().unwrap(),
            redis: Arc::new(Mutex::new(redis)),
            swallow: Arc::default(),
            holds_readers: watch::Sender::new(false),
        };
        let (redis, swallow) = (Arc::clone(&proxy.redis), Arc::clone(&proxy.swallow));
        let holds_readers = proxy.holds_readers.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (redis, swallow) = (*redis.lock().unwrap(), Arc::clone(&swallow));
                let holds = holds_readers.clone();
                tokio::spawn(async move { forward(client, redis, &swallow, holds).await });
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}/", self.addr)
    }

    /// Makes new connections lead to this address.
    pub(crate) fn lead_to(&self, redis: SocketAddr) {
        *self.redis.lock().unwrap() = redis;
    }

    /// Makes the proxy lose the next answer of the script.
    pub(crate) fn lose_an_answer(&self) {
        self.swallow.store(true, Ordering::SeqCst);
    }

    pub(crate) fn hold_readers(&self, hold: bool) {
        self.holds_readers.send_replace(hold);
    }

    pub(crate) fn has_lost_it(&self) -> bool {
        !self.swallow.load(Ordering::SeqCst)
    }
}

async fn forward(
    client: TcpStream,
    redis: SocketAddr,
    swallow: &AtomicBool,
    mut holds_readers: watch::Receiver<bool>,
) {
    let Ok(redis) = TcpStream::connect(redis).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_redis, mut to_redis) = redis.into_split();
    let there = copy(&mut from_client, &mut to_redis);
    let back = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_redis.read(&mut buffer).await {
            let answer = String::from_utf8_lossy(&buffer[..read]);
            if answer.contains("\r\ndone\r\n") && swallow.swap(false, Ordering::SeqCst) {
                return;
            }
            if answer.contains("\r\nmaster\r\n") {
                holds_readers.wait_for(|holds| !holds).await.ok();
            }
            if to_client.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = there => {}
        () = back => {}
    }
}
