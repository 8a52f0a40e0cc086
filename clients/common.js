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
// 128 random bits. crypto.randomUUID is missing when the page comes from another machine without TLS.
const randomWord = () => hex(crypto.getRandomValues(new Uint8Array(16))).join("");
// Hides the secrets in a text, because a projector may show it. (It does not hide a ' after an address.)
const hideSecrets = (text) => text.replace(/([?&](?:token|session|attempt)=)\S*?(?='?(?:[&\s]|$))/g, "$1…");
// isServed: a web server served this page. isStray: this web server belongs to an editor, not to this course. An
// editor's server uses addresses that end in .html. The servers of this course serve the page at /.
const isServed = location.protocol.startsWith("http");
const isStray = isServed && location.pathname.endsWith(".html");
// The WebSocket address of the server that served this page; null for a file, or for the web server of an editor.
const ownServer = isServed && !isStray ? `${location.origin.replace("http", "ws")}/` : null;

// Returns what to do if an editor's web server served this page. A lesson's server does not accept the page's origin.
const strayHint = () => {
  const page = element("server").value.replace("ws", "http");
  const own = `This page came from another web server. Open ${page} to get this page from the server of the lesson.`;
  return `${own} Or start that server with WEBSOCKET_ALLOWED_ORIGINS=${location.origin} to allow this page.`;
};

// The links to the chapters lead to the Markdown files. The server of a lesson serves the chapters as pages.
const pageOf = (file) => file.replace("../docs/", "/course/").replace("SUMMARY.md", "").replace(/\.md$/, ".html");
if (ownServer) {
  for (const link of document.querySelectorAll("#course a")) link.href = pageOf(link.getAttribute("href"));
}

// ---- Larger type, for a projector: F2, or the button. A wire in an iframe gets it from its page.
const enlarge = (on) => {
  document.documentElement.classList.toggle("large", on);
  large.setAttribute("aria-pressed", on);
};
const isLarge = () => document.documentElement.classList.contains("large");
const large = make("button", "", "A+");
large.id = "large";
large.type = "button";
large.title = "Larger type (F2)";
large.ariaLabel = "Larger type";
large.addEventListener("click", () => {
  enlarge(!isLarge());
  try {
    localStorage.setItem("large", isLarge() ? "1" : "");
  } catch {} // a browser that blocks cookies has no storage
});
document.addEventListener("keydown", ({ key }) => key === "F2" && large.click());
(document.querySelector(".tools") ?? document.querySelector(".state")).append(large);
try {
  enlarge(localStorage.getItem("large") === "1");
} catch {
  enlarge(false);
}

// ---- The token. The link that the server prints contains the token after #. Browsers never send the part after #.
// Returns the token, still percent-encoded. Removes it from the address bar, because a projector may show it.
const tokenOfLink = () => {
  const [, token] = /[#&]token=([^&]*)/.exec(location.hash) ?? [];
  if (token !== undefined) history.replaceState(null, "", location.href.split("#")[0]);
  return token;
};
// Lessons 1 to 3 show their token field only when it is needed.
const showTokenField = () => element("access")?.removeAttribute("hidden");
// Returns a function that writes the token of the link into the token field of this page.
const tokenField = (damaged) => {
  const fill = () => {
    try {
      const token = tokenOfLink();
      if (token === undefined) return;
      element("token").value = decodeURIComponent(token);
      showTokenField();
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

// ---- Close codes: close_codes.js has the table.
// The keys are the reasons of Close frames. (Not a plain object: it would have a value for the reason "constructor".)
const HELP = new Map([
  ["Bad name", "To fix it: choose a name of 1 to 32 visible characters, without #, and not * or @ alone."],
  ["Replaced by a new connection", "This session is open in another tab. Press Connect to use it here."],
  ["Rate limit exceeded", "To fix it: send fewer messages, or raise WEBSOCKET_RATE_LIMIT on the server."],
]);
// A reason that only repeats the meaning replaces it. A meaning may end with a hint in brackets.
const withReason = (meaning, reason) => {
  const [plain, hint] = meaning.split(/(?= \()/);
  const words = plain.toLowerCase().split(" ");
  if (reason.toLowerCase().split(" ").every((word) => words.includes(word))) return reason + (hint ?? "");
  return hint ? `${meaning}: ${reason}` : `${meaning} (${reason})`;
};
const explain = ({ code, reason }) => {
  const other = code >= 4000 ? "a code of this application" : code >= 3000 ? "a code of a library" : "an unknown code";
  const meaning = CLOSE_CODES.get(code)?.meaning ?? other;
  const sentence = `${code} — ${reason ? withReason(meaning, reason) : meaning}`;
  return HELP.has(reason) ? `${sentence}. ${HELP.get(reason)}` : sentence;
};

// Returns whether a client connects again after this end. The table has the answer for each known code. An unknown code
// of an application (4000 to 4999) means no. The reason "Too slow" means yes, because the network may get faster.
const mayRetry = ({ code, reason }) => (code === 1008 && reason === "Too slow") || (CLOSE_CODES.get(code)?.retry ?? code < 4000);

// ---- Why did a connection fail? The browser does not tell the page, but the server knows. The address of each attempt
// contains a random word, the attempt id. The page sends the attempt id to the server over HTTP and gets the reason.
const ask = (socket, path, options) => {
  const url = new URL(path, socket.url);
  url.protocol = url.protocol.replace("ws", "http");
  // Sends no cookies, because too many cookies may be the reason for the refusal (status 431).
  return fetch(url, { signal: AbortSignal.timeout(3000), cache: "no-store", credentials: "omit", ...options });
};
// Returns a sentence, and the HTTP status if the server refused the handshake. The kind is "certificate" if the
// certificate may be the reason. (The browser does not tell scripts what is wrong with a certificate.)
const why = async (socket, opened) => {
  const { origin, protocol, searchParams } = new URL(socket.url);
  const broke = "the connection broke without a Close frame (the server was killed, or the network failed)";
  try {
    const answer = await ask(socket, `/why?attempt=${searchParams.get("attempt")}`);
    const { status, reason, help } = await answer.json();
    if (reason === undefined) throw new Error("the answer is not from a server of this course");
    if (!answer.ok) return { sentence: opened ? broke : "the server has not recorded a reason" };
    const from = reason.includes("origin") ? `. This page has the origin ${self.origin}` : "";
    return { sentence: `the server refused the handshake with HTTP ${status}: ${reason}. To fix it: ${help}${from}`, status, help };
  } catch {
    // Whether any server answers. This script cannot read the answer of another server (no-cors), and does not need to.
    const answers = (url) => ask({ url }, "/", { mode: "no-cors" }).then(() => true, () => false);
    const secure = protocol === "wss:";
    const other = secure ? origin.replace("wss", "ws") : origin.replace("ws", "wss");
    const askable = location.protocol !== "https:" || !secure; // an https page may not send a plain http request
    // A TLS port of this course answers plain HTTP with 426. Such a port has no ws:// server.
    const hasTls = (url) => ask({ url }, "/").then(({ status }) => status === 426, () => false);
    const elsewhere = async () => askable && (await answers(other)) && !(await hasTls(other));
    const [here, there] = await Promise.all([answers(origin), elsewhere()]);
    const start = `Start it: ${element("command").textContent}`;
    const look = `Or open ${origin.replace("ws", "http")}/ in a new tab: the browser shows there what is wrong`;
    // The page of lesson 3 already lists the steps to trust the certificate.
    const trust = element("steps") ? "; the browser does not tell scripts which of the two" : `. ${start}. ${look}`;
    const none = secure
      ? `no server answers at ${origin} or this browser does not trust its certificate${trust}`
      : `no server answers at ${origin} or it requires TLS (wss://). ${start}`;
    const foreign = `a server answers at ${origin} but it is not a server of this course`;
    const found = here ? foreign : there ? `a server answers at ${other} instead: correct the address` : none;
    const sentence = opened ? `${broke}, and now ${found}` : found;
    return { sentence, kind: found === none && secure ? "certificate" : "error", isForeign: here };
  }
};

// Whether the server closed the connection because of the token. Lessons 1 to 3 then show the token field.
const wantsToken = ({ code, reason }) => code === 1008 && ["Authentication required", "Invalid token"].includes(reason);
// Returns what to do about a missing or wrong token. The right token is in the server's output or settings.
const tokenAdvice = async (socket) => {
  const { help } = await why(socket, false);
  return `To fix it: ${help ?? "type the token of the server into Token"}`;
};

// A server of this course serves its page with a Content-Security-Policy: the page may connect to this server only. For
// a blocked connection, Chromium fires no close event.
const whenBlocked = (report) => {
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
    if (effectiveDirective !== "connect-src") return; // e.g. a blocked script
    const mixed = location.protocol === "https:" && blockedURI.startsWith("ws:");
    const tls = mixed ? ", and only with TLS (ws:// is mixed content)" : "";
    report(`this page may connect only to its own server${tls}. For another server, open the file by double click`);
  });
};
