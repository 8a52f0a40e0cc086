// Serve over TLS, or not at all.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

// TODO: serve https with the certificate and the key in the settings: readFileSync reads them.
const web = createServer();
const server = new WebSocketServer({ server: web });

server.on("connection", (client) => {
  client.on("error", () => {});
  client.on("message", (data, binary) => client.send(data, { binary }));
});

web.listen(Number(process.env.WEBSOCKET_PORT ?? 8765), "127.0.0.1");
