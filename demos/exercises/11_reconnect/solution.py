"""Come back, but not at once: reconnect with a pause that doubles, and never after 1008."""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


async def main():
    url = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8765/"
    pause = 0.2
    while True:
        async with connect(url) as client:
            try:
                await client.send("hello")
                await client.recv()
            except ConnectionClosed:
                pass
            await client.wait_closed()
            if client.close_code == 1008:
                sys.exit("the server has refused this client")
        # A real client limits the pause, and makes it random.
        await asyncio.sleep(pause)
        pause *= 2


asyncio.run(main())
