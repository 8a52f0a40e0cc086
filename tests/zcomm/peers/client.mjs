// A client of other people's making: https://github.com/websockets/ws. It sends each message back.

import { createRequire } from "node:module";

// The library is not beside this file but where the tests start us.
const { WebSocket } = createRequire(`${process.cwd()}/`)("ws");

const server = new WebSocket(process.argv[2], { perMessageDeflate: false });
server.on("message", (data, binary) => server.send(data, { binary }));
server.on("error", (error) => console.error(String(error)));
