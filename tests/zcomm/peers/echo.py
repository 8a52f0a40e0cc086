"""An echo server of other people's making: https://websockets.readthedocs.io.

It says its port, answers as the first word of a text asks, and sends everything else back.
Each connection that ends is a line: the Close code and the reason that the client gave.
"""

import asyncio
import contextlib

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def talk(client):
    # Compression is on, as it is by default: who offers it gets it.
    print("offered", client.request.headers.get("Sec-WebSocket-Extensions", "-"), flush=True)
    # Any code but 1000 and 1001 ends the loop with an exception.
    with contextlib.suppress(ConnectionClosed):
        async for message in client:
            await answer(client, message)
    await client.wait_closed()
    print("closed", client.close_code, client.close_reason, flush=True)


async def answer(client, message):
    word, *rest = message.split(" ", 2) if isinstance(message, str) else [""]
    match word:
        case "close":
            await client.close(int(rest[0]), rest[1])
        case "ping":
            await (await client.ping(b"there?"))
            await client.send("the pong came")
        case "fragments":
            # A byte each: most of them are no character.
            await client.send((bytes([byte]) for byte in rest[0].encode()), text=True)
        case "protocol":
            await client.send(client.subprotocol or "-")
        case _:
            await client.send(message)


def choose(client, offered):
    return next((known for known in ("chat", "chat.v2") if known in offered), None)


async def main():
    async with serve(talk, "127.0.0.1", 0, select_subprotocol=choose) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


asyncio.run(main())
