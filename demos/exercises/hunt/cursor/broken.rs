// ✗ 1  an entry that comes between two reads is read

use std::{process::ExitCode, time::Duration};
use tokio::{sync::watch, time::timeout};
use zcomm_core::{Config, Connection, Message, Result, Server, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let log = Log::new(Vec::new());
    let server = Server::bind(Config::from_env()?).await?;
    let handler = move |connection| handle(connection, log.clone());
    server.run(handler, shutdown_signal()).await
}

/// All entries. In this program, the position of an entry is its id.
type Log = watch::Sender<Vec<String>>;

/// Reads the first entry after this position. Waits 0.1 s for it, as Redis does in
/// `XREAD BLOCK 100`.
async fn read(log: &Log, after: usize) -> Option<String> {
    let mut reader = log.subscribe();
    let longer = reader.wait_for(|log| log.len() > after);
    let log = timeout(Duration::from_millis(100), longer).await;
    log.ok()?.ok()?.get(after).cloned()
}

/// Runs once for each client. `next` reads an entry; every other message becomes an entry.
async fn handle(mut connection: Connection, log: Log) -> Result<()> {
    connection.send("ready").await?;
    while let Some(message) = connection.recv().await {
        match message {
            Message::Text(text) if *text == *"next" => {
                // The position `$` of Redis: only what comes from now on.
                let end = log.borrow().len();
                match read(&log, end).await {
                    Some(entry) => connection.send(entry).await?,
                    None => connection.send("empty").await?,
                }
            }
            Message::Text(text) => {
                log.send_modify(|log| log.push(text.to_string()));
                connection.send("stored").await?;
            }
            Message::Binary(_) => {}
        }
    }
    Ok(())
}
