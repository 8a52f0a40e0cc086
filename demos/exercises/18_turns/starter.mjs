// A game with turns: the server knows the rules.

import { WebSocketServer } from "ws";

const port = Number(process.env.WEBSOCKET_PORT ?? 8765);
const server = new WebSocketServer({ host: "127.0.0.1", port });
const game = { stones: 10, turn: 1 };
const players = [];

// Plays a move. Returns the new state, or an error for the player only.
function take(player, number) {
  // TODO: the server must know the rules.
  game.stones -= number;
  return { state: game };
}

// Runs once for each client.
server.on("connection", (client) => {
  client.on("error", () => {});
  if (players.length === 2) {
    client.send(JSON.stringify({ error: "full" }));
    client.close(1013, "the game is full");
    return;
  }
  players.push(client);
  const player = players.length;
  client.send(JSON.stringify({ player }));
  client.on("message", (text) => {
    const { state, error } = take(player, JSON.parse(text).take);
    if (error) client.send(JSON.stringify({ error }));
    else for (const each of players) each.send(JSON.stringify(state));
  });
});
