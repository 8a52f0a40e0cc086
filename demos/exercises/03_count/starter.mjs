// Count who is connected: send the number to all clients whenever it changes.

import { WebSocketServer } from "ws";

const port = Number(process.env.WEBSOCKET_PORT ?? 8765);
const server = new WebSocketServer({ host: "127.0.0.1", port });

// Runs once for each client. server.clients is the set of all clients.
server.on("connection", (client) => {
  client.on("error", () => {});
  // TODO: send the number of clients to all clients, here and in one more place.
});
