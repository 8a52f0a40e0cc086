"use strict";
// The code that the lesson pages share: the log, the state and the forms. Each page contains its own WebSocket code,
// between two comments. This file calls that code and shows its events.

const STATES = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"]; // the index is readyState
const SPOKEN = ["Connecting: ", "Open: ", "Closing: ", "Closed: "];

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

// ---- The state: its name, a sentence, and the controls that are enabled in this state.
const say = (sentence, kind = "life", spoken = "") =>
  keepEnd(() => {
    // The name of the state is beside the sentence, so only a screen reader needs it here, too.
    element("closed").replaceChildren(make("span", "unseen", spoken), sentence);
    element("closed").dataset.kind = kind;
  });
const show = (state, sentence, kind, spoken = SPOKEN[state]) => {
  element("status").textContent = `${STATES[state]} ${state}`;
  element("status").dataset.state = STATES[state];
  for (const control of document.querySelectorAll("[data-enabled]")) {
    control.disabled = !control.dataset.enabled.split(" ").includes(STATES[state]);
  }
  say(sentence, kind, spoken);
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
  const step = (sentence, kind, spoken) => {
    show(socket.readyState, sentence, kind, spoken);
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
  step("Waiting for the answer to the handshake.");
  for (const event of ["open", "message", "error", "close"]) socket.addEventListener(event, (detail) => glow(event, detail));
  socket.send = (data) => {
    WebSocket.prototype.send.call(socket, data);
    glow("send");
  };
  socket.close = (code, reason) => {
    asked = true;
    WebSocket.prototype.close.call(socket, code, reason);
    log("close()", `asks the server to close: ${code} ${reason}`);
    glow("close()");
    step("Waiting for the server's Close frame.");
  };
  socket.addEventListener("open", () => {
    opened = true;
    step("Both sides may send.");
  });
  socket.addEventListener("close", async (event) => {
    step(explain(event), [1000, 1001, 1005].includes(event.code) ? "life" : "error");
    if (wantsToken(event)) {
      showTokenField();
      const advice = await tokenAdvice(socket);
      log("why", advice);
      if (current === step) say(`${explain(event)}. ${advice}`, "error", "Closed: ");
    }
    if (event.code !== 1006) return;
    const stopped = { sentence: "this page stopped the handshake" };
    const { sentence, kind = "error", status, isForeign } = asked && !opened ? stopped : await why(socket, opened);
    log("why", sentence);
    if (status === 401) showTokenField();
    if (current !== step) return; // there is a newer connection
    say(`1006 — ${sentence}`, kind, "Closed: ");
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
  show(WebSocket.CLOSED, `Not connected: press Connect. ${isStray ? strayHint() : ""}`, "life", "");
  fillToken();
  element("status").textContent = "no socket yet"; // only a socket has a readyState
});
whenBlocked((sentence) => {
  log("why", sentence);
  current?.(`Not connected: ${sentence}`, "error", "");
});
