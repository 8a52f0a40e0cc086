"use strict";
// "Show the wire": each frame of this page's own connections, with its bytes. A page sees no frame; a server that runs
// with --xray does, and shows them to whoever knows the attempt of a connection (the random word in its address). They
// are shown in a frame of their own, by the page of zcomm xray, which is only told where to ask.

const wire = {
  button: document.createElement("button"),
  frame: null, // while it is shown
  socket: null, // the newest of this page
};

const askForWire = () => {
  if (!wire.socket || !wire.frame) return;
  const url = new URL("/xray", wire.socket.url);
  const { searchParams } = new URL(wire.socket.url);
  const query = { watch: searchParams.get("attempt"), attempt: randomWord(), token: searchParams.get("token") };
  for (const [key, value] of Object.entries(query)) if (value) url.searchParams.set(key, value);
  const where = { url: url.href, command: `${element("command").textContent} -- --xray` };
  wire.frame.contentWindow.postMessage(where, "*"); // an own file; but one that was double-clicked has no origin
};
const showWire = (socket) => {
  wire.socket = socket;
  askForWire();
};

const tellWire = () => {
  wire.button.textContent = wire.frame ? "Hide the wire" : "Show the wire";
  wire.button.setAttribute("aria-expanded", wire.frame !== null);
};
wire.button.id = "wire";
wire.button.type = "button";
wire.button.addEventListener("click", () => {
  wire.frame?.remove();
  wire.frame = wire.frame ? null : document.createElement("iframe");
  tellWire();
  if (!wire.frame) return;
  wire.frame.title = "The wire";
  wire.frame.src = "xray.html";
  wire.frame.addEventListener("load", askForWire);
  document.body.append(wire.frame);
  wire.frame.scrollIntoView({ block: "nearest" });
});
tellWire();
document.querySelector(".state").append(wire.button);
