// Who may connect: the first message must be the token.

import { WebSocketServer } from "ws";

const port = Number(process.env.WEBSOCKET_PORT ?? 8765);
// A program sends no Origin.
const verifyClient = ({ origin }, answer) =>
  answer(origin === undefined || origin === `http://127.0.0.1:${port}`, 403);
const server = new WebSocketServer({ host: "127.0.0.1", port, verifyClient });
const TOKEN = "open-sesame-12345";

// Runs once for each client.
server.on("connection", (client) => {
  let known = false;
  client.on("message", (data, binary) => {
    if (known) {
      client.send(data, { binary });
    } else if (data.toString() === TOKEN) {
      // A real server compares tokens in constant time: crypto.timingSafeEqual.
      known = true;
      client.send("welcome");
    } else {
      client.close(1008, "Invalid token");
    }
  });
  client.on("error", () => {});
});
