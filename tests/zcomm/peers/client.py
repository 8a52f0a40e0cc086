"""A client of other people's making: https://websockets.readthedocs.io. It sends each message back."""

import asyncio
import sys

from websockets.asyncio.client import connect


async def main():
    async with connect(sys.argv[1], compression=None) as server:
        async for message in server:
            await server.send(message)


asyncio.run(main())
