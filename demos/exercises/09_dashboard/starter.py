"""A live dashboard: each client gets the whole state, at first and after each change."""

import asyncio
import json
import os

from websockets.asyncio.server import serve

clients = set()
state = {"sold": 0, "stock": 10}


async def handle(client):
    """Runs once for each client."""
    clients.add(client)
    try:
        # TODO: send the state to a new client, and the new state to all after each sale.
        async for message in client:
            print(message, json.dumps(state))
    finally:
        clients.remove(client)


async def main():
    port = int(os.environ.get("WEBSOCKET_PORT", "8765"))
    async with serve(handle, "127.0.0.1", port) as server:
        await server.serve_forever()


asyncio.run(main())
