// Who may connect: the first message must be the token.

import { WebSocketServer } from "ws";

const port = Number(process.env.WEBSOCKET_PORT ?? 8765);
const server = new WebSocketServer({ host: "127.0.0.1", port });
const TOKEN = "open-sesame-12345";

// Runs once for each client.
server.on("connection", (client) => {
  // TODO: the first message must be the token; close with 1008 if it is not.
  client.send(`${TOKEN.length} bytes are secret`);
  client.on("message", (data, binary) => client.send(data, { binary }));
  client.on("error", () => {});
});
