"""Survive every message: say what is wrong, and keep the connection."""

import asyncio
import json
import os

from websockets.asyncio.server import serve


def answer(message):
    """Returns the answer to any message."""
    # TODO: this function throws if a message is not what it expects.
    data = json.loads(message)
    return {"sum": data["add"][0] + data["add"][1]}


async def handle(client):
    """Runs once for each client."""
    async for message in client:
        await client.send(json.dumps(answer(message)))


async def main():
    port = int(os.environ.get("WEBSOCKET_PORT", "8765"))
    async with serve(handle, "127.0.0.1", port) as server:
        await server.serve_forever()


asyncio.run(main())
