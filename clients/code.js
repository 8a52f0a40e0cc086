"use strict";
// The two code panels of a lesson page: the script of the page, and the handler of the server. When an event fires, the
// line that just ran lights up in both. The page sees only its own events, so it infers what the server has run.

// ---- The panels. The script is read from the document, so the panel shows the code that runs. handlers.js has the
// handlers. MARKS: the part of a line by which the line of an event is found.
const SCRIPT_MARKS = { new: "new WebSocket(", send: "socket.send(", "close()": "socket.close(" };
for (const event of ["open", "message", "error", "close"]) SCRIPT_MARKS[event] = `socket.addEventListener("${event}"`;
const HANDLER_MARKS = {
  open: "async fn",
  send: "connection.recv(",
  message: "  connection.send(", // a line of its own: the answer
  "send message": "hub.publish(", // our message, or the one of another client
  close: "Ok(())",
};

const fill = (panel, lines, marks) => {
  for (const text of lines) {
    const line = make("code", "", ...coloured(text), "\n");
    const event = Object.keys(marks).find((name) => text.split("//")[0].includes(marks[name]));
    if (event) line.dataset.event = event;
    line.style.setProperty("--indent", text.search(/\S|$/)); // a long line wraps behind its indentation
    panel.append(line);
  }
};
const showCode = () => {
  const lesson = element("lesson").textContent.split(/^\/\/ The lesson (?:begins|ends).*$/m)[1];
  fill(element("code"), lesson.trim().split("\n"), SCRIPT_MARKS);
  const { file, lines } = HANDLERS.get(element("command").textContent.split(" ").at(-1));
  element("handler-title").textContent = `The server: ${file}`;
  fill(element("handler"), lines, HANDLER_MARKS);
};

// ---- The light.
const timers = new Map(); // line → timer
const light = (panel, event) => {
  const lines = panel.querySelectorAll(`[data-event~="${event}"]`);
  if (!lines.length) return;
  for (const line of panel.querySelectorAll(".latest")) line.classList.remove("latest");
  for (const line of lines) {
    line.classList.add("glow", "latest");
    clearTimeout(timers.get(line));
    timers.set(line, setTimeout(() => line.classList.remove("glow"), 1600));
  }
  const [{ offsetTop, offsetHeight }] = lines; // scrolls the panel only, never the page
  const top = offsetTop - panel.scrollTop;
  if (top < 0 || top + offsetHeight > panel.clientHeight) panel.scrollTop = offsetTop - panel.clientHeight / 3;
};

// On one machine, `open` comes a millisecond after `new`: too fast for a reader. So each line lights up at least 250 ms
// after the line before. But no line lights up later than 750 ms after its own event.
let turn = 0;
let served = false; // whether the server has called its handler for the newest connection
const glow = (event, detail) => {
  if (event === "new") served = false;
  if (event === "open") served = true;
  if (event === "close" && wantsToken(detail)) served = false; // refused before the handler
  const broken = detail?.wasClean === false;
  const now = performance.now();
  turn = Math.min(Math.max(turn + 250, now), now + 750);
  setTimeout(() => {
    light(element("code"), event);
    if (served && !broken) light(element("handler"), event);
  }, turn - now);
};
