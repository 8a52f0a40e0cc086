// Serve over TLS, or not at all.

import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { WebSocketServer } from "ws";

const web = createServer({
  cert: readFileSync(process.env.WEBSOCKET_SSL_CERT),
  key: readFileSync(process.env.WEBSOCKET_SSL_KEY),
});
const server = new WebSocketServer({ server: web });

server.on("connection", (client) => {
  client.on("error", () => {});
  client.on("message", (data, binary) => client.send(data, { binary }));
});

web.listen(Number(process.env.WEBSOCKET_PORT ?? 8765), "127.0.0.1");
