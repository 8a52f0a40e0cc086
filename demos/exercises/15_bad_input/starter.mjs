// Survive every message: say what is wrong, and keep the connection.

import { WebSocketServer } from "ws";

const port = Number(process.env.WEBSOCKET_PORT ?? 8765);
const server = new WebSocketServer({ host: "127.0.0.1", port });

// Returns the answer to any message.
function answer(bytes, binary) {
  // TODO: this function throws if a message is not what it expects.
  const data = JSON.parse(bytes);
  return { sum: data.add[0] + data.add[1] };
}

// Runs once for each client.
server.on("connection", (client) => {
  client.on("error", () => {});
  client.on("message", (bytes, binary) => client.send(JSON.stringify(answer(bytes, binary))));
});
