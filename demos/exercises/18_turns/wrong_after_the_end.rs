// ✗ 6  after the end no player can move

use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use zcomm_core::{Config, Connection, Hub, Message, Result, Server, program, shutdown_signal};

struct Game {
    players: u8,
    stones: u64,
    turn: u8,
}

impl Game {
    /// The next player gets its number. The third client gets none.
    fn join(&mut self) -> Option<u8> {
        self.players += u8::from(self.players < 3);
        (self.players < 3).then_some(self.players)
    }

    /// Plays a move. An error is for the player only, and changes nothing.
    fn take(
        &mut self,
        player: u8,
        number: Option<u64>,
    ) -> std::result::Result<Value, &'static str> {
        if player != self.turn {
            return Err("not your turn");
        }
        let number = number.filter(|number| (1..=3).contains(number));
        let number = number.ok_or("take 1, 2 or 3")?;
        self.stones = self.stones.checked_sub(number).ok_or("too many")?;
        if self.stones == 0 {
            self.stones = 10;
            return Ok(json!({"stones": 0, "winner": player}));
        }
        self.turn = 3 - player;
        Ok(json!({"stones": self.stones, "turn": self.turn}))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let (players, stones, turn) = (0, 10, 1);
    let game = Arc::new(Mutex::new(Game {
        players,
        stones,
        turn,
    }));
    let server = Server::bind(Config::from_env()?).await?;
    let handler = move |connection| handle(connection, game.clone());
    server.run(handler, shutdown_signal()).await
}

/// Runs once for each client.
async fn handle(mut connection: Connection, game: Arc<Mutex<Game>>) -> Result<()> {
    let hub: Hub = connection.hub().clone();
    let player = lock(&game).join();
    let Some(player) = player else {
        connection
            .send(json!({"error": "full"}).to_string())
            .await?;
        connection.close(1013, "the game is full");
        return Ok(());
    };
    connection
        .send(json!({"player": player}).to_string())
        .await?;
    while let Some(message) = connection.recv().await {
        let Message::Text(text) = message else {
            continue;
        };
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        let error = {
            let mut game = lock(&game);
            match game.take(player, json["take"].as_u64()) {
                // The lock is still held, so both players get the states in their order.
                Ok(state) => hub.broadcast(state.to_string()).err().map(|_| "too large"),
                Err(error) => Some(error),
            }
        };
        if let Some(error) = error {
            connection.send(json!({"error": error}).to_string()).await?;
        }
    }
    Ok(())
}

fn lock(game: &Mutex<Game>) -> std::sync::MutexGuard<'_, Game> {
    game.lock().unwrap_or_else(PoisonError::into_inner)
}
