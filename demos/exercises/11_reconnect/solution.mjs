// Come back, but not at once: reconnect with a pause that doubles, and never after 1008.

import WebSocket from "ws";

const url = process.argv[2] ?? "ws://127.0.0.1:8765/";
let pause = 200;

function connect() {
  const socket = new WebSocket(url);
  socket.on("open", () => socket.send("hello"));
  socket.on("error", (error) => console.error(error.message));
  socket.on("close", (code) => {
    if (code === 1008) {
      process.exitCode = 1;
      return;
    }
    // A real client limits the pause, and makes it random.
    setTimeout(connect, pause);
    pause *= 2;
  });
}

connect();
