"""An echo server of other people's making: https://docs.socketify.dev, which is uWebSockets. It
takes its port."""

import sys

from socketify import App

app = App()
# By default a message has at most 16 KiB.
echo = {
    "max_payload_length": 1 << 20,
    "message": lambda client, message, opcode: client.send(message, opcode),
}
app.ws("/*", echo)
app.listen({"port": int(sys.argv[1]), "host": "127.0.0.1"})
app.run()
