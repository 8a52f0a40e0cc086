"""A live dashboard: each client gets the whole state, at first and after each change."""

import asyncio
import json
import os

from websockets.asyncio.server import broadcast, serve

clients = set()
state = {"sold": 0, "stock": 10}


async def handle(client):
    """Runs once for each client."""
    clients.add(client)
    try:
        await client.send(json.dumps(state))
        async for message in client:
            if message != "sell":
                continue
            if state["stock"] == 0:
                await client.send(json.dumps({"error": "sold out"}))
                continue
            # No await between these lines: no other client can sell in between.
            state["sold"] += 1
            state["stock"] -= 1
            broadcast(clients, json.dumps(state))
    finally:
        clients.remove(client)


async def main():
    port = int(os.environ.get("WEBSOCKET_PORT", "8765"))
    async with serve(handle, "127.0.0.1", port) as server:
        await server.serve_forever()


asyncio.run(main())
