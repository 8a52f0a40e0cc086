"use strict";
// What every lesson page shares: the log, the code panel, close codes in words, and the question "why?".
// The WebSocket code is in each page, between two comments; this file only watches it and never changes it.

const element = (id) => document.getElementById(id);
const STATES = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"]; // the index is readyState

// RFC 6455, section 7.4.1. Nobody sends 1005, 1006 or 1015: they say that there was no code to read.
const CODES = {
  1000: "normal closure: both sides are done",
  1001: "the server is shutting down",
  1002: "protocol error: a frame broke the rules",
  1003: "this kind of data is not accepted",
  1005: "the Close frame carried no code",
  1006: "no Close frame arrived",
  1007: "the text was not valid UTF-8",
  1008: "refused by the server's policy",
  1009: "the message was too big (WEBSOCKET_MAX_MESSAGE_BYTES on the server)",
  1011: "the server met an error",
  1012: "the server is restarting: try again soon",
  1013: "the server is overloaded: try again later",
  1015: "the TLS handshake failed",
};
const TOKEN_HELP = "To fix it: open the link the server printed, or type WEBSOCKET_TOKEN from .zEnv into Token.";
const HELP = {
  "Authentication required": TOKEN_HELP,
  "Invalid token": TOKEN_HELP,
  "Rate limit exceeded": "To fix it: send less, or raise WEBSOCKET_RATE_LIMIT on the server.",
};

const inWords = ({ code, reason }) => {
  const words = CODES[code] ?? (code >= 3000 ? "a code of this application" : "an unknown code");
  const sentence = reason ? `${code} — ${words} (${reason})` : `${code} — ${words}`;
  return HELP[reason] ? `${sentence}. ${HELP[reason]}` : sentence;
};

// ---- The log. Text goes in as textContent: what a stranger sends can never become markup.
const KINDS = { send: "sent", message: "received", error: "error", why: "error" };
const SIGNS = { sent: "→", received: "←", life: "•", error: "!" };
const shorten = (text) => (text.length > 1000 ? `${text.slice(0, 1000)}… (${text.length} characters)` : text);

// A string as it is; bytes as two digits each, since bytes are not text.
const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0"));
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
// (crypto.randomUUID would be shorter, but browsers hide it on plain-http pages of another machine.)
const address = () => {
  const typed = element("server").value.trim().split("#")[0];
  const attempt = hex(crypto.getRandomValues(new Uint8Array(16))).join("");
  return `${typed}${typed.includes("?") ? "&" : "?"}attempt=${attempt}`;
};
// A log may be on a projector. (The end of the pattern spares the quote a browser puts after an address.)
const hideSecrets = (text) => text.replace(/([?&](?:token|attempt)=)\S*?(?='?(?:[&\s]|$))/g, "$1…");
const badAddress = (error) => {
  const sentence = `${error.name}: ${hideSecrets(error.message)}`;
  log("error", sentence);
  say(`Not connected: ${sentence}`, "error");
};

// A plain HTTP question to the same server: ws becomes http, wss becomes https.
const ask = (socket, path, options) => {
  const url = new URL(path, socket.url);
  url.protocol = url.protocol.replace("ws", "http");
  return fetch(url, { signal: AbortSignal.timeout(3000), cache: "no-store", ...options });
};
// A sentence, and "silence" where a certificate may be the reason: a browser keeps to itself what it thinks of one.
const why = async (socket, opened) => {
  const { origin, protocol, searchParams } = new URL(socket.url);
  const broke = "the connection broke without a Close frame (the server was killed, or the network went away)";
  try {
    const answer = await ask(socket, `/why?attempt=${searchParams.get("attempt")}`);
    if (!answer.ok) return [opened ? broke : "the server does not know why"];
    const { status, reason, help } = await answer.json();
    return [`the server refused the handshake with HTTP ${status}: ${reason}${help ? `. To fix it: ${help}` : ""}`];
  } catch {
    // Nobody, or somebody who does not know this course? Without CORS a script may learn that much, and no more.
    const answers = (url) => ask({ url }, "/", { mode: "no-cors" }).then(() => true, () => false);
    const secure = protocol === "wss:";
    const other = secure ? origin.replace("wss", "ws") : origin.replace("ws", "wss");
    const askable = location.protocol !== "https:" || !secure; // a page that came over TLS may not ask without
    const [here, there] = await Promise.all([answers(origin), askable && answers(other)]);
    const start = `Start it: ${element("command").textContent}`;
    const look = `Or open ${origin.replace("ws", "http")}/ in a new tab: there the browser says what it thinks`;
    const trust = element("steps") ? ", and tells no script which" : `. ${start}. ${look}`; // lesson 3 lists the steps
    const nobody = secure
      ? `no server answers at ${origin}, or this browser does not trust its certificate${trust}`
      : `no server answers at ${origin}, or it wants TLS (wss://). ${start}`;
    const foreign = `something answers at ${origin}, but it is not a server of this course`;
    const found = here ? foreign : there ? `a server answers at ${other} instead: correct the address` : nobody;
    return [opened ? `${broke}, and now ${found}` : found, found === nobody && secure ? "silence" : "error"];
  }
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
    const stopped = ["this page stopped the handshake"];
    const [answer, kind = "error"] = asked && !opened ? stopped : await why(socket, opened);
    log("why", answer);
    if (current === step) say(`Closed: 1006 — ${answer}`, kind); // else a newer connection has the word
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
// The server's Content-Security-Policy lets its page talk to that server only. Chromium then sends no close event.
document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
  if (effectiveDirective !== "connect-src") return; // a blocked script is another matter
  const mixed = location.protocol === "https:" && blockedURI.startsWith("ws:");
  const tls = mixed ? ", and only with TLS (ws:// is mixed content)" : "";
  const sentence = `this page may talk only to the server it came from${tls}: open the file by double click to reach another`;
  log("why", sentence);
  current?.(`Not connected: ${sentence}`, "error");
});
