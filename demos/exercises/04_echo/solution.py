"""An exact echo: send each message back, unchanged."""

import asyncio
import os

from websockets.asyncio.server import serve


async def handle(client):
    """Runs once for each client."""
    async for message in client:
        await client.send(message)


async def main():
    port = int(os.environ.get("WEBSOCKET_PORT", "8765"))
    async with serve(handle, "127.0.0.1", port) as server:
        await server.serve_forever()


asyncio.run(main())
