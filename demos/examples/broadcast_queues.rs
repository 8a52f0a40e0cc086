//! # Broadcast, the second design: a queue and a task for each client
//!
//! The loop puts each message into the queue of each client. Each client's own task writes the
//! messages of its queue, so no client waits for another. But if a client stops reading, its
//! queue grows until the machine runs out of memory. The chapter Broadcast stops a client and
//! measures the memory. `open_broadcast` needs no queues.
//!
//! To keep the code short, the program has no limits, no heartbeat and no clean shutdown.
//!
//! - **Run** `cargo run --example broadcast_queues`

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedSender, unbounded_channel},
};
use tokio_tungstenite::{accept_async, tungstenite};
use tungstenite::Message;

type Clients = Arc<Mutex<HashMap<SocketAddr, UnboundedSender<Message>>>>;

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:8765").await?;
    println!("listening on ws://127.0.0.1:8765/");
    let clients = Clients::default();
    loop {
        let (stream, who) = listener.accept().await?;
        let clients = clients.clone();
        tokio::spawn(async move {
            if let Err(error) = relay(stream, who, &clients).await {
                println!("{who}: {error}");
            }
            with(&clients, |clients| clients.remove(&who));
        });
    }
}

async fn relay(stream: TcpStream, who: SocketAddr, clients: &Clients) -> tungstenite::Result<()> {
    // Turns off Nagle's algorithm, so that small messages are sent at once.
    stream.set_nodelay(true)?;
    let (mut writer, mut reader) = accept_async(stream).await?.split();
    let (queue, mut queued) = unbounded_channel();
    with(clients, |clients| clients.insert(who, queue));
    // This task ends when the queue's sender is dropped, or when the connection fails.
    tokio::spawn(async move {
        while let Some(message) = queued.recv().await {
            if writer.send(message).await.is_err() {
                break;
            }
        }
    });
    while let Some(message) = reader.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        let text = Message::text(format!("{who} says: {text}"));
        with(clients, |clients| {
            for (_, queue) in clients.iter().filter(|(other, _)| **other != who) {
                // Never waits: the queue has no limit.
                queue.send(text.clone()).ok();
            }
        });
    }
    Ok(())
}

/// Locks the map and runs `work`. A closure cannot contain `.await`, so no task waits while it
/// holds the lock.
fn with<T>(
    clients: &Clients,
    work: impl FnOnce(&mut HashMap<SocketAddr, UnboundedSender<Message>>) -> T,
) -> T {
    work(&mut clients.lock().unwrap_or_else(PoisonError::into_inner))
}
