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
      socket.write(makeFrame(frame.opcode === 9 ? 10 : frame.opcode, frame.payload));
      if (frame.opcode === 8) socket.end();
    }
  });
});

// Returns the first frame of these bytes, or undefined if it is not complete.
function readFrame(bytes) {
  if (bytes.length < 2) return undefined;
  let at = 2;
  let length = bytes[1] & 0x7f;
  const more = { 126: 2, 127: 8 }[length] ?? 0;
  if (bytes.length < at + more) return undefined;
  if (more === 2) length = bytes.readUInt16BE(at);
  if (more === 8) length = Number(bytes.readBigUInt64BE(at));
  at += more;
  // A real server has a limit here: a client may claim 2**63 bytes.
  if (bytes.length < at + 4 + length) return undefined;
  const key = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + length));
  payload.forEach((byte, i) => (payload[i] = byte ^ key[i % 4]));
  return { opcode: bytes[0] & 0x0f, payload, end: at + 4 + length };
}

// Returns a frame without a mask.
function makeFrame(opcode, payload) {
  let header = Buffer.from([payload.length]);
  if (payload.length >= 65536) {
    header = Buffer.alloc(9, 127);
    header.writeBigUInt64BE(BigInt(payload.length), 1);
  } else if (payload.length >= 126) {
    header = Buffer.alloc(3, 126);
    header.writeUInt16BE(payload.length, 1);
  }
  return Buffer.concat([Buffer.from([0x80 | opcode]), header, payload]);
}

server.listen(Number(process.env.WEBSOCKET_PORT ?? 8765), "127.0.0.1");
