"""Who may connect: the first message must be the token."""

import asyncio
import os

from websockets.asyncio.server import serve

TOKEN = "open-sesame-12345"


async def handle(client):
    """Runs once for each client."""
    # TODO: the first message must be the token; close with 1008 if it is not.
    await client.send(f"{len(TOKEN)} bytes are secret")
    async for message in client:
        await client.send(message)


async def main():
    port = int(os.environ.get("WEBSOCKET_PORT", "8765"))
    async with serve(handle, "127.0.0.1", port) as server:
        await server.serve_forever()


asyncio.run(main())
