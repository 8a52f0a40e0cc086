// Count who is connected: send the number to all clients whenever it changes.

import { WebSocketServer } from "ws";

const port = Number(process.env.WEBSOCKET_PORT ?? 8765);
const server = new WebSocketServer({ host: "127.0.0.1", port });

const tell = () => {
  for (const client of server.clients) client.send(String(server.clients.size));
};

// Runs once for each client. server.clients is the set of all clients.
server.on("connection", (client) => {
  client.on("error", () => {});
  tell();
  client.on("close", tell); // However the client leaves.
});
