// Frames by hand: read a frame, and answer it. Node answers no handshake, so this file does.

import { createHash } from "node:crypto";
import { createServer } from "node:http";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const server = createServer();

// Runs once for each client.
server.on("upgrade", (request, socket) => {
  const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + GUID);
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept.digest("base64")}\r\n\r\n`,
  );
  socket.on("error", () => {});
  let bytes = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (let frame = readFrame(bytes); frame; frame = readFrame(bytes)) {
      bytes = bytes.subarray(frame.end);
      // TODO: opcode 9 is a Ping, 10 a Pong; opcode 8 is a Close frame.
      socket.write(makeFrame(frame.opcode, frame.payload));
    }
  });
});

// Returns the first frame of these bytes, or undefined if it is not complete.
function readFrame(bytes) {
  if (bytes.length < 2) return undefined;
  let at = 2;
  let length = bytes[1] & 0x7f;
  // TODO: 126 and 127 mean that the length is in the next bytes.
  // A real server has a limit here: a client may claim 2**63 bytes.
  if (bytes.length < at + 4 + length) return undefined;
  const key = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + length));
  // TODO: unmask the payload.
  return { opcode: bytes[0] & 0x0f, payload, end: at + 4 + length };
}

// Returns a frame without a mask.
function makeFrame(opcode, payload) {
  // TODO: a length of 126 or more needs more bytes.
  const header = Buffer.from([payload.length]);
  return Buffer.concat([Buffer.from([0x80 | opcode]), header, payload]);
}

server.listen(Number(process.env.WEBSOCKET_PORT ?? 8765), "127.0.0.1");
