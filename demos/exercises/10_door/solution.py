"""Who may connect: the first message must be the token."""

import asyncio
import os

from websockets.asyncio.server import serve

TOKEN = "open-sesame-12345"


async def handle(client):
    """Runs once for each client."""
    # A real server compares tokens in constant time: hmac.compare_digest.
    if await client.recv() != TOKEN:
        await client.close(1008, "Invalid token")
        return
    await client.send("welcome")
    async for message in client:
        await client.send(message)


async def main():
    port = int(os.environ.get("WEBSOCKET_PORT", "8765"))
    async with serve(handle, "127.0.0.1", port, origins=[None, f"http://127.0.0.1:{port}"]) as server:
        await server.serve_forever()


asyncio.run(main())
