// An exact echo: send each message back, unchanged.

import { WebSocketServer } from "ws";

const port = Number(process.env.WEBSOCKET_PORT ?? 8765);
const server = new WebSocketServer({ host: "127.0.0.1", port });

// Runs once for each client.
server.on("connection", (client) => {
  client.on("error", () => {});
  // TODO: send the message back, unchanged.
  client.on("message", (data) => client.send(`You said ${data}`));
});
