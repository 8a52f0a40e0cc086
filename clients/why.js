"use strict";
// What every page needs to know about an end: close codes in words, and the question "why?". Loaded before the page's
// own scripts; it changes nothing that is seen.

const element = (id) => document.getElementById(id);

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
  "Bad name": "To fix it: take 1 to 32 visible characters without #.",
  "Replaced by a new connection": "The conversation goes on in another tab; Connect brings it back to this one.",
  "Rate limit exceeded": "To fix it: send less, or raise WEBSOCKET_RATE_LIMIT on the server.",
};

const inWords = ({ code, reason }) => {
  const words = CODES[code] ?? (code >= 3000 ? "a code of this application" : "an unknown code");
  const sentence = reason ? `${code} — ${words} (${reason})` : `${code} — ${words}`;
  return HELP[reason] ? `${sentence}. ${HELP[reason]}` : sentence;
};

// ---- Texts.
const shorten = (text) => (text.length > 1000 ? `${text.slice(0, 1000)}… (${text.length} characters)` : text);
const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0"));
// Nobody guesses it. (crypto.randomUUID would be shorter, but browsers hide it on plain-http pages of another machine.)
const randomWord = () => hex(crypto.getRandomValues(new Uint8Array(16))).join("");
// A log may be on a projector. (The end of the pattern spares the quote a browser puts after an address.)
const hideSecrets = (text) => text.replace(/([?&](?:token|session|attempt)=)\S*?(?='?(?:[&\s]|$))/g, "$1…");

// ---- Why did it fail? The address of each attempt carries a random word, `attempt`, by which the server knows it again.
// A plain HTTP question to the same server: ws becomes http, wss becomes https.
const ask = (socket, path, options) => {
  const url = new URL(path, socket.url);
  url.protocol = url.protocol.replace("ws", "http");
  return fetch(url, { signal: AbortSignal.timeout(3000), cache: "no-store", ...options });
};
// A sentence, and the HTTP status of a refusal, for whoever thinks of trying again. Its kind is "silence" where a
// certificate may be the reason: a browser keeps to itself what it thinks of one.
const why = async (socket, opened) => {
  const { origin, protocol, searchParams } = new URL(socket.url);
  const broke = "the connection broke without a Close frame (the server was killed, or the network went away)";
  try {
    const answer = await ask(socket, `/why?attempt=${searchParams.get("attempt")}`);
    if (!answer.ok) return { sentence: opened ? broke : "the server does not know why" };
    const { status, reason, help } = await answer.json();
    const fix = help ? `. To fix it: ${help}` : "";
    return { sentence: `the server refused the handshake with HTTP ${status}: ${reason}${fix}`, status };
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
    const sentence = opened ? `${broke}, and now ${found}` : found;
    return { sentence, kind: found === nobody && secure ? "silence" : "error" };
  }
};

// The server's Content-Security-Policy lets its page talk to that server only. Chromium then sends no close event.
const whenBlocked = (tell) => {
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
    if (effectiveDirective !== "connect-src") return; // a blocked script is another matter
    const mixed = location.protocol === "https:" && blockedURI.startsWith("ws:");
    const tls = mixed ? ", and only with TLS (ws:// is mixed content)" : "";
    tell(`this page may talk only to the server it came from${tls}: open the file by double click to reach another`);
  });
};
