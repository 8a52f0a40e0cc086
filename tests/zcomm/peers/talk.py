"""A client of other people's making: https://websockets.readthedocs.io.

It says what a client can say to an echo server, each in its own kind of frames, tells that
it has, and says goodbye when it is told to.
"""

import asyncio
import sys

from websockets.asyncio.client import connect


async def main():
    # Compression is on, as it is by default: it is offered.
    async with connect(sys.argv[1]) as server:
        # The sizes at which a frame gets another header.
        for whole in ["Hello", "Grüße, 世界 🌍", "", "x" * 125, "y" * 126, b"",
                      bytes(range(256)), bytes(65_535), b"\x07" * 65_536]:
            await server.send(whole)
            assert await server.recv() == whole
        for pieces in [["in ", "", "pie", "ces: ", "世界"], [b"\x00\xff", b"\n"]]:
            await server.send(pieces)
            assert await server.recv() == pieces[0][:0].join(pieces)
        for payload in [b"", b"there?", bytes(range(125))]:
            await (await server.ping(payload))
        await server.pong(b"unasked")
        print("said", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await server.close(3001, "Tschüs, 世界")


asyncio.run(main())
