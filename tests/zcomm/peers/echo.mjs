// An echo server of other people's making: https://github.com/websockets/ws.
//
// It says its port, answers as the first word of a text asks, and sends everything else back.
// Each connection that ends is a line: the Close code and the reason that the client gave.

import { once } from "node:events";
import { createRequire } from "node:module";

// The library is not beside this file but where the tests start us.
const { WebSocketServer } = createRequire(`${process.cwd()}/`)("ws");

function talk(client, request) {
  console.log("offered", request.headers["sec-websocket-extensions"] ?? "-");
  // One after the other: what takes time must not be overtaken.
  let turn = Promise.resolve();
  client.on("message", (data, binary) => {
    turn = turn.then(() => answer(client, data, binary));
  });
  // `ws` closes a client that breaks a rule. Without a listener, the error would end the program.
  client.on("error", () => {});
  client.on("close", (code, reason) => console.log("closed", code, reason.toString()));
}

async function answer(client, data, binary) {
  const [word, first, ...rest] = binary ? [""] : data.toString().split(" ");
  switch (word) {
    case "close":
      client.close(Number(first), rest.join(" "));
      break;
    case "ping":
      client.ping("there?");
      await once(client, "pong");
      client.send("the pong came");
      break;
    case "fragments": {
      // A byte each: most of them are no character.
      const bytes = Buffer.from(first);
      bytes.forEach((_, at) =>
        client.send(bytes.subarray(at, at + 1), { binary: false, fin: at + 1 === bytes.length }),
      );
      break;
    }
    case "protocol":
      client.send(client.protocol || "-");
      break;
    default:
      client.send(data, { binary });
  }
}

// Compression is on, as in a server of today: who offers it gets it.
const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  perMessageDeflate: true,
  handleProtocols: (offered) => ["chat", "chat.v2"].find((known) => offered.has(known)) ?? false,
});
server.on("connection", talk);
server.on("listening", () => console.log("port", server.address().port));
