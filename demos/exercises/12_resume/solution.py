"""Resume with a named gap: a client says what it has, and gets the rest."""

import asyncio
import json
import os
from collections import deque

from websockets.asyncio.server import broadcast, serve

clients = set()
# Pairs of a number and a text: the last three messages.
log = deque(maxlen=3)
count = 0


async def handle(client):
    """Runs once for each client."""
    global count
    try:
        async for message in client:
            data = json.loads(message)
            if "since" in data:
                since = data["since"]
                oldest = log[0][0] if log else count + 1
                missed = [entry for number, entry in log if number > since]
                if since + 1 < oldest:
                    missed.insert(0, json.dumps({"gap": [since + 1, oldest - 1]}))
                # No await before add(): a new message in between would be lost for this client.
                for entry in missed:
                    broadcast([client], entry)
                clients.add(client)
            elif "say" in data:
                count += 1
                entry = json.dumps({"n": count, "say": data["say"]})
                log.append((count, entry))
                broadcast(clients, entry)
    finally:
        clients.discard(client)


async def main():
    port = int(os.environ.get("WEBSOCKET_PORT", "8765"))
    async with serve(handle, "127.0.0.1", port) as server:
        await server.serve_forever()


asyncio.run(main())
