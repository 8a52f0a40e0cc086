// A game with turns: the server knows the rules.

import { WebSocketServer } from "ws";

const port = Number(process.env.WEBSOCKET_PORT ?? 8765);
const server = new WebSocketServer({ host: "127.0.0.1", port });
const game = { stones: 10, turn: 1 };
const players = [];

// Plays a move. Returns the new state, or an error for the player only.
function take(player, number) {
  if (game.stones === 0) return { error: "the game is over" };
  if (player !== game.turn) return { error: "not your turn" };
  if (![1, 2, 3].includes(number)) return { error: "take 1, 2 or 3" };
  if (number > game.stones) return { error: "too many" };
  game.stones -= number;
  if (game.stones === 0) return { state: { stones: 0, winner: player } };
  game.turn = 3 - player;
  return { state: game };
}

// Returns what a message wants to take. JSON may also be null, which has no members.
function numberIn(text) {
  try {
    return JSON.parse(text)?.take;
  } catch {
    return undefined;
  }
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
    const { state, error } = take(player, numberIn(text));
    if (error) client.send(JSON.stringify({ error }));
    else for (const each of players) each.send(JSON.stringify(state));
  });
});
