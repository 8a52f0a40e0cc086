// Greet each client: send it the text Welcome when it connects.

import { WebSocketServer } from "ws";

const port = Number(process.env.WEBSOCKET_PORT ?? 8765);
const server = new WebSocketServer({ host: "127.0.0.1", port });

// Runs once for each client.
server.on("connection", (client) => {
  client.send("Welcome");
  client.on("error", () => {});
});
