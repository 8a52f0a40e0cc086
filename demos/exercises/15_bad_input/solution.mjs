// Survive every message: say what is wrong, and keep the connection.

import { WebSocketServer } from "ws";

const port = Number(process.env.WEBSOCKET_PORT ?? 8765);
const server = new WebSocketServer({ host: "127.0.0.1", port });

// Returns the answer to any message.
function answer(bytes, binary) {
  if (binary) return { error: "text only" };
  let data;
  try {
    data = JSON.parse(bytes);
  } catch {
    return { error: "not JSON" };
  }
  const numbers = data?.add;
  const right = Array.isArray(numbers) && numbers.length === 2 && numbers.every(Number.isInteger);
  if (!right) return { error: "add must be two numbers" };
  return { sum: numbers[0] + numbers[1] };
}

// Runs once for each client.
server.on("connection", (client) => {
  client.on("error", () => {});
  client.on("message", (bytes, binary) => client.send(JSON.stringify(answer(bytes, binary))));
});
