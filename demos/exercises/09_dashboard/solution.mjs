// A live dashboard: each client gets the whole state, at first and after each change.

import { WebSocketServer } from "ws";

const port = Number(process.env.WEBSOCKET_PORT ?? 8765);
const server = new WebSocketServer({ host: "127.0.0.1", port });
const state = { sold: 0, stock: 10 };

// Runs once for each client. server.clients is the set of all clients.
server.on("connection", (client) => {
  client.on("error", () => {});
  client.send(JSON.stringify(state));
  client.on("message", (text) => {
    if (text.toString() !== "sell") return;
    if (state.stock === 0) {
      client.send(JSON.stringify({ error: "sold out" }));
      return;
    }
    state.sold += 1;
    state.stock -= 1;
    for (const each of server.clients) each.send(JSON.stringify(state));
  });
});
