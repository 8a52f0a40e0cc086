"""Count who is connected: send the number to all clients whenever it changes."""

import asyncio
import os

from websockets.asyncio.server import serve

clients = set()


async def handle(client):
    """Runs once for each client."""
    clients.add(client)
    # TODO: send the number of clients to all clients, here and in one more place.
    await client.wait_closed()


async def main():
    port = int(os.environ.get("WEBSOCKET_PORT", "8765"))
    async with serve(handle, "127.0.0.1", port) as server:
        await server.serve_forever()


asyncio.run(main())
