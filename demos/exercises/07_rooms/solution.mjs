// Private rooms: a message reaches the others in the room of its sender.

import { WebSocketServer } from "ws";

const port = Number(process.env.WEBSOCKET_PORT ?? 8765);
const server = new WebSocketServer({ host: "127.0.0.1", port });
// The clients in each room. A real server also limits the number of rooms.
const rooms = new Map();

// Runs once for each client.
server.on("connection", (client) => {
  let room;
  const leave = () => rooms.get(room)?.delete(client);
  client.on("error", () => {});
  client.on("close", leave);
  client.on("message", (text) => {
    const data = JSON.parse(text);
    if (data.join !== undefined) {
      leave();
      room = data.join;
      if (!rooms.has(room)) rooms.set(room, new Set());
      rooms.get(room).add(client);
      client.send(JSON.stringify({ joined: room }));
    } else if (data.say !== undefined && room !== undefined) {
      const text = JSON.stringify({ room, say: data.say });
      for (const other of rooms.get(room)) if (other !== client) other.send(text);
    }
  });
});
