// A live dashboard: each client gets the whole state, at first and after each change.

import { WebSocketServer } from "ws";

const port = Number(process.env.WEBSOCKET_PORT ?? 8765);
const server = new WebSocketServer({ host: "127.0.0.1", port });
const state = { sold: 0, stock: 10 };

// Runs once for each client. server.clients is the set of all clients.
server.on("connection", (client) => {
  client.on("error", () => {});
  // TODO: send the state to a new client, and the new state to all after each sale.
  client.on("message", (text) => console.log(text.toString(), state));
});
