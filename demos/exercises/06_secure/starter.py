"""Serve over TLS, or not at all."""

import asyncio
import os
import ssl

from websockets.asyncio.server import serve


async def handle(client):
    async for message in client:
        await client.send(message)


async def main():
    port = int(os.environ.get("WEBSOCKET_PORT", "8765"))
    # TODO: make an ssl.SSLContext with the certificate and the key in the settings.
    tls = None
    async with serve(handle, "127.0.0.1", port, ssl=tls) as server:
        await server.serve_forever()


asyncio.run(main())
