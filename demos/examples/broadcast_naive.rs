//! # Broadcast, the first design: a loop over all clients
//!
//! Most examples on the web use this design. It works until one client stops reading. Then the
//! loop waits for this client and still holds the lock, so all other clients wait, too. The
//! chapter Broadcast stops a client and measures the delay. `open_broadcast` avoids this delay.
//!
//! To keep the code short, the program has no limits, no heartbeat and no clean shutdown.
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
    // Turns off Nagle's algorithm, so that small messages are sent at once.
    stream.set_nodelay(true)?;
    let (writer, mut reader) = accept_async(stream).await?.split();
    clients.lock().await.insert(who, writer);
    while let Some(message) = reader.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        let text = Message::text(format!("{who} says: {text}"));
        // Keeps the lock until the last client's socket has accepted the message.
        for (other, writer) in clients.lock().await.iter_mut() {
            if *other != who {
                // Ignores an error: that client has left, and its own task removes it.
                writer.send(text.clone()).await.ok();
            }
        }
    }
    Ok(())
}
