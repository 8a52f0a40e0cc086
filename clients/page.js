"use strict";
// What every lesson page shares: the log, the code panel and the state. (Ends in words: why.js.)
// The WebSocket code is in each page, between two comments; this file only watches it and never changes it.

const STATES = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"]; // the index is readyState

// ---- The log. Text goes in as textContent: what a stranger sends can never become markup.
const KINDS = { send: "sent", message: "received", error: "error", why: "error" };
const SIGNS = { sent: "→", received: "←", life: "•", error: "!" };

// A string as it is; bytes as two digits each, since bytes are not text.
const readable = (data) => {
  if (typeof data === "string") return data;
  return data instanceof Blob ? `${data.size} bytes` : `${data.byteLength} bytes: ${hex(data).join(" ")}`;
};

// The newest entry stays in sight, unless the reader has scrolled up to read.
const keepEnd = (change, always = false) => {
  const list = element("log");
  const atEnd = always || list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  change();
  if (atEnd) list.scrollTop = list.scrollHeight;
};
const log = (event, text, note) => {
  const item = document.createElement("li");
  item.dataset.event = event;
  item.dataset.kind = KINDS[event] ?? "life";
  const time = new Date().toTimeString().slice(0, 8);
  const parts = { time, sign: SIGNS[item.dataset.kind], name: event, text: shorten(text), note };
  for (const [name, content] of Object.entries(parts)) {
    if (content === undefined) continue;
    const part = document.createElement("span");
    part.className = name;
    part.textContent = content;
    item.append(part);
  }
  keepEnd(() => {
    element("log").append(item);
    while (element("log").children.length > 200) element("log").firstElementChild.remove(); // bounded, like all queues
  }, event === "send" || event === "new WebSocket"); // what the reader just did is always shown
};

// ---- The code panel: the page's own script, read from the document, so it cannot drift from what runs.
const MARKS = { new: "new WebSocket(", send: "socket.send(", "close()": "socket.close(" };
for (const event of ["open", "message", "error", "close"]) MARKS[event] = `socket.addEventListener("${event}"`;
const showCode = () => {
  const lesson = element("lesson").textContent.split(/^\/\/ The lesson (?:begins|ends).*$/m)[1];
  for (const text of lesson.trim().split("\n")) {
    const [, code, comment] = /^(.*?)(\/\/ .*)?$/.exec(text);
    const line = document.createElement("code");
    const event = Object.keys(MARKS).find((name) => code.includes(MARKS[name]));
    if (event) line.dataset.event = event;
    const remark = document.createElement("i");
    remark.textContent = `${comment ?? ""}\n`;
    line.append(code, remark);
    element("code").append(line);
  }
};

// On one machine `new` and `open` are a millisecond apart. Lines light up 250 ms apart so that the eye can follow,
// but never more than 750 ms late.
const timers = {};
let turn = 0;
const glow = (event) => {
  const now = performance.now();
  turn = Math.min(Math.max(turn + 250, now), now + 750);
  setTimeout(() => {
    const panel = element("code");
    const line = panel.querySelector(`[data-event="${event}"]`);
    if (!line) return;
    panel.querySelector(".latest")?.classList.remove("latest");
    line.classList.add("glow", "latest");
    const top = line.offsetTop - panel.scrollTop; // the panel scrolls to a line out of sight, the page never moves
    if (top < 0 || top + line.offsetHeight > panel.clientHeight) panel.scrollTop = line.offsetTop - 60;
    clearTimeout(timers[event]);
    timers[event] = setTimeout(() => line.classList.remove("glow"), 1600);
  }, turn - now);
};

// ---- The state, in the pill, in one sentence, and in which controls can be used.
const say = (sentence, kind = "life") =>
  keepEnd(() => {
    element("closed").textContent = sentence;
    element("closed").dataset.kind = kind;
  });
const show = (state, sentence, kind) => {
  element("status").textContent = `${STATES[state]} ${state}`;
  element("status").dataset.state = STATES[state];
  for (const control of document.querySelectorAll("[data-enabled]")) {
    control.disabled = !control.dataset.enabled.split(" ").includes(STATES[state]);
  }
  say(sentence, kind);
};

// ---- Connecting. The random attempt id lets the page ask the server later why this very attempt failed.
const address = () => {
  const typed = element("server").value.trim().split("#")[0];
  return `${typed}${typed.includes("?") ? "&" : "?"}attempt=${randomWord()}`;
};
const badAddress = (error) => {
  const sentence = `${error.name}: ${hideSecrets(error.message)}`;
  log("error", sentence);
  say(`Not connected: ${sentence}`, "error");
};

// Listens beside the lesson, and wraps `send` and `close` of this one socket, because a call has no event.
let current = null; // says something about the newest connection
const watch = (socket, onState = () => {}) => {
  let opened = false;
  let asked = false; // has this page asked to close?
  const step = (sentence, kind) => {
    show(socket.readyState, sentence, kind);
    onState(socket.readyState);
    // A disabled field drops the keyboard. Who was typing when the server left must not press Connect by a space.
    if (document.activeElement !== document.body && !document.activeElement.disabled) return;
    if (socket.readyState === WebSocket.CLOSED) element(opened && !asked ? "log" : "connect").focus();
    if (socket.readyState !== WebSocket.OPEN) return;
    element("message").focus();
    element("message").select();
  };
  current = step;
  showWire(socket);
  log("new WebSocket", hideSecrets(socket.url));
  glow("new");
  step("Connecting: the handshake is on its way.");
  for (const event of ["open", "message", "error", "close"]) socket.addEventListener(event, () => glow(event));
  socket.send = (data) => {
    WebSocket.prototype.send.call(socket, data);
    glow("send");
  };
  socket.close = (code, reason) => {
    asked = true;
    WebSocket.prototype.close.call(socket, code, reason);
    log("close()", `asks the server to close: ${code} ${reason}`);
    glow("close()");
    step("Closing: waiting for the server's Close frame.");
  };
  socket.addEventListener("open", () => {
    opened = true;
    step("Open: both sides may send.");
  });
  socket.addEventListener("close", async (event) => {
    step(`Closed: ${inWords(event)}`, [1000, 1001, 1005].includes(event.code) ? "life" : "error");
    if (event.code !== 1006) return;
    const stopped = { sentence: "this page stopped the handshake" };
    const { sentence, kind = "error" } = asked && !opened ? stopped : await why(socket, opened);
    log("why", sentence);
    if (current === step) say(`Closed: 1006 — ${sentence}`, kind); // else a newer connection has the word
  });
};

document.addEventListener("DOMContentLoaded", () => {
  if (location.protocol.startsWith("http")) {
    element("server").value = `${location.protocol.replace("http", "ws")}//${location.host}/`;
  }
  showCode();
  show(WebSocket.CLOSED, "Not connected: press Connect.");
  element("status").textContent = "no socket yet"; // readyState belongs to a socket, and there is none
});
whenBlocked((sentence) => {
  log("why", sentence);
  current?.(`Not connected: ${sentence}`, "error");
});
