# ✗ 3  so do other JSON, a missing number, and a text for a number

import asyncio
import json
import os

from websockets.asyncio.server import serve


def answer(message):
    """Returns the answer to any message."""
    if not isinstance(message, str):
        return {"error": "text only"}
    try:
        data = json.loads(message)
    except ValueError:
        return {"error": "not JSON"}
    numbers = data.get("add") if not isinstance(data, list) else None
    # type() and not isinstance(): True is an int, too.
    if not isinstance(numbers, list) or [type(each) for each in numbers] != [int, int]:
        return {"error": "add must be two numbers"}
    return {"sum": sum(numbers)}


async def handle(client):
    """Runs once for each client."""
    async for message in client:
        await client.send(json.dumps(answer(message)))


async def main():
    port = int(os.environ.get("WEBSOCKET_PORT", "8765"))
    async with serve(handle, "127.0.0.1", port) as server:
        await server.serve_forever()


asyncio.run(main())
