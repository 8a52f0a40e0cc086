"use strict";
// The code that the lesson pages share: the log, the code panel, the state and the forms. Each page contains its own
// WebSocket code, between two comments. This file calls that code and shows its events.

const STATES = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"]; // the index is readyState

// ---- The log. Text from the network is added as plain text, never as HTML.
const KINDS = { send: "sent", message: "received", error: "error", why: "error" };
const SIGNS = { sent: "→", received: "←", life: "•", error: "!" };

// Returns text unchanged, and bytes as hexadecimal digits (for a Blob, only the size).
const readable = (data) => {
  if (typeof data === "string") return data;
  return data instanceof Blob ? `${data.size} bytes` : `${data.byteLength} bytes: ${hex(data).join(" ")}`;
};

// Scrolls to the newest entry, unless the reader has scrolled up.
const keepEnd = (change, always = false) => {
  const list = element("log");
  const atEnd = always || list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  change();
  if (atEnd) list.scrollTop = list.scrollHeight;
};
const log = (event, text, note) => {
  const kind = KINDS[event] ?? "life";
  const time = new Date().toTimeString().slice(0, 8);
  const parts = Object.entries({ time, sign: SIGNS[kind], name: event, text: shorten(text), note });
  const shown = parts.filter(([, content]) => content !== undefined);
  const item = make("li", "", ...shown.map(([name, content]) => make("span", name, content)));
  Object.assign(item.dataset, { event, kind });
  keepEnd(() => {
    element("log").append(item);
    while (element("log").children.length > 200) element("log").firstElementChild.remove(); // limits the memory
  }, event === "send" || event === "new WebSocket"); // always shows what the reader just did
};

// ---- The code panel. This file reads the page's own script from the document. So the panel shows the code that runs.
const MARKS = { new: "new WebSocket(", send: "socket.send(", "close()": "socket.close(" };
for (const event of ["open", "message", "error", "close"]) MARKS[event] = `socket.addEventListener("${event}"`;
const showCode = () => {
  const lesson = element("lesson").textContent.split(/^\/\/ The lesson (?:begins|ends).*$/m)[1];
  for (const text of lesson.trim().split("\n")) {
    const [, code, comment] = /^(.*?)(\/\/ .*)?$/.exec(text);
    const line = make("code", "", code, make("i", "", `${comment ?? ""}\n`));
    const event = Object.keys(MARKS).find((name) => code.includes(MARKS[name]));
    if (event) line.dataset.event = event;
    element("code").append(line);
  }
};

// On one machine, `open` comes a millisecond after `new`: too fast for a reader. So each line lights up at least 250 ms
// after the line before. But no line lights up later than 750 ms after its own event.
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
    const top = line.offsetTop - panel.scrollTop; // scrolls the panel only, never the page
    if (top < 0 || top + line.offsetHeight > panel.clientHeight) panel.scrollTop = line.offsetTop - 60;
    clearTimeout(timers[event]);
    timers[event] = setTimeout(() => line.classList.remove("glow"), 1600);
  }, turn - now);
};

// ---- The state: its name, a sentence, and the controls that are enabled in this state.
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

// ---- The connection.
const strangers = new Set(); // the servers that are not of this course and did not accept ?attempt=
const originOf = (url) => (URL.canParse(url) ? new URL(url).origin : url);
// Returns the address from the field, with a new attempt id. If the attempt fails, the page asks the server for the
// reason with this id.
const address = (token) => {
  const url = element("server").value.trim().split("#")[0];
  const query = [];
  if (!strangers.has(originOf(url))) query.push(`attempt=${randomWord()}`);
  // In lesson 4, `connect` has two parameters and adds the token to the address itself.
  if (token && connect.length === 1) query.push(`token=${encodeURIComponent(token)}`);
  const begun = url.includes("?") ? "&" : "?";
  return query.length || token ? url + begun + query.join("&") : url;
};
const badAddress = (error) => {
  const sentence = `${error.name}: ${hideSecrets(error.message)}`;
  log("error", sentence);
  say(`Not connected: ${sentence}`, "error");
};

// A server that is not of this course may refuse ?attempt= in the address. So this page tries once without ?attempt=.
const tryWithoutAttempt = ({ url }) => {
  const origin = originOf(url);
  if (strangers.has(origin) || originOf(element("server").value.trim()) !== origin) return;
  strangers.add(origin);
  log("why", "trying once more, without ?attempt= in the address");
  element("connection").requestSubmit();
};

let onState = () => {}; // a lesson may set this function; it gets each new readyState
let current = null; // the function that shows a step of the newest connection
// Adds more listeners to the socket of the lesson. Wraps `send` and `close`, because these calls fire no event.
const watch = (socket) => {
  let opened = false;
  let asked = false; // this page has called close()
  const step = (sentence, kind) => {
    show(socket.readyState, sentence, kind);
    onState(socket.readyState);
    // A disabled field loses the focus. After the server has closed the connection, the log gets the focus. The Connect
    // button must not get the focus: a reader who is still typing would press the button with a space.
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
  step("Connecting: waiting for the answer to the handshake.");
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
    step(`Closed: ${explain(event)}`, [1000, 1001, 1005].includes(event.code) ? "life" : "error");
    if (wantsToken(event)) {
      showTokenField();
      const advice = await tokenAdvice(socket);
      log("why", advice);
      if (current === step) say(`Closed: ${explain(event)}. ${advice}`, "error");
    }
    if (event.code !== 1006) return;
    const stopped = { sentence: "this page stopped the handshake" };
    const { sentence, kind = "error", status, isForeign } = asked && !opened ? stopped : await why(socket, opened);
    log("why", sentence);
    if (status === 401) showTokenField();
    if (current !== step) return; // there is a newer connection
    say(`Closed: 1006 — ${sentence}`, kind);
    if (isForeign && !opened) tryWithoutAttempt(socket);
  });
};

// ---- The forms. Each lesson defines `socket`, `connect`, `send` and `disconnect`.
element("connection").addEventListener("submit", (event) => {
  event.preventDefault();
  try {
    const token = element("token").value;
    connect(address(token), token);
  } catch (error) {
    return badAddress(error);
  }
  watch(socket);
});
element("disconnect").addEventListener("click", () => disconnect());
element("conversation").addEventListener("submit", (event) => {
  event.preventDefault();
  send(element("message").value);
  element("message").select();
});

const fillToken = tokenField((sentence) => badAddress(new URIError(sentence)));
document.addEventListener("DOMContentLoaded", () => {
  if (ownServer) element("server").value = ownServer;
  showCode();
  show(WebSocket.CLOSED, `Not connected: press Connect. ${isStray ? strayHint() : ""}`);
  fillToken();
  element("status").textContent = "no socket yet"; // only a socket has a readyState
});
whenBlocked((sentence) => {
  log("why", sentence);
  current?.(`Not connected: ${sentence}`, "error");
});
