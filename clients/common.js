"use strict";
// The code that all pages share: small helpers, the token, sentences for close codes, and the reason of a failed
// connection. Each page loads this file first.

// ---- Small helpers.
const element = (id) => document.getElementById(id);
const make = (tag, className, ...content) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content); // strings become text, never markup
  return made;
};
const plural = (count, one, many = `${one}s`) => `${count} ${Number(count) === 1 ? one : many}`;
const shorten = (text) => (text.length > 1000 ? `${text.slice(0, 1000)}… (${text.length} characters)` : text);
const two = (byte) => byte.toString(16).padStart(2, "0");
const hex = (bytes) => Array.from(new Uint8Array(bytes), two);
// 128 random bits. (Browsers do not offer crypto.randomUUID to plain-http pages of another machine.)
const randomWord = () => hex(crypto.getRandomValues(new Uint8Array(16))).join("");
// Hides the secrets in a text, because a projector may show it. (The pattern keeps a quote after an address.)
const hideSecrets = (text) => text.replace(/([?&](?:token|session|attempt)=)\S*?(?='?(?:[&\s]|$))/g, "$1…");
// The WebSocket address of the server that served this page; null for a double-clicked file.
const ownServer = location.protocol.startsWith("http") ? `${location.origin.replace("http", "ws")}/` : null;

// ---- The token. The link that the server prints contains it after #. Browsers never send the part after #.
// Returns the token, still percent-encoded. Removes it from the address bar, because a projector may show it.
const tokenOfLink = () => {
  const [, token] = /[#&]token=([^&]*)/.exec(location.hash) ?? [];
  if (token !== undefined) history.replaceState(null, "", location.href.split("#")[0]);
  return token;
};
// For a page with a token field. Returns a function that writes the token of the link into the field.
const tokenField = (damaged) => {
  const fill = () => {
    try {
      const token = tokenOfLink();
      if (token !== undefined) element("token").value = decodeURIComponent(token);
    } catch {
      damaged("The token in this link is damaged: copy the whole link.");
    }
  };
  window.addEventListener("hashchange", fill);
  element("show-token").addEventListener("change", ({ target }) => {
    element("token").type = target.checked ? "text" : "password";
  });
  return fill;
};

// ---- Close codes (RFC 6455, section 7.4.1). No server sends 1005, 1006 or 1015: the browser sets them.
const CODES = {
  1000: "normal closure",
  1001: "the server is shutting down",
  1002: "protocol error: a frame broke the rules",
  1003: "the server does not accept this kind of data",
  1005: "the Close frame had no code",
  1006: "no Close frame arrived",
  1007: "the text was not valid UTF-8",
  1008: "refused by the server's policy",
  1009: "the message was too big (WEBSOCKET_MAX_MESSAGE_BYTES on the server)",
  1011: "the server had an error",
  1012: "the server is restarting: try again soon",
  1013: "the server is overloaded: try again later",
  1015: "the TLS handshake failed",
};
const TOKEN_HELP = "To fix it: open the link that the server printed, or type WEBSOCKET_TOKEN from .zEnv into Token.";
const HELP = {
  "Authentication required": TOKEN_HELP,
  "Invalid token": TOKEN_HELP,
  "Bad name": "To fix it: choose a name of 1 to 32 visible characters without #.",
  "Replaced by a new connection": "This session is open in another tab. Press Connect to use it here.",
  "Rate limit exceeded": "To fix it: send fewer messages, or raise WEBSOCKET_RATE_LIMIT on the server.",
};
const explain = ({ code, reason }) => {
  const meaning = CODES[code] ?? (code >= 3000 ? "a code of this application" : "an unknown code");
  const sentence = reason ? `${code} — ${meaning} (${reason})` : `${code} — ${meaning}`;
  return HELP[reason] ? `${sentence}. ${HELP[reason]}` : sentence;
};

// ---- Why did a connection fail? The browser does not tell the page, but the server knows. Each attempt has a random
// word in its address, `attempt`. The page sends this word to the server over HTTP and gets the reason.
const ask = (socket, path, options) => {
  const url = new URL(path, socket.url);
  url.protocol = url.protocol.replace("ws", "http");
  // Without cookies: they may be the reason for the refusal (431).
  return fetch(url, { signal: AbortSignal.timeout(3000), cache: "no-store", credentials: "omit", ...options });
};
// Returns a sentence and, after a refusal, its HTTP status. The kind is "certificate" if the certificate may be the
// reason. (The browser does not tell scripts what is wrong with a certificate.)
const why = async (socket, opened) => {
  const { origin, protocol, searchParams } = new URL(socket.url);
  const broke = "the connection broke without a Close frame (the server was killed, or the network failed)";
  try {
    const answer = await ask(socket, `/why?attempt=${searchParams.get("attempt")}`);
    if (!answer.ok) return { sentence: opened ? broke : "the server has not recorded a reason" };
    const { status, reason, help } = await answer.json();
    const fix = help ? `. To fix it: ${help}` : "";
    return { sentence: `the server refused the handshake with HTTP ${status}: ${reason}${fix}`, status };
  } catch {
    // Asks whether any server answers. Without CORS, a script cannot read more than that.
    const answers = (url) => ask({ url }, "/", { mode: "no-cors" }).then(() => true, () => false);
    const secure = protocol === "wss:";
    const other = secure ? origin.replace("wss", "ws") : origin.replace("ws", "wss");
    const askable = location.protocol !== "https:" || !secure; // an https page may not send a plain http request
    const [here, there] = await Promise.all([answers(origin), askable && answers(other)]);
    const start = `Start it: ${element("command").textContent}`;
    const look = `Or open ${origin.replace("ws", "http")}/ in a new tab: the browser shows there what is wrong`;
    // Lesson 3 lists the steps on its page.
    const trust = element("steps") ? "; the browser does not tell scripts which of the two" : `. ${start}. ${look}`;
    const none = secure
      ? `no server answers at ${origin}, or this browser does not trust its certificate${trust}`
      : `no server answers at ${origin}, or it requires TLS (wss://). ${start}`;
    const foreign = `a server answers at ${origin}, but it is not a server of this course`;
    const found = here ? foreign : there ? `a server answers at ${other} instead: correct the address` : none;
    const sentence = opened ? `${broke}, and now ${found}` : found;
    return { sentence, kind: found === none && secure ? "certificate" : "error" };
  }
};

// The server's Content-Security-Policy allows its page to connect only to this server. For a blocked connection,
// Chromium sends no close event.
const whenBlocked = (report) => {
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
    if (effectiveDirective !== "connect-src") return; // e.g. a blocked script
    const mixed = location.protocol === "https:" && blockedURI.startsWith("ws:");
    const tls = mixed ? ", and only with TLS (ws:// is mixed content)" : "";
    report(`this page may connect only to its own server${tls}. For another server, open the file by double click`);
  });
};
