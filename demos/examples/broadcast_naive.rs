//! Broadcast, the first design: a loop over all clients.
//!
//! Most examples begin like this, and it works until one client stops reading: then the
//! loop waits for that client with the lock in its hand, and everybody waits for the loop.
//! Part 7 of the course stops a client and measures it; `open_broadcast` does it right.
//!
//! Kept to what the design needs: no limits, no heartbeat, no good end.
//!
//! - **Run** `cargo run --example broadcast_naive`

use std::{collections::HashMap, io, net::SocketAddr, sync::Arc};

use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Mutex,
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite};
use tungstenite::Message;

type Writer = SplitSink<WebSocketStream<TcpStream>, Message>;
type Clients = Arc<Mutex<HashMap<SocketAddr, Writer>>>;

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
            clients.lock().await.remove(&who);
        });
    }
}

async fn relay(stream: TcpStream, who: SocketAddr, clients: &Clients) -> tungstenite::Result<()> {
    // Small messages leave at once: see Nagle's algorithm.
    stream.set_nodelay(true)?;
    let (writer, mut reader) = accept_async(stream).await?.split();
    clients.lock().await.insert(who, writer);
    while let Some(message) = reader.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        let text = Message::text(format!("{who} says: {text}"));
        // The lock is held until the last of them has taken the message.
        for (other, writer) in clients.lock().await.iter_mut() {
            if *other != who {
                // One that is gone is taken out by its own task.
                writer.send(text.clone()).await.ok();
            }
        }
    }
    Ok(())
}
