"""Frames by hand: read a frame, and answer it. The handshake is answered already."""

import asyncio
import base64
import hashlib
import os

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


async def handle(reader, writer):
    """Runs once for each client."""
    try:
        await answer_handshake(reader, writer)
        while True:
            opcode, payload = await read_frame(reader)
            # TODO: opcode 9 is a Ping, 10 a Pong; opcode 8 is a Close frame.
            write_frame(writer, opcode, payload)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # The client is gone.
    finally:
        writer.close()


async def read_frame(reader):
    """Returns the opcode and the unmasked payload of the next frame."""
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    # TODO: 126 and 127 mean that the length is in the next bytes.
    key = await reader.readexactly(4)
    # A real server has a limit here: a client may claim 2**63 bytes.
    payload = await reader.readexactly(length)
    # TODO: unmask the payload.
    return first & 0x0F, payload


def write_frame(writer, opcode, payload):
    """Writes a frame without a mask."""
    length = len(payload)
    # TODO: a length of 126 or more needs more bytes.
    header = bytes([length % 256])
    writer.write(bytes([0x80 | opcode]) + header + payload)


async def answer_handshake(reader, writer):
    """Reads the request up to its empty line, and answers with 101."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n") if ": " in line)
    key = {name.lower(): value for name, value in headers.items()}["sec-websocket-key"]
    accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    writer.write(
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )


async def main():
    port = int(os.environ.get("WEBSOCKET_PORT", "8765"))
    server = await asyncio.start_server(handle, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


asyncio.run(main())
