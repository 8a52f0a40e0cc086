// Resume with a named gap: a client says what it has, and gets the rest.

import { WebSocketServer } from "ws";

const port = Number(process.env.WEBSOCKET_PORT ?? 8765);
const server = new WebSocketServer({ host: "127.0.0.1", port });
const readers = new Set();
const log = []; // The last three messages.
let count = 0;

// Runs once for each client.
server.on("connection", (client) => {
  client.on("error", () => {});
  client.on("close", () => readers.delete(client));
  client.on("message", (text) => {
    const data = JSON.parse(text);
    if (data.since !== undefined) {
      // TODO: send what the client has missed, and name what is gone.
      readers.add(client);
    } else if (data.say !== undefined) {
      count += 1;
      log.push({ n: count, say: data.say });
      if (log.length > 3) log.shift();
      for (const reader of readers) reader.send(JSON.stringify(log.at(-1)));
    }
  });
});
