"""An echo server of other people's making: https://docs.aiohttp.org. It takes its port."""

import sys

from aiohttp import WSMsgType, web


async def echo(request):
    client = web.WebSocketResponse()
    await client.prepare(request)
    async for message in client:
        if message.type == WSMsgType.TEXT:
            await client.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await client.send_bytes(message.data)
    return client


app = web.Application()
app.add_routes([web.get("/", echo)])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]))
