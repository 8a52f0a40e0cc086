"""Private rooms: a message reaches the others in the room of its sender."""

import asyncio
import json
import os
from collections import defaultdict

from websockets.asyncio.server import serve

# The clients in each room. A real server also limits the number of rooms.
rooms = defaultdict(set)


async def handle(client):
    """Runs once for each client."""
    room = None
    try:
        async for message in client:
            data = json.loads(message)
            if "join" in data:
                # TODO: leave the old room, join the new one, and answer.
                room = data["join"]
            elif "say" in data and room is not None:
                text = json.dumps({"room": room, "say": data["say"]})
                # TODO: send it to the others in the room.
                print(text)
    finally:
        rooms[room].discard(client)


async def main():
    port = int(os.environ.get("WEBSOCKET_PORT", "8765"))
    async with serve(handle, "127.0.0.1", port) as server:
        await server.serve_forever()


asyncio.run(main())
