"use strict";
// The button "Show the wire": shows the frames of this page's connections.
//
// A script cannot read the frames of its own connections. But a server can send them to a client that knows the attempt
// id: a server on this machine does it, and a server with --xray. The attempt id is in the address of the connection. An
// iframe with the page of zcomm xray displays the frames, in the place of the code. This file tells the iframe which
// connection to show.

const wire = {
  button: make("button"),
  frame: null, // the iframe, while it is shown
  socket: null, // the newest socket of this page
};

const tellWire = (message) => wire.frame?.contentWindow?.postMessage(message, "*"); // "*": a file has no origin
const askForWire = () => {
  if (!wire.socket) return;
  const url = new URL("/xray", wire.socket.url);
  const { searchParams } = new URL(wire.socket.url);
  const query = { watch: searchParams.get("attempt"), attempt: randomWord(), token: searchParams.get("token") };
  for (const [key, value] of Object.entries(query)) if (value) url.searchParams.set(key, value);
  tellWire({ url: url.href, command: `${element("command").textContent} -- --xray` });
};
const showWire = (socket) => {
  wire.socket = socket;
  askForWire();
};

const showButton = () => {
  wire.button.textContent = wire.frame ? "Hide the wire" : "Show the wire";
  wire.button.setAttribute("aria-expanded", wire.frame !== null);
  document.body.classList.toggle("wired", wire.frame !== null);
};
wire.button.id = "wire";
wire.button.type = "button";
wire.button.addEventListener("click", () => {
  wire.frame?.remove();
  wire.frame = wire.frame ? null : make("iframe");
  showButton();
  if (!wire.frame) return;
  wire.frame.title = "The wire";
  wire.frame.src = "xray.html";
  wire.frame.addEventListener("load", () => {
    tellWire({ large: isLarge() });
    askForWire();
  });
  (element("panels") ?? document.querySelector("main")).append(wire.frame);
});
large.addEventListener("click", () => tellWire({ large: isLarge() }));
showButton();
large.before(wire.button);
