"""An echo server of other people's making: https://picows.readthedocs.io. It takes its port.

The library passes each frame on as it comes. It leaves fragments, UTF-8 and the answer to a Close
frame to the program, so this program puts fragments together.
"""

import asyncio
import sys

from picows import WSListener, WSMsgType, ws_create_server


class Echo(WSListener):
    def __init__(self):
        self.kind, self.parts = None, []

    def on_ws_frame(self, client, frame):
        match frame.msg_type:
            case WSMsgType.PING:
                client.send_pong(frame.get_payload_as_bytes())
            case WSMsgType.CLOSE:
                client.send_close(frame.get_close_code(), frame.get_close_message())
                client.disconnect()
            case WSMsgType.PONG:
                pass
            case kind:
                self.data(client, frame, kind)

    def data(self, client, frame, kind):
        if kind != WSMsgType.CONTINUATION:
            self.kind, self.parts = kind, []
        self.parts.append(frame.get_payload_as_bytes())
        if frame.fin:
            client.send(self.kind, b"".join(self.parts))


async def main():
    server = await ws_create_server(lambda request: Echo(), "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


asyncio.run(main())
