"""Come back, but not at once: reconnect with a pause that doubles, and never after 1008."""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


async def talk(url):
    """Returns the code of the Close frame, or None if the server cannot be reached."""
    try:
        async with connect(url) as client:
            await client.send("hello")
            async for _ in client:
                pass
            return client.close_code
    except ConnectionClosed as closed:
        return closed.rcvd and closed.rcvd.code
    except OSError as error:
        print(error, file=sys.stderr)  # The server is down.
    return None


async def main():
    url = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8765/"
    pause = 0.2
    while True:
        if await talk(url) == 1008:
            sys.exit("the server has refused this client")
        # A real client limits the pause, and makes it random.
        await asyncio.sleep(pause)
        pause *= 2


asyncio.run(main())
