"""Come back, but not at once: reconnect with a pause that doubles, and never after 1008."""

import asyncio
import sys

from websockets.asyncio.client import connect


async def main():
    url = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8765/"
    # TODO: connect again after the end, with a pause; but not after 1008.
    async with connect(url) as client:
        await client.send("hello")
        await client.wait_closed()


asyncio.run(main())
