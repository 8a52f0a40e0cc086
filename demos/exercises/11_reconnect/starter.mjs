// Come back, but not at once: reconnect with a pause that doubles, and never after 1008.

import WebSocket from "ws";

const url = process.argv[2] ?? "ws://127.0.0.1:8765/";
function connect() {
  const socket = new WebSocket(url);
  socket.on("open", () => socket.send("hello"));
  socket.on("error", (error) => console.error(error.message));
  // TODO: connect again after the end, with a pause; but not after 1008.
}

connect();
