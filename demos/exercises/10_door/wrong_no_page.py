# ✗ 5  the server's own page may connect, and needs the token as well

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
    # Only programs get in: they send no Origin.
    async with serve(handle, "127.0.0.1", port, origins=[None]) as server:
        await server.serve_forever()


asyncio.run(main())
